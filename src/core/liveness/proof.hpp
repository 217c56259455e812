// What proves a boot dead, written down (F2, F3, F8): power that was found off, a domain that no hypervisor holds, a
// new boot of the same machine. A part of the controller, beside accusation.hpp.
#pragma once

#include "core/controller.hpp"

namespace haven {

// Its level was found off twice, or its domain is gone. Everybody who is certainly off with it is proved in the same
// transaction (F4).
void prove_by_power(const View& view, const SelfView& self, const HostBoot& boot, const FenceRecord& fence, int level,
                    Pass& pass);

// New boots that prove the ones before them; not before the last agent against the host has ended (F8).
void prove_the_returned(const ControllerState& state, const View& view, const SelfView& self, Pass& pass);

}  // namespace haven

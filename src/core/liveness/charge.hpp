// What an accusation rests on, judged when the intent is written, when the grace ends, and just before an agent is
// called (S3, S5).
#pragma once

#include <optional>
#include <set>

#include "core/controller.hpp"

namespace haven {

// Its lease is gone, it is not heard, and it is not one of so many that the engine or the network is to blame.
[[nodiscard]] bool loss_counts(const ControllerState& state, const View& view, const SelfView& self,
                               const HostBoot& boot, Pass& pass);

// A majority does not hear it while its lease lives, and the network is not to blame. A registration is a sign of life:
// a host that has just come back gets its time to be heard.
[[nodiscard]] bool silence_counts(const ControllerState& state, const View& view, const HostBoot& boot, Pass& pass);

// A resource that cannot be stopped on this boot, and whose file says that the host is to pay for it (B2).
[[nodiscard]] std::optional<ResourceName> costs_its_host(const View& view, const HostBoot& boot);

// The engine keeps its majority while this boot is off. What the devices say of it must be written down: without a
// majority its resources, and all others, would stay where they are. Judged by the file's voters who are registered
// and not being switched off themselves; where others took a dead one's place since, it says no too often.
// `off`: others that may be switched off at any moment.
[[nodiscard]] bool engine_outlives(const View& view, const HostBoot& boot, const std::set<HostName>& off = {});

// The accusation still holds. A host that lives is shot for a resource's sake or a test's only where the engine
// outlives it.
[[nodiscard]] bool charge_holds(const ControllerState& state, const View& view, const SelfView& self,
                                const HostBoot& boot, FenceReason reason, Pass& pass);

}  // namespace haven

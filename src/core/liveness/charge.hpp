// What an accusation rests on, judged when the intent is written, when the grace ends, and just before an agent is
// called (S3, S5).
#pragma once

#include "core/controller.hpp"

namespace haven {

// Its lease is gone, it is not heard, and it is not one of so many that the engine or the network is to blame.
[[nodiscard]] bool loss_counts(const ControllerState& state, const View& view, const SelfView& self,
                               const HostBoot& boot, Pass& pass);

// A majority does not hear it while its lease lives, and the network is not to blame. A registration is a sign of life:
// a host that has just come back gets its time to be heard.
[[nodiscard]] bool silence_counts(const ControllerState& state, const View& view, const HostBoot& boot, Pass& pass);

// The accusation still holds.
[[nodiscard]] bool charge_holds(const ControllerState& state, const View& view, const SelfView& self,
                                const HostBoot& boot, FenceReason reason, Pass& pass);

}  // namespace haven

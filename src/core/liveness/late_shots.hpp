// What was begun against a host and comes by itself: an agent that was killed, or whose controller is no more, may have
// told its device to switch off already, and nobody hears when that is done (F7, F8). It cannot be called back, but it
// is bounded: what a device was told it does within an agent's time or never. Until then an accused that answers stays
// accused, and nothing is placed on a boot that such a shot may hit in place of the one that it was meant for.
//
// When an earlier reign called its agents is not recorded, and wall times decide nothing: the time is counted from the
// moment when this reign began. Rejected: an `off` of the successor's own in place of the wait, which would shoot a
// host that has just answered; and to hold the proof of a boot that returned, for its resources can run elsewhere at
// once.
#pragma once

#include "core/controller.hpp"
#include "core/liveness/fencing.hpp"

namespace haven {

// A deposed controller calls no agent later than a lease after its successor took over: where it was only suspected,
// its lease may live that long. Then the agent's own time.
[[nodiscard]] inline Duration late_shot_time(const View& view) { return view.spec()->cluster.lease + kAgentTimeout; }

// As far as this record tells, an agent of another reign than `reign` may be under way.
[[nodiscard]] inline bool shot_by_others(const FenceRecord& fence, const Reign& reign) {
  return fence.late_shots || (fence.state == FenceState::shooting && fence.reign != reign);
}

// None that this node called against the host is left.
[[nodiscard]] bool agents_are_done(const ControllerState& state, const HostName& host);

// Nor can one of which nobody will hear switch it off any more. To be asked by the controller.
[[nodiscard]] bool shots_are_over(const ControllerState& state, const View& view, const HostName& host, Pass& pass);

// Takes the mark off a proof once they are over.
void forget_late_shots(const ControllerState& state, const View& view, const HostBoot& boot, const FenceRecord& proof,
                       Pass& pass);

}  // namespace haven

// From a suspicion to a proof, through the engine: the intent first, the accused's answer, the agents, the record of
// the proof (F1, F2, F7 to F9). A part of the controller; see controller.hpp for who calls it.
#pragma once

#include "core/controller.hpp"

namespace haven {

// What takes an office over or pursues a fence is given up and written again after this: the engine's leader may have
// died with the host, and a write that waits at the dead one is not passed on to its successor.
inline constexpr Duration kUrgentTimeout = 500ms;

// A commit of a fence that the engine refused, or whose fate is unknown.
void observe_fence_failure(ControllerState& state, const CommitEnded& ended);
void decide_fences(const ControllerState& state, const View& view, const SelfView& self, Pass& pass);

// A committed write against a host: the grace ended in time, or did not; a withdrawal forgives.
void observe_fence_commit(ControllerState& state, const View& view, const SelfView& self, const CommitEnded& ended,
                          Now now);

}  // namespace haven

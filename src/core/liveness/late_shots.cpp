#include "core/liveness/late_shots.hpp"

#include <algorithm>
#include <utility>

#include "core/liveness/fence_writes.hpp"
#include "core/mutation.hpp"

namespace haven {

bool agents_are_done(const ControllerState& state, const HostName& host) {
  const auto agents = state.agents.find(host);
  return agents == state.agents.end() || agents->second == 0;
}

bool shots_are_over(const ControllerState& state, const View& view, const HostName& host, Pass& pass) {
  if (!agents_are_done(state, host)) return false;
  if (mutation::shots_forgotten) return true;
  Instant over{};
  for (const auto& [boot, at] : state.cut_short)
    if (boot.first == host) over = std::max(over, at + kAgentTimeout);
  for (const auto& [boot, fence] : view.fences)
    if (boot.first == host && shot_by_others(fence.value, *state.reign))
      over = std::max(over, state.reign_since + late_shot_time(view));
  return pass.due(over);
}

void forget_late_shots(const ControllerState& state, const View& view, const HostBoot& boot, const FenceRecord& proof,
                       Pass& pass) {
  if (!shots_are_over(state, view, boot.first, pass)) return;
  Commit commit = fence_commit(view, boot);
  FenceRecord next = proof;
  next.late_shots = false;
  add_fence(commit, boot, next, pass.now());
  pass.act(std::move(commit));
}

}  // namespace haven

#include "core/liveness/charge.hpp"

namespace haven {

bool loss_counts(const ControllerState& state, const View& view, const SelfView& self, const HostBoot& boot,
                 Pass& pass) {
  const auto loss = state.losses.find(boot.first);
  if (loss == state.losses.end() || loss->second.incarnation != boot.second) return false;
  if (is_heard(view, self.host, boot.first, boot.second)) return false;
  if (held_by_silences(state.losses, state.silences, view, boot.first)) return false;
  return pass.due(accusable_from(state.losses, view, boot.first));
}

bool silence_counts(const ControllerState& state, const View& view, const HostBoot& boot, Pass& pass) {
  const MemberRecord* member = member_of(view, boot.first);
  if (member == nullptr || member->incarnation != boot.second) return false;
  if (!suspected_silent(state.silences, boot.first, boot.second)) return false;
  const auto up = state.up_since.find(boot.first);
  if (up != state.up_since.end() && !pass.due(up->second + view.spec()->cluster.suspect)) return false;
  return pass.due(network_event_until(state.silences, view, boot.first));
}

bool charge_holds(const ControllerState& state, const View& view, const SelfView& self, const HostBoot& boot,
                  FenceReason reason, Pass& pass) {
  switch (reason) {
    case FenceReason::stop_failed:
    case FenceReason::storage_lost:
    case FenceReason::test:
      return true;
    case FenceReason::lost_lease:
      return loss_counts(state, view, self, boot, pass);
    case FenceReason::silent:
      return silence_counts(state, view, boot, pass) || loss_counts(state, view, self, boot, pass);
  }
  return false;
}

}  // namespace haven

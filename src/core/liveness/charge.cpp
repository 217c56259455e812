#include "core/liveness/charge.hpp"

#include <algorithm>
#include <string>

#include "core/liveness/hearing_alarms.hpp"
#include "core/membership.hpp"
#include "core/placement/roster.hpp"

namespace haven {
namespace {

// Another boot that is being switched off, or will be before `boot` is: of two intents the first by name goes first.
bool goes_first(const HostBoot& other, const FenceRecord& fence, const HostBoot& boot) {
  if (other.first == boot.first || fence.state == FenceState::proved) return false;
  return fence.state != FenceState::intent || other < boot;
}

// It votes, and will go on doing so until `boot` has been proved dead.
bool votes_on(const View& view, const std::string& voter, const HostBoot& boot) {
  if (voter == view.spec()->cluster.witness) return !misses_witness(view);
  const HostName host{voter};
  const MemberRecord* member = member_of(view, host);
  if (host == boot.first || member == nullptr || proved_dead(view, host, member->incarnation)) return false;
  return std::none_of(view.fences.begin(), view.fences.end(), [&](const auto& fence) {
    return fence.first.first == host && goes_first(fence.first, fence.second.value, boot);
  });
}

// Where there are no ears its lease is all that is known.
bool lives(const View& view, const HostBoot& boot) {
  if (view.heard) return heard_by_anybody(view, boot.first, boot.second);
  return holds_member_key(view, boot.first, boot.second);
}

// Accused while it lived. It has fallen since, and there was time for a new boot of it to register: an engine that
// comes back sees nobody at first, and a machine that boots would be shot for what its boot before was accused of (S5).
bool fell(const ControllerState& state, const View& view, const HostBoot& boot, Pass& pass) {
  if (silence_counts(state, view, boot, pass)) return true;
  const auto loss = state.losses.find(boot.first);
  return loss != state.losses.end() && loss->second.incarnation == boot.second &&
         pass.due(loss->second.since + view.spec()->cluster.lease);
}

}  // namespace

bool loss_counts(const ControllerState& state, const View& view, const SelfView& self, const HostBoot& boot,
                 Pass& pass) {
  const auto loss = state.losses.find(boot.first);
  if (loss == state.losses.end() || loss->second.incarnation != boot.second) return false;
  if (is_heard(view, self.host, boot.first, boot.second)) return false;
  if (held_by_silences(state.losses, state.silences, view, boot.first)) return false;
  return pass.due(accusable_from(state.losses, view, boot.first));
}

bool silence_counts(const ControllerState& state, const View& view, const HostBoot& boot, Pass& pass) {
  if (!holds_member_key(view, boot.first, boot.second)) return false;
  if (!suspected_silent(state.silences, boot.first, boot.second)) return false;
  const auto up = state.up_since.find(boot.first);
  if (up != state.up_since.end() && !pass.due(up->second + view.spec()->cluster.suspect)) return false;
  return pass.due(network_event_until(state.silences, view, boot.first));
}

std::optional<ResourceName> costs_its_host(const View& view, const HostBoot& boot) {
  for (const auto& [name, run] : view.runs) {
    if (!run.value.stop_failed || run.value.host != boot.first || run.value.incarnation != boot.second) continue;
    const Resource* resource = view.roster().resource(name);
    if (resource != nullptr && resource->on_stop_fail == OnStopFail::fence && !claim_closed(view, name)) return name;
  }
  return std::nullopt;
}

bool engine_outlives(const View& view, const HostBoot& boot, const std::set<HostName>& off) {
  const Membership voters = wanted_voters(*view.spec());
  const std::size_t seats = std::min(voters.count, voters.wanted.size());
  const auto end = voters.wanted.begin() + static_cast<std::ptrdiff_t>(seats);
  const auto left = std::count_if(voters.wanted.begin(), end, [&](const std::string& voter) {
    return votes_on(view, voter, boot) && (voter == view.spec()->cluster.witness || !off.contains(HostName{voter}));
  });
  return 2 * static_cast<std::size_t>(left) > seats;
}

bool charge_holds(const ControllerState& state, const View& view, const SelfView& self, const HostBoot& boot,
                  FenceReason reason, Pass& pass) {
  switch (reason) {
    case FenceReason::stop_failed:
    case FenceReason::storage_lost:
    case FenceReason::test:
      return lives(view, boot) ? engine_outlives(view, boot) : fell(state, view, boot, pass);
    case FenceReason::lost_lease:
      return loss_counts(state, view, self, boot, pass);
    case FenceReason::silent:
      return silence_counts(state, view, boot, pass) || loss_counts(state, view, self, boot, pass);
  }
  return false;
}

}  // namespace haven

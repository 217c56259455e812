// Live migration as the controller sees it (M1 to M3; docs/migration.md). It writes one more boot into the claim, and
// then only follows: the claim goes to the destination once the source has released it, loses the migration once the
// destination has nothing of it, and goes to nobody else before both. Every end of a migration is one of these.
#include <algorithm>
#include <utility>

#include "core/mutation.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/case.hpp"
#include "core/recovery/succession.hpp"

namespace haven::stepping {
namespace {

Step with_claim(const Case& c, const ClaimRecord& claim, std::optional<JournalRecord> journal) {
  Step step;
  step.move = claim_write(c, claim, std::move(journal));
  rest_on_destination(*step.move, c);
  return step;
}

void check(ClaimMove& move, const Case& c, const std::string& path) {
  const Check seen{path, c.view.mod_of(path)};
  if (std::find(move.checks.begin(), move.checks.end(), seen) == move.checks.end()) move.checks.push_back(seen);
}

bool runs_well(const Case& c) {
  return c.run != nullptr && c.run->state == RunState::running && !c.run->paused && !c.run->unsettled;
}

// It loses them where it stands, and moves afterwards.
bool is_losing_links(const Case& c) { return !c.claim->links.up && !links_settled(c.view, c.resource.name); }

// The destination is to destroy what it has, and to say so.
Step call_off(const Case& c, const std::string& why) {
  ClaimRecord claim = *c.claim;
  claim.migrating_to->cancelled = true;
  JournalRecord journal = entry(c, JournalKind::stayed, c.claim->host, why);
  journal.from = claim.migrating_to->host;
  Step step = with_claim(c, claim, std::move(journal));
  strike_order(*step.move, c);
  return step;
}

// It stays where it is, and its claim says so again.
Step strike_out(const Case& c) {
  ClaimRecord claim = *c.claim;
  claim.spent = std::max(claim.spent, claim.migrating_to->generation);
  const bool said = claim.migrating_to->cancelled;
  const ArrivalRecord* arrival = arrival_of(c.view, c.resource.name);
  const std::string why = arrival != nullptr && !arrival->detail.empty()
                              ? claim.migrating_to->host.str() + ": " + arrival->detail
                              : claim.migrating_to->host.str() + " is lost";
  JournalRecord journal = entry(c, JournalKind::stayed, c.claim->host, why);
  journal.from = claim.migrating_to->host;
  claim.migrating_to.reset();
  return with_claim(c, claim, said ? std::nullopt : std::optional(std::move(journal)));
}

// Under the next generation, resting on the source's release or on its proof (M2). What came in goes on only by the
// source's word that it did not run since; a proof says nothing about that.
Step hand_over(const Case& c) {
  const Migration& m = *c.claim->migrating_to;
  const bool released = c.run != nullptr && c.run->state == RunState::released;
  ClaimRecord claim;
  claim.host = m.host;
  claim.incarnation = m.incarnation;
  claim.generation = m.generation;
  claim.attempts = c.claim->attempts;
  claim.epoch = epoch_of(c.view);
  claim.links = c.claim->links;
  claim.resume = (released && c.run->end == EndReason::migrated) || mutation::stale_memory;
  std::optional<JournalRecord> journal;
  if (!released) {
    journal = entry(c, JournalKind::recover, m.host, "its host is proved dead");
    journal->from = c.claim->host;
  }
  Step step = with_claim(c, claim, std::move(journal));
  check(*step.move, c, path::fence(m.host, m.incarnation));
  if (!released) check(*step.move, c, path::fence(c.claim->host, c.claim->incarnation));
  return step;
}

// Why nothing can go on there; empty: it can.
std::string trouble_of(const View& view, const Migration& m) {
  const std::string& name = m.host.str();
  if (view.roster().host(m.host) == nullptr) return name + " has left the file";
  if (!holds_member_key(view, m.host, m.incarnation)) return name + " has lost its lease";
  if (view.fences.contains(HostBootRef{m.host, m.incarnation})) return name + " is being fenced";
  const auto away = view.away.find(m.host);
  if (away != view.away.end() && away->second.value.incarnation == m.incarnation) return name + " is leaving";
  const auto status = view.status.find(m.host);
  if (status != view.status.end() && !status->second.value.hypervisor) return "libvirt of " + name + " does not answer";
  return "";
}

// Why it is to stay; empty: let it go on.
std::string reason_to_stay(const Case& c, DesiredState desired) {
  const Migration& m = *c.claim->migrating_to;
  if (desired == DesiredState::stopped) return "it should be stopped";
  if (desired == DesiredState::ignored) return "it is ignored from now on";
  if (c.order != nullptr && c.order->stay) return "the operator said so";
  if (c.run != nullptr && c.run->stayed >= m.generation)
    return c.run->detail.empty() ? "the migration ended where it began" : c.run->detail;
  return trouble_of(c.view, m);
}

}  // namespace

void rest_on_destination(ClaimMove& move, const Case& c) {
  if (c.claim == nullptr || !c.claim->migrating_to) return;
  const Migration& m = *c.claim->migrating_to;
  check(move, c, path::arrival(c.resource.name));
  if (proved_dead(c.view, m.host, m.incarnation)) check(move, c, path::fence(m.host, m.incarnation));
}

bool destination_is_clear(const Case& c) {
  return open_migration(c.view, c.resource.name) == nullptr || mutation::third_host;
}

bool moves_live(const Case& c) {
  if (!can_move_live(c.resource) || c.claim->migrating_to || !runs_well(c) || is_losing_links(c)) return false;
  const auto stayed = c.state.stayed_since.find(c.resource.name);
  return stayed == c.state.stayed_since.end() || c.pass.due(stayed->second.second + kMigrateAgain);
}

Step begin_migration(const Case& c, const HostName& to, std::string why) {
  ClaimRecord claim = *c.claim;
  claim.migrating_to = Migration{to, member_of(c.view, to)->incarnation, next_generation(c)};
  claim.resume = false;
  JournalRecord journal = entry(c, JournalKind::migrate, to, std::move(why));
  journal.from = c.claim->host;
  Step step;
  step.move = claim_write(c, claim, std::move(journal));
  for (const auto& path : {path::member(to), path::fence(to, claim.migrating_to->incarnation), path::away(to)})
    check(*step.move, c, path);
  strike_order(*step.move, c);
  c.placement.book(c.resource.name, to);
  return step;
}

Step migrate_by_order(const Case& c) {
  const HostName& to = *c.order->migrate_to;
  c.placement.release(c.resource.name, c.claim->host);
  std::string why = c.placement.refusal(c.resource.name, to, path_refusals(c.view, c.resource.name));
  c.placement.book(c.resource.name, c.claim->host);
  if (to == c.claim->host) why = "it runs there already";
  if (why.empty() && !runs_well(c)) why = "it does not run just now";
  if (why.empty() && !can_move_live(c.resource)) why = "it is not moved live";
  if (why.empty() && is_losing_links(c)) why = "its links are changing hands just now";
  if (why.empty()) return begin_migration(c, to, "the operator said so");
  JournalRecord journal = entry(c, JournalKind::place_failed, to, "cannot migrate");
  journal.reasons.push_back({to, why});
  Step step;
  step.move = claim_write(c, *c.claim, journal);
  strike_order(*step.move, c);
  return step;
}

Step follow_migration(const Case& c, DesiredState desired) {
  const bool clear = destination_is_clear(c);
  if (clear) return strike_out(c);
  if (c.closed) return hand_over(c);
  if (c.claim->migrating_to->cancelled) return {};
  const std::string why = reason_to_stay(c, desired);
  return why.empty() ? Step{} : call_off(c, why);
}

Step adopt_torn(const Case& c, const std::vector<HostName>& found) {
  if (c.claim == nullptr || !c.claim->migrating_to || found.size() != 2) return {};
  const Migration& m = *c.claim->migrating_to;
  const auto is_found = [&](const HostName& host) {
    return std::find(found.begin(), found.end(), host) != found.end();
  };
  const MemberRecord* source = member_of(c.view, c.claim->host);
  const bool same_boot = source != nullptr && source->incarnation == c.claim->incarnation;
  if (!is_found(m.host) || !is_found(c.claim->host) || !same_boot) return {};
  ClaimRecord claim = new_claim(c, c.claim->host, {});
  claim.migrating_to = m;
  claim.migrating_to->cancelled = true;
  return with_claim(c, claim,
                    entry(c, JournalKind::place, claim.host, "it was found there, let go while it was moved"));
}

}  // namespace haven::stepping

namespace haven {

using namespace stepping;

std::optional<ClaimMove> move_for_balance(const View& view, const ControllerState& state, const AdvisedMove& move,
                                          Placement& placement, const SelfView& self, Pass& pass) {
  const Resource* resource = view.roster().resource(move.guest);
  if (resource == nullptr || view.unreadable(move.guest) || left_alone(view, move.guest)) return std::nullopt;
  PassSoFar so_far;
  const Case c = look_up(view, state, *resource, placement, self, true, so_far, pass);
  const bool here = c.claim != nullptr && !c.closed && c.owner_alive && c.claim->order == ClaimOrder::run &&
                    c.claim->host == move.from && move.to != move.from;
  if (!here || desired_state(view, *resource) != DesiredState::started || !moves_live(c)) return std::nullopt;
  placement.release(move.guest, move.from);
  const bool possible = placement.refusal(move.guest, move.to, path_refusals(view, move.guest)).empty();
  placement.book(move.guest, move.from);
  if (!possible) return std::nullopt;
  Step step = begin_migration(c, move.to, "balance: " + move.why);
  for (const auto& path : {path::maintenance(move.from), path::maintenance(move.to)}) check(*step.move, c, path);
  return std::move(step.move);
}

}  // namespace haven

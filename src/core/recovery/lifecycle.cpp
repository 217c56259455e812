#include "core/recovery/lifecycle.hpp"

#include <algorithm>
#include <utility>

#include "core/mutation.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/case.hpp"
#include "core/recovery/gate.hpp"
#include "core/recovery/home.hpp"
#include "core/recovery/illness.hpp"
#include "core/recovery/maintenance.hpp"
#include "core/recovery/preemption.hpp"
#include "core/recovery/uplink.hpp"

namespace haven {

using namespace stepping;

namespace {

Step ordered(const Case& c, ClaimOrder order, std::optional<HostName> move_to, std::optional<JournalRecord> journal) {
  ClaimRecord claim = *c.claim;
  claim.order = order;
  claim.move_to = move_to;
  Step step;
  step.move = claim_write(c, claim, std::move(journal));
  strike_order(*step.move, c);
  if (move_to) c.placement.book(c.resource.name, *move_to);
  return step;
}

// How a closed claim came to its end, and what that means for the next try.
struct Ending {
  bool failover = false;   // its host died under it
  bool stays_off = false;  // the guest switched itself off, and that is to be respected
  Attempts attempts;       // with this ending counted
};

Ending ending_of(const Case& c) {
  Ending ending;
  if (c.claim == nullptr) return ending;
  ending.attempts = c.claim->attempts;
  const bool released = c.run != nullptr && c.run->state == RunState::released;
  if (!released) {
    ending.failover = c.claim->order != ClaimOrder::let_go;
    return ending;
  }
  switch (c.run->end) {
    case EndReason::start_failed:
    case EndReason::crashed:
      ending.attempts.tried.push_back(c.claim->host);
      break;
    case EndReason::powered_off:
      ending.stays_off = true;
      break;
    case EndReason::none:
    case EndReason::stopped:
    case EndReason::host_leaving:
    case EndReason::stopped_with_host:
    case EndReason::frozen_with_host:
    case EndReason::storage_lost:  // costs no budget (B1)
    case EndReason::migrated:
      break;
  }
  return ending;
}

std::vector<Refusal> avoidance(const Case& c, const Attempts& attempts) {
  std::vector<Refusal> avoid = path_refusals(c.view, c.resource.name);
  for (const auto& host : attempts.tried) avoid.push_back({host, "it failed there"});
  return avoid;
}

Step unplaced(const Case& c, std::vector<Refusal> refusals, std::string why) {
  Step step;
  step.unplaced = Unplaced{c.resource.name, std::move(refusals), std::move(why)};
  return step;
}

Step give_up(const Case& c, Attempts attempts) {
  attempts.failed = true;
  ClaimRecord claim = *c.claim;
  claim.attempts = std::move(attempts);
  Step step;
  step.move = claim_write(c, claim,
                          entry(c, JournalKind::failed, c.claim->host,
                                c.run != nullptr && !c.run->detail.empty() ? c.run->detail : "no further host to try"));
  return step;
}

Step claim_for(const Case& c, const HostName& host, const Ending& ending, std::vector<Refusal> refusals) {
  const ClaimRecord claim = new_claim(c, host, ending.attempts);
  JournalRecord journal = entry(c, ending.failover ? JournalKind::recover : JournalKind::place, host,
                                ending.failover ? "its host is proved dead" : "it should run");
  if (c.claim != nullptr && ending.failover) journal.from = c.claim->host;
  for (auto& refusal : refusals) journal.reasons.push_back({refusal.host, std::move(refusal.reason)});
  Step step;
  step.move = claim_write(c, claim, std::move(journal));
  rest_on_destination(*step.move, c);
  // Where it goes, and the proof that frees it, are part of what this rests on.
  for (const auto& path : {path::fence(host, claim.incarnation), path::away(host)})
    step.move->checks.push_back({path, c.view.mod_of(path)});
  if (c.claim != nullptr && ending.failover) {
    const std::string proof = path::fence(c.claim->host, c.claim->incarnation);
    step.move->checks.push_back({proof, c.view.mod_of(proof)});
  }
  strike_order(*step.move, c);
  c.placement.book(c.resource.name, host);
  return step;
}

bool retry_due(const Case& c) {
  if (!c.resource.retry) return false;
  const auto since = c.state.failed_since.find(c.resource.name);
  if (since == c.state.failed_since.end()) return false;
  const int doublings = std::min(c.claim->attempts.retries, 10);
  const Duration delay = std::min(kStartRetryLimit, kStartRetry * (1 << doublings));
  return c.pass.due(since->second + delay);
}

// No host can take it: lesser ones may have to stop for it.
Step wait_for_room(const Case& c, const Ending& ending, Occasion occasion, std::vector<Refusal> refusals) {
  const std::vector<Refusal> avoid = avoidance(c, ending.attempts);
  std::optional<Eviction> eviction;
  if (c.resource.preempt && !c.may_mend && ending.attempts.tried.empty() && ending.attempts.retries == 0)
    eviction = c.placement.make_room(c.resource.name, avoid, occasion, yields_by(c.view, c.so_far), c.so_far.ahead);
  if (!eviction) {
    c.so_far.ahead.push_back(c.resource.name);
    const std::string remedy = c.placement.remedy(c.resource.name, avoid, occasion);
    return unplaced(c, std::move(refusals), "no host can take it" + (remedy.empty() ? "" : "; " + remedy));
  }
  Step step = unplaced(c, std::move(refusals), sentence(*eviction));
  for (const auto& name : eviction->victims) {
    const Resource& victim = *c.view.roster().resource(name);
    const Case v = look_up(c.view, c.state, victim, c.placement, c.self, false, c.so_far, c.pass);
    Step stop = ordered(v, ClaimOrder::stop, std::nullopt,
                        entry(v, JournalKind::stop, v.claim->host, "makes room for " + c.resource.name.str()));
    // Whether there is anybody to make room for.
    for (const auto& path : {path::claim(c.resource.name), path::order(c.resource.name)})
      stop.move->checks.push_back({path, c.view.mod_of(path)});
    step.evictions.push_back(std::move(*stop.move));
    c.so_far.evicted.insert(name);
  }
  // Nobody else is to have it meanwhile.
  c.placement.book(c.resource.name, eviction->host);
  return step;
}

// Back to the host that it was frozen with, where its room was kept.
Step place_at_home(const Case& c, const Home& home, const Ending& ending) {
  c.placement.release(c.resource.name, home.host);
  const std::vector<Refusal> avoid = avoidance(c, ending.attempts);
  Choice choice = c.placement.choose(c.resource.name, avoid);
  if (c.placement.refusal(c.resource.name, home.host, avoid).empty())
    return claim_for(c, home.host, ending, std::move(choice.refusals));
  c.placement.book(c.resource.name, home.host);
  return unplaced(c, std::move(choice.refusals), sentence(home, c.resource.name));
}

// It has stopped in order to move, and something that may stand only beside it has not yet.
bool waits_for_its_set(const Case& c) {
  if (c.claim == nullptr || !c.claim->move_to) return false;
  const Roster& roster = c.view.roster();
  const auto& set = roster.sets[roster.set_of[*roster.index(c.resource.name)]];
  return std::any_of(set.begin(), set.end(), [&](const Resource* other) {
    const auto claim = c.view.claims.find(other->name);
    return claim != c.view.claims.end() && claim->second.value.order == ClaimOrder::stop &&
           !claim_closed(c.view, other->name);
  });
}

Step place(const Case& c) {
  Ending ending = ending_of(c);
  const bool cleared = c.order != nullptr && c.order->clear;
  if (ending.stays_off && !cleared) return {};
  if (cleared) ending.attempts = {};
  const bool claimed = c.claim != nullptr;  // else it has failed nowhere yet
  if (claimed && ending.attempts.failed) {
    if (!retry_due(c)) return {};
    ending.attempts = {{}, false, ending.attempts.retries + 1};
  }
  if (claimed && static_cast<int>(ending.attempts.tried.size()) > c.resource.relocations)
    return give_up(c, ending.attempts);
  std::optional<HostName> wanted = c.order != nullptr ? c.order->relocate_to : std::nullopt;
  const auto home = cleared || wanted ? std::nullopt : home_of(c.view, c.resource.name);
  if (home && !home->back) return unplaced(c, {}, sentence(*home, c.resource.name));
  if (auto gate = gate_of(c.state, c.view, c.resource, c.pass)) {
    Step step = unplaced(c, {}, std::move(gate->waits));
    step.unplaced->held = gate->held;
    return step;
  }
  if (home && home->frozen) return place_at_home(c, *home, ending);
  const Occasion occasion = ending.failover ? Occasion::recovery : Occasion::start;
  const std::vector<Refusal> avoid = avoidance(c, ending.attempts);
  Choice choice = c.placement.choose(c.resource.name, avoid, occasion);
  if (!wanted && c.claim != nullptr) wanted = c.claim->move_to;
  c.so_far.wanted.push_back({c.resource.name, avoid, occasion});
  if (const auto host = c.so_far.arranged.find(c.resource.name); !wanted && host != c.so_far.arranged.end())
    wanted = host->second;
  if (wanted && c.placement.refusal(c.resource.name, *wanted, avoid, occasion).empty()) choice.host = wanted;
  if (choice.host) return claim_for(c, *choice.host, ending, std::move(choice.refusals));
  if (waits_for_its_set(c)) return unplaced(c, {}, "waits until what is bound to it has stopped as well");
  // Hosts are left that could not take it now, but did not fail it: it waits. None is left: it has failed.
  const bool all_tried = std::all_of(choice.refusals.begin(), choice.refusals.end(), [&](const Refusal& r) {
    return std::find(ending.attempts.tried.begin(), ending.attempts.tried.end(), r.host) != ending.attempts.tried.end();
  });
  if (claimed && all_tried && !ending.attempts.tried.empty()) return give_up(c, ending.attempts);
  return wait_for_room(c, ending, occasion, std::move(choice.refusals));
}

// Every host's word is part of what a first claim rests on. One key for each, for 64 hosts are to fit a transaction
// (E1): who comes back takes its absence away, everybody else speaks by the report.
void check_reports(ClaimMove& move, const Case& c) {
  for (const auto& host : c.view.spec()->hosts) {
    const auto away = c.view.away.find(host.name);
    const bool gone = away != c.view.away.end() && away->second.value.kind == AwayKind::down;
    const std::string path = gone ? path::away(host.name) : path::status(host.name);
    move.checks.push_back({path, c.view.mod_of(path)});
  }
}

// Nobody ever claimed it, or it was let go: whoever runs it now keeps it; else it may be placed (C6).
Step adopt_or_place(const Case& c, DesiredState desired) {
  if (const std::string missing = missing_report(c.view, c.resource.name); !missing.empty())
    return unplaced(c, {}, missing);
  std::vector<HostName> found;
  for (const auto& [host, status] : c.view.status) {
    const auto& list = status.value.found;
    if (!holds_member_key(c.view, host, status.value.incarnation)) continue;
    if (std::find(list.begin(), list.end(), c.resource.name) != list.end()) found.push_back(host);
  }
  if (found.empty()) {
    Step step = desired == DesiredState::started ? place(c) : Step{};
    if (step.move) check_reports(*step.move, c);
    return step;
  }
  if (Step torn = adopt_torn(c, found); torn.move) return torn;
  if (found.size() > 1) return unplaced(c, {}, "it runs on several hosts, and nobody claimed it: stop all but one");
  ClaimRecord claim = new_claim(c, found.front(), {});
  if (desired == DesiredState::stopped) claim.order = ClaimOrder::stop;
  Step step;
  step.move = claim_write(c, claim, entry(c, JournalKind::place, found.front(), "it was found running there"));
  check_reports(*step.move, c);
  strike_order(*step.move, c);
  return step;
}

JournalRecord moving(const Case& c, const HostName& to, std::string why) {
  JournalRecord journal = entry(c, JournalKind::relocate, to, std::move(why));
  journal.from = c.claim->host;
  return journal;
}

Step relocate(const Case& c) {
  const HostName& to = *c.order->relocate_to;
  c.placement.release(c.resource.name, c.claim->host);
  const std::string why_not = c.placement.refusal(c.resource.name, to, path_refusals(c.view, c.resource.name));
  const bool possible = to != c.claim->host && why_not.empty();
  c.placement.book(c.resource.name, c.claim->host);
  if (possible) return ordered(c, ClaimOrder::stop, to, moving(c, to, "the operator said so"));
  JournalRecord journal = entry(c, JournalKind::place_failed, to, "cannot relocate");
  journal.reasons.push_back({to, to == c.claim->host ? "it runs there already" : why_not});
  Step step;
  step.move = claim_write(c, *c.claim, journal);
  strike_order(*step.move, c);
  return step;
}

bool well_for_failback(const Case& c, const HostName& host) {
  const auto since = c.state.up_since.find(host);
  return since != c.state.up_since.end() && c.pass.due(since->second + kFailbackWell);
}

// It is to leave and fits nowhere else: it stays and is looked at again.
Step stays_behind(const Case& c, Choice choice) {
  Step step = unplaced(c, std::move(choice.refusals), "no other host can take it");
  step.restless = true;
  return step;
}

// After maintenance, to where it ran before; as long as that host cannot take it, it stays.
Step return_home(const Case& c, const HostName& home) {
  c.placement.release(c.resource.name, c.claim->host);
  const bool possible = c.placement.refusal(c.resource.name, home, avoidance(c, c.claim->attempts)).empty();
  c.placement.book(c.resource.name, c.claim->host);
  const std::string why = "the maintenance of " + home.str() + " is over";
  Step step;
  if (possible)
    step = moves_live(c) ? begin_migration(c, home, why) : ordered(c, ClaimOrder::stop, home, moving(c, home, why));
  step.restless = true;
  return step;
}

// A running resource leaves a host that goes into maintenance, or where it breaks a strict rule; one with
// failback = "restart" goes back to a better host.
Step mend(const Case& c) {
  const bool drained = in_maintenance(c.view, c.claim->host);
  const auto broken = c.placement.broken_rules(c.resource.name, c.claim->host);
  const auto now = c.placement.preference(c.resource.name, c.claim->host);
  const bool misplaced = drained || !broken.empty() || !now;
  const auto home = misplaced ? std::nullopt : returns_to(c.view, c.resource.name);
  if (home && *home != c.claim->host) return return_home(c, *home);
  Step step;
  step.restless = misplaced || (c.resource.failback != Failback::off && *now > 0);
  if (!step.restless) return step;
  c.placement.release(c.resource.name, c.claim->host);
  Choice choice = c.placement.choose(c.resource.name, avoidance(c, c.claim->attempts));
  const bool elsewhere = choice.host && *choice.host != c.claim->host;
  const bool better = elsewhere && !misplaced && *c.placement.preference(c.resource.name, *choice.host) < *now &&
                      well_for_failback(c, *choice.host);
  c.placement.book(c.resource.name, c.claim->host);
  if (drained && !elsewhere) return stays_behind(c, std::move(choice));
  if (!elsewhere || (!misplaced && !better)) return step;
  const std::string why = drained           ? c.claim->host.str() + " is in maintenance"
                          : !broken.empty() ? broken.front()
                          : !now            ? "the file excludes its host"
                                            : "goes back";
  const bool live_only = !misplaced && c.resource.failback == Failback::migrate;
  if (moves_live(c)) {
    step = begin_migration(c, *choice.host, why);
  } else if (!live_only) {
    step = ordered(c, ClaimOrder::stop, *choice.host, moving(c, *choice.host, why));
  }
  step.restless = true;
  return step;
}

// Its host shuts down, and waits for this word.
Step leave_with_host(const Case& c) {
  if (c.view.spec()->cluster.shutdown_policy != ShutdownPolicy::migrate) return {};
  if (!shuts_down(c.view, c.claim->host, c.claim->incarnation)) return {};
  c.placement.release(c.resource.name, c.claim->host);
  Choice choice = c.placement.choose(c.resource.name, avoidance(c, c.claim->attempts));
  c.placement.book(c.resource.name, c.claim->host);
  if (!choice.host || *choice.host == c.claim->host) return stays_behind(c, std::move(choice));
  const std::string why = c.claim->host.str() + " shuts down";
  if (moves_live(c)) return begin_migration(c, *choice.host, why);
  return ordered(c, ClaimOrder::stop, *choice.host, moving(c, *choice.host, why));
}

// It runs, and nobody outside its host can reach it.
Step leave_dead_network(const Case& c) {
  const auto since = c.state.uplink_lost_since.find(c.resource.name);
  if (since == c.state.uplink_lost_since.end() || !c.pass.due(since->second + kUplinkPatience)) return {};
  c.placement.release(c.resource.name, c.claim->host);
  const Choice choice = c.placement.choose(c.resource.name, avoidance(c, c.claim->attempts));
  c.placement.book(c.resource.name, c.claim->host);
  Step waits;  // it is lost everywhere, or there is no room
  waits.restless = true;
  if (!choice.host || uplink_lost(c.view, *choice.host, c.resource.name)) return waits;
  return ordered(c, ClaimOrder::stop, *choice.host, moving(c, *choice.host, "its network has no uplink where it is"));
}

// Its ladder has come to the step that moves it. As long as no other host can take it, it stays: ill is better than
// down.
Step leave_for_health(const Case& c) {
  const HealthNote& note = c.run->health;
  const Repair* step = step_of(c.resource, note.under_way);
  if (step == nullptr || step->remedy != Remedy::failover) return {};
  c.placement.release(c.resource.name, c.claim->host);
  std::vector<Refusal> avoid = avoidance(c, c.claim->attempts);
  avoid.push_back({c.claim->host, "it is ill there"});
  const Choice choice = c.placement.choose(c.resource.name, avoid);
  c.placement.book(c.resource.name, c.claim->host);
  Step waits;
  waits.restless = true;
  if (!choice.host || *choice.host == c.claim->host) return waits;
  return ordered(c, ClaimOrder::stop, *choice.host, moving(c, *choice.host, "it is ill: " + note.why));
}

// Failures are forgotten after a good run of `within`.
Step refill(const Case& c) {
  const Attempts& attempts = c.claim->attempts;
  if (attempts.tried.empty() && attempts.retries == 0) return {};
  const auto since = c.state.running_since.find(c.resource.name);
  if (since == c.state.running_since.end() || !c.pass.due(since->second + c.resource.restarts.within)) return {};
  ClaimRecord claim = *c.claim;
  claim.attempts = {};
  Step step;
  step.move = claim_write(c, claim, std::nullopt);
  return step;
}

Step running_well(const Case& c, bool may_mend) {
  if (c.order != nullptr && c.order->relocate_to) return relocate(c);
  if (c.order != nullptr && c.order->migrate_to) return migrate_by_order(c);
  if (c.order != nullptr && c.order->clear) {
    ClaimRecord claim = *c.claim;
    claim.attempts = {};
    Step step;
    step.move = claim_write(c, claim, std::nullopt);
    strike_order(*step.move, c);
    return step;
  }
  // What ended while its disk was out of reach is no guest to move: only proof would release it (C7).
  if (c.run == nullptr || c.run->state != RunState::running || c.run->unsettled) return {};
  Step leaves = may_mend ? Step{} : leave_with_host(c);
  if (leaves.move || leaves.unplaced) return leaves;
  leaves = leave_dead_network(c);
  if (leaves.move) return leaves;
  if (Step ill = leave_for_health(c); ill.move || ill.restless) return ill;
  Step step = refill(c);
  if (!step.move && may_mend) step = mend(c);
  step.restless |= leaves.restless;
  return step;
}

}  // namespace

Write order_write(const ResourceName& resource, const OrderRecord& order) {
  const bool deleted = mutation::orders_vanish && order == OrderRecord{};
  return {path::order(resource), deleted ? std::nullopt : std::optional<Record>(order), {}};
}

Step next_step(const View& view, const ControllerState& state, const Resource& resource, Placement& placement,
               const SelfView& self, bool may_mend, PassSoFar& so_far, Pass& pass) {
  const ResourceName& name = resource.name;
  if (view.unreadable(name) || left_alone(view, name)) return {};
  const Case c = look_up(view, state, resource, placement, self, may_mend, so_far, pass);
  const DesiredState desired = desired_state(view, resource);
  const bool unowned = c.claim == nullptr || c.claim->order == ClaimOrder::let_go;

  if (desired == DesiredState::ignored) {
    // A stop under way ends first; what is released is let go as well, so that whoever starts it by hand may.
    const bool stopping = !unowned && !c.closed && c.claim->order == ClaimOrder::stop;
    if (unowned || stopping) return {};
    if (c.claim->migrating_to) return follow_migration(c, desired);
    return ordered(c, ClaimOrder::let_go, std::nullopt,
                   entry(c, JournalKind::stop, c.claim->host, "ignored from now on"));
  }
  if (unowned) return adopt_or_place(c, desired);
  if (Step links = follow_links(c); links.move) return links;
  const bool placeable = c.closed && desired == DesiredState::started && destination_is_clear(c);
  if (c.claim->migrating_to && !placeable) return follow_migration(c, desired);
  if (c.closed) return desired == DesiredState::started ? place(c) : Step{};
  if (!c.owner_alive) return {};  // its host is being judged; until then nothing moves
  if (c.claim->order == ClaimOrder::stop) {
    // Under way: it ends with a release, or with a proof. What only proof would release may start again where it was.
    const bool unsettled = c.run != nullptr && c.run->unsettled;
    if (!unsettled || desired != DesiredState::started) return {};
    return ordered(c, ClaimOrder::run, std::nullopt,
                   entry(c, JournalKind::place, c.claim->host, "its last writes are that host's alone"));
  }
  if (desired == DesiredState::stopped)
    return ordered(c, ClaimOrder::stop, std::nullopt,
                   entry(c, JournalKind::stop, c.claim->host, "it should be stopped"));
  return running_well(c, may_mend);
}

}  // namespace haven

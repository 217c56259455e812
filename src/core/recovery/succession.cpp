#include "core/recovery/succession.hpp"

#include <algorithm>
#include <utility>

#include "core/mutation.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/checkup.hpp"
#include "core/recovery/illness.hpp"
#include "core/recovery/lifecycle.hpp"

namespace haven {
namespace {

struct Next {
  HandoverPhase phase;
  std::string why;
};

// Its run record, where it is of the claim's generation; nullptr: none, or the claim is closed.
const RunRecord* current_run(const View& view, const ResourceName& name) {
  const auto claim = view.claims.find(name);
  const auto run = view.runs.find(name);
  if (claim == view.claims.end() || run == view.runs.end() || claim_closed(view, name)) return nullptr;
  return run->second.value.generation == claim->second.value.generation ? &run->second.value : nullptr;
}

bool runs_well(const View& view, const ResourceName& name) {
  const RunRecord* run = current_run(view, name);
  return run != nullptr && run->state == RunState::running && !run->paused && !run->unsettled &&
         holds_member_key(view, run->host, run->incarnation);
}

bool is_well(const View& view, const ResourceName& name) {
  return runs_well(view, name) && current_run(view, name)->health.state != Health::ill;
}

bool is_well_for(const ControllerState& state, const View& view, const ResourceName& name, Duration span, Pass& pass) {
  const auto since = state.running_since.find(name);
  return is_well(view, name) && since != state.running_since.end() && pass.due(since->second + span);
}

// How long it takes to find a guest ill that never was well.
Duration time_to_find_ill(const Resource& resource) {
  Duration longest{};
  for (const GuestCheck& check : resource.checks) {
    const Duration round = check.interval + check.interval * kJitter / 100 + check.timeout;
    if (!by_network(check.kind)) longest = std::max(longest, check.grace + check.failures * round);
  }
  return longest;
}

// All of its checks have to pass. But while its links are down those that ask by the network stand still: where there
// are such, the others have the time to find it ill.
bool has_proved_itself(const ControllerState& state, const View& view, const Resource& successor, Pass& pass) {
  const RunRecord* run = current_run(view, successor.name);
  const Duration prove = successor.succession->prove;
  const bool by_network_too = std::ranges::any_of(successor.checks, by_network, &GuestCheck::kind);
  if (by_network_too)
    return is_well_for(state, view, successor.name, std::max(prove, time_to_find_ill(successor)), pass);
  return run != nullptr && is_ready(successor, run->health) && is_well_for(state, view, successor.name, prove, pass);
}

// It failed by itself, as often as its budget allows: a host's death is no failure of its own.
std::string failure_of(const View& view, const ResourceName& name) {
  const auto claim = view.claims.find(name);
  if (claim == view.claims.end()) return "";
  const auto run = view.runs.find(name);
  const RunRecord* ended = run != view.runs.end() && run->second.value.state == RunState::released &&
                                   run->second.value.generation == claim->second.value.generation
                               ? &run->second.value
                               : nullptr;
  const bool fell = ended != nullptr && (ended->end == EndReason::crashed || ended->end == EndReason::start_failed ||
                                         ended->end == EndReason::powered_off);
  const Attempts& attempts = claim->second.value.attempts;
  if (!fell && !attempts.failed && attempts.tried.empty()) return "";
  const std::string detail = ended != nullptr && !ended->detail.empty() ? ": " + ended->detail : "";
  return name.str() + " failed" + detail;
}

std::string illness_of(const View& view, const ResourceName& name) {
  const RunRecord* run = current_run(view, name);
  if (run == nullptr || run->health.state != Health::ill) return "";
  return name.str() + " is ill: " + run->health.why;
}

bool overdue(const ControllerState& state, const Replacement& r, Pass& pass) {
  const auto since = state.handover_since.find(r.successor.name);
  return since != state.handover_since.end() && since->second.first == r.record.phase &&
         pass.due(since->second.second + r.successor.succession->timeout);
}

std::string out_of_time(const Replacement& r, const char* what) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(r.successor.succession->timeout).count();
  return r.successor.name.str() + " " + what + " within " + std::to_string(seconds) + " s";
}

std::optional<Next> after_proving(const ControllerState& state, const View& view, const Replacement& r, Pass& pass) {
  const ResourceName& name = r.successor.name;
  if (std::string failed = failure_of(view, name); !failed.empty()) return Next{HandoverPhase::over, std::move(failed)};
  if (has_proved_itself(state, view, r.successor, pass)) return Next{HandoverPhase::handing, ""};
  if (overdue(state, r, pass)) return Next{HandoverPhase::over, out_of_time(r, "did not prove itself")};
  return std::nullopt;
}

bool serves(const View& view, const ResourceName& name) {
  const auto claim = view.claims.find(name);
  return claim != view.claims.end() && claim->second.value.links.up && runs_well(view, name) &&
         links_settled(view, name);
}

std::optional<Next> next_phase(const ControllerState& state, const View& view, const Replacement& r, Pass& pass) {
  const ResourceName& old = r.predecessor.name;
  const ResourceName& name = r.successor.name;
  switch (r.record.phase) {
    case HandoverPhase::proving:
      return after_proving(state, view, r, pass);
    case HandoverPhase::handing: {
      if (std::string failed = failure_of(view, name); !failed.empty())
        return Next{HandoverPhase::returning, std::move(failed)};
      if (serves(view, name)) return Next{HandoverPhase::settling, ""};
      if (overdue(state, r, pass)) return Next{HandoverPhase::returning, out_of_time(r, "did not get the links")};
      return std::nullopt;
    }
    case HandoverPhase::settling: {
      std::string trouble = failure_of(view, name);
      if (trouble.empty()) trouble = illness_of(view, name);
      if (!trouble.empty() && is_well(view, old)) return Next{HandoverPhase::returning, std::move(trouble)};
      if (is_well_for(state, view, name, r.successor.succession->settle, pass)) return Next{HandoverPhase::kept, ""};
      return std::nullopt;
    }
    case HandoverPhase::recalling:
      if (runs_well(view, old)) return Next{HandoverPhase::returning, r.record.why};
      if (overdue(state, r, pass)) return Next{HandoverPhase::kept, old.str() + " does not start any more"};
      return std::nullopt;
    case HandoverPhase::returning:
      return serves(view, old) ? std::optional(Next{HandoverPhase::over, r.record.why}) : std::nullopt;
    case HandoverPhase::kept:
    case HandoverPhase::over:
    case HandoverPhase::finishing:
      break;
  }
  return std::nullopt;
}

std::string told(const Replacement& r, HandoverPhase phase) {
  const std::string& old = r.predecessor.name.str();
  const std::string& name = r.successor.name.str();
  switch (phase) {
    case HandoverPhase::proving:
      return name + " is to prove itself";
    case HandoverPhase::handing:
      return name + " has proved itself: the links of " + old + " go over to it";
    case HandoverPhase::settling:
      return name + " serves; " + old + " runs on without links";
    case HandoverPhase::kept:
      return name + " serves; " + old + " is stopped and kept for a way back";
    case HandoverPhase::recalling:
      return old + " is started for the way back";
    case HandoverPhase::returning:
      return "the links go back to " + old;
    case HandoverPhase::over:
      return old + " serves; " + name + " is stopped";
    case HandoverPhase::finishing:
      return name + " serves for good; " + old + " is stopped";
  }
  return "";
}

JournalRecord journal_of(const Replacement& r, const Next& next, const SelfView& self, Now now) {
  JournalRecord journal;
  journal.at = now.wall;
  journal.by = self.host;
  journal.kind = JournalKind::replace;
  journal.resource = r.predecessor.name;
  journal.level = word(next.phase);
  journal.why = told(r, next.phase) + (next.why.empty() ? "" : ": " + next.why);
  return journal;
}

void write_phase(Commit& commit, const View& view, const Replacement& r, const Next& next, const SelfView& self,
                 Now now) {
  const std::string path = path::handover(r.successor.name);
  for (const std::string& rests_on : {path, path::kSpec, path::kFreeze})
    commit.checks.push_back({rests_on, view.mod_of(rests_on)});
  for (const ResourceName& name : {r.predecessor.name, r.successor.name})
    for (const std::string& rests_on : {path::claim(name), path::run(name)})
      commit.checks.push_back({rests_on, view.mod_of(rests_on)});
  commit.writes.push_back(
      {path, HandoverRecord{r.predecessor.name, r.successor.succession->asked, next.phase, next.why}, {}});
  commit.writes.push_back({path::kNewJournal, journal_of(r, next, self, now), {}});
}

HandoverPhase phase_of_way_back(HandoverPhase phase) {
  switch (phase) {
    case HandoverPhase::proving:
      return HandoverPhase::over;
    case HandoverPhase::handing:
      return HandoverPhase::returning;
    case HandoverPhase::settling:
    case HandoverPhase::kept:
      return HandoverPhase::recalling;
    case HandoverPhase::recalling:
    case HandoverPhase::returning:
    case HandoverPhase::over:
    case HandoverPhase::finishing:
      break;
  }
  return phase;
}

}  // namespace

std::optional<Replacement> replacement_of(const View& view, const ResourceName& resource) {
  if (view.spec() == nullptr || view.roster().successors.empty()) return std::nullopt;
  const Roster& roster = view.roster();
  for (const std::size_t index : roster.successors) {
    const Resource& successor = roster.spec->resources[index];
    const Resource& predecessor = *roster.resource(successor.succession->predecessor);
    if (successor.name != resource && predecessor.name != resource) continue;
    HandoverRecord record{predecessor.name, successor.succession->asked};
    const auto known = view.handovers.find(successor.name);
    if (known != view.handovers.end() && known->second.value.asked == record.asked &&
        known->second.value.predecessor == predecessor.name)
      record = known->second.value;
    return Replacement{predecessor, successor, std::move(record)};
  }
  return std::nullopt;
}

bool links_wanted(const View& view, const ResourceName& resource) {
  const auto r = replacement_of(view, resource);
  if (!r) return true;
  const bool is_successor = r->successor.name == resource;
  switch (r->record.phase) {
    case HandoverPhase::proving:
    case HandoverPhase::returning:
    case HandoverPhase::over:
      return !is_successor;
    case HandoverPhase::handing:
    case HandoverPhase::settling:
    case HandoverPhase::kept:
    case HandoverPhase::recalling:
    case HandoverPhase::finishing:
      break;
  }
  return is_successor;
}

bool stopped_by_replacement(const View& view, const ResourceName& resource) {
  const auto r = replacement_of(view, resource);
  if (!r) return false;
  const HandoverPhase phase = r->record.phase;
  if (r->predecessor.name == resource) return phase == HandoverPhase::kept || phase == HandoverPhase::finishing;
  if (phase == HandoverPhase::over) return true;
  if (!claim_closed(view, resource) || !view.claims.contains(resource)) return false;
  // What is about to be taken back need not start once more.
  const bool fell = !failure_of(view, resource).empty();
  return phase == HandoverPhase::returning || (fell && phase == HandoverPhase::proving) ||
         (fell && phase == HandoverPhase::settling && is_well(view, r->predecessor.name));
}

bool links_settled(const View& view, const ResourceName& resource) {
  const RunRecord* run = current_run(view, resource);
  return run != nullptr && run->links_turn == view.claims.at(resource).value.links.turn;
}

bool is_unlinked(const View& view, const ResourceName& resource) {
  const auto known = view.claims.find(resource);
  if (view.unreadable(resource)) return false;
  if (known == view.claims.end()) return true;  // its first claim says down
  const ClaimRecord& claim = known->second.value;
  if (claim.order == ClaimOrder::let_go) return !may_still_run(view, resource);
  if (claim.links.up || open_migration(view, resource) != nullptr) return false;
  if (claim_closed(view, resource) || mutation::link_early) return true;
  return !claim.migrating_to && links_settled(view, resource);
}

std::string replace_refusal(const View& view, const ResourceName& resource) {
  const Resource* known = view.roster().resource(resource);
  const std::string& name = resource.str();
  if (known == nullptr) return "there is no resource " + name;
  if (const auto r = replacement_of(view, resource))
    return r->successor.name.str() + " is replacing " + r->predecessor.name.str() + " already: haven replace " +
           r->predecessor.name.str() + " --back or --finish ends that";
  if (known->container) return name + " is a container: its links cannot be taken down while it runs";
  if (name.find('#') != std::string::npos) return name + " is one of several instances: those are not replaced";
  if (desired_state(view, *known) != DesiredState::started) return name + " is not to run: haven start " + name;
  if (!runs_well(view, resource)) return name + " does not run well just now";
  return "";
}

Spec spec_with_successor(const Spec& spec, Resource successor) {
  Spec next = spec;
  const ResourceName& old = successor.succession->predecessor;
  for (const Rule& rule : spec.rules) {
    if (std::find(rule.resources.begin(), rule.resources.end(), old) == rule.resources.end()) continue;
    Rule same = rule;
    std::replace(same.resources.begin(), same.resources.end(), old, successor.name);
    next.rules.push_back(std::move(same));
  }
  next.resources.push_back(std::move(successor));
  return next;
}

tl::expected<Spec, std::string> spec_after(const View& view, Spec spec, const ResourceName& resource) {
  const auto r = replacement_of(view, resource);
  if (!r) return tl::unexpected(resource.str() + " is not being replaced");
  const bool finished = r->record.phase == HandoverPhase::finishing;
  if (!finished && r->record.phase != HandoverPhase::over)
    return tl::unexpected("the replacement of " + r->predecessor.name.str() +
                          " has not ended: " + told(*r, r->record.phase));
  const ResourceName leaves = finished ? r->predecessor.name : r->successor.name;
  const ResourceName stays = finished ? r->successor.name : r->predecessor.name;
  if (!claim_closed(view, leaves) || open_migration(view, leaves) != nullptr)
    return tl::unexpected(leaves.str() + " has not stopped yet");
  // By which the operator's file still calls it.
  const Resource* leaving = spec.resource(leaves);
  const ResourceName in_file = leaving == nullptr || leaving->replaced.empty() ? leaves : leaving->replaced;
  std::erase_if(spec.resources, [&](const Resource& one) { return one.name == leaves; });
  std::erase_if(spec.rules, [&](const Rule& rule) {
    return std::find(rule.resources.begin(), rule.resources.end(), leaves) != rule.resources.end();
  });
  for (Resource& one : spec.resources) {
    std::replace(one.after.begin(), one.after.end(), leaves, stays);
    if (one.name != stays || !finished) continue;
    one.succession.reset();
    one.replaced = in_file;
  }
  return spec;
}

std::string replacement_under_way(const View& view) {
  for (const std::size_t index : view.roster().successors) {
    const ResourceName& name = view.spec()->resources[index].name;
    const auto r = replacement_of(view, name);
    if (!r || (r->record.phase == HandoverPhase::over && claim_closed(view, name))) continue;
    return name.str() + " is replacing " + r->predecessor.name.str() + " (" + told(*r, r->record.phase) + ")";
  }
  return "";
}

tl::expected<Commit, std::string> replacement_commit(const View& view, const OperatorAsked& asked, const SelfView& self,
                                                     Now now) {
  const auto r = replacement_of(view, asked.resource);
  if (!r)
    return tl::unexpected(asked.resource.str() + " is not being replaced: haven replace " + asked.resource.str() +
                          " --with NEW.xml begins it");
  const bool back = asked.verb == OperatorVerb::hand_back;
  const HandoverPhase phase = r->record.phase;
  HandoverPhase next = phase_of_way_back(phase);
  if (back && phase == HandoverPhase::finishing)
    return tl::unexpected(r->successor.name.str() + " serves for good already: there is no way back");
  const bool serves_now = phase == HandoverPhase::settling || phase == HandoverPhase::kept;
  if (!back && !serves_now && phase != HandoverPhase::finishing)
    return tl::unexpected("it cannot be for good now: " + told(*r, phase));
  if (!back) next = HandoverPhase::finishing;
  Commit commit;
  if (next == phase) return commit;
  write_phase(commit, view, *r, {next, "said by " + asked.by}, self, now);
  return commit;
}

void decide_replacements(const ControllerState& state, const View& view, const SelfView& self, Pass& pass) {
  for (const std::size_t index : view.roster().successors) {
    const ResourceName& name = view.spec()->resources[index].name;
    const auto r = replacement_of(view, name);
    if (!r || view.unreadable(name) || view.unreadable(r->predecessor.name)) continue;
    if (left_alone(view, name) || left_alone(view, r->predecessor.name)) continue;
    const auto next = next_phase(state, view, *r, pass);
    if (!next) continue;
    Commit commit;
    commit.lane = "handover/" + name.str();
    commit.timeout = kCommitTimeout;
    commit.checks.push_back({path::kLeader, view.mod_of(path::kLeader)});
    write_phase(commit, view, *r, *next, self, pass.now());
    pass.act(std::move(commit));
  }
}

const char* word(HandoverPhase phase) {
  switch (phase) {
    case HandoverPhase::proving:
      return "proving";
    case HandoverPhase::handing:
      return "handing";
    case HandoverPhase::settling:
      return "settling";
    case HandoverPhase::kept:
      return "kept";
    case HandoverPhase::recalling:
      return "recalling";
    case HandoverPhase::returning:
      return "returning";
    case HandoverPhase::over:
      return "over";
    case HandoverPhase::finishing:
      return "finishing";
  }
  return "";
}

}  // namespace haven

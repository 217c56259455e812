// What becomes of what the checks of a guest say (recovery/illness.hpp has the ladder).
//
// Each step is written before it is taken: under_way stands in the record until the step has ended, and whoever finds
// it there goes on with it, also a havend that has restarted meanwhile. So a command may run twice, a restart and a
// move cannot. A step is taken only where nothing else explains the illness and nobody has said that the guest is to
// be left alone: in touch with the engine (B1), its disk in reach, its network with its uplink if its checks ask by
// that, its host not out of service. What is frozen, stopped or being moved does not come here.
#include <algorithm>
#include <string>
#include <utility>

#include "core/executor_case.hpp"
#include "core/recovery/illness.hpp"
#include "core/recovery/maintenance.hpp"

namespace haven::acting {
namespace {

// An agent that does not answer yet is asked again after this; one that said no, after the longer time.
constexpr Duration kCallUpRetry = 5s;
constexpr Duration kCallUpAgain = 30s;
// A move that no host can take is waited for so long; then the next step may be taken.
constexpr Duration kFailoverPatience = 2min;
constexpr Duration kCallUpTimeout = 5min;

const Repair* under_way(const Case& c) {
  return c.run == nullptr ? nullptr : step_of(c.resource, c.run->health.under_way);
}

Duration wall_of(const Case& c) { return c.pass.now().mono.since_boot + c.host.wall_ahead; }

bool runs_by_record(const Case& c) {
  return c.run != nullptr && c.run->state == RunState::running && !c.run->paused && !c.run->unsettled;
}

bool needs_call_up(const Case& c) { return !c.run->health.called_up || (c.local.fresh && is_called_up(c.resource)); }

bool ours_to_run(const Case& c) {
  return c.claim != nullptr && c.claim->host == c.self.host && c.claim->incarnation == c.self.incarnation &&
         c.claim->order == ClaimOrder::run && !c.host.leaving && c.strain == Strain::none;
}

Attendance wanted(const Case& c) {
  const Local& l = c.local;
  const bool runs_well = l.domain == DomainCondition::running && !l.storage_lost && !is_sending(l);
  if (c.resource.checks.empty() || !ours_to_run(c) || !runs_by_record(c) || !runs_well) return Attendance::none;
  const Repair* step = under_way(c);
  if (needs_call_up(c) || (step != nullptr && step->remedy != Remedy::failover)) return Attendance::none;
  return l.uplink_lost || !c.claim->links.up ? Attendance::without_network : Attendance::full;
}

void write(const Case& c, HealthNote note) {
  if (!in_touch(c)) return;
  RunRecord run = *c.run;
  run.health = std::move(note);
  c.pass.act(run_commit(c, run));
}

std::string words_of(const Case& c, const Repair& step) {
  switch (step.remedy) {
    case Remedy::command:
      return "runs " + step.command.front() + " in the guest";
    case Remedy::application:
      return "restarts the application";
    case Remedy::restart:
      return c.run->health.hung ? "restarts the guest, which hangs" : "restarts the guest";
    case Remedy::failover:
      return "moves it to another host";
  }
  return "";
}

bool may_treat(const Case& c) {
  if (!in_touch(c) || c.local.storage_lost || in_maintenance(c.view, c.self.host)) return false;
  const bool network_is_out = c.local.uplink_lost && c.local.health && c.local.health->by_network;
  return !network_is_out;
}

void begin_step(const Case& c, int number) {
  const HealthNote& ill = c.run->health;
  RunRecord run = *c.run;
  run.health.treatments = standing_treatments(c.resource, ill, wall_of(c));
  run.health.treatments.push_back({number, c.pass.now().wall});
  run.health.under_way = number;
  Commit commit = run_commit(c, run);
  JournalRecord journal;
  journal.at = c.pass.now().wall;
  journal.by = c.self.host;
  journal.kind = JournalKind::repair;
  journal.resource = c.resource.name;
  journal.host = c.self.host;
  journal.level = std::to_string(number);
  journal.why = words_of(c, *step_of(c.resource, number)) + ": " + ill.why;
  commit.writes.push_back({path::kNewJournal, journal, {}});
  c.pass.act(std::move(commit));
}

// False: no step can be taken now.
bool escalate(const Case& c) {
  if (!may_treat(c)) return false;
  const int step = next_remedy(c.resource, c.run->health, wall_of(c), c.pass);
  if (step != 0) begin_step(c, step);
  return step != 0;
}

// The last TreatGuest was for the record as it stands, and has come back.
bool is_answered(const Case& c) {
  return !c.local.treat_in_flight && c.local.treat_result &&
         c.local.treat_for == c.view.mod_of(path::run(c.resource.name));
}

HealthNote with_step_ended(const Case& c) {
  HealthNote note = c.run->health;
  note.under_way = 0;
  note.state = Health::unknown;
  note.hung = false;
  note.why.clear();
  return note;
}

// A command of its ladder: it is over when it has come back, whatever it said; the checks are the judge.
void run_step(const Case& c, const Repair& step) {
  if (c.local.treat_in_flight) return;
  if (!is_answered(c)) {
    std::vector<GuestCommand> commands;
    const bool calls_up = step.remedy == Remedy::application;
    if (calls_up && !c.resource.before_serve.empty()) commands.push_back(c.resource.before_serve);
    commands.push_back(step.command);
    return c.pass.act(TreatGuest{c.resource.name, std::move(commands), calls_up, step.timeout});
  }
  HealthNote note = with_step_ended(c);
  const bool done = c.local.treat_result == CallResult::done;
  if (step.remedy == Remedy::application) note.called_up |= done;
  // Without checks nobody else would say that it is ill still.
  if (!done && c.resource.checks.empty()) {
    note.state = Health::ill;
    note.why = c.local.treat_message;
  }
  write(c, std::move(note));
}

// The controller moves it, as soon as a host can take it.
void await_failover(const Case& c) {
  const HealthNote& note = c.run->health;
  const auto& all = note.treatments;
  const auto asked =
      std::find_if(all.rbegin(), all.rend(), [&](const Treatment& t) { return t.step == note.under_way; });
  const Duration waited = asked == all.rend() ? kFailoverPatience : since(asked->at, wall_of(c));
  const bool recovered = c.local.health && c.local.health->state != Health::ill;
  if (!recovered && waited < kFailoverPatience) {
    (void)c.pass.due(c.pass.now().mono + (kFailoverPatience - waited));
    return;
  }
  HealthNote next = note;
  next.under_way = 0;
  write(c, std::move(next));
}

// Before its checks count: before_serve and serve.
void call_up(const Case& c) {
  const HealthNote& note = c.run->health;
  if (c.local.treat_in_flight) return;
  if (!is_called_up(c.resource)) {  // the file asks for nothing any more
    HealthNote next = with_step_ended(c);
    next.called_up = true;
    return write(c, std::move(next));
  }
  if (is_answered(c)) {
    if (c.local.treat_result == CallResult::done) {
      HealthNote next = with_step_ended(c);
      next.called_up = true;
      return write(c, std::move(next));
    }
    const bool said_no = c.local.treat_result == CallResult::failed;
    // Who had not come up at the last try may have since: only a try after the grace can tell.
    const bool early = c.local.here_since && c.local.treat_ended < *c.local.here_since + longest_grace(c.resource);
    const bool waits = !said_no && early;
    if (note.state != Health::ill && !waits) {
      HealthNote next = note;
      next.called_up = false;
      next.state = Health::ill;
      next.why = (c.resource.before_serve.empty() ? "serve: " : "before_serve: ") + c.local.treat_message;
      return write(c, std::move(next));
    }
    if (note.state == Health::ill && escalate(c)) return;
    if (!c.pass.due(c.local.treat_ended + (said_no ? kCallUpAgain : kCallUpRetry))) return;
  } else if (note.state == Health::ill) {
    // It was found so just now, or before this havend began.
    if (escalate(c) || (c.local.treat_result && !c.pass.due(c.local.treat_ended + kCallUpAgain))) return;
  }
  std::vector<GuestCommand> commands;
  for (const GuestCommand& command : {c.resource.before_serve, c.resource.serve})
    if (!command.empty()) commands.push_back(command);
  c.pass.act(TreatGuest{c.resource.name, std::move(commands), true, kCallUpTimeout});
}

}  // namespace

void keep_attendance(const Case& c) {
  const Attendance now = wanted(c);
  if (now == c.local.attended) return;
  const bool begins = c.local.attended == Attendance::none;
  c.pass.act(AttendGuest{c.resource.name, begins ? c.local.life + 1 : c.local.life, now});
}

bool is_restarting(const Case& c) {
  const Repair* step = under_way(c);
  return step != nullptr && step->remedy == Remedy::restart && c.run->state == RunState::running;
}

void end_to_restart(const Case& c) {
  if (!c.local.start_in_flight && in_touch(c)) end_in_order(c);
}

HealthNote note_of_start(const Case& c) {
  const auto known = c.view.runs.find(c.resource.name);
  HealthNote note;
  if (known != c.view.runs.end()) note = known->second.value.health;
  note.under_way = 0;
  if (present(c.local)) return note;  // it came here alive
  note.treatments = standing_treatments(c.resource, note, wall_of(c));
  return {.called_up = !is_called_up(c.resource), .treatments = std::move(note.treatments)};
}

bool record_health(const Case& c) {
  const std::optional<HealthSeen>& seen = c.local.health;
  if (!runs_by_record(c) || !seen) return true;
  const HealthNote& note = c.run->health;
  if (seen->state == note.state && seen->hung == note.hung) return true;
  HealthNote next = note;
  next.state = seen->state;
  next.hung = seen->hung;
  next.why = seen->why;
  write(c, std::move(next));
  return false;
}

void tend(const Case& c) {
  if (!runs_by_record(c) || c.local.domain != DomainCondition::running || c.local.storage_lost) return;
  const HealthNote& note = c.run->health;
  const bool cared_for = !c.resource.checks.empty() || is_called_up(c.resource);
  if (!cared_for) {
    // What stands there is of an older file.
    const bool clean = note.state == Health::unknown && note.called_up && note.under_way == 0;
    return clean ? void() : write(c, {.treatments = note.treatments});
  }
  if (note.under_way != 0) {
    const Repair* step = under_way(c);
    if (step == nullptr) return write(c, with_step_ended(c));
    return step->remedy == Remedy::failover ? await_failover(c) : run_step(c, *step);
  }
  if (needs_call_up(c)) return call_up(c);
  if (record_health(c) && c.local.health && note.state == Health::ill) (void)escalate(c);
}

}  // namespace haven::acting

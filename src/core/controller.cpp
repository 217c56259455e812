#include "core/controller.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/liveness/accusation.hpp"
#include "core/liveness/blast.hpp"
#include "core/liveness/hearing_alarms.hpp"
#include "core/liveness/hypervisors.hpp"
#include "core/liveness/promise_proof.hpp"
#include "core/liveness/storage_loss.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/claim_desk.hpp"
#include "core/recovery/gate.hpp"
#include "core/recovery/home.hpp"
#include "core/recovery/lifecycle.hpp"
#include "core/recovery/maintenance.hpp"
#include "core/recovery/sets.hpp"
#include "core/recovery/succession.hpp"
#include "core/recovery/uplink.hpp"
#include "core/report.hpp"

namespace haven {
namespace {

constexpr std::size_t kHouseWrites = 50;  // and as many again of the journal

bool holds_office(const ControllerState& state, const View& view, const SelfView& self) {
  return state.reign && view.leader && view.leader->value.reign == *state.reign && view.leader->value.host == self.host;
}

void fold_office(ControllerState& state, const View& view, const SelfView& self, Now now) {
  if (state.reign && !holds_office(state, view, self)) {
    // Deposed: what this reign began is its successor's to finish (F7); the node kills the agents.
    state.reign.reset();
    state.fences.clear();
    state.accused.clear();
    state.unheard.clear();
    state.exhausted.clear();
    state.cut_short.clear();
    state.promise_counts.clear();
    state.deposed.push_back(now.mono);
  }
  std::erase_if(state.deposed, [&](Instant at) { return now.mono - at > kDeposedPause + kDeposedWindow; });
  if (view.leader)
    state.vacant_since.reset();
  else if (!state.vacant_since)
    state.vacant_since = now.mono;
}

// Remembers when what was first seen; forgets what is no more.
template <class Map, class Key>
void note_since(Map& since, const Key& key, bool holds, Instant now) {
  if (holds)
    since.try_emplace(key, now);
  else
    since.erase(key);
}

void fold_resource(ControllerState& state, const View& view, const ResourceName& name, Instant now) {
  const auto claim = view.claims.find(name);
  if (claim == view.claims.end()) return;
  note_since(state.failed_since, name, claim->second.value.attempts.failed, now);
  const auto run = view.runs.find(name);
  const bool runs = run != view.runs.end() && run->second.value.state == RunState::running &&
                    run->second.value.generation == claim->second.value.generation && !claim_closed(view, name);
  note_since(state.running_since, name, runs, now);
  if (run != view.runs.end() && run->second.value.stayed != Generation{}) {
    const Generation stayed = run->second.value.stayed;
    if (const auto known = state.stayed_since.find(name);
        known == state.stayed_since.end() || known->second.first != stayed)
      state.stayed_since[name] = {stayed, now};
  }
  // Counted while it has its uplink elsewhere: an outage for all ends on one host after the other, and whoever is first
  // must not draw the others' guests to it.
  const bool cut_off =
      runs && uplink_lost(view, claim->second.value.host, name) && !uplink_refusals(view, name).empty();
  note_since(state.uplink_lost_since, name, cut_off, now);
}

void fold_replacements(ControllerState& state, const View& view, Instant now) {
  std::erase_if(state.handover_since, [&](const auto& known) {
    const Resource* resource = view.roster().resource(known.first);
    return resource == nullptr || !resource->succession;
  });
  for (const std::size_t index : view.roster().successors) {
    const ResourceName& name = view.spec()->resources[index].name;
    const HandoverPhase phase = replacement_of(view, name)->record.phase;
    const auto [known, fresh] = state.handover_since.try_emplace(name, phase, now);
    if (!fresh && known->second.first != phase) known->second = {phase, now};
  }
}

void fold_hosts(ControllerState& state, const View& view, Instant now) {
  fold_losses(state.losses, state.seen, view, now);
  fold_dawn(state.dawn, view, now);
  fold_calms(state.calms, view, now);
  for (const auto& host : view.spec()->hosts)
    note_since(state.up_since, host.name, member_of(view, host.name) != nullptr, now);
  for (const auto& [name, claim] : view.claims) fold_resource(state, view, name, now);
}

// A new boot ends all agents before it is admitted (F8); so does a change of the devices that they were called for, and
// the operator's word that the host is frozen.
bool run_goes_on(const FenceRun& run, const View& view, const HostBoot& boot) {
  const auto fence = view.fences.find(boot);
  const Host* host = view.roster().host(boot.first);
  const MemberRecord* member = member_of(view, boot.first);
  if (fence == view.fences.end() || host == nullptr || host->fence != run.devices) return false;
  if (member != nullptr && member->incarnation != boot.second) return false;
  if (fence->second.value.power_on) return true;
  switch (fence->second.value.state) {
    case FenceState::intent:
    case FenceState::shooting:
      return !frozen_host(view, boot.first);
    case FenceState::failed:
    case FenceState::proved:
      break;
  }
  return false;
}

// Also what a predecessor proved and could not switch on any more (F7, F9).
void begin_power_ons(ControllerState& state, const View& view, Instant now) {
  for (const auto& [boot, fence] : view.fences) {
    const Host* host = view.roster().host(boot.first);
    if (!fence.value.power_on || host == nullptr) continue;
    const auto [run, is_new] = state.fences.try_emplace(boot, begin_test(*host, fence.value.level, now));
    const bool begun = run->second.phase == FencePhase::power_on || run->second.phase == FencePhase::finished;
    if (!begun && (!is_new || run->second.phase != FencePhase::exhausted)) begin_power_on(run->second, now);
  }
}

void fold_fences(ControllerState& state, const View& view, Instant now) {
  if (!state.reign) return;
  for (const auto& [boot, fence] : view.fences) {
    const bool ours = fence.value.reign == *state.reign;
    note_since(state.accused, boot, ours && fence.value.state == FenceState::intent, now);
    note_since(state.exhausted, boot, ours && fence.value.state == FenceState::failed, now);
  }
  const auto gone = [&](const auto& e) { return !view.fences.contains(e.first); };
  std::erase_if(state.accused, gone);
  std::erase_if(state.unheard, [&](const HostBoot& boot) { return !view.fences.contains(boot); });
  std::erase_if(state.exhausted, gone);
  std::erase_if(state.cut_short, [&](const auto& cut) { return now >= cut.second + kAgentTimeout; });
  for (auto it = state.fences.begin(); it != state.fences.end();)
    it = run_goes_on(it->second, view, it->first) ? std::next(it) : state.fences.erase(it);
  for (auto& [boot, run] : state.fences) {
    const Host& host = *view.roster().host(boot.first);
    if (view.fences.at(boot).value.state == FenceState::shooting)
      block_levels(run, host, blocked_levels(view, host), now);
  }
  begin_power_ons(state, view, now);
  forget_counts(state, view);
}

// Twice deposed within the window: somebody else, as long as there is somebody (R3).
bool backs_off(const ControllerState& state, const View& view, const SelfView& self, Pass& pass) {
  const auto& deposed = state.deposed;
  if (deposed.size() < 2 || deposed.back() - deposed[deposed.size() - 2] > kDeposedWindow) return false;
  if (pass.due(deposed.back() + kDeposedPause)) return false;
  const bool others = std::any_of(view.members.begin(), view.members.end(), [&](const auto& member) {
    const Incarnation& boot = member.second.value.incarnation;
    return member.first != self.host && !proved_dead(view, member.first, boot) &&
           !suspected_silent(state.silences, member.first, boot);
  });
  if (!others && !view.leader) return false;
  return view.leader || !state.vacant_since || !pass.due(*state.vacant_since + kOfficeVacant);
}

// The key may be taken: it is gone, its holder is suspected (R3), or it is our own boot's and not our reign's, for a
// reply was lost, or havend was restarted.
bool office_free(const ControllerState& state, const View& view, const SelfView& self) {
  if (!view.leader) return true;
  const LeaderRecord& leader = view.leader->value;
  if (leader.host == self.host && leader.incarnation == self.incarnation) return true;
  return suspected_silent(state.silences, leader.host, leader.incarnation);
}

void take_office(const ControllerState& state, const View& view, const SelfView& self, const Reign& new_reign,
                 Pass& pass) {
  if (!office_free(state, view, self) || view.unreadable(path::kLeader) || backs_off(state, view, self, pass)) return;
  const auto away = view.away.find(self.host);
  if (away != view.away.end()) return;
  Commit commit;
  commit.lane = "leader";
  commit.timeout = view.leader ? kUrgentTimeout : kCommitTimeout;
  commit.checks = {{path::kLeader, view.mod_of(path::kLeader)},
                   {path::member(self.host), view.mod_of(path::member(self.host))}};
  commit.writes = {{path::kLeader, LeaderRecord{new_reign, self.host, self.incarnation}, self.lease}};
  pass.act(std::move(commit));
}

std::string wording(const Unplaced& unplaced) {
  std::string text = unplaced.why;
  for (const auto& refusal : unplaced.refusals) text += "; " + refusal.host.str() + ": " + refusal.reason;
  return text;
}

struct Waiting {
  std::vector<Unplaced> news;  // not journaled yet, or for another reason
};

void note_unplaced(const ControllerState& state, Unplaced unplaced, Waiting& waiting) {
  if (unplaced.refusals.empty() && !unplaced.held) return;
  const auto said = state.said_waiting.find(unplaced.resource);
  if (said == state.said_waiting.end() || said->second != wording(unplaced))
    waiting.news.push_back(std::move(unplaced));
}

JournalRecord journal_of(const Unplaced& unplaced, const SelfView& self, Now now) {
  JournalRecord record;
  record.at = now.wall;
  record.by = self.host;
  record.kind = JournalKind::place_failed;
  record.resource = unplaced.resource;
  record.why = unplaced.why;
  for (const auto& refusal : unplaced.refusals) record.reasons.push_back({refusal.host, refusal.reason});
  return record;
}

JournalRecord journal_of(const Alarm& alarm, const SelfView& self, Now now) {
  JournalRecord record;
  record.at = now.wall;
  record.by = self.host;
  record.kind = JournalKind::alarm;
  record.host = alarm.host;
  record.resource = alarm.resource;
  record.level = alarm.key;
  record.why = alarm.text;
  return record;
}

// Its end, which names what has ended.
JournalRecord journal_of_end(const JournalRecord& said, const SelfView& self, Now now) {
  JournalRecord record = said;
  record.at = now.wall;
  record.by = self.host;
  record.kind = JournalKind::cleared;
  return record;
}

// What could not be placed, new alarms and the ends of old ones: said once. The lane's commit is remembered as said
// when it is committed.
void decide_journal(const ControllerState& state, const View& view, const SelfView& self, const Waiting& waiting,
                    Pass& pass) {
  Commit commit;
  commit.lane = "journal";
  commit.timeout = kCommitTimeout;
  commit.checks = {{path::kLeader, view.mod_of(path::kLeader)}};
  for (const auto& news : waiting.news) {
    if (commit.writes.size() >= kMaxWrites) break;
    commit.writes.push_back({path::kNewJournal, journal_of(news, self, pass.now()), {}});
  }
  std::vector<Alarm> alarms = alarms_of(view);
  alarms.insert(alarms.end(), state.hearing_alarms.begin(), state.hearing_alarms.end());
  for (const auto& alarm : alarms) {
    if (state.said_alarms.contains(alarm.key) || commit.writes.size() >= kMaxWrites) continue;
    commit.writes.push_back({path::kNewJournal, journal_of(alarm, self, pass.now()), {}});
  }
  for (const auto& [key, said] : state.said_alarms) {
    if (!said.gone_since || !pass.due(*said.gone_since + kAlarmEnded) || commit.writes.size() >= kMaxWrites) continue;
    commit.writes.push_back({path::kNewJournal, journal_of_end(said.entry, self, pass.now()), {}});
  }
  if (!commit.writes.empty()) pass.act(std::move(commit));
}

bool named_anywhere(const View& view, const HostBoot& boot) {
  const auto is_boot = [&](const HostName& h, const Incarnation& i) { return h == boot.first && i == boot.second; };
  for (const auto& [name, claim] : view.claims)
    if (is_boot(claim.value.host, claim.value.incarnation) ||
        (claim.value.migrating_to && is_boot(claim.value.migrating_to->host, claim.value.migrating_to->incarnation)))
      return true;
  if (holds_member_key(view, boot.first, boot.second)) return true;
  const auto promise = view.promises.find(boot.first);
  if (promise != view.promises.end() && promise->second.value.incarnation == boot.second) return true;
  const auto status = view.status.find(boot.first);
  return status != view.status.end() && status->second.value.incarnation == boot.second;
}

// By what this host's machine is to be known from now on; nothing: as it is.
std::optional<MachineRecord> machine_to_record(const View& view, const HostName& host, const MemberRecord& member) {
  const Host* known = view.roster().host(host);
  if (known == nullptr || !member.machine.complete()) return std::nullopt;
  MachineRecord next{member.machine, {}};
  const auto machine = view.machines.find(host);
  const bool recorded = machine != view.machines.end();
  if (recorded && machine->second.value.machine == member.machine) next.domain = machine->second.value.domain;
  if (const auto domain = known->runs_on.empty() ? std::nullopt : reported_domain(view, host)) next.domain = *domain;
  if ((recorded && machine->second.value == next) || !host_refusal(view, *known).empty()) return std::nullopt;
  return next;
}

// Old proofs that nothing names (F1), answers to intents that are gone, the oldest journal entries, what the machine
// of a host looks like, claims of resources that left the file.
void keep_house(const View& view, Pass& pass) {
  Commit commit;
  commit.lane = "house";
  commit.timeout = kCommitTimeout;
  const auto write = [&](const std::string& path, std::optional<Record> value) {
    if (commit.writes.size() >= kHouseWrites || commit.checks.size() >= kHouseWrites) return;
    commit.checks.push_back({path, view.mod_of(path)});
    commit.writes.push_back({path, std::move(value), {}});
  };
  for (const auto& [host, member] : view.members) {
    const auto next = machine_to_record(view, host, member.value);
    if (!next) continue;
    commit.checks.push_back({path::member(host), member.mod});
    write(path::machine(host), *next);
  }
  const std::int64_t kept_ms = std::chrono::duration_cast<std::chrono::milliseconds>(kProofKept).count();
  for (const auto& [boot, fence] : view.fences) {
    const bool old = pass.now().wall.unix_ms - fence.value.at.unix_ms > kept_ms;
    if (fence.value.state == FenceState::proved && old && !named_anywhere(view, boot))
      write(path::fence(boot.first, boot.second), std::nullopt);
  }
  for (const auto& [boot, answer] : view.answers)
    if (!view.fences.contains(boot)) write(path::answer(boot.first, boot.second), std::nullopt);
  for (const auto& [name, claim] : view.claims) {
    if (view.roster().resource(name) != nullptr || claim.value.order == ClaimOrder::let_go) continue;
    if (view.unreadable(path::run(name))) continue;
    // Kept, so that its generations never begin again.
    ClaimRecord let_go = claim.value;
    let_go.order = ClaimOrder::let_go;
    write(path::claim(name), let_go);
  }
  for (const auto& [name, order] : view.orders)
    if (view.roster().resource(name) == nullptr) write(path::order(name), std::nullopt);
  for (const auto& [host, load] : view.loads)
    if (view.roster().host(host) == nullptr) write(path::load(host), std::nullopt);
  for (const auto& [successor, handover] : view.handovers) {
    const Resource* resource = view.roster().resource(successor);
    if (resource == nullptr || !resource->succession) write(path::handover(successor), std::nullopt);
  }
  if (view.journal.size() > kJournalKept + kJournalStep) {
    auto entry = view.journal.begin();
    for (std::size_t i = 0; i < kHouseWrites; ++i, ++entry) commit.writes.push_back({entry->first, std::nullopt, {}});
  }
  if (commit.writes.empty()) return;
  for (const auto& path : {path::kLeader, path::kSpec}) commit.checks.push_back({path, view.mod_of(path)});
  pass.act(std::move(commit));
}

// What standing records about hosts have lasted long enough.
void keep_standings(const ControllerState& state, const View& view, Pass& pass) {
  Commit commit;
  commit.lane = "standings";
  commit.timeout = kCommitTimeout;
  end_quarantines(state.calms, view, commit, pass);
  tidy_maintenance(view, commit);
  const Instant over = dawn_over_from(state.dawn, view);
  if (over != kNever && pass.due(over)) {
    commit.checks.push_back({path::kDawn, view.mod_of(path::kDawn)});
    commit.writes.push_back({path::kDawn, std::nullopt, {}});
  }
  if (commit.writes.empty()) return;
  for (const auto& path : {path::kLeader, path::kSpec, path::kFreeze})
    commit.checks.push_back({path, view.mod_of(path)});
  pass.act(std::move(commit));
}

void remember_said(ControllerState& state, const JournalRecord& record) {
  if (record.kind == JournalKind::alarm) state.said_alarms[record.level] = {record, std::nullopt};
  if (record.kind == JournalKind::cleared) state.said_alarms.erase(record.level);
  if (record.kind != JournalKind::place_failed) return;
  Unplaced said{record.resource, {}, record.why};
  for (const auto& reason : record.reasons) said.refusals.push_back({reason.host, reason.reason});
  state.said_waiting[record.resource] = wording(said);
}

void fold_alarms(ControllerState& state, const View& view, Instant now) {
  if (state.said_alarms.empty()) return;
  std::set<std::string> standing;
  for (const auto& alarm : alarms_of(view)) standing.insert(alarm.key);
  for (const auto& alarm : state.hearing_alarms) standing.insert(alarm.key);
  for (auto& [key, said] : state.said_alarms) {
    if (standing.contains(key))
      said.gone_since.reset();
    else if (!said.gone_since)
      said.gone_since = now;
  }
}

// What earlier reigns said stands until somebody says that it has ended.
void begin_reign(ControllerState& state, const View& view, const Reign& reign, Instant now) {
  state.reign = reign;
  state.reign_since = now;
  state.said_alarms.clear();
  for (auto& [key, record] : alarms_said(view)) state.said_alarms[key] = {record, std::nullopt};
}

}  // namespace

void observe_view(ControllerState& state, const View& view, const SelfView& self, const Touched& touched, Now now) {
  fold_office(state, view, self, now);
  if (view.spec() == nullptr) return;
  const bool of_hosts = touched.all || touched.leader || !touched.hosts.empty();
  if (of_hosts) {
    fold_hosts(state, view, now.mono);
    fold_fences(state, view, now.mono);
  }
  fold_silences(state.silences, view, self.host, now.mono);
  for (const ResourceName& name : touched.resources) fold_resource(state, view, name, now.mono);
  if (of_hosts || !touched.resources.empty()) fold_gates(state, view, now.mono);
  if (touched.all) fold_replacements(state, view, now.mono);
  // Whether another host could run what this one has lost the storage of depends on everything.
  for (const auto& host : view.spec()->hosts)
    note_since(state.storage_charged_since, host.name, !storage_charge(view, host.name).empty(), now.mono);
  // What runs waits for nothing, but for a host that it could leave for.
  std::erase_if(state.said_waiting, [&](const auto& said) {
    if (claim_closed(view, said.first)) return false;
    const ClaimRecord& claim = view.claims.at(said.first).value;
    return !in_maintenance(view, claim.host) && !shuts_down(view, claim.host, claim.incarnation);
  });
  fold_links(state.lost_links, view, now.mono);
  fold_witness(state.silent_witness, view, now.mono);
  if (of_hosts || !touched.resources.empty()) fold_alarms(state, view, now.mono);
}

void observe_loads(ControllerState& state, const View& view, Instant now) {
  std::erase_if(state.loads_since, [&](const auto& known) {
    const auto load = view.loads.find(known.first);
    return load == view.loads.end() || load->second.value.incarnation != known.second.first;
  });
  for (const auto& [host, load] : view.loads) state.loads_since.try_emplace(host, load.value.incarnation, now);
}

void observe_hearing(ControllerState& state, const View& view, std::vector<Alarm> alarms, Instant now) {
  const auto same_key = [](const Alarm& a, const Alarm& b) { return a.key == b.key; };
  const bool same =
      std::equal(alarms.begin(), alarms.end(), state.hearing_alarms.begin(), state.hearing_alarms.end(), same_key);
  state.hearing_alarms = std::move(alarms);
  if (!same) fold_alarms(state, view, now);
}

bool concerns_controller(const ControllerState& state, const View& view, const SelfView& self, const Touched& touched) {
  if (touched.all || touched.leader || !view.leader || !state.silences.empty()) return true;
  const bool anything = !touched.hosts.empty() || !touched.resources.empty();
  const bool overflows = touched.journal && view.journal.size() > kJournalKept + kJournalStep;
  if (holds_office(state, view, self)) return anything || overflows;
  // Who stands how bears on who may take the office, and on what this host says of those that it hears.
  return !touched.hosts.empty();
}

void observe_commit(ControllerState& state, const View& view, const SelfView& self, const CommitEnded& ended, Now now) {
  if (ended.outcome != CommitOutcome::committed) return observe_fence_failure(state, ended);
  for (const auto& write : ended.commit.writes) {
    if (!write.value) continue;
    if (const auto* leader = std::get_if<LeaderRecord>(&*write.value))
      begin_reign(state, view, leader->reign, now.mono);
    if (const auto* journal = std::get_if<JournalRecord>(&*write.value)) remember_said(state, *journal);
  }
  observe_fence_commit(state, view, self, ended, now);
}

void observe_agent(ControllerState& state, const View& view, const AgentEnded& ended, Now now) {
  // It was killed as well, by the clock.
  if (ended.run.verb == AgentVerb::off && ended.result == AgentResult::timed_out)
    state.cut_short[{ended.run.host, ended.run.incarnation}] = now.mono;
  const auto run = state.fences.find({ended.run.host, ended.run.incarnation});
  const Host* host = view.spec() == nullptr ? nullptr : view.roster().host(ended.run.host);
  if (run == state.fences.end() || host == nullptr) return;
  fold_answer(run->second, *host, ended, now.mono);
}

bool reigns(const ControllerState& state, const View& view, const SelfView& self, Now now) {
  return holds_office(state, view, self) && self.registered && now.mono < self.lease_until;
}

void decide(const ControllerState& state, const View& view, const SelfView& self, ClaimDesk& desk,
            const Reign& new_reign, Pass& pass) {
  // Not by due(): whoever calls this knows when the lease runs out, and it is renewed many times before.
  const bool in_touch = self.watching && self.registered && pass.now().mono < self.lease_until;
  if (!view.listed() || !in_touch) return;
  // What cannot be read may forbid anything: nothing is decided until it can.
  if (view.spec() == nullptr || view.unreadable(path::kSpec) || view.unreadable(path::kLeader)) return;
  if (!holds_office(state, view, self)) {
    desk.resign();
    return take_office(state, view, self, new_reign, pass);
  }
  if (frozen(view)) return;
  decide_fences(state, view, self, pass);
  decide_calendars(state.clock, view, pass);
  decide_replacements(state, view, self, pass);
  std::vector<Unplaced> unplaced;
  desk.decide(state, view, self, pass, unplaced);
  Waiting waiting;
  for (Unplaced& one : unplaced) note_unplaced(state, std::move(one), waiting);
  decide_journal(state, view, self, waiting, pass);
  keep_standings(state, view, pass);
  keep_house(view, pass);
  bury_promises(view, pass);
}

}  // namespace haven

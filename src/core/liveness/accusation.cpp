#include "core/liveness/accusation.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/liveness/charge.hpp"
#include "core/liveness/storage_loss.hpp"

namespace haven {
namespace {

Commit fence_commit(const View& view, const HostBoot& boot) {
  Commit commit;
  commit.lane = "fence/" + boot.first.str() + "/" + boot.second.str();
  commit.timeout = kUrgentTimeout;
  for (const auto& path : {path::kLeader, path::kSpec, path::fence(boot.first, boot.second)})
    commit.checks.push_back({path, view.mod_of(path)});
  return commit;
}

void check_absent(Commit& commit, const std::string& path) { commit.checks.push_back({path, Revision{}}); }
void check_as_seen(Commit& commit, const View& view, const std::string& path) {
  commit.checks.push_back({path, view.mod_of(path)});
}

JournalRecord entry(const SelfView& self, Now now, JournalKind kind, const HostName& host, std::string why) {
  JournalRecord record;
  record.at = now.wall;
  record.by = self.host;
  record.kind = kind;
  record.host = host;
  record.why = std::move(why);
  return record;
}

void add_fence(Commit& commit, const HostBoot& boot, FenceRecord fence, Now now) {
  fence.at = now.wall;
  commit.writes.push_back({path::fence(boot.first, boot.second), fence, {}});
}
void add_journal(Commit& commit, JournalRecord record) {
  commit.writes.push_back({path::kNewJournal, std::move(record), {}});
}

// ---- the intent ----

void accuse(const View& view, const SelfView& self, const HostBoot& boot, FenceReason reason, std::string why,
            const Reign& reign, Pass& pass) {
  Commit commit = fence_commit(view, boot);
  const std::string answer = path::answer(boot.first, boot.second);
  for (const auto& path : {path::status(boot.first), path::away(boot.first), answer}) check_as_seen(commit, view, path);
  // A word from before the intent answers nothing.
  if (view.mod_of(answer) != Revision{}) commit.writes.push_back({answer, std::nullopt, {}});
  check_as_seen(commit, view, path::member(boot.first));
  FenceRecord fence;
  fence.reign = reign;
  fence.reason = reason;
  add_fence(commit, boot, fence, pass.now());
  add_journal(commit, entry(self, pass.now(), JournalKind::intent, boot.first, std::move(why)));
  pass.act(std::move(commit));
}

void accuse_the_lost(const ControllerState& state, const View& view, const SelfView& self, Pass& pass) {
  for (const auto& [host, loss] : state.losses) {
    const HostBoot boot{host, loss.incarnation};
    if (view.fences.contains(boot) || view.unreadable(path::fence(host, loss.incarnation))) continue;
    if (view.unreadable(path::member(host)) || view.unreadable(path::away(host))) continue;
    if (!loss_counts(state, view, self, boot, pass)) continue;
    accuse(view, self, boot, FenceReason::lost_lease, "its lease is gone", *state.reign, pass);
  }
}

void accuse_the_silent(const ControllerState& state, const View& view, const SelfView& self, Pass& pass) {
  for (const auto& [host, silence] : state.silences) {
    const HostBoot boot{host, silence.incarnation};
    if (view.fences.contains(boot) || view.unreadable(path::fence(host, silence.incarnation))) continue;
    if (view.unreadable(path::member(host)) || view.unreadable(path::away(host))) continue;
    if (!silence_counts(state, view, boot, pass)) continue;
    accuse(view, self, boot, FenceReason::silent, "a majority does not hear it any more", *state.reign, pass);
  }
}

// B2: a resource that cannot be stopped, and whose file says that the host is to pay for it.
void accuse_the_stuck(const ControllerState& state, const View& view, const SelfView& self, Pass& pass) {
  for (const auto& [name, run] : view.runs) {
    const Resource* resource = view.spec()->resource(name);
    if (!run.value.stop_failed || resource == nullptr || resource->on_stop_fail != OnStopFail::fence) continue;
    const HostBoot boot{run.value.host, run.value.incarnation};
    const MemberRecord* member = member_of(view, boot.first);
    if (claim_closed(view, name) || member == nullptr || member->incarnation != boot.second) continue;
    if (view.fences.contains(boot)) continue;
    accuse(view, self, boot, FenceReason::stop_failed, name.str() + " cannot be stopped there", *state.reign, pass);
    return;  // one host at a time
  }
}

// C7: a living host whose guests stand still for a disk that another host reads.
void accuse_the_cut_off(const ControllerState& state, const View& view, const SelfView& self, Pass& pass) {
  for (const auto& [host, since] : state.storage_charged_since) {
    const MemberRecord* member = member_of(view, host);
    if (member == nullptr || view.fences.contains({host, member->incarnation})) continue;
    if (!pass.due(since + kStorageLostPatience)) continue;
    const std::string charge = storage_charge(view, host);
    if (charge.empty()) continue;
    accuse(view, self, {host, member->incarnation}, FenceReason::storage_lost, charge, *state.reign, pass);
    return;  // one host at a time
  }
}

// ---- the course of one fence ----

void withdraw(const View& view, const SelfView& self, const HostBoot& boot, Pass& pass) {
  Commit commit = fence_commit(view, boot);
  check_as_seen(commit, view, path::answer(boot.first, boot.second));
  commit.writes.push_back({path::fence(boot.first, boot.second), std::nullopt, {}});
  commit.writes.push_back({path::answer(boot.first, boot.second), std::nullopt, {}});
  add_journal(commit, entry(self, pass.now(), JournalKind::withdrawn, boot.first,
                            "it answered, or what it was accused of has passed"));
  pass.act(std::move(commit));
}

// Ends the grace, or begins another round: committed only if no answer and no registration came in between.
void shoot(const View& view, const HostBoot& boot, const FenceRecord& fence, Pass& pass) {
  Commit commit = fence_commit(view, boot);
  if (answerable(fence.reason)) {
    check_absent(commit, path::answer(boot.first, boot.second));
    check_as_seen(commit, view, path::member(boot.first));
  }
  FenceRecord next = fence;
  next.state = FenceState::shooting;
  add_fence(commit, boot, next, pass.now());
  pass.act(std::move(commit));
}

// A successor makes an intent its own; the accused must answer anew (F7).
void inherit(const View& view, const HostBoot& boot, const FenceRecord& fence, const Reign& reign, Pass& pass) {
  Commit commit = fence_commit(view, boot);
  check_as_seen(commit, view, path::answer(boot.first, boot.second));
  FenceRecord next = fence;
  next.reign = reign;
  next.state = FenceState::intent;
  add_fence(commit, boot, next, pass.now());
  if (view.answers.contains(boot)) commit.writes.push_back({path::answer(boot.first, boot.second), std::nullopt, {}});
  pass.act(std::move(commit));
}

// Every boot of this host that something still names: its power was off, so all of them are dead.
std::vector<HostBoot> boots_behind(const View& view, const HostBoot& boot) {
  std::vector<HostBoot> boots{boot};
  const auto add = [&](const HostBoot& other) {
    if (other.first == boot.first && !proved_dead(view, other.first, other.second) &&
        std::find(boots.begin(), boots.end(), other) == boots.end())
      boots.push_back(other);
  };
  for (const auto& [other, fence] : view.fences) add(other);
  for (const auto& [name, claim] : view.claims)
    if (!claim_closed(view, name)) add({claim.value.host, claim.value.incarnation});
  return boots;
}

void prove_by_power(const View& view, const SelfView& self, const HostBoot& boot, const FenceRecord& fence, int level,
                    Pass& pass) {
  Commit commit = fence_commit(view, boot);
  // A new boot that registered meanwhile is another matter: it is proved by its return, or judged anew.
  check_as_seen(commit, view, path::member(boot.first));
  for (const auto& dead : boots_behind(view, boot)) {
    if (dead != boot) check_as_seen(commit, view, path::fence(dead.first, dead.second));
    const MemberRecord* member = member_of(view, dead.first);
    if (dead != boot && member != nullptr && member->incarnation == dead.second) continue;
    FenceRecord proof = fence;
    proof.state = FenceState::proved;
    proof.proof = ProofKind::level;
    proof.level = level;
    add_fence(commit, dead, proof, pass.now());
  }
  // A lease may outlive its host by its whole time: nothing is placed there, and no new boot waits for it.
  if (const MemberRecord* member = member_of(view, boot.first); member != nullptr && member->incarnation == boot.second)
    commit.writes.push_back({path::member(boot.first), std::nullopt, {}});
  JournalRecord journal = entry(self, pass.now(), JournalKind::fenced, boot.first, "its power is off, asked twice");
  journal.level = std::to_string(level);
  add_journal(commit, std::move(journal));
  pass.act(std::move(commit));
}

void record_exhausted(const View& view, const HostBoot& boot, const FenceRecord& fence, Pass& pass) {
  Commit commit = fence_commit(view, boot);
  FenceRecord next = fence;
  next.state = FenceState::failed;
  next.attempts += 1;
  add_fence(commit, boot, next, pass.now());
  pass.act(std::move(commit));
}

Duration retry_delay(int attempts) {
  return std::min(kFenceRetryLimit, kFenceRetry * (1 << std::clamp(attempts - 1, 0, 8)));
}

void run_agents(const FenceRun& run, const View& view, const SelfView& self, const HostBoot& boot,
                const FenceRecord& fence, Pass& pass) {
  const Host* host = view.spec()->host(boot.first);
  if (host == nullptr) return;
  switch (run.phase) {
    case FencePhase::proved:
      return prove_by_power(view, self, boot, fence, levels_of(*host).at(run.level), pass);
    case FencePhase::exhausted:
      return record_exhausted(view, boot, fence, pass);
    case FencePhase::finished:
      return;
    case FencePhase::off:
    case FencePhase::first_status:
    case FencePhase::second_status:
    case FencePhase::power_on:
      break;
  }
  if (!pass.due(run.round_from)) return;
  for (auto& call : wanted_calls(run, *host, boot.second)) pass.act(std::move(call));
}

// Something is still to stop on this boot and cannot be stopped (B2).
bool stuck(const View& view, const HostBoot& boot) {
  return std::any_of(view.runs.begin(), view.runs.end(), [&](const auto& run) {
    return run.second.value.stop_failed && run.second.value.host == boot.first &&
           run.second.value.incarnation == boot.second && !claim_closed(view, run.first);
  });
}

// What the boot is accused of has been answered, or has passed.
bool is_cleared(const View& view, const SelfView& self, const HostBoot& boot, FenceReason reason) {
  switch (reason) {
    case FenceReason::lost_lease:
    case FenceReason::silent:
      return view.answers.contains(boot) || is_heard(view, self.host, boot.first, boot.second);
    case FenceReason::stop_failed:
      return !stuck(view, boot);
    case FenceReason::storage_lost:
      // While it is silent nobody knows, and its guests stay where they are.
      return member_of(view, boot.first) != nullptr && storage_charge(view, boot.first).empty();
  }
  return false;
}

void pursue(const ControllerState& state, const View& view, const SelfView& self, const HostBoot& boot,
            const FenceRecord& fence, Pass& pass) {
  if (fence.reign != *state.reign && fence.state != FenceState::proved)
    return inherit(view, boot, fence, *state.reign, pass);
  const bool cleared = is_cleared(view, self, boot, fence.reason);
  const auto run = state.fences.find(boot);
  switch (fence.state) {
    case FenceState::intent: {
      if (cleared) return withdraw(view, self, boot, pass);
      const auto accused = state.accused.find(boot);
      const bool waited = accused != state.accused.end() && pass.due(accused->second + kGrace);
      if (answerable(fence.reason) && !waited) return;
      if (charge_holds(state, view, self, boot, fence.reason, pass)) shoot(view, boot, fence, pass);
      return;
    }
    case FenceState::shooting:
      // Not yet in `fences`: the write that ended the grace took too long, or its fate is unknown.
      if (run == state.fences.end()) {
        if (cleared) return withdraw(view, self, boot, pass);
        if (charge_holds(state, view, self, boot, fence.reason, pass)) shoot(view, boot, fence, pass);
        return;
      }
      if (run->second.phase == FencePhase::exhausted && cleared) return withdraw(view, self, boot, pass);
      return run_agents(run->second, view, self, boot, fence, pass);
    case FenceState::failed: {
      if (cleared) return withdraw(view, self, boot, pass);
      const auto exhausted = state.exhausted.find(boot);
      if (exhausted != state.exhausted.end() && pass.due(exhausted->second + retry_delay(fence.attempts)))
        shoot(view, boot, fence, pass);
      return;
    }
    case FenceState::proved:
      break;
  }
  if (run != state.fences.end() && run->second.phase == FencePhase::power_on)
    run_agents(run->second, view, self, boot, fence, pass);
}

// ---- proof without fencing (F8) ----

// A new boot of the same machine that looked at processes and found none: the old boot is gone. Its own key had to go
// before it could register, so no lease of the old one lives.
bool returned(const View& view, const HostName& host) {
  const MemberRecord* member = member_of(view, host);
  if (member == nullptr || !member->found_none || !member->machine.complete()) return false;
  if (proved_dead(view, host, member->incarnation)) return false;
  const auto machine = view.machines.find(host);
  if (machine == view.machines.end() || machine->second.value.machine != member->machine) return false;
  // Two hosts with one identity prove nothing about either.
  return std::none_of(view.machines.begin(), view.machines.end(), [&](const auto& other) {
    return other.first != host && (other.second.value.machine.machine_id == member->machine.machine_id ||
                                   other.second.value.machine.dmi_uuid == member->machine.dmi_uuid);
  });
}

std::vector<HostBoot> open_boots_before(const View& view, const HostName& host, const Incarnation& current) {
  std::vector<HostBoot> boots;
  for (const auto& boot : boots_behind(view, {host, current}))
    if (boot.second != current) boots.push_back(boot);
  return boots;
}

void prove_by_return(const View& view, const SelfView& self, const HostName& host, Pass& pass) {
  const Incarnation& current = member_of(view, host)->incarnation;
  for (const auto& boot : open_boots_before(view, host, current)) {
    if (view.unreadable(path::fence(boot.first, boot.second))) continue;
    Commit commit = fence_commit(view, boot);
    for (const auto& path : {path::member(host), path::machine(host)}) check_as_seen(commit, view, path);
    FenceRecord proof;
    if (const auto known = view.fences.find(boot); known != view.fences.end()) proof = known->second.value;
    proof.state = FenceState::proved;
    proof.proof = ProofKind::returned;
    add_fence(commit, boot, proof, pass.now());
    add_journal(commit,
                entry(self, pass.now(), JournalKind::proved, host, "the same machine booted again and runs nothing"));
    pass.act(std::move(commit));
  }
}

}  // namespace

void decide_fences(const ControllerState& state, const View& view, const SelfView& self, Pass& pass) {
  for (const auto& host : view.spec()->hosts)
    if (returned(view, host.name)) prove_by_return(view, self, host.name, pass);
  accuse_the_lost(state, view, self, pass);
  accuse_the_silent(state, view, self, pass);
  accuse_the_stuck(state, view, self, pass);
  accuse_the_cut_off(state, view, self, pass);
  for (const auto& [boot, fence] : view.fences) {
    if (view.spec()->host(boot.first) == nullptr) continue;  // its devices are not known any more
    const MemberRecord* member = member_of(view, boot.first);
    const bool another = member != nullptr && member->incarnation != boot.second;
    // With a new boot there, shooting would hit the living: it is proved by its return, or by the operator's word.
    if (another && fence.value.state != FenceState::proved) continue;
    pursue(state, view, self, boot, fence.value, pass);
  }
}

void observe_fence_commit(ControllerState& state, const View& view, const SelfView& self, const CommitEnded& ended,
                          Now now) {
  for (const auto& write : ended.commit.writes) {
    const auto parts = path::split(write.path);
    if (parts.kind != "fence" || !state.reign) continue;
    const HostBoot boot{HostName{parts.first}, Incarnation{parts.second}};
    const Host* host = view.spec() == nullptr ? nullptr : view.spec()->host(boot.first);
    if (!write.value) {
      // Withdrawn: it gets another lease time to register, and its silence is explained until it is heard again.
      const auto loss = state.losses.find(boot.first);
      if (loss != state.losses.end()) loss->second = {boot.second, now.mono, false};
      const auto silence = state.silences.find(boot.first);
      if (silence != state.silences.end() && silence->second.incarnation == boot.second)
        silence->second.answered = true;
      state.fences.erase(boot);
      continue;
    }
    const auto* fence = std::get_if<FenceRecord>(&*write.value);
    if (fence == nullptr || host == nullptr || fence->reign != *state.reign) continue;
    // A few messages may have come since it was sent: what is not held against it any more is not shot.
    Pass judged(now);
    const bool in_time = now.mono - ended.sent <= kGraceWriteLimit;
    if (fence->state == FenceState::shooting && in_time && charge_holds(state, view, self, boot, fence->reason, judged))
      state.fences[boot] = begin_fence(*host, now.mono);
  }
}

}  // namespace haven

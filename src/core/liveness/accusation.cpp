#include "core/liveness/accusation.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "core/liveness/blast.hpp"
#include "core/liveness/charge.hpp"
#include "core/liveness/device_test.hpp"
#include "core/liveness/fence_writes.hpp"
#include "core/liveness/hypervisors.hpp"
#include "core/liveness/late_shots.hpp"
#include "core/liveness/promise_proof.hpp"
#include "core/liveness/proof.hpp"
#include "core/liveness/storage_loss.hpp"
#include "core/mutation.hpp"
#include "core/placement/roster.hpp"

namespace haven {
namespace {

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
  if (answerable(reason)) add_loss(commit, view, boot.first);
  add_fence(commit, boot, fence, pass.now());
  add_journal(commit, fence_entry(self, pass.now(), JournalKind::intent, boot.first, std::move(why)));
  pass.act(std::move(commit));
}

void shoot_at_once_if_mutated(const Host& host, const HostBoot& boot, Pass& pass) {
  if (!mutation::intent_later) return;
  for (auto& call : wanted_calls(begin_fence(host, pass.now().mono), host, boot.second)) pass.act(std::move(call));
}

void accuse_the_lost(const ControllerState& state, const View& view, const SelfView& self, Pass& pass) {
  for (const auto& [host, loss] : state.losses) {
    const HostBoot boot{host, loss.incarnation};
    if (view.fences.contains(boot) || view.unreadable(path::fence(host, loss.incarnation))) continue;
    if (view.unreadable(path::member(host)) || view.unreadable(path::away(host)) || frozen_host(view, host)) continue;
    if (!loss_counts(state, view, self, boot, pass)) continue;
    if (!pass.due(booting_until(state.dawn, view, host))) continue;
    // Somebody lives on its devices (F4): judged again when that has ended.
    const Host& known = *view.spec()->host(host);
    if (cannot_be_switched(view, known)) continue;
    shoot_at_once_if_mutated(known, boot, pass);
    accuse(view, self, boot, FenceReason::lost_lease, "its lease is gone", *state.reign, pass);
  }
}

void accuse_the_silent(const ControllerState& state, const View& view, const SelfView& self, Pass& pass) {
  for (const auto& [host, silence] : state.silences) {
    const HostBoot boot{host, silence.incarnation};
    if (view.fences.contains(boot) || view.unreadable(path::fence(host, silence.incarnation))) continue;
    if (view.unreadable(path::member(host)) || view.unreadable(path::away(host)) || frozen_host(view, host)) continue;
    if (!silence_counts(state, view, boot, pass) || !pass.due(booting_until(state.dawn, view, host))) continue;
    const Host* known = view.spec()->host(host);
    if (known == nullptr || cannot_be_switched(view, *known)) continue;
    shoot_at_once_if_mutated(*known, boot, pass);
    accuse(view, self, boot, FenceReason::silent, "a majority does not hear it any more", *state.reign, pass);
  }
}

// B2: a resource that cannot be stopped, and whose file says that the host is to pay for it.
void accuse_the_stuck(const ControllerState& state, const View& view, const SelfView& self, Pass& pass) {
  for (const auto& [host, member] : view.members) {
    const HostBoot boot{host, member.value.incarnation};
    const auto resource = costs_its_host(view, boot);
    const Host* known = view.spec()->host(host);
    if (!resource || view.fences.contains(boot) || frozen_host(view, host) || known == nullptr) continue;
    if (cannot_be_switched(view, *known) || !engine_outlives(view, boot)) continue;
    accuse(view, self, boot, FenceReason::stop_failed, resource->str() + " cannot be stopped there", *state.reign,
           pass);
    return;  // one host at a time
  }
}

// C7: a living host whose guests stand still for a disk that another host reads.
void accuse_the_cut_off(const ControllerState& state, const View& view, const SelfView& self, Pass& pass) {
  for (const auto& [host, since] : state.storage_charged_since) {
    const MemberRecord* member = member_of(view, host);
    if (member == nullptr || view.fences.contains({host, member->incarnation}) || frozen_host(view, host)) continue;
    if (!pass.due(since + kStorageLostPatience)) continue;
    const std::string charge = storage_charge(view, host);
    const Host* known = view.spec()->host(host);
    if (charge.empty() || known == nullptr || cannot_be_switched(view, *known)) continue;
    if (!engine_outlives(view, {host, member->incarnation})) continue;
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
  add_journal(commit, fence_entry(self, pass.now(), JournalKind::withdrawn, boot.first,
                                  "it answered, or what it was accused of has passed"));
  pass.act(std::move(commit));
}

// Ends the grace, or begins another round: committed only if no answer and no registration came in between.
void shoot(const View& view, const HostBoot& boot, const FenceRecord& fence, Pass& pass) {
  Commit commit = fence_commit(view, boot);
  if (answerable(fence.reason)) check_absent(commit, path::answer(boot.first, boot.second));
  check_as_seen(commit, view, path::member(boot.first));
  // Whoever else may lose power with it is as it was judged (F4).
  const Host& host = *view.spec()->host(boot.first);
  std::set<HostName> others;
  for (const int level : levels_of(host))
    for (const auto& other : inside(view, host, level)) others.insert(other);
  for (const auto& other : others) check_as_seen(commit, view, path::member(other));
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
  next.late_shots = shot_by_others(fence, reign);
  add_fence(commit, boot, next, pass.now());
  if (view.answers.contains(boot)) commit.writes.push_back({path::answer(boot.first, boot.second), std::nullopt, {}});
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
  const Host* host = view.roster().host(boot.first);
  if (host == nullptr) return;
  switch (run.phase) {
    case FencePhase::destroying:
      // The number of its only level: there is no other way to end it.
      if (domain_gone(view, boot)) return prove_by_power(view, self, boot, fence, 1, pass);
      if (pass.due(run.level_began + kDestroyPatience)) record_exhausted(view, boot, fence, pass);
      return;
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
bool is_cleared(const View& view, const SelfView& self, const HostBoot& boot, const FenceRecord& fence) {
  switch (fence.reason) {
    case FenceReason::lost_lease:
    case FenceReason::silent:
      return view.answers.contains(boot) || is_heard(view, self.host, boot.first, boot.second);
    case FenceReason::stop_failed:
      return !stuck(view, boot);
    case FenceReason::storage_lost:
      // While it is silent nobody knows, and its guests stay where they are.
      return member_of(view, boot.first) != nullptr && storage_charge(view, boot.first).empty();
    case FenceReason::test:
      return false;
  }
  return false;
}

// It is cleared: withdrawn, once nothing of an earlier reign can hit it any more (F7). Whom such a shot hits while it
// waits is found dead by being asked anew: its answer is from before.
void let_go(const ControllerState& state, const View& view, const SelfView& self, const HostBoot& boot,
            const FenceRecord& fence, Pass& pass) {
  if (shots_are_over(state, view, boot.first, pass)) return withdraw(view, self, boot, pass);
  const auto asked = state.accused.find(boot);
  if (asked == state.accused.end() || !view.answers.contains(boot)) return;
  if (!heard_by_anybody(view, boot.first, boot.second) && pass.due(asked->second + view.spec()->cluster.lease))
    inherit(view, boot, fence, *state.reign, pass);
}

// The grace is over, or there is none: the accused lives, and that changes nothing. And the charge still holds.
bool may_shoot(const ControllerState& state, const View& view, const SelfView& self, const HostBoot& boot,
               const FenceRecord& fence, Pass& pass) {
  const auto accused = state.accused.find(boot);
  const bool waited = accused != state.accused.end() && pass.due(accused->second + kGrace);
  if (answerable(fence.reason) && !waited) return false;
  return charge_holds(state, view, self, boot, fence.reason, pass);
}

// Its devices are to be switched on, and have been asked to (F9): done, whatever they answered.
bool powered_on(const FenceRun& run) { return run.phase == FencePhase::finished || run.phase == FencePhase::exhausted; }

void forget_power_on(const View& view, const HostBoot& boot, const FenceRecord& fence, Pass& pass) {
  Commit commit = fence_commit(view, boot);
  FenceRecord next = fence;
  next.power_on = false;
  add_fence(commit, boot, next, pass.now());
  pass.act(std::move(commit));
}

// After a proof, or a test that failed.
void power_on(const ControllerState& state, const View& view, const SelfView& self, const HostBoot& boot,
              const FenceRecord& fence, Pass& pass) {
  if (!fence.power_on) return;
  const auto run = state.fences.find(boot);
  const MemberRecord* member = member_of(view, boot.first);
  const bool another = member != nullptr && member->incarnation != boot.second;
  if (another || (run != state.fences.end() && powered_on(run->second))) {
    if (fence.state == FenceState::proved) return forget_power_on(view, boot, fence, pass);
    return withdraw(view, self, boot, pass);
  }
  if (run != state.fences.end() && run->second.phase == FencePhase::power_on)
    run_agents(run->second, view, self, boot, fence, pass);
}

void pursue_shot(const ControllerState& state, const View& view, const SelfView& self, const HostBoot& boot,
                 const FenceRecord& fence, Pass& pass) {
  const auto run = state.fences.find(boot);
  const bool cleared = is_cleared(view, self, boot, fence);
  // Not yet in `fences`: the write that ended the grace took too long, or its fate is unknown.
  if (run == state.fences.end()) {
    if (cleared) return let_go(state, view, self, boot, fence, pass);
    if (charge_holds(state, view, self, boot, fence.reason, pass)) shoot(view, boot, fence, pass);
    return;
  }
  if (run->second.phase == FencePhase::exhausted && cleared) return let_go(state, view, self, boot, fence, pass);
  if (fence.reason == FenceReason::test) {
    std::string fault;
    switch (judge_test(run->second, view, boot, fault, pass)) {
      case TestVerdict::goes_on:
        break;
      case TestVerdict::waits:
        return;
      case TestVerdict::failed:
        return fail_test(view, self, boot, fence, fault, pass);
    }
  }
  run_agents(run->second, view, self, boot, fence, pass);
}

void pursue(const ControllerState& state, const View& view, const SelfView& self, const HostBoot& boot,
            const FenceRecord& fence, Pass& pass) {
  if (frozen_host(view, boot.first)) {
    // Not shot at, nor switched on; but an accused who has answered is let in again, as ever.
    const bool open = fence.state != FenceState::proved && fence.reign == *state.reign;
    if (open && is_cleared(view, self, boot, fence)) let_go(state, view, self, boot, fence, pass);
    return;
  }
  const bool over = fence.state == FenceState::proved || fence.power_on;
  if (over) return power_on(state, view, self, boot, fence, pass);
  if (fence.reign != *state.reign) {
    // An intent from before the whole cluster lost its power would hit it while it boots.
    if (answerable(fence.reason) && !pass.due(booting_until(state.dawn, view, boot.first))) return;
    return inherit(view, boot, fence, *state.reign, pass);
  }
  const bool cleared = is_cleared(view, self, boot, fence);
  switch (fence.state) {
    case FenceState::intent:
      if (cleared) return let_go(state, view, self, boot, fence, pass);
      if (state.unheard.contains(boot)) return inherit(view, boot, fence, *state.reign, pass);
      if (cannot_be_switched(view, *view.spec()->host(boot.first))) return;
      if (may_shoot(state, view, self, boot, fence, pass)) shoot(view, boot, fence, pass);
      return;
    case FenceState::shooting:
      return pursue_shot(state, view, self, boot, fence, pass);
    case FenceState::failed: {
      if (cleared) return let_go(state, view, self, boot, fence, pass);
      const auto exhausted = state.exhausted.find(boot);
      if (exhausted != state.exhausted.end() && pass.due(exhausted->second + retry_delay(fence.attempts)))
        shoot(view, boot, fence, pass);
      return;
    }
    case FenceState::proved:
      return;
  }
}

FenceRun begin_run(const View& view, const Host& host, const FenceRecord& fence, Instant now) {
  if (fence.reason == FenceReason::test) return begin_test(host, fence.level, now);
  if (fenced_on_hypervisors(*view.spec(), host)) return begin_destroying(now);
  return begin_fence(host, now, blocked_levels(view, host));
}

}  // namespace

void decide_fences(const ControllerState& state, const View& view, const SelfView& self, Pass& pass) {
  prove_the_returned(state, view, self, pass);
  accuse_the_lost(state, view, self, pass);
  accuse_the_silent(state, view, self, pass);
  accuse_the_stuck(state, view, self, pass);
  accuse_the_cut_off(state, view, self, pass);
  for (const auto& [boot, fence] : view.fences) {
    if (fence.value.late_shots && fence.value.state == FenceState::proved)
      forget_late_shots(state, view, boot, fence.value, pass);
    if (view.roster().host(boot.first) == nullptr) continue;  // its devices are not known any more
    const MemberRecord* member = member_of(view, boot.first);
    const bool another = member != nullptr && member->incarnation != boot.second;
    // With a new boot there, shooting would hit the living: it is proved by its return, or by the operator's word.
    if (pursue_promise(state, view, self, boot, fence.value, pass)) continue;
    if (another && fence.value.state != FenceState::proved) continue;
    pursue(state, view, self, boot, fence.value, pass);
  }
}

// F1: the grace is for answering, and where the engine writes nothing nobody can answer. The intent is written again,
// which shows that it writes, and the grace begins anew.
void observe_fence_failure(ControllerState& state, const CommitEnded& ended) {
  if (ended.outcome == CommitOutcome::conflict) return;
  for (const auto& write : ended.commit.writes) {
    const auto* fence = write.value ? std::get_if<FenceRecord>(&*write.value) : nullptr;
    if (fence == nullptr || fence->state != FenceState::shooting || !answerable(fence->reason)) continue;
    const auto parts = path::split(write.path);
    state.unheard.insert({HostName{parts.first}, Incarnation{parts.second}});
  }
}

void observe_fence_commit(ControllerState& state, const View& view, const SelfView& self, const CommitEnded& ended,
                          Now now) {
  for (const auto& write : ended.commit.writes) {
    const auto parts = path::split(write.path);
    if (parts.kind != "fence" || !state.reign) continue;
    const HostBoot boot{HostName{parts.first}, Incarnation{parts.second}};
    const Host* host = view.spec() == nullptr ? nullptr : view.roster().host(boot.first);
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
    if (fence->state == FenceState::intent) {
      state.unheard.erase(boot);
      state.accused[boot] = now.mono;
    }
    // A few messages may have come since it was sent: what is not held against it any more is not shot.
    Pass judged(now);
    const bool in_time = now.mono - ended.sent <= kGraceWriteLimit;
    if (fence->state == FenceState::shooting && in_time && charge_holds(state, view, self, boot, fence->reason, judged))
      state.fences[boot] = begin_run(view, *host, *fence, now.mono);
  }
}

}  // namespace haven

#include "core/liveness/promise_proof.hpp"

#include <algorithm>
#include <utility>

#include "core/liveness/fence_writes.hpp"
#include "core/liveness/promise.hpp"

namespace haven {
namespace {

const Stored<PromiseRecord>* promise_of(const View& view, const HostBoot& boot) {
  const auto promise = view.promises.find(boot.first);
  if (promise == view.promises.end() || promise->second.value.incarnation != boot.second) return nullptr;
  return &promise->second;
}

void read_again(const ControllerState& state, const HostName& host, Pass& pass) {
  const auto last = state.member_read.find(host);
  if (last == state.member_read.end() || pass.due(last->second + kMemberReadPause))
    pass.act(ReadMember{host, kMemberReadTimeout});
}

void prove(const View& view, const SelfView& self, const HostBoot& boot, FenceRecord fence, const PromiseCount& count,
           Pass& pass) {
  Commit commit = fence_commit(view, boot);
  check_as_seen(commit, view, path::answer(boot.first, boot.second));
  commit.checks.push_back({path::promise(boot.first), count.promise});
  commit.checks.push_back({path::member(boot.first), count.member});
  fence.late_shots |= fence.state == FenceState::shooting;
  fence.state = FenceState::proved;
  fence.proof = ProofKind::promise;
  add_fence(commit, boot, fence, pass.now());
  JournalRecord journal = fence_entry(self, pass.now(), JournalKind::fenced, boot.first,
                                      "its own promise is over: what did not stop was ended by its watchdog");
  journal.level = "promise";
  add_journal(commit, std::move(journal));
  pass.act(std::move(commit));
}

}  // namespace

bool pursue_promise(const ControllerState& state, const View& view, const SelfView& self, const HostBoot& boot,
                    const FenceRecord& fence, Pass& pass) {
  const auto* promise = promise_of(view, boot);
  if (promise == nullptr || fence.state == FenceState::proved || holds_member_key(view, boot.first, boot.second))
    return false;
  if (view.unreadable(path::member(boot.first))) return false;
  const auto found = state.promise_counts.find(boot);
  const bool holds = found != state.promise_counts.end() && found->second.promise == promise->mod &&
                     found->second.member == view.mod_of(path::member(boot.first));
  if (!holds) {
    read_again(state, boot.first, pass);
    return false;
  }
  if (!found->second.over) {
    if (pass.due(found->second.since + proof_wait(promise->value.deadline))) read_again(state, boot.first, pass);
    return false;
  }
  // While the grace lasts, and once it has answered, it is not proved: the living are not accused further.
  if (fence.state == FenceState::intent || view.answers.contains(boot)) return false;
  prove(view, self, boot, fence, found->second, pass);
  return true;
}

bool observe_member_read(ControllerState& state, const View& view, const HostName& host, Instant sent,
                         const MemberRead& read, Instant now) {
  const auto promise = view.promises.find(host);
  if (!state.reign || promise == view.promises.end()) return false;
  const HostBoot boot{host, promise->second.value.incarnation};
  const auto fence = view.fences.find(boot);
  if (fence == view.fences.end() || fence->second.value.state == FenceState::proved) return false;
  state.member_read[host] = now;
  if (!read.reached) return true;
  fold_reading(state.promise_counts, boot, promise->second.mod, promise->second.value.deadline,
               {sent, now, read.found != boot.second, read.mod, read.term});
  return true;
}

void forget_counts(ControllerState& state, const View& view) {
  std::erase_if(state.promise_counts, [&](const auto& count) {
    const auto fence = view.fences.find(count.first);
    return fence == view.fences.end() || fence->second.value.state == FenceState::proved;
  });
}

void bury_promises(const View& view, Pass& pass) {
  for (const auto& [host, promise] : view.promises) {
    const HostBoot boot{host, promise.value.incarnation};
    if (!proved_dead(view, boot.first, boot.second)) continue;
    Commit commit;
    commit.lane = "promises";
    commit.timeout = kCommitTimeout;
    for (const auto& path : {path::kLeader, path::promise(host), path::fence(boot.first, boot.second)})
      commit.checks.push_back({path, view.mod_of(path)});
    commit.writes.push_back({path::promise(host), std::nullopt, {}});
    return pass.act(std::move(commit));
  }
}

}  // namespace haven

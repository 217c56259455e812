#include "core/liveness/proof.hpp"

#include <algorithm>
#include <set>

#include "core/liveness/blast.hpp"
#include "core/liveness/device_test.hpp"
#include "core/liveness/fence_writes.hpp"
#include "core/liveness/fencing.hpp"
#include "core/liveness/hypervisors.hpp"
#include "core/liveness/late_shots.hpp"
#include "core/mutation.hpp"
#include "core/placement/roster.hpp"

namespace haven {
namespace {

JournalRecord fenced_entry(const SelfView& self, Now now, const HostName& host, int level, std::string why) {
  JournalRecord journal = fence_entry(self, now, JournalKind::fenced, host, std::move(why));
  journal.level = std::to_string(level);
  return journal;
}

// Its lease is gone and its power with the other's: no intent of its own is needed for what is known already.
void prove_off_together(const View& view, const SelfView& self, const HostName& host, const HostName& with,
                        const FenceRecord& proof, Commit& commit, Now now) {
  if (member_of(view, host) != nullptr || view.unreadable(path::member(host))) return;
  auto boots = open_boots(view, host);
  const auto status = view.status.find(host);
  if (status != view.status.end()) {
    const HostBoot last{host, status->second.value.incarnation};
    if (!proved_dead(view, last.first, last.second) && std::find(boots.begin(), boots.end(), last) == boots.end())
      boots.push_back(last);
  }
  if (boots.empty()) return;
  check_as_seen(commit, view, path::member(host));
  for (const auto& boot : boots) {
    const auto known = view.fences.find(boot);
    FenceRecord dead = known == view.fences.end() ? FenceRecord{} : known->second.value;
    dead.reign = proof.reign;
    dead.state = FenceState::proved;
    dead.proof = ProofKind::level;
    dead.level = proof.level;
    check_as_seen(commit, view, path::fence(boot.first, boot.second));
    add_fence(commit, boot, dead, now);
  }
  add_journal(commit,
              fenced_entry(self, now, host, proof.level, "the power that it shares with " + with.str() + " is off"));
}

// ---- proof without fencing (F8) ----

bool same_machine(const View& view, const HostName& host, const MemberRecord& member) {
  if (mutation::any_machine_returns) return true;
  const auto machine = view.machines.find(host);
  return machine != view.machines.end() && machine->second.value.machine == member.machine;
}

// A new boot of the same machine that looked at processes and found none: the old boot is gone. Its own key had to go
// before it could register, so no lease of the old one lives. Never a virtual host: its machine can be copied while it
// runs, and the copy would speak for the original.
bool returned(const View& view, const Host& host) {
  const MemberRecord* member = member_of(view, host.name);
  if (member == nullptr || !host.runs_on.empty() || !member->found_none || !member->machine.complete()) return false;
  if (proved_dead(view, host.name, member->incarnation) || !same_machine(view, host.name, *member)) return false;
  // Two hosts with one identity prove nothing about either.
  return std::none_of(view.machines.begin(), view.machines.end(), [&](const auto& other) {
    return other.first != host.name && (other.second.value.machine.machine_id == member->machine.machine_id ||
                                        other.second.value.machine.dmi_uuid == member->machine.dmi_uuid);
  });
}

// Whose older boots may still own something. One look at everything, whatever the number of hosts.
std::set<HostName> hosts_back(const View& view) {
  std::set<HostName> back;
  const auto is_older = [&](const HostName& host, const Incarnation& incarnation) {
    const MemberRecord* member = member_of(view, host);
    return member != nullptr && member->incarnation != incarnation;
  };
  for (const auto& [boot, fence] : view.fences)
    if (fence.value.state != FenceState::proved && is_older(boot.first, boot.second)) back.insert(boot.first);
  for (const auto& [name, claim] : view.claims)
    if (is_older(claim.value.host, claim.value.incarnation) && may_still_run(view, name)) back.insert(claim.value.host);
  for (const auto& [name, claim] : view.claims)
    if (const Migration* m = open_migration(view, name); m != nullptr && is_older(m->host, m->incarnation))
      back.insert(m->host);
  return back;
}

void prove_by_return(const ControllerState& state, const View& view, const SelfView& self, const HostName& host,
                     Pass& pass) {
  const bool late_shots = !shots_are_over(state, view, host, pass);
  const Incarnation& current = member_of(view, host)->incarnation;
  for (const auto& boot : open_boots(view, host)) {
    if (boot.second == current || view.unreadable(path::fence(boot.first, boot.second))) continue;
    Commit commit = fence_commit(view, boot);
    for (const auto& path : {path::member(host), path::machine(host)}) check_as_seen(commit, view, path);
    FenceRecord proof;
    if (const auto known = view.fences.find(boot); known != view.fences.end()) proof = known->second.value;
    proof.state = FenceState::proved;
    proof.proof = ProofKind::returned;
    proof.late_shots = late_shots;
    add_fence(commit, boot, proof, pass.now());
    add_journal(commit, fence_entry(self, pass.now(), JournalKind::proved, host,
                                    "the same machine booted again and runs nothing"));
    pass.act(std::move(commit));
  }
}

}  // namespace

void prove_by_power(const View& view, const SelfView& self, const HostBoot& boot, const FenceRecord& fence, int level,
                    Pass& pass) {
  const Spec& spec = *view.spec();
  const Host& host = *spec.host(boot.first);
  const bool by_hypervisors = fenced_on_hypervisors(spec, host);
  Commit commit = fence_commit(view, boot);
  // A new boot that registered meanwhile is another matter: it is proved by its return, or judged anew.
  check_as_seen(commit, view, path::member(boot.first));
  if (by_hypervisors)
    for (auto& check : destruction_checks(view)) commit.checks.push_back(std::move(check));
  FenceRecord proof = fence;
  proof.state = FenceState::proved;
  proof.proof = ProofKind::level;
  proof.level = level;
  const bool on_again = fence.reason == FenceReason::test || spec.cluster.after_fence == AfterFence::on;
  proof.power_on = on_again && !by_hypervisors;
  add_fence(commit, boot, proof, pass.now());
  // A lease may outlive its host by its whole time: nothing is placed there, and no new boot waits for it.
  if (holds_member_key(view, boot.first, boot.second))
    commit.writes.push_back({path::member(boot.first), std::nullopt, {}});
  // Its power was off: every other boot of it is dead with this one.
  for (const auto& dead : open_boots(view, boot.first)) {
    if (dead == boot || holds_member_key(view, dead.first, dead.second)) continue;
    check_as_seen(commit, view, path::fence(dead.first, dead.second));
    FenceRecord older = proof;
    older.power_on = false;
    add_fence(commit, dead, older, pass.now());
  }
  add_journal(commit,
              fenced_entry(self, pass.now(), boot.first, level,
                           by_hypervisors ? "no hypervisor holds its domain" : "its power is off, asked twice"));
  if (!by_hypervisors)
    for (const auto& other : off_together(spec, host, level))
      prove_off_together(view, self, other, boot.first, proof, commit, pass.now());
  if (fence.reason == FenceReason::test) add_test(commit, view, boot.first, level, fence.by, "", pass.now());
  pass.act(std::move(commit));
}

void prove_the_returned(const ControllerState& state, const View& view, const SelfView& self, Pass& pass) {
  for (const auto& name : hosts_back(view)) {
    const Host* host = view.roster().host(name);
    if (host == nullptr || !returned(view, *host)) continue;
    if (agents_are_done(state, name)) prove_by_return(state, view, self, name, pass);
  }
}

}  // namespace haven

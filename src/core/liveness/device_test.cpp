#include "core/liveness/device_test.hpp"

#include <algorithm>

#include "core/liveness/blast.hpp"
#include "core/liveness/charge.hpp"
#include "core/liveness/fence_writes.hpp"
#include "core/model/wording.hpp"

namespace haven {
namespace {

using Result = tl::expected<Commit, std::string>;

// The resources that would die with it.
std::string running_on(const View& view, const HostName& host) {
  std::vector<std::string> names;
  for (const auto& [name, claim] : view.claims)
    if (claim.value.host == host && !claim_closed(view, name)) names.push_back(name.str());
  return with_commas(names);
}

std::string refusal(const View& view, const Host& host, int level, const MemberRecord& member, bool force) {
  const std::string& name = host.name.str();
  if (anything_frozen(view)) return "the cluster is frozen: nothing is fenced until haven freeze off";
  if (view.fences.contains({host.name, member.incarnation})) return name + " is being fenced";
  if (view.members.size() < 2) return "nobody else is there to switch " + name + " on again";
  if (const auto living = living_inside(view, host, level); !living.empty())
    return "this level of " + name + " also cuts " + with_commas(texts_of(living)) + ", which live" +
           (living.size() == 1 ? "s" : "");
  if (!engine_outlives(view, {host.name, member.incarnation}))
    return "without " + name + " the engine would have no majority of its voters: bring the others back first";
  const std::string running = running_on(view, host.name);
  if (!running.empty() && !force)
    return name + " runs " + running + ": relocate first, or add --force and see them start elsewhere";
  return "";
}

}  // namespace

Result test_commit(const View& view, const OperatorAsked& asked, const SelfView& self, Now now) {
  const Host* host = view.spec()->host(asked.host);
  if (host == nullptr) return tl::unexpected("there is no host " + asked.host.str());
  if (host->fence.empty()) return tl::unexpected(asked.host.str() + " has no fence device");
  const auto levels = levels_of(*host);
  const int level = asked.level == 0 ? levels.front() : asked.level;
  if (std::find(levels.begin(), levels.end(), level) == levels.end())
    return tl::unexpected(asked.host.str() + " has no fence device of level " + std::to_string(level));
  const MemberRecord* member = member_of(view, asked.host);
  if (member == nullptr)
    return tl::unexpected(asked.host.str() + " holds no lease: whether it falls silent could not be seen");
  const std::string why = refusal(view, *host, level, *member, asked.force);
  if (!why.empty()) return tl::unexpected(why);
  const HostBoot boot{asked.host, member->incarnation};
  Commit commit;
  for (const auto& path : {path::kSpec, path::kFreeze, path::fence(boot.first, boot.second), path::member(asked.host)})
    check_as_seen(commit, view, path);
  for (const auto& other : inside(view, *host, level)) check_as_seen(commit, view, path::member(other));
  FenceRecord fence;
  fence.reason = FenceReason::test;
  fence.level = level;
  fence.by = asked.by;
  add_fence(commit, boot, fence, now);
  add_journal(commit, fence_entry(self, now, JournalKind::intent, asked.host,
                                  asked.by + " tests its fence devices of level " + std::to_string(level)));
  return commit;
}

TestVerdict judge_test(const FenceRun& run, const View& view, const HostBoot& boot, std::string& fault, Pass& pass) {
  if (run.phase == FencePhase::exhausted) {
    fault = run.trouble.empty() ? "its devices did not switch it off" : run.trouble;
    return TestVerdict::failed;
  }
  const MemberRecord* member = member_of(view, boot.first);
  if (run.phase != FencePhase::proved || member == nullptr) return TestVerdict::goes_on;
  if (!pass.due(run.ended + kTestPatience)) return TestVerdict::waits;
  fault = "its devices say off and it still holds its lease: they switch another machine";
  return TestVerdict::failed;
}

void fail_test(const View& view, const SelfView& self, const HostBoot& boot, const FenceRecord& fence,
               const std::string& fault, Pass& pass) {
  Commit commit = fence_commit(view, boot);
  FenceRecord next = fence;
  next.state = FenceState::failed;
  next.power_on = true;
  add_fence(commit, boot, next, pass.now());
  add_test(commit, view, boot.first, fence.level, fence.by, fault, pass.now());
  add_journal(commit, fence_entry(self, pass.now(), JournalKind::tested, boot.first,
                                  "the test of its fence devices failed: " + fault));
  pass.act(std::move(commit));
}

void add_test(Commit& commit, const View& view, const HostName& host, int level, const std::string& by,
              const std::string& fault, Now now) {
  const auto known = view.devices.find(host);
  DevicesRecord record = known == view.devices.end() ? DevicesRecord{} : known->second.value;
  std::erase_if(record.tests, [&](const DeviceTest& test) { return test.level == level; });
  DeviceTest test;
  test.level = level;
  test.devices = devices_id(*view.spec()->host(host), level);
  if (const auto machine = view.machines.find(host); machine != view.machines.end())
    test.machine_id = machine->second.value.machine.machine_id;
  test.passed = fault.empty();
  test.why = fault;
  test.by = by;
  test.at = now.wall;
  record.tests.push_back(test);
  std::sort(record.tests.begin(), record.tests.end(), [](const auto& a, const auto& b) { return a.level < b.level; });
  check_as_seen(commit, view, path::device(host));
  commit.writes.push_back({path::device(host), record, {}});
}

}  // namespace haven

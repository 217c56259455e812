// What a person is told: conditions, reasons, alarms; the same for everybody who has the same view.
#include "core/report.hpp"

#include <algorithm>

#include "core/bench_node.hpp"

namespace haven {
namespace {
using namespace story;

Records cluster_of(Spec spec = three_hosts({vm("vm1", 1024)})) {
  return Records(std::move(spec)).member("h1").member("h2").member("h3");
}

HostReport host_in(const View& view, const std::string& name) {
  for (const auto& host : report_of(view).hosts)
    if (host.name == h(name)) return host;
  ADD_FAILURE() << "no such host";
  return {};
}

ResourceReport vm1_in(const Records& records) { return report_of(records.view()).resources.at(0); }

bool alarmed(const Records& records, const std::string& key) {
  const auto alarms = alarms_of(records.view());
  return std::any_of(alarms.begin(), alarms.end(), [&](const Alarm& a) { return a.key == key; });
}

FenceRecord fence_in(FenceState state) {
  FenceRecord fence;
  fence.state = state;
  return fence;
}

TEST(Report, BeforeTheFirstListingItSaysThatTheEngineIsOutOfReach) {
  const Report report = report_of(View{});
  EXPECT_FALSE(report.engine);
  EXPECT_TRUE(report.hosts.empty());
}

TEST(Report, NamesControllerAndFreeze) {
  const Report report = report_of(cluster_of()
                                      .put(path::kLeader, LeaderRecord{Reign("x"), h("h2"), boot_of(h("h2"))})
                                      .put(path::kFreeze, FreezeRecord{"anna"})
                                      .view());
  EXPECT_EQ(report.controller, h("h2"));
  EXPECT_TRUE(report.frozen);
  EXPECT_TRUE(report.hosts[1].controller);
  EXPECT_FALSE(report.hosts[0].controller);
}

TEST(Report, AHostsConditions) {
  const std::string proof = path::fence(h("h2"), boot_of(h("h2")));
  const auto lost = [] { return Records(three_hosts({})).member("h1").lost("h2"); };
  const auto condition = [](const Records& records) { return host_in(records.view(), "h2").condition; };
  EXPECT_EQ(condition(cluster_of()), HostCondition::up);
  EXPECT_EQ(condition(Records(three_hosts({}))), HostCondition::unknown);
  EXPECT_EQ(condition(lost()), HostCondition::suspected);
  EXPECT_EQ(condition(lost().put(proof, fence_in(FenceState::shooting))), HostCondition::fencing);
  EXPECT_EQ(condition(lost().put(proof, fence_in(FenceState::failed))), HostCondition::fencing);
  EXPECT_EQ(condition(lost().put(proof, fence_in(FenceState::proved))), HostCondition::dead);
  for (const AwayKind kind : {AwayKind::restarting, AwayKind::down})
    EXPECT_EQ(condition(lost().put(path::away(h("h2")), AwayRecord{boot_of(h("h2")), kind})), HostCondition::away);
  const ClaimRecord older{h("h2"), Incarnation("an-older-boot"), {1}, ClaimOrder::run, std::nullopt, {}};
  EXPECT_EQ(condition(cluster_of().put(path::claim(r("vm1")), older)), HostCondition::joining);
}

TEST(Report, AHostThatIsOutOfServiceAndOffIsNoNews) {
  const auto works = [](Records records) {
    return std::move(records.put(path::maintenance(h("h2")), MaintenanceRecord{true, "anna", {}}));
  };
  const auto off = [] { return Records(three_hosts({vm("vm1", 1024)})).member("h1").member("h3").lost("h2"); };
  const HostReport out = host_in(works(off()).view(), "h2");
  EXPECT_EQ(out.condition, HostCondition::out);
  EXPECT_EQ(out.why, "in maintenance: nothing runs there, and it is off");
  const auto shut = off().put(path::away(h("h2")), AwayRecord{boot_of(h("h2")), AwayKind::restarting});
  EXPECT_EQ(host_in(works(shut).view(), "h2").condition, HostCondition::out);
  EXPECT_TRUE(alarmed(shut, "away/h2"));
  EXPECT_FALSE(alarmed(works(shut), "away/h2")) << "nobody misses its havend";
  EXPECT_EQ(host_in(works(off().claim("vm1", "h2")).view(), "h2").condition, HostCondition::suspected)
      << "something may still run there";
  const std::string proof = path::fence(h("h2"), boot_of(h("h2")));
  EXPECT_EQ(host_in(works(off().put(proof, fence_in(FenceState::proved))).view(), "h2").condition, HostCondition::dead);
  const HostReport up = host_in(works(cluster_of()).view(), "h2");
  EXPECT_EQ(up.condition, HostCondition::up);
  EXPECT_EQ(up.why, "in maintenance: nothing runs there");
  EXPECT_EQ(up.boot, boot_of(h("h2")));
  EXPECT_TRUE(up.ready);
  EXPECT_FALSE(out.ready);
  EXPECT_EQ(out.boot, std::nullopt);
}

TEST(Report, CountsWhatRunsAndIsBookedOnAHost) {
  const HostReport host = host_in(cluster_of().claim("vm1", "h2").run("vm1", "h2", RunState::running).view(), "h2");
  EXPECT_EQ(host.running, 1);
  EXPECT_EQ(host.memory_used, MiB{1024});
  EXPECT_EQ(host.memory, MiB{65536});
}

TEST(Report, AResourcesConditions) {
  const auto condition = [](const Records& records) { return vm1_in(records).condition; };
  EXPECT_EQ(condition(cluster_of()), ResourceCondition::waiting);
  EXPECT_EQ(condition(cluster_of().claim("vm1", "h2")), ResourceCondition::starting);
  EXPECT_EQ(condition(cluster_of().claim("vm1", "h2").run("vm1", "h2", RunState::starting)),
            ResourceCondition::starting);
  EXPECT_EQ(condition(cluster_of().claim("vm1", "h2").run("vm1", "h2", RunState::running)), ResourceCondition::running);
  EXPECT_EQ(condition(cluster_of().claim("vm1", "h2", ClaimOrder::stop).run("vm1", "h2", RunState::running)),
            ResourceCondition::stopping);
  EXPECT_EQ(condition(cluster_of().unread(path::claim(r("vm1")))), ResourceCondition::unreadable);
  const auto ordered = [](DesiredState state) { return OrderRecord{state, false, {}, {}, false}; };
  EXPECT_EQ(condition(cluster_of().put(path::order(r("vm1")), ordered(DesiredState::stopped))),
            ResourceCondition::stopped);
  EXPECT_EQ(condition(cluster_of().put(path::order(r("vm1")), ordered(DesiredState::ignored))),
            ResourceCondition::ignored);
}

TEST(Report, SaysWhyAResourceWaits) {
  const Records lost = Records(three_hosts({vm("vm1", 1024)}))
                           .member("h1")
                           .lost("h2")
                           .claim("vm1", "h2")
                           .run("vm1", "h2", RunState::running);
  EXPECT_EQ(vm1_in(lost).condition, ResourceCondition::waiting);
  EXPECT_EQ(vm1_in(lost).why, "its host h2 is not proved dead");
  const Records unheard = Records(three_hosts({vm("vm1", 1024)})).member("h1").member("h2");
  EXPECT_NE(vm1_in(unheard).why.find("h3 has never joined"), std::string::npos);
  const ResourceReport large = vm1_in(cluster_of(three_hosts({vm("vm1", 999'999)})));
  EXPECT_EQ(large.condition, ResourceCondition::waiting);
  for (const auto* host : {"h1", "h2", "h3"}) EXPECT_NE(large.why.find(host), std::string::npos) << large.why;
  EXPECT_NE(large.why.find("memory"), std::string::npos);
}

TEST(Report, AFailedResourceSaysSoInLibvirtsWords) {
  ClaimRecord claim{h("h2"), boot_of(h("h2")), {1}, ClaimOrder::run, std::nullopt, {{h("h2")}, true, 0}};
  RunRecord run{
      h("h2"), boot_of(h("h2")), {1}, RunState::released, EndReason::start_failed, "no such disk", false, false, false,
      {}};
  const Records records = cluster_of().put(path::claim(r("vm1")), claim).put(path::run(r("vm1")), run);
  EXPECT_EQ(vm1_in(records).condition, ResourceCondition::failed);
  EXPECT_EQ(vm1_in(records).why, "no such disk");
  EXPECT_TRUE(alarmed(records, "failed/vm1"));
}

TEST(Report, EveryUnreadableValueIsAnAlarmThatNamesItsKey) {
  for (const auto& path : {path::kSpec, path::kLeader, path::kFreeze, path::claim(r("vm1")), path::run(r("vm1")),
                           path::order(r("vm1")), path::member(h("h2")), path::away(h("h2"))}) {
    const Records records = cluster_of().unread(path);
    EXPECT_TRUE(alarmed(records, "unreadable/" + path)) << path;
    (void)report_of(records.view());
  }
}

TEST(Report, AFenceThatFailedIsAnAlarmThatNamesTheCommandAndStandsUntilSomethingIsProved) {
  const auto after_round = [](FenceState state, int attempts) {
    FenceRecord fence = fence_in(state);
    fence.attempts = attempts;
    return Records(three_hosts({})).member("h1").lost("h2").put(path::fence(h("h2"), boot_of(h("h2"))), fence);
  };
  EXPECT_FALSE(alarmed(after_round(FenceState::shooting, 0), "fence/h2"));
  ASSERT_TRUE(alarmed(after_round(FenceState::failed, 1), "fence/h2"));
  EXPECT_TRUE(alarmed(after_round(FenceState::shooting, 1), "fence/h2")) << "while it is tried again";
  EXPECT_FALSE(alarmed(after_round(FenceState::proved, 1), "fence/h2"));
  const Alarm alarm = alarms_of(after_round(FenceState::failed, 1).view())[0];
  EXPECT_NE(alarm.text.find("haven fence confirm h2"), std::string::npos);
  EXPECT_EQ(alarm.host, h("h2"));
}

TEST(Report, AProvedBootThatStillHoldsItsLeaseIsAnAlarm) {
  EXPECT_TRUE(
      alarmed(cluster_of().put(path::fence(h("h2"), boot_of(h("h2"))), fence_in(FenceState::proved)), "zombie/h2"));
}

TEST(Report, AHavendThatDoesNotComeBackIsAnAlarm) {
  EXPECT_TRUE(alarmed(Records(three_hosts({}))
                          .member("h1")
                          .lost("h2")
                          .put(path::away(h("h2")), AwayRecord{boot_of(h("h2")), AwayKind::restarting}),
                      "away/h2"));
}

TEST(Report, WhatCannotBeStoppedIsAnAlarmUntilItIsGone) {
  RunRecord run{h("h2"), boot_of(h("h2")), {1}, RunState::running, EndReason::none, "", false, true, false, {}};
  EXPECT_TRUE(alarmed(cluster_of().claim("vm1", "h2").put(path::run(r("vm1")), run), "stuck/vm1"));
  run.state = RunState::released;
  EXPECT_FALSE(alarmed(cluster_of().claim("vm1", "h2").put(path::run(r("vm1")), run), "stuck/vm1"));
}

TEST(Report, AHealthyClusterHasNoAlarms) {
  EXPECT_TRUE(alarms_of(cluster_of().claim("vm1", "h2").run("vm1", "h2", RunState::running).view()).empty());
}

TEST(Report, EveryConditionHasItsWord) {
  std::set<std::string> words;
  for (int i = 0; i <= static_cast<int>(HostCondition::unknown); ++i) words.insert(word(static_cast<HostCondition>(i)));
  EXPECT_EQ(words.size(), static_cast<std::size_t>(HostCondition::unknown) + 1);
  words.clear();
  for (int i = 0; i <= static_cast<int>(ResourceCondition::unreadable); ++i)
    words.insert(word(static_cast<ResourceCondition>(i)));
  EXPECT_EQ(words.size(), static_cast<std::size_t>(ResourceCondition::unreadable) + 1);
  EXPECT_FALSE(words.contains(""));
}

}  // namespace
}  // namespace haven

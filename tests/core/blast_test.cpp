// Who dies with whom, and who may therefore not be switched off (F4).
#include "core/liveness/blast.hpp"

#include "core/court.hpp"
#include "core/liveness/device_test.hpp"
#include "core/liveness/heartbeat.hpp"

namespace haven {
namespace {
using namespace story;

FenceDevice shared(std::vector<std::string> cuts, const std::string& agent = "fence_pdu", int level = 1) {
  FenceDevice device = story::device(level, agent);
  for (auto& name : cuts) device.cuts.emplace_back(std::move(name));
  return device;
}

// h2 and h3 hang on one outlet.
Spec one_outlet() {
  Spec spec = three_hosts({vm("vm2", 1024), vm("vm3", 1024)});
  spec.hosts[1].fence = {shared({"h2", "h3"})};
  spec.hosts[2].fence = {shared({"h2", "h3"})};
  return spec;
}

std::set<std::string> names(const std::vector<HostName>& hosts) {
  std::set<std::string> names;
  for (const auto& host : hosts) names.insert(host.str());
  return names;
}

TEST(Blast, ADeviceWithoutCutsSwitchesItsOwnHostAlone) {
  const View view = Records(three_hosts({})).member("h1").member("h2").member("h3").view();
  EXPECT_TRUE(inside(view, view.spec()->hosts[1], 1).empty());
  EXPECT_FALSE(cannot_be_switched(view, view.spec()->hosts[1]));
}

TEST(Blast, WhoLivesOnTheSameOutletForbidsTheShot) {
  const View view = Records(one_outlet()).member("h1").lost("h2").member("h3").view();
  const Host& h2 = view.spec()->hosts[1];
  EXPECT_EQ(names(inside(view, h2, 1)), (std::set<std::string>{"h3"}));
  EXPECT_EQ(names(living_inside(view, h2, 1)), (std::set<std::string>{"h3"}));
  EXPECT_TRUE(cannot_be_switched(view, h2));
}

TEST(Blast, OnceEverythingInsideIsLostItMayBeSwitched) {
  const View view = Records(one_outlet()).member("h1").lost("h2").lost("h3").view();
  EXPECT_FALSE(cannot_be_switched(view, view.spec()->hosts[1]));
}

TEST(Blast, WhoIsHeardLivesWithoutALease) {
  View view = Records(one_outlet()).member("h1").lost("h2").lost("h3").view();
  PeerHeard h3;
  h3.host = h("h3");
  h3.boot = boot_digest(boot_of(h("h3")));
  h3.links = 1;
  h3.of = 1;
  view.heard = PeersHeard{{h3}};
  EXPECT_TRUE(cannot_be_switched(view, view.spec()->hosts[1]));
  view.heard->peers[0].links = 0;
  EXPECT_FALSE(cannot_be_switched(view, view.spec()->hosts[1]));
  PeerHeard h1;
  h1.host = h("h1");
  h1.boot = boot_digest(boot_of(h("h1")));
  h1.links = 1;
  h1.of = 1;
  h1.opinions = {{h("h3"), h3.boot, true}};
  view.heard->peers.push_back(h1);
  EXPECT_TRUE(cannot_be_switched(view, view.spec()->hosts[1])) << "another one hears it";
  view.heard->peers[1].opinions[0].boot = boot_digest(Incarnation{"another"});
  EXPECT_FALSE(cannot_be_switched(view, view.spec()->hosts[1]));
}

TEST(Blast, AVirtualHostIsInsideTheMachineThatHoldsItsDomain) {
  Spec spec = three_hosts({});
  spec.hosts[2].runs_on = "h2";
  spec.hosts[2].fence.clear();
  const View by_file = Records(spec).member("h1").lost("h2").member("h3").view();
  EXPECT_EQ(names(living_inside(by_file, by_file.spec()->hosts[1], 1)), (std::set<std::string>{"h3"}));
  StatusRecord holds{boot_of(h("h1")), {1'000'000}, true, {}, {}, {}, {{h("h3"), "uuid-of-h3"}}, {}};
  const View moved = Records(spec).member("h1").lost("h2").member("h3").put(path::status(h("h1")), holds).view();
  EXPECT_TRUE(living_inside(moved, moved.spec()->hosts[1], 1).empty()) << "it has been moved to h1";
  EXPECT_EQ(names(living_inside(moved, moved.spec()->hosts[0], 1)), (std::set<std::string>{"h3"}));
}

TEST(Blast, WhatALostHypervisorHeldLastIsStillInsideIt) {
  Spec spec = three_hosts({});
  spec.hosts[2].runs_on = "h1";
  spec.hosts[2].fence.clear();
  const StatusRecord held{boot_of(h("h2")), {1'000'000}, true, {}, {}, {}, {{h("h3"), "uuid-of-h3"}}, {}};
  const View view = Records(spec).member("h1").lost("h2").put(path::status(h("h2")), held).member("h3").view();
  EXPECT_EQ(names(living_inside(view, view.spec()->hosts[1], 1)), (std::set<std::string>{"h3"}));
}

TEST(Blast, AVirtualHostThatMovesIsInsideBothOfItsMachines) {
  Spec spec = three_hosts({});
  spec.hosts[2].runs_on = "h1";
  spec.hosts[2].fence.clear();
  Records records(spec);
  records.member("h1").member("h2").member("h3");
  for (const auto* name : {"h1", "h2"})
    records.put(path::status(h(name)),
                StatusRecord{boot_of(h(name)), {1'000'000}, true, {}, {}, {}, {{h("h3"), "uuid-of-h3"}}, {}});
  const View view = records.view();
  for (const std::size_t machine : {0U, 1U})
    EXPECT_EQ(names(living_inside(view, view.spec()->hosts[machine], 1)), (std::set<std::string>{"h3"}));
}

TEST(Blast, ABlockedLevelIsPassedOver) {
  Spec spec = three_hosts({});
  spec.hosts[1].fence = {shared({"h2", "h3"}, "fence_pdu", 1), story::device(2, "fence_bmc")};
  const View view = Records(spec).member("h1").lost("h2").member("h3").view();
  const Host& h2 = view.spec()->hosts[1];
  EXPECT_EQ(blocked_levels(view, h2), (std::set<int>{1}));
  EXPECT_FALSE(cannot_be_switched(view, h2));
  const FenceRun run = begin_fence(h2, Instant{1s}, blocked_levels(view, h2));
  ASSERT_EQ(wanted_calls(run, h2, boot_of(h("h2"))).size(), 1U);
  EXPECT_EQ(wanted_calls(run, h2, boot_of(h("h2")))[0].device, 1U);
}

TEST(Blast, ALevelThatIsBlockedBeforeItsOffIsTakenIsGivenUp) {
  Spec spec = three_hosts({});
  spec.hosts[1].fence = {shared({"h2", "h3"}), story::device(2, "fence_bmc")};
  const Host& h2 = spec.hosts[1];
  FenceRun run = begin_fence(h2, Instant{1s});
  EXPECT_EQ(wanted_calls(run, h2, boot_of(h("h2")))[0].device, 0U);
  block_levels(run, h2, {1}, Instant{1s});
  ASSERT_EQ(run.phase, FencePhase::off);
  EXPECT_EQ(wanted_calls(run, h2, boot_of(h("h2")))[0].device, 1U);
}

TEST(Blast, OnlyWhoIsCutByAllDevicesOfALevelIsCertainlyOffWithIt) {
  Spec spec = three_hosts({});
  spec.hosts[1].fence = {shared({"h2", "h3"}, "fence_a"), shared({"h2"}, "fence_b")};
  spec.hosts[2].fence.clear();
  EXPECT_TRUE(off_together(spec, spec.hosts[1], 1).empty()) << "h3 may have another supply";
  spec.hosts[1].fence[1].cuts = {h("h2"), h("h3")};
  EXPECT_EQ(names(off_together(spec, spec.hosts[1], 1)), (std::set<std::string>{"h3"}));
  // Its own level has one more device: a supply that nobody switched.
  spec.hosts[2].fence = {spec.hosts[1].fence[0], spec.hosts[1].fence[1], shared({"h3"}, "fence_c")};
  EXPECT_TRUE(off_together(spec, spec.hosts[1], 1).empty());
}

// ---- through a controller ----

TEST(Blast, NobodyIsAccusedWhileSomebodyLivesOnHisOutletAndAnAlarmSaysSo) {
  Court b(one_outlet());
  b.die("h2");
  b.run_for(1min);
  EXPECT_FALSE(b.state());
  EXPECT_TRUE(b.did<RunAgent>().empty());
  const auto alarms = alarms_of(b.node->view());
  ASSERT_FALSE(alarms.empty());
  EXPECT_EQ(alarms[0].key, "blast/h2");
}

TEST(Blast, AllThatHangOnOneOutletAreProvedTogether) {
  Court b(one_outlet());
  b.running_on("h2", "vm2");
  b.running_on("h3", "vm3");
  b.settle();
  b.die("h2");
  b.die("h3");
  b.run_for(20s);
  ASSERT_NE(b.fence("h2"), nullptr);
  ASSERT_NE(b.fence("h3"), nullptr);
  EXPECT_EQ(b.fence("h2")->state, FenceState::proved);
  EXPECT_EQ(b.fence("h3")->state, FenceState::proved);
  EXPECT_EQ(b.claim("vm2")->host, kSelf);
  EXPECT_EQ(b.claim("vm3")->host, kSelf);
}

TEST(Blast, AHostThatLivesBesideTheShotIsNotProvedWithIt) {
  Court b(one_outlet());
  b.die("h2");
  b.die("h3");
  b.hold(every<RunAgent>());
  b.run_for(6s);
  ASSERT_FALSE(b.held_of<RunAgent>().empty());
  b.join("h3", Incarnation("second-boot-of-h3"));
  b.release_holds();
  b.settle();
  b.run_for(1s);
  EXPECT_FALSE(proved_dead(b.node->view(), h("h3"), Incarnation("second-boot-of-h3")));
}

}  // namespace
}  // namespace haven

// `haven fence test`: a real off and on of a living host, and what it says about its devices (F5).
#include "core/liveness/device_test.hpp"

#include "core/court.hpp"

namespace haven {
namespace {
using namespace story;

struct Tried : Court {
  explicit Tried(Spec spec = three_hosts({})) : Court(std::move(spec)) {}
  // The host dies with its power, as hosts do.
  void wired() {
    agent = [this](const RunAgent& run) -> std::optional<AgentResult> {
      if (run.verb == AgentVerb::off) dying.insert(run.host);
      return std::nullopt;
    };
  }
  void ask(const std::string& host, bool force = false) { say(OperatorVerb::fence_test, "", host, force); }
  void go_on(Duration time) {
    const Instant until = now.mono + time;
    while (now.mono < until) {
      run_for(100ms);
      for (const auto& host : std::exchange(dying, {})) die(host.str());
    }
  }
  std::vector<DeviceTest> tests(const std::string& host) {
    const auto* record = get<DevicesRecord>(path::device(h(host)));
    return record == nullptr ? std::vector<DeviceTest>{} : record->tests;
  }
  std::string answer_text() const { return operator_answers.empty() ? "" : operator_answers.back().text; }
  bool accepted() const { return !operator_answers.empty() && operator_answers.back().ok; }
  std::set<HostName> dying;
};

TEST(DeviceTest, SwitchesOffLooksTwiceSeesTheHostSilentAndSwitchesOn) {
  Tried b;
  b.wired();
  b.ask("h2");
  EXPECT_TRUE(b.accepted()) << b.answer_text();
  b.go_on(10s);
  EXPECT_EQ(b.verbs(), (std::vector{AgentVerb::off, AgentVerb::status, AgentVerb::status, AgentVerb::on}));
  EXPECT_EQ(b.state(), FenceState::proved);
  EXPECT_FALSE(b.fence("h2")->power_on);
  ASSERT_EQ(b.tests("h2").size(), 1U);
  EXPECT_TRUE(b.tests("h2")[0].passed);
  EXPECT_EQ(b.tests("h2")[0].by, "anna");
  EXPECT_GT(b.tests("h2")[0].at.unix_ms, 0);
  const auto levels = b.node->report().hosts[1].fence;
  ASSERT_EQ(levels.size(), 1U);
  EXPECT_TRUE(levels[0].tested) << "and status shows when";
}

TEST(DeviceTest, AHostThatLivesOnShowsThatAnotherMachineIsSwitched) {
  Tried b;  // its lease lives, whatever its device says
  b.ask("h2");
  b.run_for(kTestPatience - 1s);
  EXPECT_EQ(b.state(), FenceState::shooting);
  b.run_for(10s);
  EXPECT_FALSE(b.state()) << "withdrawn";
  EXPECT_EQ(b.verbs().back(), AgentVerb::on) << "whoever was hit is switched on again";
  ASSERT_EQ(b.tests("h2").size(), 1U);
  EXPECT_FALSE(b.tests("h2")[0].passed);
  EXPECT_NE(b.tests("h2")[0].why.find("another machine"), std::string::npos);
  EXPECT_TRUE(b.node->view().members.contains(h("h2")));
}

TEST(DeviceTest, ADeviceThatFailsFailsTheTestAndNoOtherLevelIsTried) {
  Spec spec = three_hosts({});
  spec.hosts[1].fence = {device(1, "fence_dead"), device(2, "fence_other")};
  Tried b(spec);
  b.agent = [](const RunAgent& run) -> std::optional<AgentResult> {
    return run.device == 0 ? std::optional(AgentResult::failed) : std::nullopt;
  };
  b.ask("h2");
  b.run_for(5s);
  EXPECT_FALSE(b.state());
  for (const auto& run : b.did<RunAgent>()) EXPECT_EQ(run.device, 0U);
  ASSERT_EQ(b.tests("h2").size(), 1U);
  EXPECT_NE(b.tests("h2")[0].why.find("fence_dead"), std::string::npos);
  const auto alarms = alarms_of(b.node->view());
  EXPECT_TRUE(std::any_of(alarms.begin(), alarms.end(), [](const Alarm& a) { return a.key == "device-test/h2/1"; }));
}

TEST(DeviceTest, ResourcesThatRunThereForbidItUnlessForced) {
  Tried b(three_hosts({vm("vm1", 1024)}));
  b.running_on("h2", "vm1");
  b.settle();
  b.wired();
  b.ask("h2");
  EXPECT_FALSE(b.accepted());
  EXPECT_NE(b.answer_text().find("vm1"), std::string::npos);
  b.ask("h2", true);
  EXPECT_TRUE(b.accepted()) << b.answer_text();
  b.go_on(10s);
  EXPECT_EQ(b.state(), FenceState::proved);
  EXPECT_NE(b.claim("vm1")->host, h("h2"));
}

TEST(DeviceTest, WhatIsNotThereOrWouldHitOthersIsRefused) {
  Spec spec = three_hosts({});
  spec.hosts[1].fence[0].cuts = {h("h2"), h("h3")};
  Tried b(spec);
  b.ask("h2");
  EXPECT_NE(b.answer_text().find("h3"), std::string::npos);
  b.ask("h9");
  EXPECT_EQ(b.answer_text(), "there is no host h9");
  b.die("h3");
  b.settle();
  b.ask("h3");
  EXPECT_NE(b.answer_text().find("holds no lease"), std::string::npos);
  b.ask("h2");
  EXPECT_NE(b.answer_text().find("no majority"), std::string::npos) << "h3 has fallen, and h2 would be off too";
  EXPECT_TRUE(b.did<RunAgent>().empty());
}

TEST(DeviceTest, ASuccessorFinishesItAndSwitchesOn) {
  Tried b;
  FenceRecord proved = intent_of("a-reign-that-ended", FenceState::proved);
  proved.reason = FenceReason::test;
  proved.proof = ProofKind::level;
  proved.level = 1;
  proved.power_on = true;
  b.die("h2");
  b.put(path::fence(h("h2"), boot_of(h("h2"))), proved);
  b.run_for(5s);
  EXPECT_EQ(b.verbs(), (std::vector{AgentVerb::on}));
  EXPECT_FALSE(b.fence("h2")->power_on);
}

TEST(DeviceTest, ATestCountsForTheDevicesAndTheMachineThatItWasMadeWith) {
  Tried b;
  b.wired();
  b.ask("h2");
  b.go_on(10s);
  ASSERT_TRUE(b.node->report().hosts[1].fence[0].tested);
  Spec next = b.spec();
  next.hosts[1].fence[0].options["ip"] = "10.9.0.99";
  b.apply(next);
  b.settle();
  EXPECT_FALSE(b.node->report().hosts[1].fence[0].tested);
}

}  // namespace
}  // namespace haven

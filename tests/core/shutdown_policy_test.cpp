// Stories about a host that shuts down in good order, and what shutdown_policy makes of its resources.
#include "core/recovery/home.hpp"
#include "core/reigning.hpp"
#include "core/report.hpp"
#include "core/servant.hpp"

namespace haven::story {
namespace {

Spec with_policy(ShutdownPolicy policy) {
  Spec spec = three_hosts({vm("vm1", 1024)});
  spec.cluster.shutdown_policy = policy;
  return spec;
}

EndReason end_on_leaving(ShutdownPolicy policy, ShutdownKind kind) {
  Servant b(with_policy(policy));
  b.started();
  b.tell(ShutdownAsked{kind});
  b.run_for(policy == ShutdownPolicy::migrate ? kEvacuationWord + 5s : 5s);
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
  EXPECT_TRUE(b.exited);
  return b.run("vm1")->end;
}

TEST(ShutdownPolicy, TheReleaseSaysWhatIsToBecomeOfIt) {
  using enum ShutdownPolicy;
  EXPECT_EQ(end_on_leaving(migrate, ShutdownKind::power_off), EndReason::host_leaving);
  EXPECT_EQ(end_on_leaving(failover, ShutdownKind::reboot), EndReason::host_leaving);
  EXPECT_EQ(end_on_leaving(stop, ShutdownKind::reboot), EndReason::stopped_with_host);
  EXPECT_EQ(end_on_leaving(freeze, ShutdownKind::power_off), EndReason::frozen_with_host);
  EXPECT_EQ(end_on_leaving(conditional, ShutdownKind::reboot), EndReason::frozen_with_host);
  EXPECT_EQ(end_on_leaving(conditional, ShutdownKind::power_off), EndReason::host_leaving);
  for (const ShutdownPolicy policy : {stop, freeze, conditional})
    EXPECT_EQ(end_on_leaving(policy, ShutdownKind::leave), EndReason::host_leaving);
}

TEST(ShutdownPolicy, ItRunsOnUntilTheControllerHasSaidWhatBecomesOfIt) {
  Servant b(with_policy(ShutdownPolicy::migrate));
  b.started();
  b.tell(ShutdownAsked{ShutdownKind::power_off});
  b.run_for(kEvacuationWord - 1s);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
  b.claim_for("h1", "vm1", 1, ClaimOrder::stop);
  b.run_for(5s);
  EXPECT_EQ(b.run("vm1")->end, EndReason::stopped);
  EXPECT_TRUE(b.exited);
}

TEST(ShutdownPolicy, ItGoesOverLiveWhileItsHostShutsDown) {
  Servant b(with_policy(ShutdownPolicy::migrate));
  b.started();
  b.tell(ShutdownAsked{ShutdownKind::power_off});
  ClaimRecord claim = *b.claim("vm1");
  claim.migrating_to = Migration{h("h2"), boot_of(h("h2")), {2}};
  b.put(path::claim(r("vm1")), claim);
  b.run_for(5s);
  EXPECT_EQ(b.run("vm1")->end, EndReason::migrated);
  EXPECT_TRUE(b.did<ShutdownDomain>().empty());
}

TEST(ShutdownPolicy, WhatDoesNotGoOverInTimeIsStopped) {
  Servant b(with_policy(ShutdownPolicy::migrate));
  b.started();
  b.tell(ShutdownAsked{ShutdownKind::power_off});
  ClaimRecord claim = *b.claim("vm1");
  claim.migrating_to = Migration{h("h2"), boot_of(h("h2")), {2}};
  b.lazy.insert(h("h2"));  // it never says that it is ready
  b.put(path::claim(r("vm1")), claim);
  b.run_for(kEvacuationPatience - 1s);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
  b.run_for(10s);
  EXPECT_EQ(b.run("vm1")->end, EndReason::host_leaving);
}

TEST(ShutdownPolicy, TheControllerMovesLiveWhatCanAndTellsTheRestToStop) {
  Spec spec = three_hosts({vm("vm1", 1024), vm("vm2", 1024), vm("vm3", 1024)});
  spec.resources[1].live_migration = false;
  spec.resources[2].hosts.only = {h("h2")};
  Reigning b(spec);
  for (const char* name : {"vm1", "vm2", "vm3"}) b.running_on("h2", name);
  b.run_for(1s);
  b.lazy.insert(h("h2"));
  b.put(path::away(h("h2")), AwayRecord{boot_of(h("h2")), AwayKind::leaving});
  b.run_for(1s);
  EXPECT_TRUE(b.claim("vm1")->migrating_to);
  EXPECT_EQ(b.claim("vm2")->order, ClaimOrder::stop);
  EXPECT_TRUE(b.claim("vm2")->move_to);
  EXPECT_EQ(b.claim("vm3")->order, ClaimOrder::run) << "no other host can take it: its host stops it";
  EXPECT_FALSE(b.claim("vm3")->migrating_to);
}

TEST(ShutdownPolicy, WhatTheOperatorStoppedMeanwhileIsStopped) {
  Servant b(with_policy(ShutdownPolicy::freeze));
  b.started();
  b.claim_for("h1", "vm1", 1, ClaimOrder::stop);
  b.tell(ShutdownAsked{ShutdownKind::reboot});
  b.run_for(5s);
  EXPECT_EQ(b.run("vm1")->end, EndReason::stopped);
}

// vm1 was released on h2, which went down in good order.
struct LeftBehind : Reigning {
  explicit LeftBehind(EndReason end) : Reigning(three_hosts({vm("vm1", 1024)})) {
    running_on("h2", "vm1");
    run_for(1s);
    RunRecord record = *run("vm1");
    record.state = RunState::released;
    record.end = end;
    put(path::away(h("h2")), AwayRecord{boot_of(h("h2")), AwayKind::down});
    put(path::run(r("vm1")), record);
    die("h2");
    run_for(10s);
  }
};

TEST(ShutdownPolicy, StoppedWithItsHostItStartsWhenThatIsBack) {
  LeftBehind b(EndReason::stopped_with_host);
  EXPECT_EQ(b.claim("vm1")->generation, Generation{1});
  b.join("h2", Incarnation("second-boot-of-h2"));
  b.run_for(10s);
  EXPECT_EQ(b.claim("vm1")->generation, Generation{2});
}

TEST(ShutdownPolicy, FrozenItStartsThereAndNowhereElse) {
  LeftBehind b(EndReason::frozen_with_host);
  EXPECT_EQ(b.claim("vm1")->generation, Generation{1});
  b.join("h2", Incarnation("second-boot-of-h2"));
  b.run_for(10s);
  EXPECT_EQ(b.claim("vm1")->generation, Generation{2});
  EXPECT_EQ(b.claim("vm1")->host, h("h2"));
}

TEST(ShutdownPolicy, TheOperatorMayStartItElsewhere) {
  LeftBehind b(EndReason::frozen_with_host);
  b.say(OperatorVerb::start, "vm1");
  b.run_for(10s);
  EXPECT_EQ(b.claim("vm1")->generation, Generation{2});
  EXPECT_NE(b.claim("vm1")->host, h("h2"));
}

TEST(ShutdownPolicy, WhileItsHostIsFrozenItDoesNotEvenStartThere) {
  LeftBehind b(EndReason::stopped_with_host);
  b.freeze("h2");
  b.join("h2", Incarnation("second-boot-of-h2"));
  b.run_for(1min);
  EXPECT_EQ(b.claim("vm1")->generation, Generation{1});
  b.freeze("h2", false);
  b.run_for(10s);
  EXPECT_EQ(b.claim("vm1")->generation, Generation{2});
}

TEST(ShutdownPolicy, TheStatusSaysWhyItDoesNotRun) {
  LeftBehind b(EndReason::stopped_with_host);
  const Report report = b.node->report();
  ASSERT_EQ(report.resources.size(), 1U);
  EXPECT_EQ(report.resources.front().condition, ResourceCondition::stopped);
  EXPECT_NE(report.resources.front().why.find("until that is back"), std::string::npos);
}

TEST(ShutdownPolicy, AHostThatLeftTheFileKeepsNothing) {
  LeftBehind b(EndReason::frozen_with_host);
  Spec spec = b.spec();
  std::erase_if(spec.hosts, [](const Host& host) { return host.name == h("h2"); });
  b.apply(spec);
  b.run_for(10s);
  EXPECT_EQ(b.claim("vm1")->generation, Generation{2});
}

}  // namespace
}  // namespace haven::story

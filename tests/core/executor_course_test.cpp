// The course of a resource on its host: budgets, pauses, stops, the hook, reports (C5, B1, B2).
#include "core/executor.hpp"

#include "core/servant.hpp"

namespace haven {
namespace {
using namespace story;

// ---- ignored ----

TEST(Executor, NobodyDestroysAnIgnoredResourceThatIsStartedByHand) {
  for (const auto* where : {"h1", "h2"}) {
    Bench b(three_hosts({vm("vm1", 1024)}));
    b.running_on("h2", "vm1");
    b.boot();
    if (where == std::string("h1")) b.say(OperatorVerb::relocate, "vm1", "h1");
    b.run_for(2s);
    ASSERT_EQ(b.claim("vm1")->host, h(where));
    b.say(OperatorVerb::stop, "vm1");
    b.run_for(1s);
    ASSERT_EQ(b.run("vm1")->state, RunState::released);
    b.say(OperatorVerb::ignore, "vm1");
    b.run_for(1s);
    EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::let_go) << "what is released is let go as well";
    b.forget();
    EXPECT_TRUE(b.hook("vm1"));
    b.domains[r("vm1")] = DomainCondition::running;
    b.tell(DomainHint{r("vm1"), HintKind::changed});
    b.run_for(1min);
    EXPECT_TRUE(b.did<DestroyDomain>().empty());
    EXPECT_TRUE(b.domains.contains(r("vm1")));
  }
}

// ---- budgets ----

TEST(Executor, RestartsInPlaceSlideWithTheirWindow) {
  Servant b(three_hosts({with_restarts(2)}));
  b.started();
  const auto crash_and_wait = [&](Duration wait) {
    b.crash();
    b.run_for(wait);
    return b.run("vm1")->state;
  };
  EXPECT_EQ(crash_and_wait(3min), RunState::running);
  EXPECT_EQ(crash_and_wait(8min), RunState::running);
  EXPECT_EQ(crash_and_wait(1min), RunState::running) << "the first is out of the window";
  EXPECT_EQ(crash_and_wait(1min), RunState::released);
  EXPECT_EQ(b.run("vm1")->end, EndReason::crashed);
}

TEST(Executor, TheBudgetSurvivesAFailover) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.running_on("h2", "vm1");
  RunRecord run = *b.run("vm1");
  run.restarts = {WallTime{b.now.wall.unix_ms - 60'000}};
  b.put(path::run(r("vm1")), run);
  b.boot();
  b.failing = {h("h3")};
  b.die("h2");
  b.run_for(10s);
  ASSERT_EQ(b.run("vm1")->state, RunState::running);
  ASSERT_EQ(b.claim("vm1")->host, kSelf);
  EXPECT_EQ(b.run("vm1")->restarts.size(), 1U);
  b.forget();
  b.domains.erase(r("vm1"));
  b.tell(DomainHint{r("vm1"), HintKind::crashed});
  b.run_for(1s);
  EXPECT_TRUE(b.did<StartDomain>().empty());
  EXPECT_EQ(b.claim("vm1")->attempts.tried.front(), kSelf);
}

TEST(Executor, AGuestThatSwitchesItselfOffIsRestartedOrNotAsTheFileSays) {
  Servant restarted;
  restarted.started();
  restarted.crash("vm1", HintKind::powered_off);
  restarted.run_for(1s);
  EXPECT_TRUE(restarted.domains.contains(r("vm1")));

  Resource resource = vm("vm1", 1024);
  resource.on_poweroff = OnPoweroff::stop;
  Servant off(three_hosts({resource}));
  off.started();
  off.crash("vm1", HintKind::powered_off);
  off.run_for(1min);
  EXPECT_TRUE(off.domains.empty());
  EXPECT_EQ(off.run("vm1")->end, EndReason::powered_off);

  Servant crashed(three_hosts({resource}));
  crashed.started();
  crashed.crash();
  crashed.run_for(1s);
  EXPECT_TRUE(crashed.domains.contains(r("vm1"))) << "a crash is no switching off";
}

TEST(Executor, TheReasonOfAnEndMayComeALittleAfterTheEnd) {
  Resource resource = vm("vm1", 1024);
  resource.on_poweroff = OnPoweroff::stop;
  Servant b(three_hosts({resource}));
  b.started();
  b.domains.erase(r("vm1"));
  b.tell(DomainHint{r("vm1"), HintKind::changed});
  b.run_for(kHintPatience / 2);
  EXPECT_TRUE(b.did<StartDomain>().empty());
  b.tell(DomainHint{r("vm1"), HintKind::powered_off});
  b.run_for(1s);
  EXPECT_EQ(b.run("vm1")->end, EndReason::powered_off);
}

// ---- paused ----

TEST(Executor, AGuestPausedByItsDiskIsResumedAgainAndAgain) {
  Servant b;
  b.started();
  b.hold(every<ResumeDomain>());
  b.domains[r("vm1")] = DomainCondition::paused_io_error;
  b.tell(DomainHint{r("vm1"), HintKind::changed});
  b.run_for(100ms);
  EXPECT_TRUE(b.run("vm1")->paused);
  EXPECT_EQ(b.did<ResumeDomain>().size(), 1U);
  b.release_holds();
  b.answer(b.take_held<ResumeDomain>());
  b.run_for(1s);
  EXPECT_FALSE(b.run("vm1")->paused);
}

TEST(Executor, AGuestPausedByHandIsLeftPaused) {
  Servant b;
  b.started();
  b.domains[r("vm1")] = DomainCondition::paused;
  b.run_for(1min);
  EXPECT_TRUE(b.did<ResumeDomain>().empty());
  EXPECT_TRUE(b.run("vm1")->paused);
}

// ---- stopping (B2) ----

TEST(Executor, AsksTheGuestFirstAndDestroysItWhenPatienceEnds) {
  Servant b;
  b.started();
  b.hold(every<ShutdownDomain>());
  b.claim_for("h1", "vm1", 1, ClaimOrder::stop);
  b.tell(CallDone{b.take_held<ShutdownDomain>().call, CallResult::done, ""});
  b.run_for(kShutdownPatience - 1s);
  EXPECT_TRUE(b.did<DestroyDomain>().empty());
  b.run_for(2s);
  EXPECT_EQ(b.did<DestroyDomain>().size(), 1U);
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
}

TEST(Executor, WhatEvenSigkillDoesNotEndIsSaidInTheRecordAndNotReleased) {
  Servant b;
  b.immortal = true;
  b.started();
  b.claim_for("h1", "vm1", 1, ClaimOrder::stop);
  b.run_for(5min);
  EXPECT_FALSE(b.did<KillDomain>().empty());
  EXPECT_TRUE(b.run("vm1")->stop_failed);
  EXPECT_FALSE(b.releases());
  b.immortal = false;
  b.run_for(1min);
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
  EXPECT_FALSE(b.run("vm1")->stop_failed);
}

// ---- the hook (C5) ----

TEST(Executor, TheHookSaysYesOnlyForAStartUnderWay) {
  Servant b;
  EXPECT_FALSE(b.hook("vm1"));
  b.hold(every<StartDomain>());
  b.claim_for("h1", "vm1", 1);
  EXPECT_TRUE(b.hook("vm1"));
  EXPECT_FALSE(b.hook("vm1", true)) << "nor for a migration";
  b.answer(b.take_held<StartDomain>());
  b.run_for(1s);
  EXPECT_FALSE(b.hook("vm1")) << "it runs";
}

TEST(Executor, TheHookRefusesWhileNothingIsKnown) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.node = std::make_unique<Node>(b.config);
  b.tell_only(HookAsked{CallId{1}, r("vm1"), false});
  EXPECT_FALSE(b.hook_answers.at(CallId{1}).allow);
}

TEST(Executor, TheHookRefusesWhileTheMachineReboots) {
  Servant b;
  b.hold(every<StartDomain>());
  b.claim_for("h1", "vm1", 1);
  FenceRecord proof;
  proof.state = FenceState::proved;
  b.put(path::fence(kSelf, boot_of(kSelf)), proof);
  b.settle();
  ASSERT_TRUE(b.rebooted);
  EXPECT_FALSE(b.hook("vm1"));
}

TEST(Executor, TheHookLetsThroughWhatHavenDoesNotProtect) {
  Servant b;
  EXPECT_TRUE(b.hook("somebody-elses-vm"));
}

TEST(Executor, TheProtectedListIsPublishedAnewWhenAnOrderChangesIt) {
  Servant b(three_hosts({vm("vm1", 1), vm("vm2", 1)}));
  EXPECT_EQ(b.published, (std::vector{r("vm1"), r("vm2")}));
  b.say(OperatorVerb::ignore, "vm1");
  EXPECT_EQ(b.published, std::vector{r("vm2")});
  b.say(OperatorVerb::start, "vm1");
  EXPECT_EQ(b.published, (std::vector{r("vm1"), r("vm2")}));
}

// ---- reports ----

TEST(Executor, ReportsOnlyWhatItHasLookedAtSinceTheFileChanged) {
  Servant b;
  b.hold(every<Inspect>());
  b.apply(three_hosts({vm("vm1", 1024), vm("vm2", 1024)}));
  b.run_for(3s);
  EXPECT_LT(b.get<StatusRecord>(path::status(kSelf))->spec, b.mod(path::kSpec));
  b.release_holds();
  for (const auto& look : b.held_of<Inspect>()) b.answer(look);
  b.run_for(1s);
  EXPECT_EQ(b.get<StatusRecord>(path::status(kSelf))->spec, b.mod(path::kSpec));
}

TEST(Executor, SaysThatLibvirtDoesNotAnswer) {
  Servant b;
  b.libvirt = false;
  b.tell(HypervisorLost{"it died"});
  b.run_for(1s);
  EXPECT_FALSE(b.get<StatusRecord>(path::status(kSelf))->hypervisor);
  b.libvirt = true;
  b.tell(HypervisorBack{});
  b.run_for(1s);
  EXPECT_TRUE(b.get<StatusRecord>(path::status(kSelf))->hypervisor);
}

TEST(Executor, AnUnreadableClaimStopsNothingHere) {
  Servant b;
  b.started();
  b.put(path::claim(r("vm1")), UnreadableRecord{"not JSON"});
  b.settle();
  b.crash();
  b.run_for(1min);
  EXPECT_TRUE(b.did<StartDomain>().empty());
  EXPECT_TRUE(b.did<DestroyDomain>().empty());
  EXPECT_FALSE(b.wrote(path::run(r("vm1"))));
}

}  // namespace
}  // namespace haven

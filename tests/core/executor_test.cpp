// What a host does under its claims, and what it never does (C2 to C4, C6).
#include "core/executor.hpp"

#include <algorithm>

#include "core/servant.hpp"

namespace haven {
namespace {
using namespace story;

// ---- starting (C2) ----

TEST(Executor, MarksTheStartInTheEngineBeforeItStarts) {
  Servant b;
  b.hold(lane("run/vm1"));
  b.claim_for("h1", "vm1", 1);
  b.run_for(1s);
  const Issued mark = b.take_held<Commit>();
  EXPECT_TRUE(b.did<StartDomain>().empty());
  const auto& checks = std::get<Commit>(mark.action).checks;
  EXPECT_NE(std::find(checks.begin(), checks.end(), Check{path::claim(r("vm1")), b.mod(path::claim(r("vm1")))}),
            checks.end());
  b.release_holds();
  b.answer(mark);
  EXPECT_EQ(b.did<StartDomain>().size(), 1U);
}

TEST(Executor, StartsNothingWhenTheClaimChangedMeanwhile) {
  Servant b;
  b.hold(lane("run/vm1"));
  b.claim_for("h1", "vm1", 1);
  const Issued mark = b.take_held<Commit>();
  b.claim_for("h2", "vm1", 2);
  b.answer(mark);
  b.run_for(10s);
  EXPECT_TRUE(b.did<StartDomain>().empty());
}

TEST(Executor, AClaimForAnotherBootIsNotOurs) {
  Servant b;
  b.put(path::claim(r("vm1")), ClaimRecord{kSelf, Incarnation("an-older-boot"), {1}, ClaimOrder::run, {}, {}});
  b.run_for(10s);
  EXPECT_TRUE(b.did<StartDomain>().empty());
  EXPECT_FALSE(b.wrote(path::run(r("vm1"))));
}

TEST(Executor, AdoptsWhatRunsUnderItsClaimWithoutAStart) {
  Servant b;
  b.domains[r("vm1")] = DomainCondition::running;
  b.run_for(6s);
  b.claim_for("h1", "vm1", 1);
  b.run_for(1s);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
  EXPECT_TRUE(b.did<StartDomain>().empty());
}

TEST(Executor, AtMostFourStartsAreUnderWayHighestPriorityFirst) {
  std::vector<Resource> resources;
  for (int i = 1; i <= 7; ++i) resources.push_back(vm("vm" + std::to_string(i), 64, 1, i));
  Servant b(three_hosts(resources));
  b.hold([](const Action& a) { return std::holds_alternative<StartDomain>(a); });
  b.mute_watch = true;
  for (int i = 1; i <= 7; ++i) b.claim_for("h1", "vm" + std::to_string(i), 1);
  b.mute_watch = false;
  b.run_for(10s);
  std::set<ResourceName> begun;
  for (const auto& start : b.did<StartDomain>()) begun.insert(start.resource);
  EXPECT_EQ(begun, (std::set{r("vm4"), r("vm5"), r("vm6"), r("vm7")}));
  b.answer(b.take_held<StartDomain>());
  b.run_for(1s);
  EXPECT_EQ(b.did<StartDomain>().size(), 5U);
  EXPECT_EQ(b.did<StartDomain>().back().resource, r("vm3"));
}

TEST(Executor, WhatLeftTheFileMidwayKeepsNoSlot) {
  std::vector<Resource> resources;
  for (int i = 1; i <= 5; ++i) resources.push_back(vm("vm" + std::to_string(i), 64, 1, 10 - i));
  Servant b(three_hosts(resources));
  b.hold(every<StartDomain>());
  b.mute_watch = true;
  for (int i = 1; i <= 5; ++i) b.claim_for("h1", "vm" + std::to_string(i), 1);
  b.mute_watch = false;
  b.run_for(1s);
  ASSERT_EQ(b.held_of<StartDomain>().size(), 4U);
  Spec next = three_hosts({resources.back()});
  b.apply(next);
  b.settle();
  b.release_holds();
  for (const auto& start : b.held_of<StartDomain>()) b.tell(CallDone{start.call, CallResult::failed, "gone"});
  b.held.clear();
  b.run_for(10s);
  ASSERT_NE(b.run("vm5"), nullptr);
  EXPECT_EQ(b.run("vm5")->state, RunState::running);
  EXPECT_EQ(b.run("vm1")->state, RunState::starting) << "its record stays as it was";
}

TEST(Executor, AFailedStartIsReleasedWithLibvirtsWords) {
  Servant b;
  b.start_results[r("vm1")] = CallResult::failed;
  b.claim_for("h1", "vm1", 3);
  b.run_for(1s);
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
  EXPECT_EQ(b.run("vm1")->end, EndReason::start_failed);
  EXPECT_EQ(b.run("vm1")->detail, "no such disk");
  EXPECT_EQ(b.notes[r("vm1")], Generation{3}) << "noted before it was sent";
}

// ---- release (C3, C4) ----

TEST(Executor, AStartWithoutAnAnswerIsReleasedOnlyAfterLibvirtSaidThatNothingIsThere) {
  Servant b;
  b.silence(every<StartDomain>());
  b.claim_for("h1", "vm1", 1);
  b.run_for(kStartTimeout - 1s);
  EXPECT_FALSE(b.releases());
  b.libvirt = false;
  b.tell(HypervisorLost{"it hangs"});
  b.run_for(1min);
  EXPECT_FALSE(b.releases()) << "libvirt has not answered since";
  b.processes.insert(r("vm1"));
  b.libvirt = true;
  b.tell(HypervisorBack{});
  b.run_for(10s);
  EXPECT_FALSE(b.releases()) << "a process of it exists";
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
}

TEST(Executor, AStartWithoutAnAnswerOfWhichNothingIsFoundIsReleased) {
  Servant b;
  b.silence(every<StartDomain>());
  b.claim_for("h1", "vm1", 1);
  b.run_for(kStartTimeout + 10s);
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
  EXPECT_EQ(b.did<StartDomain>().size(), 1U);
}

TEST(Executor, NoReleaseRestsOnALookThatBeganBeforeTheStopEnded) {
  Servant b;
  b.started();
  b.hold([](const Action& a) { return std::holds_alternative<Inspect>(a); });
  b.claim_for("h1", "vm1", 1, ClaimOrder::stop);
  b.run_for(1s);
  EXPECT_FALSE(b.releases());
  b.release_holds();
  b.answer(b.take_held<Inspect>());
  b.run_for(100ms);
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
  EXPECT_EQ(b.run("vm1")->end, EndReason::stopped);
}

TEST(Executor, TheReleaseIsNotedBeforeItIsSent) {
  Servant b;
  b.started();
  b.claim_for("h1", "vm1", 1, ClaimOrder::stop);
  b.run_for(1s);
  std::size_t note = b.log.size(), sent = b.log.size();
  for (std::size_t i = b.log.size(); i-- > 0;) {
    if (std::holds_alternative<NoteRelease>(b.log[i])) note = i;
    if (lane("run/vm1")(b.log[i])) sent = i;
  }
  EXPECT_LT(note, sent);
  EXPECT_LT(sent, b.log.size());
}

TEST(Executor, AGenerationWhoseReleaseWasSentIsNeverStartedAgainWhateverBecameOfTheReply) {
  Servant b;
  b.started();
  b.silence(lane("run/vm1"));  // neither the engine nor the reply
  b.claim_for("h1", "vm1", 1, ClaimOrder::stop);
  b.run_for(5s);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
  b.claim_for("h1", "vm1", 1, ClaimOrder::run);
  b.restart_havend();
  b.release_holds();
  b.run_for(10s);
  EXPECT_TRUE(b.did<StartDomain>().empty());
  EXPECT_EQ(b.run("vm1")->state, RunState::released) << "sent again";
  b.claim_for("h1", "vm1", 2);
  b.run_for(1s);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
}

TEST(Executor, WhatRunsUnderAReleasedGenerationIsDestroyed) {
  Servant b;
  b.started();
  b.claim_for("h1", "vm1", 1, ClaimOrder::stop);
  b.run_for(1s);
  b.claim_for("h1", "vm1", 1);
  b.domains[r("vm1")] = DomainCondition::running;
  b.tell(DomainHint{r("vm1"), HintKind::changed});
  b.run_for(1s);
  EXPECT_FALSE(b.domains.contains(r("vm1")));
}

TEST(Executor, NothingIsReleasedWhileAnOfflineRestartIsUnderWay) {
  Servant b;
  b.started();
  b.hold(every<StartDomain>());
  b.break_watch();
  b.crash();
  b.run_for(1s);
  ASSERT_EQ(b.held_of<StartDomain>().size(), 1U) << "what ran here may start again here";
  b.mend_watch();
  b.run_for(30s);
  EXPECT_FALSE(b.releases());
  EXPECT_EQ(b.did<StartDomain>().size(), 1U);
  b.answer(b.take_held<StartDomain>());
  b.run_for(1s);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
  EXPECT_TRUE(b.run("vm1")->restarts.empty()) << "an outage of the engine costs no budget (B1)";
}

TEST(Executor, AnOrderToStopWaitsForTheStartUnderWay) {
  Servant b;
  b.hold(every<StartDomain>());
  b.claim_for("h1", "vm1", 1);
  b.domains[r("vm1")] = DomainCondition::running;  // libvirt shows it before its call has returned
  b.run_for(6s);
  b.claim_for("h1", "vm1", 1, ClaimOrder::stop);
  b.run_for(1min);
  EXPECT_TRUE(b.did<ShutdownDomain>().empty());
  EXPECT_FALSE(b.releases());
  EXPECT_TRUE(b.notes.empty());
  b.release_holds();
  b.answer(b.take_held<StartDomain>());
  b.run_for(1s);
  EXPECT_TRUE(b.domains.empty());
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
}

// ---- out of the engine's reach (C6) ----

TEST(Executor, OutOfReachItKeepsWhatRunsAndStartsNothingNew) {
  Servant b(three_hosts({vm("vm1", 1024), vm("vm2", 1024)}));
  b.started();
  b.hold(lane("run/vm2"));
  b.claim_for("h1", "vm2", 1);
  b.break_watch();
  b.run_for(1h);
  EXPECT_TRUE(b.domains.contains(r("vm1")));
  EXPECT_TRUE(b.did<StartDomain>().empty());
}

TEST(Executor, OutOfReachItRestartsInPlaceEverMoreSlowlyAndAtNoCost) {
  Servant b(three_hosts({with_restarts(1)}));
  b.started();
  b.break_watch();
  std::vector<std::size_t> starts;
  for (int i = 0; i < 6; ++i) {
    b.crash();
    b.run_for(19s);
    starts.push_back(b.did<StartDomain>().size());
  }
  // At once, after 5 s, 10 s, 20 s; the fifth waits for 40 s.
  EXPECT_EQ(starts, (std::vector<std::size_t>{1, 2, 3, 4, 4, 5}));
  b.mend_watch();
  b.run_for(2min);
  EXPECT_TRUE(b.domains.contains(r("vm1")));
  EXPECT_TRUE(b.run("vm1")->restarts.empty());
  b.crash();
  b.run_for(1s);
  EXPECT_EQ(b.run("vm1")->restarts.size(), 1U);  // the budget was whole
  EXPECT_FALSE(b.releases());
}

TEST(Executor, OutOfReachWhatAnOlderBootStartedIsNotRestarted) {
  Servant b;
  b.started();
  b.reboot(Incarnation("second-boot-of-h1"));
  b.run_for(1s);
  b.forget();
  b.break_watch();
  b.run_for(1min);
  EXPECT_TRUE(b.did<StartDomain>().empty());
}

TEST(Executor, OutOfReachAGenerationWithANoteOfReleaseIsNotRestarted) {
  Servant b;
  b.started();
  b.hold(lane("run/vm1"));
  b.crash();
  b.run_for(1s);  // the restart in place is being marked
  b.held.clear();
  b.notes[r("vm1")] = {1};
  b.hold(anything());
  b.restart_havend();
  b.release_holds();
  b.break_watch();
  b.forget();
  b.run_for(1min);
  EXPECT_TRUE(b.did<StartDomain>().empty());
}

// ---- found running (C6) ----

TEST(Executor, WhatAnotherHostIsClaimedForIsDestroyedAtOnce) {
  Servant b;
  b.claim_for("h3", "vm1", 4);
  b.run_for(1s);
  b.domains[r("vm1")] = DomainCondition::running;
  b.tell(DomainHint{r("vm1"), HintKind::changed});
  b.run_for(100ms);
  EXPECT_EQ(b.did<DestroyDomain>().size(), 1U);
  EXPECT_TRUE(b.domains.empty());
}

TEST(Executor, OnAViewOlderThanItsOwnLastWordItJudgesNobody) {
  Servant b(three_hosts({vm("vm1", 1024), vm("vm2", 1024)}));
  b.claim_for("h3", "vm1", 4);
  b.claim_for("h1", "vm2", 1);
  b.run_for(1s);
  b.forget();
  // The claim has come to this host, but its watch is behind while its own words get through.
  b.mute_watch = true;
  b.crash("vm2");
  b.run_for(1s);
  ASSERT_TRUE(b.wrote(path::run(r("vm2"))));
  b.domains[r("vm1")] = DomainCondition::running;
  b.tell(DomainHint{r("vm1"), HintKind::changed});
  b.run_for(4s);
  EXPECT_TRUE(b.did<DestroyDomain>().empty());
  b.mute_watch = false;
  b.run_for(1s);
  EXPECT_FALSE(b.did<DestroyDomain>().empty());
}

TEST(Executor, WithABrokenWatchNothingIsDestroyedForAnothersClaim) {
  Servant b;
  b.claim_for("h3", "vm1", 4);
  b.break_watch();
  b.domains[r("vm1")] = DomainCondition::running;
  b.tell(DomainHint{r("vm1"), HintKind::changed});
  b.run_for(1min);
  EXPECT_TRUE(b.domains.contains(r("vm1")));
}

TEST(Executor, WhatIsUnclaimedIsReportedAndLeftAlone) {
  Servant b;
  b.domains[r("vm1")] = DomainCondition::running;
  b.run_for(10s);
  EXPECT_TRUE(b.domains.contains(r("vm1")));
  EXPECT_EQ(b.get<StatusRecord>(path::status(kSelf))->found, std::vector{r("vm1")});
}

TEST(Executor, AStartUnderWayCountsAsFound) {
  Servant b;
  b.hold(every<StartDomain>());
  b.claim_for("h1", "vm1", 1);
  ASSERT_EQ(b.held_of<StartDomain>().size(), 1U);
  b.claim_for("h1", "vm1", 1, ClaimOrder::let_go);
  b.run_for(10s);
  const auto* report = b.get<StatusRecord>(path::status(kSelf));
  EXPECT_EQ(report->found, std::vector{r("vm1")});
  EXPECT_EQ(report->spec, b.mod(path::claim(r("vm1"))));
}

}  // namespace
}  // namespace haven

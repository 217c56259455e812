// What ties the parts together: what is under way, what rests, and when the next turn is due.
#include "core/node.hpp"

#include "core/bench_node.hpp"

namespace haven {
namespace {
using namespace story;

TEST(Node, JoinsTakesOfficeAndStartsWhatTheFileSays) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.boot();
  EXPECT_TRUE(b.node->leads());
  ASSERT_NE(b.run("vm1"), nullptr);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
  EXPECT_TRUE(b.domains.contains(r("vm1")));
}

TEST(Node, ComesToRestOnceAllIsAsItShouldBe) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.boot();
  b.run_for(5s);
  b.forget();
  b.run_for(10min);
  for (const auto& action : b.log) {
    const bool routine = std::holds_alternative<KeepAlive>(action) || std::holds_alternative<Inspect>(action) ||
                         std::holds_alternative<ProbeDevice>(action);
    EXPECT_TRUE(routine) << action.index();
  }
}

TEST(Node, WhatHurtsOnThisHostStandsInItsStatusUntilItDoesNot) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.boot();
  const auto problems = [&] { return b.get<StatusRecord>(path::status(kSelf))->problems; };
  b.tell(HostProblems{{"libvirt-guests is on", "no disk"}});
  EXPECT_EQ(problems(), (std::vector<std::string>{"libvirt-guests is on", "no disk"}));
  const auto alarms = b.node->report().alarms;
  ASSERT_EQ(alarms.size(), 2U);
  EXPECT_EQ(alarms[0].text, "h1: libvirt-guests is on");
  b.forget();
  b.tell(HostProblems{{"libvirt-guests is on", "no disk"}});
  EXPECT_TRUE(b.commits("status").empty()) << "nothing new";
  b.tell(HostProblems{});
  EXPECT_TRUE(problems().empty());
}

TEST(Node, NothingIsAskedTwiceWhileItIsUnderWay) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.hold(lane("run/vm1"));
  b.boot();
  b.run_for(1s);
  for (int i = 0; i < 10; ++i) b.tell(DomainHint{r("vm1"), HintKind::changed});
  EXPECT_EQ(b.held_of<Commit>().size(), 1U);
}

TEST(Node, WithoutAnyAnswerItTurnsAndActsAFewTimesASecondOnly) {
  const std::vector<Matches> silent{anything(),       every<Commit>(),      every<KeepAlive>(),
                                    every<Inspect>(), every<StartDomain>(), every<GrantLease>()};
  for (std::size_t i = 0; i < silent.size(); ++i) {
    Bench b(three_hosts({vm("vm1", 1024), vm("vm2", 1024)}));
    b.boot();
    b.running_on("h2", "vm2", {50});
    b.say(OperatorVerb::relocate, "vm1", "h3");
    b.silence(silent[i]);
    b.die("h3");
    b.tell(DomainHint{r("vm1"), HintKind::changed});
    b.forget();
    b.turns = 0;
    b.run_for(60s);
    EXPECT_LT(b.log.size(), 60U * 20) << i;
    EXPECT_LT(b.turns, 60 * 60) << i;
  }
}

TEST(Node, WithNothingEverAnsweredNorGivenUpItDoesNotSpin) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.boot();
  b.hold(anything());
  b.die("h2");
  b.say(OperatorVerb::stop, "vm1");
  b.forget();
  b.turns = 0;
  b.run_for(60s);
  EXPECT_LT(b.log.size(), 60U * 10);
  EXPECT_LT(b.turns, 60 * 30);
}

TEST(Node, WakeAtNeverForgetsARenewal) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.boot();
  for (int i = 0; i < 500; ++i) {
    if (i % 7 == 0) b.tell(DomainHint{r("vm1"), HintKind::changed});
    if (i % 11 == 0) b.say(i % 2 == 0 ? OperatorVerb::stop : OperatorVerb::start, "vm1");
    ASSERT_LE(b.node->wake_at() - b.now.mono, 1s) << i;
    b.run_for(std::chrono::milliseconds(37 * (i % 9)));
  }
  EXPECT_NE(b.get<MemberRecord>(path::member(kSelf)), nullptr);
  EXPECT_EQ(b.did<GrantLease>().size(), 1U);
}

TEST(Node, AfterAConflictNothingIsWrittenOnAnOlderViewButNoLongerThanTwoSeconds) {
  Bench b(three_hosts({vm("vm1", 1024), vm("vm2", 1024)}));
  b.lead("h2");
  b.boot();
  b.put(path::claim(r("vm1")), ClaimRecord{kSelf, boot_of(kSelf), {1}, ClaimOrder::run, std::nullopt, {}});
  b.run_for(1s);
  b.mute_watch = true;
  b.put(path::claim(r("vm1")), ClaimRecord{kSelf, boot_of(kSelf), {1}, ClaimOrder::stop, std::nullopt, {}});
  b.forget();
  b.domains.erase(r("vm1"));
  b.tell(DomainHint{r("vm1"), HintKind::crashed});
  b.run_for(1900ms);
  EXPECT_EQ(b.did<Commit>().size(), 1U) << "the restart that met the conflict";
  b.run_for(200ms);
  EXPECT_GE(b.did<Commit>().size(), 2U);
  b.mute_watch = false;
  b.run_for(1s);
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
}

TEST(Node, TheWatchThatCatchesUpEndsTheWaitAtOnce) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.lead("h2");
  b.boot();
  b.put(path::claim(r("vm1")), ClaimRecord{kSelf, boot_of(kSelf), {1}, ClaimOrder::run, std::nullopt, {}});
  b.run_for(1s);
  b.mute_watch = true;
  b.put(path::claim(r("vm1")), ClaimRecord{kSelf, boot_of(kSelf), {1}, ClaimOrder::stop, std::nullopt, {}});
  b.domains.erase(r("vm1"));
  b.tell(DomainHint{r("vm1"), HintKind::crashed});
  b.run_for(100ms);
  b.mute_watch = false;
  b.run_for(100ms);
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
}

TEST(Node, ACallThatItsAdapterNeverAnswersIsGivenUpAsUnknown) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.hold(every<StartDomain>());
  b.boot();
  b.run_for(kStartTimeout + 15s);
  b.release_holds();
  b.run_for(30s);
  const auto starts = b.did<StartDomain>();
  EXPECT_EQ(starts.size(), 1U) << "never the same generation again";
  EXPECT_GT(b.claim("vm1")->generation, Generation{1});
}

TEST(Node, AnAnswerToNothingThatWasAskedIsIgnored) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.boot();
  b.run_for(1s);
  const CallId stranger{999'999};
  b.forget();
  b.tell(CommitDone{stranger, CommitOutcome::committed, {5}, ""});
  b.tell(LeaseGranted{stranger, {77}});
  b.tell(LeaseAnswer{stranger, {77}, true, false});
  b.tell(Inspected{stranger, true, {}, {}, {}});
  b.tell(CallDone{stranger, CallResult::failed, ""});
  b.tell(AgentDone{stranger, AgentResult::is_off, ""});
  EXPECT_TRUE(b.did<Commit>().empty());
  EXPECT_TRUE(b.did<StartDomain>().empty());
}

TEST(Node, JournalsUnderKeysOfItsOwn) {
  std::vector<Resource> resources;
  for (int i = 1; i <= 30; ++i) resources.push_back(vm("vm" + std::to_string(i), 64));
  Bench b(three_hosts(resources));
  b.boot();
  b.run_for(1s);
  EXPECT_EQ(b.get<JournalRecord>(path::kNewJournal), nullptr);
  EXPECT_GE(b.node->view().journal.size(), 30U);
}

TEST(Node, AListingAfterAGapIsTakenWhole) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.boot();
  b.run_for(1s);
  b.break_watch();
  b.run_for(10s);
  b.die("h2");
  b.join("h2", Incarnation("second-boot-of-h2"));
  b.mend_watch();
  b.run_for(1s);
  EXPECT_EQ(b.node->view().members.at(h("h2")).value.incarnation, Incarnation("second-boot-of-h2"));
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
}

}  // namespace
}  // namespace haven

// How a host makes a promise, keeps it and withdraws it (P1 to P4, P6, C2, C6).
#include <algorithm>

#include "core/liveness/keeping.hpp"
#include "core/servant.hpp"

namespace haven {
namespace {
using namespace story;

Spec with_a_promise(Duration deadline = 30s) {
  Spec spec = three_hosts({vm("vm1", 1024)});
  spec.hosts[0].self_fence = true;
  spec.hosts[0].promise = deadline;
  return spec;
}

struct Promiser : Servant {
  explicit Promiser(Spec spec = with_a_promise()) : Servant(std::move(spec)) { run_for(3s); }
  const PromiseRecord* promise() const { return get<PromiseRecord>(path::promise(kSelf)); }
  // Neither calls nor the watch reach the engine.
  void lose_engine(VoterWord voters = VoterWord::silent) {
    voters_say = voters;
    break_watch();
    silence([voters](const Action& action) {
      return std::holds_alternative<Commit>(action) || std::holds_alternative<KeepAlive>(action) ||
             std::holds_alternative<GrantLease>(action) || std::holds_alternative<ReadMember>(action) ||
             (voters == VoterWord::silent && std::holds_alternative<AskVoters>(action));
    });
  }
  void find_engine() {
    voters_say = VoterWord::led;
    release_holds();
    mend_watch();
  }
  Instant permit() const {
    const auto pets = did<PetWatchdog>();
    return pets.empty() ? Instant{} : pets.back().until;
  }
  // The place of the first such action in the log.
  std::ptrdiff_t first(const Matches& which) const { return std::find_if(log.begin(), log.end(), which) - log.begin(); }
};

TEST(Promises, TheWatchdogIsArmedAndTheNoteIsWrittenBeforeThePromiseIsSent) {
  Servant b(with_a_promise());
  b.run_for(3s);
  const auto* promise = b.get<PromiseRecord>(path::promise(kSelf));
  ASSERT_NE(promise, nullptr);
  EXPECT_EQ(*promise, (PromiseRecord{b.config.incarnation, 30s, 5s, {{"v1", "v2", "v3"}}}));
}

TEST(Promises, NothingIsPromisedThatTheFileDoesNotAskFor) {
  Servant b;
  b.run_for(1min);
  EXPECT_FALSE(b.wrote(path::promise(kSelf)));
  EXPECT_TRUE(b.did<ArmWatchdog>().empty());
  EXPECT_TRUE(b.did<ReadMember>().empty());
}

TEST(Promises, ComeAfterTheNoteAndTheShortenedPermit) {
  Bench b(with_a_promise());
  b.lead("h2");
  b.hold(lane("promise"));
  b.boot();
  b.run_for(3s);
  ASSERT_TRUE(b.promise_note);
  EXPECT_EQ(b.promise_note->deadline, 30s);
  const auto sent = b.take_held<Commit>();
  const auto at = [&](const Matches& which) { return std::find_if(b.log.begin(), b.log.end(), which) - b.log.begin(); };
  EXPECT_LT(at(every<ArmWatchdog>()), at(every<NotePromise>()));
  EXPECT_LT(at(every<NotePromise>()), at(lane("promise")));
  const auto pets = b.did<PetWatchdog>();
  EXPECT_LE(pets.back().until, b.promise_note->last_good + 30s - 10s);
  EXPECT_EQ(sent.call == CallId{}, false);
}

TEST(Promises, WithoutAWatchdogThereIsNoneAndItSaysSo) {
  Bench b(with_a_promise());
  b.lead("h2");
  b.watchdog = false;
  b.boot();
  b.run_for(30s);
  EXPECT_FALSE(b.wrote(path::promise(kSelf)));
  const auto* status = b.get<StatusRecord>(path::status(kSelf));
  ASSERT_EQ(status->problems.size(), 1U);
  EXPECT_EQ(status->problems.front(), "it makes no promise: it is broken");
  b.watchdog = true;
  b.run_for(15s);
  EXPECT_TRUE(b.wrote(path::promise(kSelf)));
  EXPECT_TRUE(b.get<StatusRecord>(path::status(kSelf))->problems.empty());
}

TEST(Promises, LastGoodIsWhenTheReadWasSent) {
  Promiser b;
  b.hold(every<ReadMember>());
  b.run_for(5s);
  const Issued read = b.take_held<ReadMember>();
  const Instant before = b.promise_note->last_good;
  b.pass_time(1s);
  const Instant now = b.now.mono;
  b.answer(read);
  EXPECT_GT(b.promise_note->last_good, before);
  EXPECT_LE(b.promise_note->last_good, now - 1s);
}

TEST(Promises, AReadThatFindsAnotherBootIsNotGood) {
  Promiser b;
  b.hold(every<ReadMember>());
  b.run_for(5s);
  const Issued read = b.take_held<ReadMember>();
  const Instant before = b.promise_note->last_good;
  b.tell(MemberRead{read.call, true, Incarnation("another"), {5}, 7});
  EXPECT_EQ(b.promise_note->last_good, before);
}

TEST(Promises, KeepAlivesAloneKeepNobodyAlive) {
  Promiser b;
  b.started();
  b.silence([](const Action& action) {
    return std::holds_alternative<ReadMember>(action) || std::holds_alternative<AskVoters>(action);
  });
  b.run_for(25s);
  EXPECT_TRUE(b.domains.empty());
}

TEST(Promises, OutOfReachEverythingStopsInOrderAndIsKilledInTime) {
  Promiser b;
  b.started();
  b.immortal = true;
  b.lose_engine();
  const Instant good = b.promise_note->last_good;
  b.run_for(9s);
  EXPECT_TRUE(b.did<ShutdownDomain>().empty());
  b.run_for(3s);
  EXPECT_EQ(b.did<ShutdownDomain>().size(), 1U);
  EXPECT_TRUE(b.did<KillDomain>().empty());
  b.run_for(5s);
  EXPECT_GE(b.did<KillDomain>().size(), 2U);
  b.run_for(1min);
  // It could not be ended: the watchdog is not petted past 20 s after the last good.
  EXPECT_LE(b.permit(), good + 20s);
}

TEST(Promises, OnceNothingRunsItIsPettedOnAndNothingStarts) {
  Promiser b;
  b.started();
  b.lose_engine();
  b.run_for(2min);
  EXPECT_TRUE(b.domains.empty());
  EXPECT_TRUE(b.did<StartDomain>().empty());
  EXPECT_GT(b.permit(), b.now.mono);
}

// h3 is a virtual host on h1. It is proved dead by the promise of its machine (F3): nobody stops it, so the watchdog
// has to.
struct Machine : Promiser {
  Machine() {
    Spec next = spec();
    next.hosts[2].runs_on = "h1";
    next.hosts[2].fence.clear();
    apply(next);
    put(path::machine(h("h3")), MachineRecord{machine_of(h("h3")), "domain-of-h3"});
    settle();
  }
  bool lets_h3_start() {
    const CallId question{++asked_};
    tell(HookAsked{question, {}, false, "domain-of-h3"});
    return hook_answers.at(question).allow;
  }

 private:
  std::uint64_t asked_ = 7'000'000;
};

TEST(Promises, AVirtualHostThatRunsThereIsEndedByTheWatchdog) {
  Machine b;
  b.others = {"domain-of-h3"};
  b.started();
  b.lose_engine();
  const Instant good = b.promise_note->last_good;
  b.run_for(2min);
  EXPECT_TRUE(b.domains.empty());
  EXPECT_LE(b.permit(), good + 20s);
}

// No inspection has shown it yet, and it may appear when the watchdog is petted on as if nothing ran there.
TEST(Promises, AVirtualHostThatWasAllowedToStartAndHasNotAppearedKeepsItsMachineFromBeingIdle) {
  Machine b;
  b.started();
  b.run_for(1s);
  ASSERT_TRUE(b.lets_h3_start());
  b.lose_engine();
  const Instant good = b.promise_note->last_good;
  b.run_for(25s);
  EXPECT_LE(b.permit(), good + 20s);
}

TEST(Promises, AVirtualHostThatNeverAppearedIsWaitedForAndThenForgotten) {
  Machine b;
  b.started();
  ASSERT_TRUE(b.lets_h3_start());
  b.run_for(1min);
  b.lose_engine();
  const Instant good = b.promise_note->last_good;
  b.run_for(25s);
  EXPECT_GT(b.permit(), good + 20s) << "nothing runs there, nothing would be gained";
}

TEST(Promises, NoVirtualHostStartsWhereThePromiseHasNoRoomForIt) {
  Machine b;
  b.started();
  EXPECT_TRUE(b.lets_h3_start());
  b.lose_engine();
  b.run_for(15s);
  EXPECT_FALSE(b.lets_h3_start());
}

TEST(Promises, WhatStoppedForAPromiseStartsAgainAndLosesNoBudget) {
  Resource once = with_restarts(0);
  once.on_poweroff = OnPoweroff::stop;
  Spec spec = three_hosts({once});
  spec.hosts[0].self_fence = true;
  Promiser b(spec);
  b.started();
  b.lose_engine();
  b.run_for(11s);
  b.crash("vm1", HintKind::powered_off);  // as asked
  b.run_for(1min);
  b.find_engine();
  b.run_for(15s);
  ASSERT_NE(b.run("vm1"), nullptr);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
  EXPECT_TRUE(b.run("vm1")->restarts.empty());
  EXPECT_EQ(b.run("vm1")->generation, Generation{1});
}

TEST(Promises, NothingIsRestartedInPlaceOutOfTheEnginesReach) {
  Promiser b(with_a_promise(10min));
  b.started();
  b.lose_engine();
  b.run_for(10s);
  b.crash();
  b.run_for(30s);
  EXPECT_TRUE(b.did<StartDomain>().empty());
}

TEST(Promises, AnEngineWithoutALeaderIsForgiven) {
  Promiser b;
  b.started();
  b.lose_engine(VoterWord::leaderless);
  b.run_for(10min);
  EXPECT_TRUE(b.did<ShutdownDomain>().empty());
  EXPECT_EQ(b.domains.size(), 1U);
  EXPECT_GT(b.permit(), b.now.mono);
}

TEST(Promises, AnEngineThatIsLedIsNot) {
  Promiser b;
  b.started();
  b.lose_engine(VoterWord::led);
  b.run_for(1min);
  EXPECT_TRUE(b.domains.empty());
}

// Whose members others change, in their own time: no list that a promise names could be relied on (P4).
TEST(Promises, WithAnEngineOfSomebodyElsesNothingIsWaived) {
  Promiser b;
  EXPECT_FALSE(b.promise()->voters.empty());
  b.config.waivers = false;
  b.restart_havend();
  b.run_for(3s);
  EXPECT_TRUE(b.promise()->voters.empty()) << "so that nobody waits for it to name others";
  b.started();
  b.lose_engine(VoterWord::leaderless);
  b.run_for(12s);
  EXPECT_TRUE(b.domains.empty()) << "it stops as if its voters were silent";
  EXPECT_TRUE(b.did<AskVoters>().empty());
}

TEST(Promises, NoStartWithoutRoomForIt) {
  Promiser b;
  b.silence([](const Action& action) {
    return std::holds_alternative<ReadMember>(action) || std::holds_alternative<AskVoters>(action);
  });
  b.run_for(12s);
  b.claim_for("h1", "vm1", 1);
  b.run_for(30s);
  EXPECT_TRUE(b.did<StartDomain>().empty());
  b.release_holds();
  b.run_for(5s);
  EXPECT_EQ(b.did<StartDomain>().size(), 1U);
}

TEST(Promises, AWaiverIsNoRoomForAStart) {
  Spec spec = three_hosts({vm("vm1", 1024), vm("vm2", 1024)});
  spec.hosts[0].self_fence = true;
  Promiser b(spec);
  b.started();
  b.silence(every<ReadMember>());
  b.voters_say = VoterWord::leaderless;
  b.run_for(20s);
  EXPECT_GT(b.promise_note->last_good, b.now.mono - 10s);
  b.claim_for("h1", "vm2", 1);
  b.run_for(20s);
  EXPECT_TRUE(b.did<StartDomain>().empty());
  EXPECT_EQ(b.domains.size(), 1U);
}

TEST(Promises, ARestartedHavendInheritsTheLastGood) {
  Promiser b;
  b.started();
  b.immortal = true;
  b.lose_engine();
  const Instant good = b.promise_note->last_good;
  b.run_for(12s);
  b.forget();
  b.restart_havend();
  b.lose_engine();
  b.run_for(30s);
  EXPECT_EQ(b.permit(), good + 20s);
}

TEST(Promises, AHavendThatComesBackTooLateDoesNotPet) {
  Promiser b;
  b.started();
  b.immortal = true;
  b.lose_engine();
  b.run_for(21s);
  b.restart_havend();
  b.lose_engine();
  b.forget();
  b.run_for(5s);
  EXPECT_TRUE(b.did<ArmWatchdog>().empty());
}

TEST(Promises, AreWithdrawnBeforeTheWatchdogIsDisarmed) {
  Promiser b;
  b.started();
  b.hold(lane("promise"));
  Spec without = b.spec();
  without.hosts[0].self_fence = false;
  b.apply(without);
  b.run_for(10s);
  EXPECT_TRUE(b.did<DisarmWatchdog>().empty());
  const auto bound = b.promise_note->deadline;
  EXPECT_EQ(bound, 30s);
  b.answer(b.take_held<Commit>());
  b.run_for(1s);
  EXPECT_EQ(b.promise(), nullptr);
  EXPECT_EQ(b.promise_note->deadline, Duration::zero());
  EXPECT_EQ(b.did<DisarmWatchdog>().size(), 1U);
  EXPECT_EQ(b.domains.size(), 1U);
}

// Its answer was lost, and it was sent again; the first one waits in a socket until the second has been withdrawn.
TEST(Promises, OneThatIsCarriedOutAfterItsWithdrawalDoesNotStand) {
  Spec without = with_a_promise();
  without.hosts[0].self_fence = false;
  Promiser b(without);
  b.hold(lane("promise"));
  b.apply(with_a_promise());
  b.run_for(1s);
  const Issued late = b.take_held<Commit>();
  b.release_holds();
  b.tell(CommitDone{late.call, CommitOutcome::unknown, {}, ""});
  b.run_for(5s);
  ASSERT_NE(b.promise(), nullptr);
  b.watchdog = false;
  b.tell(WatchdogBroke{"it cannot be petted"});
  b.run_for(5s);
  ASSERT_EQ(b.promise(), nullptr);
  (void)b.effect(late);
  EXPECT_EQ(b.promise(), nullptr) << "nobody keeps it";
}

TEST(Promises, AWithdrawalOfUnknownFateBindsOn) {
  Promiser b;
  b.silence(lane("promise"));
  Spec without = b.spec();
  without.hosts[0].self_fence = false;
  b.apply(without);
  b.run_for(30s);
  EXPECT_EQ(b.promise_note->deadline, 30s);
  EXPECT_TRUE(b.did<DisarmWatchdog>().empty());
}

TEST(Promises, AShorterOneBindsAtOnceALongerOneOnceItStands) {
  Promiser b;
  b.silence(lane("promise"));
  Spec shorter = b.spec();
  shorter.hosts[0].promise = 15s;
  b.apply(shorter);
  b.run_for(10s);
  EXPECT_EQ(b.promise_note->deadline, 15s);
  b.release_holds();
  b.run_for(10s);
  EXPECT_EQ(b.promise()->deadline, 15s);
  b.silence(lane("promise"));
  Spec longer = b.spec();
  longer.hosts[0].promise = 60s;
  b.apply(longer);
  b.run_for(10s);
  EXPECT_EQ(b.promise_note->deadline, 15s);
  b.release_holds();
  b.run_for(10s);
  EXPECT_EQ(b.promise()->deadline, 60s);
  EXPECT_EQ(b.promise_note->deadline, 60s);
  EXPECT_EQ(b.did<ArmWatchdog>().back().bites_after, 10s);
}

TEST(Promises, APlannedStopWithdrawsItWithItsLastWord) {
  Promiser b;
  b.started();
  b.tell(ShutdownAsked{ShutdownKind::restart});
  b.run_for(1s);
  EXPECT_EQ(b.promise(), nullptr);
  EXPECT_EQ(b.did<DisarmWatchdog>().size(), 1U);
  EXPECT_TRUE(b.exited);
  EXPECT_LT(b.first(every<DisarmWatchdog>()), b.first(every<Exit>()));
  b.restart_havend();
  b.run_for(5s);
  EXPECT_NE(b.promise(), nullptr);
}

TEST(Promises, ABrokenWatchdogEndsThePromiseNotTheGuests) {
  Promiser b;
  b.started();
  b.watchdog = false;
  b.tell(WatchdogBroke{"it takes no pet"});
  b.run_for(1min);
  EXPECT_EQ(b.promise(), nullptr);
  EXPECT_EQ(b.domains.size(), 1U);
  b.watchdog = true;
  b.run_for(15s);
  EXPECT_NE(b.promise(), nullptr);
}

TEST(Promises, WithABrokenWatchdogOutOfReachTheHostEndsItself) {
  Promiser b;
  b.started();
  b.immortal = true;
  b.watchdog = false;
  b.lose_engine();
  b.tell(WatchdogBroke{"it takes no pet"});
  b.run_for(15s);
  EXPECT_TRUE(b.did<KillAllAndReboot>().empty());
  b.run_for(6s);
  EXPECT_EQ(b.did<KillAllAndReboot>().size(), 1U);
}

TEST(Promises, ThatOfAnOlderBootIsNotOverwritten) {
  Promiser b;
  const PromiseRecord old = *b.promise();
  b.die("h1");
  b.reboot(Incarnation("another-boot"));
  b.run_for(10s);
  EXPECT_EQ(*b.promise(), old);
  b.erase(path::promise(kSelf));
  b.run_for(5s);
  ASSERT_NE(b.promise(), nullptr);
  EXPECT_EQ(b.promise()->incarnation, Incarnation("another-boot"));
}

TEST(Promises, NameTheNewVotersBeforeTheyVoteAndTheOldOnesUntilTheyDoNot) {
  Promiser b;
  const VoterList three{"v1", "v2", "v3"}, four{"v1", "v2", "v3", "v4"};
  b.put(path::kVoters, VotersRecord{four});
  b.run_for(2s);
  EXPECT_EQ(b.promise()->voters, (std::vector<VoterList>{three, four}));
  b.voters = four;
  b.run_for(2min);
  b.erase(path::kVoters);
  b.run_for(2min);
  EXPECT_EQ(b.promise()->voters, (std::vector<VoterList>{four}));
}

TEST(Promises, RestOnTheVotersThatAreDeclared) {
  Bench b(with_a_promise());
  b.lead("h2");
  b.hold(lane("promise"));
  b.boot();
  b.run_for(3s);
  const auto sent = b.take_held<Commit>();
  b.put(path::kVoters, VotersRecord{{"v1", "v2", "v3", "v4"}});
  b.release_holds();
  b.answer(sent);
  EXPECT_EQ(b.get<PromiseRecord>(path::promise(kSelf)), nullptr) << "it did not name them";
  b.run_for(5s);
  const auto* promise = b.get<PromiseRecord>(path::promise(kSelf));
  ASSERT_NE(promise, nullptr);
  EXPECT_EQ(promise->voters.size(), 2U);
}

// It may stand by now, and whoever waits for it may have changed the voters.
TEST(Promises, AWaiverAsksTheVotersOfAPromiseOfUnknownFateToo) {
  Promiser b;
  b.started();
  b.silence(lane("promise"));
  b.put(path::kVoters, VotersRecord{{"v1", "v4", "v5"}});
  b.run_for(3s);
  b.lose_engine(VoterWord::leaderless);
  b.run_for(1min);
  EXPECT_TRUE(b.domains.empty());
}

TEST(Promises, WhatAnEarlierPromiseMayHaveDoneIsNotForgottenByAConflict) {
  const SelfView self{};
  Keeping keeping;
  const auto sent = [&](std::int64_t mod) {
    Commit commit{"promise", {{path::promise(kSelf), {mod}}}, {{path::promise(kSelf), PromiseRecord{}, {}}}, 1s};
    observe_keeping_issued(keeping, self, commit, {});
    return commit;
  };
  const auto ends = [&](const Commit& commit, CommitOutcome outcome) {
    observe_keeping_commit(keeping, self, {commit, {}, outcome, {}});
  };
  const Commit first = sent(1);
  ends(first, CommitOutcome::unknown);
  ends(sent(2), CommitOutcome::conflict);
  EXPECT_EQ(keeping.unsure, first.checks);
  ends(sent(3), CommitOutcome::committed);
  EXPECT_TRUE(keeping.unsure.empty() && keeping.earlier.empty());
  ends(sent(4), CommitOutcome::conflict);
  EXPECT_TRUE(keeping.unsure.empty());
}

}  // namespace
}  // namespace haven

// From a lost lease to the agents: the intent, the answer, the shot (F1, F2, F7, S5).
#include "core/liveness/accusation.hpp"

#include "core/court.hpp"
#include "core/liveness/heartbeat.hpp"
#include "core/liveness/late_shots.hpp"

namespace haven {
namespace {
using namespace story;

TEST(Accusation, FencesAHostOnlyAfterTheGraceEndedWithoutAnAnswer) {
  Court b;
  b.die("h2");
  b.run_for(kGrace - 1ms);
  EXPECT_EQ(b.state(), FenceState::intent);
  EXPECT_TRUE(b.did<RunAgent>().empty());
  b.run_for(2ms);
  EXPECT_EQ(b.verbs(), (std::vector{AgentVerb::off, AgentVerb::status, AgentVerb::status}));
  ASSERT_EQ(b.state(), FenceState::proved);
  EXPECT_EQ(b.fence("h2")->proof, ProofKind::level);
}

TEST(Accusation, TheIntentIsCommittedBeforeAnyAgentIsCalled) {
  Court b;
  b.hold(lane("fence/"));
  b.die("h2");
  b.run_for(10s);
  EXPECT_EQ(b.held.size(), 1U);
  EXPECT_TRUE(b.did<RunAgent>().empty());
}

TEST(Accusation, TheIntentComparesThatTheKeyIsStillGone) {
  Court b;
  b.hold(lane("fence/"));
  b.die("h2");
  b.settle();
  const Issued intent = b.take_held<Commit>();
  b.release_holds();
  b.join("h2");  // it came back before the write arrived
  b.answer(intent);
  b.run_for(5s);
  EXPECT_FALSE(b.state());
  EXPECT_TRUE(b.did<RunAgent>().empty());
}

TEST(Accusation, AnAnswerWithinTheGraceWithdrawsTheIntent) {
  Court b;
  b.die("h2");
  b.run_for(kGrace / 2);
  ASSERT_EQ(b.state(), FenceState::intent);
  const Revision intent = b.mod(path::fence(h("h2"), boot_of(h("h2"))));
  b.put(path::answer(h("h2"), boot_of(h("h2"))), AnswerRecord{intent});
  b.settle();
  EXPECT_FALSE(b.state());
  EXPECT_EQ(b.get<AnswerRecord>(path::answer(h("h2"), boot_of(h("h2")))), nullptr);
  b.run_for(2s);  // and gets a further lease time to register
  EXPECT_TRUE(b.did<RunAgent>().empty());
  EXPECT_FALSE(b.state());
  b.run_for(5s);
  EXPECT_TRUE(b.state()) << "it did not, so it is accused again";
}

TEST(Accusation, AnAnswerThatTheControllerDoesNotSeeStopsTheShotAllTheSame) {
  Court b;
  b.die("h2");
  b.run_for(kGrace - 10ms);
  b.mute_watch = true;
  b.put(path::answer(h("h2"), boot_of(h("h2"))), AnswerRecord{b.mod(path::fence(h("h2"), boot_of(h("h2"))))});
  b.run_for(1s);
  EXPECT_EQ(b.state(), FenceState::intent);
  EXPECT_TRUE(b.did<RunAgent>().empty());
  b.mute_watch = false;
  b.settle();
  EXPECT_FALSE(b.state());
}

TEST(Accusation, AWriteThatTookTooLongDoesNotEndTheGrace) {
  Court b;
  b.die("h2");
  b.run_for(kGrace / 2);
  b.hold(lane("fence/"));
  b.run_for(kGrace);
  const Issued slow = b.take_held<Commit>();
  b.run_for(kGraceWriteLimit + 100ms);
  b.hold(lane("fence/"));
  b.answer(slow);
  EXPECT_TRUE(b.did<RunAgent>().empty()) << "an answer may have waited as long";
  b.release_holds();
  b.answer(b.take_held<Commit>());  // written again, and fast this time
  EXPECT_FALSE(b.did<RunAgent>().empty());
}

// Found by random faults: the engine's disk was full from the intent on, and the first write after that was the shot.
TEST(Accusation, AGraceInWhichTheEngineWroteNothingBeginsAnew) {
  Court b;
  b.die("h2");
  b.run_for(kGrace / 2);
  ASSERT_EQ(b.state(), FenceState::intent);
  const Revision intent = b.mod(path::fence(h("h2"), boot_of(h("h2"))));
  b.hold(lane("fence/"));
  b.run_for(kGrace);
  const Issued refused = b.take_held<Commit>();
  b.release_holds();
  b.tell(CommitDone{refused.call, CommitOutcome::refused, {}, "database space exceeded"});
  b.run_for(1010ms);  // a refused lane rests for a second
  EXPECT_EQ(b.state(), FenceState::intent);
  EXPECT_GT(b.mod(path::fence(h("h2"), boot_of(h("h2")))), intent) << "written again: the engine writes";
  b.run_for(kGrace / 2);
  EXPECT_TRUE(b.did<RunAgent>().empty()) << "whoever lives can answer only now";
  b.run_for(kGrace);
  EXPECT_FALSE(b.did<RunAgent>().empty());
}

TEST(Accusation, AnIntentDeletesWhatWasSaidBeforeIt) {
  Court b;
  b.hold(lane("house"));
  b.put(path::answer(h("h2"), boot_of(h("h2"))), AnswerRecord{});
  b.die("h2");
  b.run_for(kGrace / 2);
  EXPECT_EQ(b.state(), FenceState::intent);
  EXPECT_EQ(b.get<AnswerRecord>(path::answer(h("h2"), boot_of(h("h2")))), nullptr);
}

TEST(Accusation, NobodyIsAccusedWhileMoreHostsThanTheReserveAreLostAtOnce) {
  Court b;
  b.die("h2");
  b.die("h3");
  b.run_for(2900ms);
  EXPECT_FALSE(b.state());
  b.run_for(kGrace + 50ms);
  EXPECT_EQ(b.state(), FenceState::intent);
}

TEST(Accusation, ARestartAsPlannedIsNotFenced) {
  Court b;
  b.put(path::away(h("h2")), AwayRecord{boot_of(h("h2")), AwayKind::restarting});
  b.settle();
  b.die("h2");
  b.run_for(10min);
  EXPECT_FALSE(b.state());
}

TEST(Accusation, WithoutProofNothingOfItIsTakenOverAndItIsTriedAgainLater) {
  Court b(three_hosts({vm("vm1", 1024)}));
  b.running_on("h2", "vm1", {7});
  b.settle();
  b.agent = [](const RunAgent&) { return AgentResult::failed; };
  b.die("h2");
  b.run_for(2s);
  ASSERT_EQ(b.state(), FenceState::failed);
  EXPECT_EQ(b.fence("h2")->attempts, 1);
  b.run_for(1h);
  EXPECT_EQ(b.claim("vm1")->host, h("h2"));
  EXPECT_GT(b.fence("h2")->attempts, 50) << "every minute at the latest";
  EXPECT_LT(b.fence("h2")->attempts, 70);
  b.agent = nullptr;
  b.run_for(61s);
  EXPECT_EQ(b.state(), FenceState::proved);
  EXPECT_NE(b.claim("vm1")->host, h("h2"));
  EXPECT_GT(b.claim("vm1")->generation, Generation{7});
}

TEST(Accusation, ASuccessorMakesAnIntentItsOwnAndAsksTheAccusedAnew) {
  Court b;
  b.hold(lane("leader"));
  b.put(path::fence(h("h2"), boot_of(h("h2"))), intent_of("a-reign-that-ended", FenceState::shooting));
  b.die("h2");
  b.run_for(kGrace - 1ms);
  EXPECT_EQ(b.state(), FenceState::intent);
  EXPECT_NE(b.fence("h2")->reign, Reign("a-reign-that-ended"));
  EXPECT_TRUE(b.did<RunAgent>().empty());
  b.run_for(10ms);
  EXPECT_EQ(b.state(), FenceState::proved);
}

// h2 was shot at by a controller that is no more; it answers its successor, which h3 hears it does.
struct Inherited : Court {
  explicit Inherited(bool heard = true) : Court(three_hosts({vm("vm1", 1024)})) {
    running_on("h2", "vm1");
    settle();
    put(path::fence(h("h2"), boot_of(h("h2"))), intent_of("a-reign-that-ended", FenceState::shooting));
    die("h2");
    if (heard) h3_hears_h2(true);
    run_for(kGrace / 2);
    EXPECT_EQ(state(), FenceState::intent);
    EXPECT_TRUE(fence("h2")->late_shots);
    answers();
  }
  void answers() {
    put(path::answer(h("h2"), boot_of(h("h2"))), AnswerRecord{mod(path::fence(h("h2"), boot_of(h("h2"))))});
    settle();
  }
  void h3_hears_h2(bool heard) {
    PeerHeard h2, h3;
    h2.host = h("h2");
    h2.boot = boot_digest(boot_of(h2.host));
    h2.of = h3.of = h3.links = 1;
    h3.host = h("h3");
    h3.boot = boot_digest(boot_of(h3.host));
    h3.opinions = {{h2.host, h2.boot, heard}};
    tell(PeersHeard{{h2, h3}});
  }
  // This reign began at most this long ago.
  static constexpr Duration kReigned = 6s;
  Duration wait() const { return late_shot_time(node->view()); }
  bool is_let_go_within(Duration limit, bool answering = false) {
    for (Duration passed{}; passed < limit && state(); passed += kGrace / 2) {
      run_for(kGrace / 2);
      if (answering && state() && get<AnswerRecord>(path::answer(h("h2"), boot_of(h("h2")))) == nullptr) answers();
    }
    return !state();
  }
};

TEST(Accusation, AnAccusedThatAnswersASuccessorIsLetGoOnlyOnceNoEarlierShotCanHitIt) {
  Inherited b;
  b.run_for(b.wait() - b.kReigned);
  EXPECT_EQ(b.state(), FenceState::intent) << "an agent of the deposed controller may be on its way";
  EXPECT_TRUE(b.is_let_go_within(b.kReigned));
  EXPECT_TRUE(b.did<RunAgent>().empty());
  EXPECT_EQ(b.claim("vm1")->incarnation, boot_of(h("h2"))) << "it ran there all the time";
}

TEST(Accusation, WhomAnEarlierShotHitsAfterItsAnswerIsAskedAnewAndProved) {
  Inherited b;
  b.run_for(5s);
  b.h3_hears_h2(false);
  b.run_for(1s);
  EXPECT_EQ(b.state(), FenceState::proved);
  EXPECT_NE(b.claim("vm1")->host, h("h2"));
}

TEST(Accusation, WhoIsNotHeardWhileAnEarlierShotMayLandAnswersAgain) {
  Inherited b(false);
  EXPECT_FALSE(b.is_let_go_within(b.wait() - b.kReigned, true));
  EXPECT_TRUE(b.is_let_go_within(b.kReigned, true));
  EXPECT_TRUE(b.did<RunAgent>().empty());
}

TEST(Accusation, WhoAnsweredIsLetGoOnlyOnceAKilledAgentsShotCannotHitItAnyMore) {
  Court b;
  b.hold(every<RunAgent>());
  b.die("h2");
  b.run_for(2s);
  const Issued off = b.take_held<RunAgent>();
  b.put(path::answer(h("h2"), boot_of(h("h2"))), AnswerRecord{});
  b.freeze("h2");  // the operator stops it
  b.settle();
  ASSERT_EQ(b.did<KillAgent>().size(), 1U);
  EXPECT_EQ(b.state(), FenceState::shooting) << "its agent has not ended";
  b.tell(AgentDone{off.call, AgentResult::killed, ""});
  b.run_for(kAgentTimeout - 100ms);
  EXPECT_EQ(b.state(), FenceState::shooting) << "its device may have been told";
  b.run_for(200ms);
  EXPECT_FALSE(b.state());
}

TEST(Accusation, ADeposedControllerKillsItsAgents) {
  Court b;
  b.hold(every<RunAgent>());
  b.die("h2");
  b.run_for(2s);
  const Issued agent = b.take_held<RunAgent>();
  EXPECT_TRUE(b.did<KillAgent>().empty());
  b.lead("h3");
  b.settle();
  ASSERT_EQ(b.did<KillAgent>().size(), 1U);
  EXPECT_EQ(b.did<KillAgent>()[0].running, agent.call);
}

TEST(Accusation, AgentsAreKilledWhenTheControllersLeaseMayHaveRunOut) {
  Court b;
  b.hold(every<RunAgent>());
  b.silence(every<KeepAlive>());
  b.die("h2");
  b.run_for(1500ms);
  ASSERT_EQ(b.held_of<RunAgent>().size(), 1U);
  b.mute_watch = true;  // nobody tells it that its key is gone
  b.run_for(1600ms);
  EXPECT_EQ(b.did<KillAgent>().size(), 1U);
}

TEST(Accusation, ChangedDevicesEndTheAgentsAndItIsShotAfresh) {
  Court b;
  b.hold(every<RunAgent>());
  b.die("h2");
  b.run_for(2s);
  const Issued old = b.take_held<RunAgent>();
  Spec next = b.spec();
  next.hosts[1].fence = {device(1, "fence_new"), device(1, "fence_newer")};
  b.apply(next);
  b.settle();
  ASSERT_EQ(b.did<KillAgent>().size(), 1U);
  b.forget();
  b.tell(AgentDone{old.call, AgentResult::killed, ""});
  b.run_for(2s);
  auto calls = b.held_of<RunAgent>();
  ASSERT_EQ(calls.size(), 2U) << "both of the new devices, from the beginning";
  for (const auto& call : calls) EXPECT_EQ(std::get<RunAgent>(call.action).verb, AgentVerb::off);
  b.release_holds();
  for (auto call : calls) b.answer(call);
  b.run_for(1s);
  EXPECT_EQ(b.state(), FenceState::proved);
}

TEST(Accusation, DevicesThatAreTakenOutOfTheFileMidwayEndTheFenceWithoutProof) {
  Court b;
  b.hold(every<RunAgent>());
  b.die("h2");
  b.run_for(2s);
  const Issued old = b.take_held<RunAgent>();
  Spec next = b.spec();
  next.hosts[1].fence.clear();
  b.apply(next);
  b.tell(AgentDone{old.call, AgentResult::is_off, ""});
  b.run_for(2s);
  EXPECT_EQ(b.state(), FenceState::failed);
}

TEST(Accusation, AnAnswerOfAKilledAgentDoesNotSpoilTheNextRun) {
  Court b;
  b.hold(every<RunAgent>());
  b.die("h2");
  b.run_for(2s);
  const Issued old = b.take_held<RunAgent>();
  Spec next = b.spec();
  next.hosts[1].fence = {device(1, "fence_new")};
  b.apply(next);
  b.run_for(1s);
  b.release_holds();
  b.tell(AgentDone{old.call, AgentResult::timed_out, ""});
  b.run_for(2s);
  EXPECT_EQ(b.state(), FenceState::proved);
  EXPECT_EQ(b.fence("h2")->attempts, 0);
}

// The host of the controller stood still for longer than the agent may take: neither has ended when it wakes up, and
// the agent's answer is not waited for any more.
TEST(Accusation, AnAgentThatNobodyWaitsForAnyMoreIsKilled) {
  Court b(three_hosts({vm("vm1", 1024)}));
  b.hold(every<RunAgent>());
  b.die("h2");
  b.run_for(2s);
  const Issued agent = b.take_held<RunAgent>();
  b.pass_time(kAgentTimeout + 15s);
  b.tell(Tick{});
  ASSERT_EQ(b.did<KillAgent>().size(), 1U);
  EXPECT_EQ(b.did<KillAgent>()[0].running, agent.call);
}

}  // namespace
}  // namespace haven

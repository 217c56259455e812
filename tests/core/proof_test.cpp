// What proves a boot dead, what ends a fence without proof, and what the accused does (F1, F6, F8, F9, B2).
#include <algorithm>

#include "core/court.hpp"

namespace haven {
namespace {
using namespace story;

TEST(Proof, ANewBootEndsTheAgentsAndProvesTheOldOneByItsReturn) {
  Court b(three_hosts({vm("vm1", 1024)}));
  b.running_on("h2", "vm1");
  b.settle();
  b.hold(every<RunAgent>());
  b.die("h2");
  b.run_for(2s);
  ASSERT_EQ(b.held_of<RunAgent>().size(), 1U);
  b.join("h2", Incarnation("second-boot-of-h2"));
  b.settle();
  EXPECT_EQ(b.did<KillAgent>().size(), 1U);
  b.tell(AgentDone{b.take_held<RunAgent>().call, AgentResult::killed, ""});
  ASSERT_EQ(b.state(), FenceState::proved);
  EXPECT_EQ(b.fence("h2")->proof, ProofKind::returned);
  b.run_for(1s);
  EXPECT_NE(b.claim("vm1")->incarnation, boot_of(h("h2")));
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
}

// A shot that was meant for the boot before would hit this one.
TEST(Proof, ABootThatReturnsInAShotGetsNothingUntilTheShotCannotHitItAnyMore) {
  Resource vm1 = vm("vm1", 1024);
  vm1.hosts.only = {h("h2")};
  Court b(three_hosts({vm1, vm("vm2", 1024)}));
  b.running_on("h2", "vm1");
  b.running_on("h2", "vm2");
  b.settle();
  b.hold(every<RunAgent>());
  b.die("h2");
  b.run_for(2s);
  b.join("h2", Incarnation("second-boot-of-h2"));
  b.settle();
  b.tell(AgentDone{b.take_held<RunAgent>().call, AgentResult::killed, ""});
  ASSERT_EQ(b.state(), FenceState::proved);
  EXPECT_TRUE(b.fence("h2")->late_shots);
  b.run_for(kAgentTimeout - 100ms);
  EXPECT_EQ(b.claim("vm1")->incarnation, boot_of(h("h2")));
  EXPECT_NE(b.claim("vm2")->host, h("h2")) << "proved is proved: it runs elsewhere at once";
  EXPECT_EQ(b.run("vm2")->state, RunState::running);
  b.run_for(200ms);
  EXPECT_FALSE(b.fence("h2")->late_shots);
  EXPECT_EQ(b.claim("vm1")->incarnation, Incarnation("second-boot-of-h2"));
}

TEST(Proof, AReturnWithoutAClearConscienceProvesNothing) {
  const auto state_after = [](const std::function<void(Court&)>& come_back) {
    Court b(three_hosts({vm("vm1", 1024)}));
    b.running_on("h2", "vm1");
    b.settle();
    b.hold(every<RunAgent>());
    b.die("h2");
    b.run_for(2s);
    come_back(b);
    b.settle();
    b.tell(AgentDone{b.take_held<RunAgent>().call, AgentResult::killed, ""});
    b.run_for(10s);
    const bool left = b.claim("vm1")->incarnation != boot_of(h("h2"));
    EXPECT_EQ(left, b.state() == FenceState::proved);
    return b.state();
  };
  const Incarnation second("second-boot-of-h2");
  const auto returns_as = [&](Court& b, const MachineIdentity& machine) {
    MemberRecord member;
    member.incarnation = second;
    member.machine = machine;
    member.found_none = true;
    b.put(path::member(h("h2")), member);
    b.put(path::status(h("h2")), StatusRecord{second, b.mod(path::kSpec), true, {}, {}, {}});
  };
  const MachineIdentity own = machine_of(h("h2"));
  // It found processes; another machine; a blank identity; one that another host has as well.
  EXPECT_EQ(state_after([&](Court& b) { b.join("h2", second, false); }), FenceState::shooting);
  EXPECT_EQ(state_after([&](Court& b) { returns_as(b, {"another", own.dmi_uuid}); }), FenceState::shooting);
  EXPECT_EQ(state_after([&](Court& b) {
              b.put(path::machine(h("h2")), MachineRecord{{own.machine_id, ""}});
              returns_as(b, {own.machine_id, ""});
            }),
            FenceState::shooting);
  EXPECT_EQ(state_after([&](Court& b) {
              b.put(path::machine(h("h9")), MachineRecord{{own.machine_id, "dmi"}});
              returns_as(b, own);
            }),
            FenceState::shooting);
  EXPECT_EQ(state_after([&](Court& b) { returns_as(b, own); }), FenceState::proved);
}

TEST(Proof, ANewBootIsNotAdmittedBeforeTheLastAgentAgainstItsHostHasEnded) {
  Court b(three_hosts({vm("vm1", 1024)}));
  b.running_on("h2", "vm1");
  b.settle();
  b.hold(every<RunAgent>());
  b.die("h2");
  b.run_for(2s);
  const Issued agent = b.take_held<RunAgent>();
  b.join("h2", Incarnation("second-boot-of-h2"));
  b.run_for(3s);
  EXPECT_EQ(b.did<KillAgent>().size(), 1U);
  EXPECT_NE(b.state(), FenceState::proved) << "it may still switch the new boot off";
  b.tell(AgentDone{agent.call, AgentResult::killed, ""});
  b.run_for(1s);
  EXPECT_EQ(b.state(), FenceState::proved);
  EXPECT_EQ(b.fence("h2")->proof, ProofKind::returned);
}

// ---- a clean leave (F8) ----

TEST(Proof, ACleanLeaveIsTheHostsOwnProofAndItsLastWord) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.lead("h2");
  b.running_on("h1", "vm1");
  b.domains[r("vm1")] = DomainCondition::running;
  b.boot();
  b.tell(ShutdownAsked{ShutdownKind::power_off});
  b.run_for(30s);
  EXPECT_TRUE(b.exited);
  ASSERT_FALSE(b.did<Exit>().empty());
  EXPECT_TRUE(b.did<Exit>()[0].left);
  const FenceRecord* proof = b.fence("h1");
  ASSERT_NE(proof, nullptr);
  EXPECT_EQ(proof->state, FenceState::proved);
  EXPECT_EQ(proof->proof, ProofKind::clean_leave);
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
  EXPECT_TRUE(b.did<KillAllAndReboot>().empty()) << "it is to shut down, not to reboot";
}

TEST(Proof, ABootThatHasLeftIsNeverTakenUpAgain) {
  Bench b(three_hosts({}));
  b.lead("h2");
  FenceRecord left;
  left.state = FenceState::proved;
  left.proof = ProofKind::clean_leave;
  b.put(path::fence(kSelf, boot_of(kSelf)), left);
  b.boot();
  b.run_for(1min);
  EXPECT_EQ(b.get<MemberRecord>(path::member(kSelf)), nullptr);
  EXPECT_TRUE(b.did<KillAllAndReboot>().empty());
  EXPECT_TRUE(b.did<StartDomain>().empty());
}

TEST(Proof, AnIntentAgainstALeavingHostIsEndedByItsOwnWord) {
  Court b;
  b.agent = [](const RunAgent&) { return AgentResult::failed; };
  b.die("h2");
  b.run_for(2s);
  ASSERT_EQ(b.state(), FenceState::failed);
  FenceRecord left = *b.fence("h2");
  left.state = FenceState::proved;
  left.proof = ProofKind::clean_leave;
  b.put(path::fence(h("h2"), boot_of(h("h2"))), left);
  b.forget();
  b.run_for(5min);
  EXPECT_TRUE(b.did<RunAgent>().empty());
}

TEST(Proof, AfterFenceOnPowersOnOnceEvenIfTheWatchBringsTheProofFirst) {
  Spec spec = three_hosts({});
  spec.cluster.after_fence = AfterFence::on;
  Court b(spec);
  b.hold([](const Action& action) {
    if (const auto* run = std::get_if<RunAgent>(&action)) return run->verb == AgentVerb::on;
    const auto* commit = std::get_if<Commit>(&action);
    if (commit == nullptr || !commit->lane.starts_with("fence/")) return false;
    const auto* fence = std::get_if<FenceRecord>(&*commit->writes.front().value);
    return fence != nullptr && fence->state == FenceState::proved;
  });
  b.die("h2");
  b.run_for(2s);
  const Event reply = b.effect(b.take_held<Commit>());
  b.settle();  // the watch first
  const Issued on = b.take_held<RunAgent>();
  b.tell(reply);
  b.put(path::kFreeze, FreezeRecord{"anna"});  // and any other news while the agent runs
  b.settle();
  b.erase(path::kFreeze);
  b.run_for(1s);
  EXPECT_TRUE(b.did<KillAgent>().empty());
  b.answer(on);
  b.run_for(10s);
  const auto verbs = b.verbs();
  EXPECT_EQ(std::count(verbs.begin(), verbs.end(), AgentVerb::on), 1);
  EXPECT_TRUE(b.power[h("h2")]);
}

TEST(Proof, AfterFenceOffLeavesTheHostOff) {
  Court b;
  b.die("h2");
  b.run_for(1min);
  EXPECT_FALSE(b.power[h("h2")]);
}

TEST(Proof, AProofByTheOperatorPowersNothingOn) {
  Spec spec = three_hosts({});
  spec.cluster.after_fence = AfterFence::on;
  Court b(spec);
  b.agent = [](const RunAgent&) { return AgentResult::failed; };
  b.die("h2");
  b.run_for(2s);
  b.forget();
  b.say(OperatorVerb::fence_confirm, "", "h2");
  b.run_for(1min);
  EXPECT_EQ(b.state(), FenceState::proved);
  EXPECT_TRUE(b.did<RunAgent>().empty());
}

TEST(Proof, ThePowerOfAHostProvesAllOfItsOpenBoots) {
  Court b(three_hosts({vm("vm1", 1024), vm("vm2", 1024)}));
  b.running_on("h2", "vm1");
  b.settle();
  b.die("h2");
  b.hold(every<RunAgent>());
  b.run_for(2s);
  // A second boot that cannot clear the first, claims something, and dies as well.
  b.join("h2", Incarnation("second-boot-of-h2"), false);
  b.release_holds();
  b.run_for(1s);
  b.die("h2");
  b.run_for(10s);
  EXPECT_EQ(b.fence("h2", Incarnation("second-boot-of-h2"))->state, FenceState::proved);
  EXPECT_EQ(b.state(), FenceState::proved);
}

// ---- a resource that cannot be stopped (B2) ----

struct Stuck : Court {
  static Spec file() {
    Resource resource = vm("vm1", 1024);
    resource.on_stop_fail = OnStopFail::fence;
    return three_hosts({resource});
  }
  Stuck() : Court(file()) {
    running_on("h2", "vm1");
    settle();
    lazy.insert(h("h2"));
    say(OperatorVerb::stop, "vm1");
    forget();
  }
  void record(bool stuck, RunState state = RunState::running) {
    RunRecord run = *this->run("vm1");
    run.stop_failed = stuck;
    run.state = state;
    put(path::run(r("vm1")), run);
    settle();
  }
};

TEST(Proof, AResourceThatCannotBeStoppedCostsItsHostWhereTheFileSaysSo) {
  Stuck b;
  b.run_for(10s);
  EXPECT_FALSE(b.state());
  b.record(true);
  b.run_for(100ms);
  EXPECT_EQ(b.state(), FenceState::proved) << "it lives, and its answer would change nothing";
}

TEST(Proof, AStuckHostIsSparedWhileTheEngineNeedsItsVote) {
  Stuck b;
  b.die("h3");
  b.run_for(10s);
  ASSERT_EQ(b.fence("h3")->state, FenceState::proved);
  b.record(true);
  b.run_for(1min);
  EXPECT_FALSE(b.state()) << "what its devices say could not be written down";
  const auto alarms = alarms_of(b.node->view());
  EXPECT_TRUE(std::ranges::any_of(alarms, [](const Alarm& alarm) { return alarm.key == "spared/h2"; }));
  b.join("h3", Incarnation("second-boot-of-h3"));
  b.run_for(1s);
  EXPECT_EQ(b.state(), FenceState::proved);
}

TEST(Proof, WhereTheFileSaysHoldItsHostLives) {
  Stuck b;
  Spec next = b.spec();
  next.resources[0].on_stop_fail = OnStopFail::hold;
  b.apply(next);
  b.record(true);
  b.run_for(1min);
  EXPECT_FALSE(b.state());
}

TEST(Proof, TheFenceOfAStuckHostIsWithdrawnOnceNothingIsStuckAnyMore) {
  Stuck b;
  b.agent = [](const RunAgent&) { return AgentResult::failed; };
  b.record(true);
  b.run_for(1s);
  ASSERT_EQ(b.state(), FenceState::failed);
  b.record(false, RunState::released);
  b.run_for(10s);
  EXPECT_FALSE(b.state());
  EXPECT_TRUE(b.node->view().members.contains(h("h2")));
}

// ---- the accused (F1, F6) ----

TEST(Proof, TheAccusedAnswersAnIntentAgainstItself) {
  Bench b(three_hosts({}));
  b.lead("h2");
  b.boot();
  const std::string fence = path::fence(kSelf, boot_of(kSelf));
  b.put(fence, intent_of("reign-of-h2"));
  b.settle();
  const auto* answer = b.get<AnswerRecord>(path::answer(kSelf, boot_of(kSelf)));
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->intent, b.mod(fence));
  b.put(fence, intent_of("reign-of-h3"));
  b.settle();
  EXPECT_EQ(b.get<AnswerRecord>(path::answer(kSelf, boot_of(kSelf)))->intent, b.mod(fence)) << "and the next one";
}

TEST(Proof, ARegistrationThatMeetsAnIntentAnswersBlindly) {
  Bench b(three_hosts({}));
  b.lead("h2");
  b.hold(lane("register"));
  b.boot();
  const Issued registration = b.take_held<Commit>();
  b.release_holds();
  b.mute_watch = true;
  b.put(path::fence(kSelf, boot_of(kSelf)), intent_of("reign-of-h2"));
  b.answer(registration);
  b.run_for(50ms);
  EXPECT_NE(b.get<AnswerRecord>(path::answer(kSelf, boot_of(kSelf))), nullptr);
  EXPECT_EQ(b.get<MemberRecord>(path::member(kSelf)), nullptr);
}

TEST(Proof, NobodyRegistersWhileAnIntentNamesThisBoot) {
  Bench b(three_hosts({}));
  b.lead("h2");
  b.put(path::fence(kSelf, boot_of(kSelf)), intent_of("reign-of-h2"));
  b.boot();
  b.run_for(5s);
  EXPECT_EQ(b.get<MemberRecord>(path::member(kSelf)), nullptr);
  b.erase(path::fence(kSelf, boot_of(kSelf)));
  b.run_for(1s);
  EXPECT_NE(b.get<MemberRecord>(path::member(kSelf)), nullptr);
}

TEST(Proof, WhoSeesThatItWasProvedDeadKillsEverythingAndReboots) {
  Bench b(three_hosts({}));
  b.lead("h2");
  b.boot();
  b.forget();
  b.put(path::fence(kSelf, boot_of(kSelf)), intent_of("reign-of-h2", FenceState::proved));
  b.settle();
  EXPECT_EQ(b.did<KillAllAndReboot>().size(), 1U);
  b.run_for(1min);
  EXPECT_EQ(b.did<KillAllAndReboot>().size(), 1U);
  EXPECT_TRUE(b.did<StartDomain>().empty());
}

}  // namespace
}  // namespace haven

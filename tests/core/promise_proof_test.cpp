// What a promise proves to the others, and when (P5).
#include "core/court.hpp"

namespace haven {
namespace {
using namespace story;

// h2 has promised, and its fence devices do not answer.
struct Promised : Court {
  Promised() : Court(three_hosts({vm("vm1", 1024)})) {
    agent = [](const RunAgent&) { return AgentResult::failed; };
    running_on("h2", "vm1");
    put(path::promise(h("h2")), PromiseRecord{boot_of(h("h2")), 30s, 5s, {{"v1", "v2", "v3"}}});
    settle();
  }
};

TEST(ProofByPromise, ComesWhenDeadlineAndMarginAreOver) {
  Promised b;
  b.die("h2");
  b.run_for(31s);
  EXPECT_NE(b.state(), FenceState::proved);
  b.run_for(4s);
  ASSERT_EQ(b.state(), FenceState::proved);
  EXPECT_EQ(b.fence("h2")->proof, ProofKind::promise);
  b.run_for(2s);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
  EXPECT_NE(b.claim("vm1")->incarnation, boot_of(h("h2")));
  // It is dead: its promise is buried.
  EXPECT_EQ(b.get<PromiseRecord>(path::promise(h("h2"))), nullptr);
}

TEST(ProofByPromise, NoPromiseNoProof) {
  Promised b;
  b.erase(path::promise(h("h2")));
  b.die("h2");
  b.run_for(5min);
  EXPECT_NE(b.state(), FenceState::proved);
}

TEST(ProofByPromise, ThatOfAnotherBootProvesNothing) {
  Promised b;
  b.put(path::promise(h("h2")), PromiseRecord{Incarnation("an-older-boot"), 30s, 5s, {{"v1"}}});
  b.die("h2");
  b.run_for(5min);
  EXPECT_NE(b.state(), FenceState::proved);
}

TEST(ProofByPromise, AnotherTermBeginsTheCountAnew) {
  Promised b;
  b.die("h2");
  b.run_for(20s);
  b.term = 8;
  b.run_for(35s);
  EXPECT_NE(b.state(), FenceState::proved);  // it saw the other term only at the end of the first count
  b.run_for(15s);
  EXPECT_EQ(b.state(), FenceState::proved);
}

TEST(ProofByPromise, AnotherReignBeginsTheCountAnew) {
  Promised b;
  b.die("h2");
  b.run_for(25s);
  b.lead("h3");
  b.settle();
  b.erase(path::kLeader);
  b.run_for(25s);
  EXPECT_NE(b.state(), FenceState::proved);
  b.run_for(15s);
  EXPECT_EQ(b.state(), FenceState::proved);
}

TEST(ProofByPromise, AnotherDeadlineBeginsTheCountAnew) {
  Promised b;
  b.die("h2");
  b.run_for(20s);
  b.put(path::promise(h("h2")), PromiseRecord{boot_of(h("h2")), 60s, 10s, {{"v1"}}});
  b.run_for(50s);
  EXPECT_NE(b.state(), FenceState::proved);
  b.run_for(20s);
  EXPECT_EQ(b.state(), FenceState::proved);
}

TEST(ProofByPromise, AHostThatRegisteredAgainIsAlive) {
  Promised b;
  b.die("h2");
  b.run_for(20s);
  b.put(path::answer(h("h2"), boot_of(h("h2"))), AnswerRecord{});
  b.run_for(1s);
  b.join("h2", boot_of(h("h2")), false);
  b.run_for(1min);
  EXPECT_NE(b.state(), FenceState::proved);
}

TEST(ProofByPromise, AReadThatDoesNotSucceedProvesNothing) {
  Promised b;
  b.silence(every<ReadMember>());
  b.die("h2");
  b.run_for(5min);
  EXPECT_NE(b.state(), FenceState::proved);
  b.release_holds();
  b.run_for(30s);
  EXPECT_NE(b.state(), FenceState::proved);
  b.run_for(5s);
  EXPECT_EQ(b.state(), FenceState::proved);
}

// The controller's reads of its own key serve its own promise, and the count against its host's older boot.
TEST(ProofByPromise, AnOlderBootOfTheControllersOwnHostIsProvedAsWell) {
  Bench b(three_hosts({}));
  b.config.machine = {};  // so that its return proves nothing (F8)
  b.boot();
  b.run_for(5s);
  const Incarnation older("an-older-boot");
  b.put(path::promise(h("h1")), PromiseRecord{older, 30s, 5s, {{"v1", "v2", "v3"}}});
  b.put(path::fence(h("h1"), older), intent_of("another-reign", FenceState::failed));
  b.run_for(31s);
  EXPECT_EQ(b.get<FenceRecord>(path::fence(h("h1"), older))->state, FenceState::failed);
  b.run_for(5s);
  const auto* fence = b.get<FenceRecord>(path::fence(h("h1"), older));
  ASSERT_EQ(fence->state, FenceState::proved);
  EXPECT_EQ(fence->proof, ProofKind::promise);
}

// Reads that fail at once are not sent again at once.
TEST(ProofByPromise, AReadThatFailsIsTriedAgainAfterAPause) {
  Promised b;
  b.hold(every<ReadMember>());
  b.die("h2");
  b.run_for(5s);
  const auto before = b.did<ReadMember>().size();
  b.tell(MemberRead{b.held_of<ReadMember>().back().call, false, std::nullopt, {}, 0});
  EXPECT_EQ(b.did<ReadMember>().size(), before);
  b.run_for(1s);
  EXPECT_EQ(b.did<ReadMember>().size(), before + 1);
}

TEST(ProofByPromise, PowerIsFasterWhereItAnswers) {
  Promised b;
  b.agent = nullptr;
  b.die("h2");
  b.run_for(5s);
  ASSERT_EQ(b.state(), FenceState::proved);
  EXPECT_EQ(b.fence("h2")->proof, ProofKind::level);
}

}  // namespace
}  // namespace haven

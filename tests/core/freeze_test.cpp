// What is frozen is left as it is: a host, a resource, and what that means for fences, claims and starts.
#include <algorithm>

#include "core/reigning.hpp"
#include "core/servant.hpp"

namespace haven {
namespace {
using namespace story;

bool alarmed(const Bench& b, const std::string& key, const std::string& words) {
  const auto alarms = b.node->report().alarms;
  return std::any_of(alarms.begin(), alarms.end(), [&](const Alarm& alarm) {
    return alarm.key == key && alarm.text.find(words) != std::string::npos;
  });
}

struct Frozen : Reigning {
  Frozen() : Reigning(three_hosts({vm("vm1", 1), vm("vm2", 1), vm("vm3", 1)})) {
    running_on("h2", "vm2");
    running_on("h3", "vm3");
    run_for(1s);
    forget();
  }
};

TEST(Freeze, AFrozenHostThatDiesIsNotFencedAndItsResourcesStayDownWithAnAlarm) {
  Frozen b;
  b.freeze("h2");
  b.die("h2");
  b.run_for(5min);
  EXPECT_EQ(b.fence("h2"), nullptr);
  EXPECT_EQ(b.claim("vm2")->host, h("h2"));
  EXPECT_TRUE(alarmed(b, "frozen/h2", "vm2 stay down; when they may start elsewhere, say: haven freeze off h2"));
  b.freeze("h2", false);
  b.run_for(30s);
  EXPECT_EQ(b.fence("h2")->state, FenceState::proved);
  EXPECT_NE(b.claim("vm2")->host, h("h2"));
  EXPECT_FALSE(alarmed(b, "frozen/h2", ""));
}

TEST(Freeze, TheRestGoesOnAsEver) {
  Frozen b;
  b.freeze("h2");
  b.die("h3");
  b.run_for(30s);
  EXPECT_EQ(b.fence("h3")->state, FenceState::proved);
  EXPECT_EQ(b.claim("vm3")->host, h("h1")) << "not to the frozen host";
}

TEST(Freeze, AFrozenHostIsGivenNothingAndLosesNothing) {
  Frozen b;
  b.freeze("h2");
  b.say(OperatorVerb::stop, "vm2");
  b.say(OperatorVerb::relocate, "vm3", "h2");
  b.run_for(1min);
  EXPECT_EQ(b.claim("vm2")->order, ClaimOrder::run);
  EXPECT_EQ(b.claim("vm3")->host, h("h3"));
  b.freeze("h2", false);
  b.run_for(1s);
  EXPECT_EQ(b.claim("vm2")->order, ClaimOrder::stop);
}

TEST(Freeze, NeitherProofNorReturnMovesWhatDiedWithAFrozenHost) {
  Frozen b;
  b.freeze("h2");
  b.die("h2");
  b.run_for(10s);
  b.say(OperatorVerb::fence_confirm, "", "h2");
  b.run_for(1min);
  EXPECT_EQ(b.fence("h2")->state, FenceState::proved);
  EXPECT_EQ(b.claim("vm2")->generation, Generation{1});
  b.join("h2", Incarnation("second-boot-of-h2"));
  b.run_for(1min);
  EXPECT_EQ(b.claim("vm2")->generation, Generation{1});
  EXPECT_TRUE(alarmed(b, "frozen/h2", "was restarted and is frozen"));
  b.freeze("h2", false);
  b.run_for(1s);
  EXPECT_EQ(b.claim("vm2")->generation, Generation{2});
}

TEST(Freeze, AFreezeInTheMiddleOfAFenceCallsItsAgentsBack) {
  Frozen b;
  b.hold(every<RunAgent>());
  b.die("h2");
  b.run_for(5s);
  ASSERT_EQ(b.held_of<RunAgent>().size(), 1U);
  b.forget();
  b.freeze("h2");
  b.run_for(1s);
  EXPECT_EQ(b.did<KillAgent>().size(), 1U);
  b.run_for(1min);
  EXPECT_TRUE(b.did<RunAgent>().empty());
  EXPECT_EQ(b.fence("h2")->state, FenceState::shooting) << "nothing was proved";
  b.release_holds();
  b.freeze("h2", false);
  b.run_for(30s);
  EXPECT_EQ(b.fence("h2")->state, FenceState::proved);
}

TEST(Freeze, AnAccusedWhoAnswersIsLetInAgainThoughFrozen) {
  Frozen b;
  b.hold(every<RunAgent>());
  b.die("h2");
  b.run_for(300ms);
  ASSERT_NE(b.fence("h2"), nullptr);
  b.freeze("h2");
  b.put(path::answer(h("h2"), boot_of(h("h2"))), AnswerRecord{b.mod(path::fence(h("h2"), boot_of(h("h2"))))});
  b.settle();
  b.tell(AgentDone{b.take_held<RunAgent>().call, AgentResult::killed, ""});
  b.run_for(kAgentTimeout + 1s);  // its device may have been told (F7)
  EXPECT_EQ(b.fence("h2"), nullptr);
}

TEST(Freeze, EveryDecisionComparesWhatWasFrozen) {
  Reigning b(three_hosts({vm("vm1", 1)}));
  b.forget();
  b.running_on("h2", "vm1");
  b.die("h2");
  b.run_for(30s);
  for (const auto& commit : b.did<Commit>()) {
    if (commit.lane == "claims" || commit.lane.starts_with("fence/")) {
      EXPECT_TRUE(compares(commit, path::kFreeze)) << commit.lane;
    }
  }
  EXPECT_FALSE(b.commits("fence/").empty());
}

TEST(Freeze, AFrozenResourceStaysAsItIs) {
  Frozen b;
  b.freeze("vm2");
  b.say(OperatorVerb::stop, "vm2");
  b.run_for(10s);
  EXPECT_EQ(b.claim("vm2")->order, ClaimOrder::run);
  b.die("h2");
  b.run_for(1min);
  EXPECT_EQ(b.fence("h2")->state, FenceState::proved) << "its host is not frozen";
  EXPECT_EQ(b.claim("vm2")->host, h("h2"));
  b.say(OperatorVerb::start, "vm2");
  b.run_for(10s);
  EXPECT_EQ(b.claim("vm2")->host, h("h2"));
  EXPECT_TRUE(alarmed(b, "frozen/vm2", "haven freeze off vm2"));
  b.freeze("vm2", false);
  b.run_for(10s);
  EXPECT_NE(b.claim("vm2")->host, h("h2"));
}

TEST(Freeze, AnExecutorRestartsNothingThatIsFrozenAndNothingOnAFrozenHost) {
  for (const std::string name : {"vm1", "h1"}) {
    Servant b;
    b.started();
    b.freeze(name);
    b.forget();
    b.crash();
    b.run_for(1min);
    EXPECT_TRUE(b.did<StartDomain>().empty()) << name;
    EXPECT_FALSE(b.releases()) << name;
    b.freeze(name, false);
    b.run_for(1s);
    EXPECT_EQ(b.did<StartDomain>().size(), 1U) << name;
  }
}

TEST(Freeze, AStopUnderWayEndsThoughItsHostIsFrozen) {
  Servant b;
  b.started();
  b.claim_for("h1", "vm1", 1, ClaimOrder::stop);
  b.freeze("h1");
  b.run_for(2min);
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
}

// Never twice comes first: what another host may run is ended here all the same (C6).
TEST(Freeze, WhatIsClaimedElsewhereIsDestroyedOnAFrozenHost) {
  Servant b;
  b.started();
  b.freeze("h1");
  b.claim_for("h2", "vm1", 2);
  b.run_for(1s);
  EXPECT_FALSE(b.did<DestroyDomain>().empty());
}

}  // namespace
}  // namespace haven

// What happens next to a resource: placed, adopted, moved, tried again, given up (C1, C3, C6, B1).
#include "core/recovery/lifecycle.hpp"

#include <algorithm>

#include "core/reigning.hpp"

namespace haven {
namespace {
using namespace story;

// ---- claims (C1, C3, C6) ----

TEST(Lifecycle, NobodyPlacesWhatWasNeverClaimedBeforeAllHaveReported) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.lazy.insert(h("h3"));
  b.put(path::status(h("h3")), StatusRecord{boot_of(h("h3")), {}, true, {}, {}, {}});  // about no file at all
  b.boot();
  b.run_for(1min);
  EXPECT_EQ(b.claim("vm1"), nullptr);
  b.report("h3");
  b.run_for(100ms);
  EXPECT_NE(b.claim("vm1"), nullptr);
}

TEST(Lifecycle, AHostThatNeverJoinedIsWaitedForUntilTheOperatorGivesHisWord) {
  Spec spec = three_hosts({vm("vm1", 1)});
  spec.hosts.push_back(host("h4", 1024));
  Bench b(three_hosts({vm("vm1", 1)}));
  b.apply(spec);
  b.boot();
  b.run_for(1min);
  EXPECT_EQ(b.claim("vm1"), nullptr);
  b.say(OperatorVerb::fence_confirm, "", "h4");
  b.run_for(1s);
  EXPECT_NE(b.claim("vm1"), nullptr);
}

TEST(Lifecycle, WhoeverRunsItUnclaimedKeepsIt) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.found[h("h3")] = {r("vm1")};
  b.report("h3");
  b.boot();
  b.run_for(1s);
  ASSERT_NE(b.claim("vm1"), nullptr);
  EXPECT_EQ(b.claim("vm1")->host, h("h3"));
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::run);
}

TEST(Lifecycle, WhatRunsTwiceUnclaimedIsLeftToThePerson) {
  Bench b(three_hosts({vm("vm1", 1)}));
  for (const auto* host : {"h2", "h3"}) {
    b.found[h(host)] = {r("vm1")};
    b.report(host);
  }
  b.boot();
  b.run_for(1min);
  EXPECT_EQ(b.claim("vm1"), nullptr);
}

TEST(Lifecycle, WhatIsFoundRunningAndShouldNotIsStopped) {
  Resource resource = vm("vm1", 1);
  resource.state = DesiredState::stopped;
  Bench b(three_hosts({resource}));
  b.found[h("h3")] = {r("vm1")};
  b.report("h3");
  b.boot();
  b.run_for(1s);
  ASSERT_NE(b.claim("vm1"), nullptr);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::stop);
  EXPECT_EQ(b.claim("vm1")->host, h("h3"));
}

TEST(Lifecycle, ALostLeaseMovesNoClaim) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.running_on("h2", "vm1");
  b.boot();
  b.hold(every<RunAgent>());
  b.die("h2");
  b.run_for(1min);
  EXPECT_EQ(b.claim("vm1")->host, h("h2"));
  EXPECT_EQ(b.claim("vm1")->generation, Generation{1});
}

TEST(Lifecycle, AfterProofTheClaimMovesUnderTheNextGenerationAndComparesTheProof) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.running_on("h2", "vm1", {4});
  b.boot();
  b.forget();
  b.die("h2");
  b.run_for(10s);
  EXPECT_EQ(b.claim("vm1")->generation, Generation{5});
  EXPECT_NE(b.claim("vm1")->host, h("h2"));
  ASSERT_EQ(b.commits("claims").size(), 1U);
  EXPECT_TRUE(compares(b.commits("claims")[0], path::fence(h("h2"), boot_of(h("h2")))));
}

TEST(Lifecycle, ARelocationWaitsForTheRelease) {
  Reigning b(three_hosts({vm("vm1", 1)}));
  b.running_on("h2", "vm1", {9});
  b.settle();
  b.lazy.insert(h("h2"));
  b.say(OperatorVerb::relocate, "vm1", "h3");
  b.run_for(10min);
  EXPECT_EQ(b.claim("vm1")->host, h("h2"));
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::stop);
  b.lazy.clear();
  b.run_for(1s);
  EXPECT_EQ(b.claim("vm1")->host, h("h3"));
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
  EXPECT_EQ(*b.get<OrderRecord>(path::order(r("vm1"))), OrderRecord{}) << "the order is struck out";
}

TEST(Lifecycle, IgnoreThenStartRestsOnReportsMadeAfterItWasLetGo) {
  Reigning b(three_hosts({vm("vm1", 1)}));
  b.run_for(5s);
  ASSERT_EQ(b.claim("vm1")->host, kSelf);
  const Generation before = b.claim("vm1")->generation;
  b.lazy = {h("h2"), h("h3")};
  b.say(OperatorVerb::ignore, "vm1");
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::let_go);
  EXPECT_TRUE(b.domains.contains(r("vm1")));
  b.say(OperatorVerb::start, "vm1");
  b.run_for(1min);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::let_go) << "h2 and h3 have not said yet that it is not there";
  b.lazy.clear();
  b.run_for(1s);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::run);
  EXPECT_EQ(b.claim("vm1")->host, kSelf) << "where it runs";
  EXPECT_GT(b.claim("vm1")->generation, before);
}

TEST(Lifecycle, WhatLeftTheFileWasLetGoAndItsGenerationsNeverBeginAgain) {
  Reigning b(three_hosts({vm("vm1", 1)}));
  b.running_on("h2", "vm1", {12});
  b.settle();
  b.apply(three_hosts({}));
  b.run_for(1s);
  ASSERT_NE(b.claim("vm1"), nullptr);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::let_go);
  b.apply(three_hosts({vm("vm1", 1)}));
  b.run_for(1s);
  EXPECT_EQ(b.claim("vm1")->generation, Generation{13});
}

TEST(Lifecycle, AfterWaitsUntilTheOtherRuns) {
  Resource second = vm("vm2", 1);
  second.after = {r("vm1")};
  Bench b(three_hosts({vm("vm1", 1), second}));
  b.hold(every<StartDomain>());
  b.boot();
  b.run_for(5s);
  EXPECT_NE(b.claim("vm1"), nullptr);
  EXPECT_EQ(b.claim("vm2"), nullptr);
  b.release_holds();
  b.answer(b.take_held<StartDomain>());
  b.run_for(1s);
  EXPECT_EQ(b.run("vm2")->state, RunState::running);
}

// ---- failures (B1) ----

TEST(Lifecycle, AFailedStartIsTriedElsewhereAsOftenAsRelocationsAllow) {
  Resource resource = vm("vm1", 1);
  resource.relocations = 1;
  resource.retry = false;
  Bench b(three_hosts({resource}));
  b.failing = {h("h2"), h("h3")};
  b.start_results[r("vm1")] = CallResult::failed;
  b.boot();
  b.run_for(1min);
  EXPECT_TRUE(b.claim("vm1")->attempts.failed);
  EXPECT_EQ(b.claim("vm1")->attempts.tried.size(), 2U) << "the first, and one more";
  EXPECT_EQ(b.claim("vm1")->generation, Generation{2});
}

TEST(Lifecycle, ANextHostIsNeverOneWhereItFailed) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.failing = {h("h2")};
  b.start_results[r("vm1")] = CallResult::failed;
  b.boot();
  b.run_for(1min);
  EXPECT_EQ(b.claim("vm1")->host, h("h3"));
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
}

TEST(Lifecycle, WhatHasFailedIsTriedAgainAfterGrowingDelays) {
  Resource resource = vm("vm1", 1);
  resource.relocations = 0;
  Bench b(three_hosts({resource}));
  b.start_results[r("vm1")] = CallResult::failed;
  b.failing = {h("h2"), h("h3")};
  b.boot();
  b.run_for(1s);
  std::vector<Duration> gaps;
  Instant last = b.now.mono;
  Generation seen = b.claim("vm1")->generation;
  while (gaps.size() < 9) {
    b.run_for(1s);
    if (b.claim("vm1")->generation == seen) continue;
    seen = b.claim("vm1")->generation;
    gaps.push_back(b.now.mono - last);
    last = b.now.mono;
    ASSERT_LT(b.now.mono - Instant{1000s}, 3h);
  }
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    const Duration wanted = std::min(kStartRetryLimit, kStartRetry * (1 << i));
    EXPECT_LE(wanted - 2s, gaps[i]) << i;
    EXPECT_LE(gaps[i], wanted + 2s) << i;
  }
}

TEST(Lifecycle, ClearTriesAtOnceAndForgetsWhatFailed) {
  Resource resource = vm("vm1", 1);
  resource.retry = false;
  Bench b(three_hosts({resource}));
  b.failing = {h("h2"), h("h3")};
  b.start_results[r("vm1")] = CallResult::failed;
  b.boot();
  b.run_for(10min);
  ASSERT_TRUE(b.claim("vm1")->attempts.failed);
  b.failing.clear();
  b.start_results.clear();
  b.say(OperatorVerb::clear, "vm1");
  b.run_for(1s);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
  EXPECT_EQ(b.claim("vm1")->attempts, Attempts{});
  EXPECT_EQ(*b.get<OrderRecord>(path::order(r("vm1"))), OrderRecord{});
}

TEST(Lifecycle, FailuresAreForgottenAfterAGoodRun) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.start_results[r("vm1")] = CallResult::failed;
  b.boot();
  b.run_for(1min);
  ASSERT_EQ(b.claim("vm1")->attempts.tried, std::vector{kSelf});
  b.run_for(10min);
  EXPECT_EQ(b.claim("vm1")->attempts, Attempts{});
}

TEST(Lifecycle, FailbackByRestartDoesNotGoBackToWhereItFailed) {
  Resource resource = vm("vm1", 1);
  resource.hosts.prefer = {{h("h2")}, {h("h1")}};
  resource.failback = Failback::restart;
  Bench b(three_hosts({resource}));
  b.failing = {h("h2")};
  b.boot();
  b.run_for(9min);
  EXPECT_EQ(b.claim("vm1")->host, h("h1"));
  EXPECT_EQ(b.claim("vm1")->generation, Generation{2}) << "h2 once, h1 once";
}

TEST(Lifecycle, FailbackByRestartGoesBackOnceTheBetterHostIsWellAgain) {
  Resource resource = vm("vm1", 1);
  resource.hosts.prefer = {{h("h2")}, {h("h1")}};
  resource.failback = Failback::restart;
  Bench b(three_hosts({resource}));
  b.boot();
  b.run_for(1s);
  ASSERT_EQ(b.claim("vm1")->host, h("h2"));
  b.die("h2");
  b.run_for(10s);
  ASSERT_EQ(b.claim("vm1")->host, h("h1"));
  b.join("h2", Incarnation("second-boot-of-h2"));
  b.run_for(kFailbackWell - 1s);
  EXPECT_EQ(b.claim("vm1")->host, h("h1"));
  b.run_for(5s);
  EXPECT_EQ(b.claim("vm1")->host, h("h2"));
}

// Ordered away it would be ordered back at once, for nothing but a proof releases it, and so on for ever.
TEST(Lifecycle, WhatEndedWithItsDiskOutOfReachIsNotSentBack) {
  Resource resource = vm("vm1", 1);
  resource.hosts.prefer = {{h("h2")}, {h("h3")}};
  resource.failback = Failback::restart;
  Bench b(three_hosts({resource}));
  b.running_on("h3", "vm1");
  b.boot();
  b.lazy.insert(h("h3"));
  RunRecord run = *b.run("vm1");
  run.unsettled = true;
  b.put(path::run(r("vm1")), run);
  const Revision claimed = b.mod(path::claim(r("vm1")));
  b.run_for(kFailbackWell + 1min);
  EXPECT_EQ(b.mod(path::claim(r("vm1"))), claimed);
  run.unsettled = false;
  b.put(path::run(r("vm1")), run);
  b.run_for(1min);
  EXPECT_TRUE(b.claim("vm1")->migrating_to) << "once it runs again it goes back";
}

TEST(Lifecycle, AGuestThatSwitchedItselfOffStaysOffUntilItIsStarted) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.running_on("h2", "vm1");
  b.boot();
  RunRecord off = *b.run("vm1");
  off.state = RunState::released;
  off.end = EndReason::powered_off;
  b.put(path::run(r("vm1")), off);
  b.run_for(10min);
  EXPECT_EQ(b.claim("vm1")->generation, Generation{1});
  b.say(OperatorVerb::start, "vm1");
  b.run_for(1s);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
}

}  // namespace
}  // namespace haven

// Who may decide, how decisions are written, and what cannot be read (R1 to R4, E1).
#include "core/controller.hpp"

#include <algorithm>

#include "core/reigning.hpp"

namespace haven {
namespace {
using namespace story;

const Write* write_of(const Commit& commit, const std::string& path) {
  for (const auto& write : commit.writes)
    if (write.path == path) return &write;
  return nullptr;
}

// ---- the office (R1 to R3) ----

TEST(Controller, TakesAVacantOfficeUnderItsLeaseWithAFreshReign) {
  Bench b(three_hosts({}));
  b.boot();
  const auto commits = b.commits("leader");
  ASSERT_EQ(commits.size(), 1U);
  EXPECT_EQ(commits[0].checks[0], (Check{path::kLeader, {}}));
  EXPECT_NE(commits[0].writes[0].lease, LeaseId{});
  EXPECT_TRUE(b.node->leads());
}

TEST(Controller, LeavesAStandingLeaderInOffice) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.lead("h2");
  b.boot();
  b.run_for(1min);
  EXPECT_TRUE(b.commits("leader").empty());
  EXPECT_TRUE(b.commits("claims").empty());
}

TEST(Controller, TakesOverOnceTheLeadersKeyIsGone) {
  Bench b(three_hosts({}));
  b.lead("h2");
  b.boot();
  b.die("h2");
  b.run_for(100ms);
  EXPECT_TRUE(b.node->leads());
}

TEST(Controller, NeverRewritesItsOwnKey) {
  Reigning b(three_hosts({vm("vm1", 1)}));
  b.forget();
  b.run_for(10min);
  EXPECT_FALSE(b.wrote(path::kLeader));
}

TEST(Controller, EveryWriteOfAReignComparesTheLeadersKeyAndTheFile) {
  Reigning b(three_hosts({vm("vm1", 1), vm("vm2", 1)}));
  b.say(OperatorVerb::stop, "vm1");
  b.die("h3");
  b.run_for(1min);
  const Revision leader = b.mod(path::kLeader);
  int seen = 0;
  for (const auto& commit : b.did<Commit>()) {
    const bool ours = commit.lane == "claims" || commit.lane == "journal" || commit.lane == "house" ||
                      commit.lane.starts_with("fence/");
    if (!ours) continue;
    ++seen;
    const auto check = std::find_if(commit.checks.begin(), commit.checks.end(),
                                    [](const Check& c) { return c.path == path::kLeader; });
    ASSERT_NE(check, commit.checks.end()) << commit.lane;
    EXPECT_EQ(check->mod, leader) << commit.lane;
    EXPECT_TRUE(commit.lane == "journal" || compares(commit, path::kSpec)) << commit.lane;
  }
  EXPECT_GT(seen, 5);
}

TEST(Controller, ADecisionFromAnOldViewFailsInsteadOfWinning) {
  Reigning b(three_hosts({vm("vm1", 1)}));
  b.hold(lane("claims"));
  b.say(OperatorVerb::stop, "vm1");
  const Issued decision = b.take_held<Commit>();
  b.lead("h3");  // a new reign
  b.answer(decision);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::run);
}

TEST(Controller, AClaimComparesWhatItRestsOn) {
  Reigning b(three_hosts({vm("vm1", 1)}));
  const auto commits = b.commits("claims");
  ASSERT_EQ(commits.size(), 1U);
  const HostName host = b.claim("vm1")->host;
  for (const auto& path : {path::claim(r("vm1")), path::run(r("vm1")), path::order(r("vm1")), path::member(host),
                           path::away(host), path::status(h("h2")), path::status(h("h3"))})
    EXPECT_TRUE(compares(commits[0], path)) << path;
}

TEST(Controller, TwiceDeposedItLeavesTheOfficeToOthersForFiveMinutes) {
  Reigning b(three_hosts({}));
  for (int i = 0; i < 2; ++i) {
    b.lead("h3");
    b.run_for(10s);
    EXPECT_FALSE(b.node->leads());
    b.erase(path::kLeader);
    b.run_for(10ms);
    if (i == 0) {
      EXPECT_TRUE(b.node->leads());
    }
  }
  EXPECT_FALSE(b.node->leads());
  b.run_for(kOfficeVacant - 100ms);
  EXPECT_FALSE(b.node->leads());
  b.run_for(200ms);
  EXPECT_TRUE(b.node->leads()) << "a key absent for five seconds anyone takes";
}

TEST(Controller, TwiceDeposedItTakesTheOfficeAllTheSameIfNobodyElseIsThere) {
  Reigning b(three_hosts({}));
  for (int i = 0; i < 2; ++i) {
    b.lead("h3");
    b.run_for(5s);
    if (i == 1) {
      b.die("h2");
      b.die("h3");
    }
    b.erase(path::kLeader);
    b.run_for(100ms);
  }
  EXPECT_TRUE(b.node->leads());
}

TEST(Controller, ALeaderCommitOfUnknownFateThatDidHappenIsOverwrittenByTheSameBoot) {
  Bench b(three_hosts({}));
  b.hold(lane("leader"));
  b.boot();
  const Issued lost = b.take_held<Commit>();
  const Event reply = b.effect(lost);
  b.release_holds();
  b.tell(CommitDone{lost.call, CommitOutcome::unknown, {}, ""});
  b.run_for(1s);
  EXPECT_TRUE(b.node->leads());
  const Commit again = b.commits("leader").back();
  EXPECT_EQ(again.checks[0].mod, std::get<CommitDone>(reply).revision) << "compares the revision last seen";
}

TEST(Controller, ARestartedHavendTakesItsOwnBootsOfficeUpAgain) {
  Reigning b(three_hosts({}));
  const Reign before = b.get<LeaderRecord>(path::kLeader)->reign;
  b.config.seed = 99;
  b.restart_havend();
  b.run_for(1s);
  EXPECT_TRUE(b.node->leads());
  EXPECT_NE(b.get<LeaderRecord>(path::kLeader)->reign, before);
}

TEST(Controller, NobodyTakesOfficeWhoIsNotRegistered) {
  Bench b(three_hosts({}));
  b.hold(lane("register"));
  b.boot();
  b.run_for(10s);
  EXPECT_TRUE(b.commits("leader").empty());
}

TEST(Controller, NothingIsDecidedWhileTheWatchIsBroken) {
  Reigning b(three_hosts({vm("vm1", 1)}));
  b.run_for(5s);
  b.break_watch();
  b.forget();
  b.put(path::order(r("vm1")), OrderRecord{DesiredState::stopped, false, {}, {}, false});
  b.die("h2");
  b.run_for(2s);
  b.tell(DomainHint{r("vm1"), HintKind::changed});
  EXPECT_TRUE(b.did<Commit>().empty());
  b.mend_watch();
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::stop);
}

TEST(Controller, WhatWasHeldBeforeTheGapIsNotDecidedOnIt) {
  Reigning b(three_hosts({}));
  b.run_for(5s);
  b.die("h2");
  b.die("h3");
  b.run_for(1s);  // both at once: held for a lease time
  b.break_watch();
  b.run_for(5s);
  EXPECT_TRUE(b.commits("fence/").empty());
  b.mend_watch();
  b.run_for(1s);
  EXPECT_FALSE(b.commits("fence/").empty());
}

TEST(Controller, NothingIsDecidedWhileTheClusterIsFrozen) {
  Reigning b(three_hosts({vm("vm1", 1)}));
  b.run_for(5s);
  b.say(OperatorVerb::freeze, "");
  b.forget();
  b.say(OperatorVerb::stop, "vm1");
  b.die("h2");
  b.run_for(1min);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::run);
  EXPECT_EQ(b.fence("h2"), nullptr);
  b.say(OperatorVerb::thaw, "");
  b.run_for(5s);
  EXPECT_EQ(b.fence("h2")->state, FenceState::proved);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::stop);
}

// ---- batches (E1) ----

TEST(Controller, ClaimsMoveInBatchesThatFitHighestPriorityFirst) {
  std::vector<Resource> resources;
  for (int i = 1; i <= 150; ++i) resources.push_back(vm("vm" + std::to_string(i), 64, 1, i));
  Reigning b(three_hosts(resources));
  b.run_for(10s);
  const auto commits = b.commits("claims");
  ASSERT_GT(commits.size(), 1U);
  std::vector<int> order;
  for (const auto& commit : commits) {
    EXPECT_LE(commit.checks.size(), 128U);
    EXPECT_LE(commit.writes.size(), 128U);
    for (const auto& write : commit.writes)
      if (write.path.starts_with("claim/")) order.push_back(std::stoi(write.path.substr(8)));
  }
  EXPECT_EQ(order.size(), 150U);
  EXPECT_TRUE(std::is_sorted(order.rbegin(), order.rend()));
}

TEST(Controller, ATogetherSetIsNeverSplitOverTwoTransactions) {
  std::vector<Resource> resources;
  for (int i = 1; i <= 60; ++i) resources.push_back(vm("vm" + std::to_string(i), 64, 1, 200));
  std::vector<std::string> set;
  for (int i = 1; i <= 20; ++i) {
    resources.push_back(vm("set" + std::to_string(i), 64, 1, i == 1 ? 150 : 50));
    set.push_back("set" + std::to_string(i));
  }
  Reigning b(three_hosts(resources, {together(set)}));
  b.run_for(10s);
  int carriers = 0;
  for (const auto& commit : b.commits("claims")) {
    const auto members = std::count_if(commit.writes.begin(), commit.writes.end(),
                                       [](const Write& w) { return w.path.starts_with("claim/set"); });
    if (members == 0) continue;
    ++carriers;
    EXPECT_EQ(members, 20);
  }
  EXPECT_EQ(carriers, 1);
  EXPECT_GT(b.commits("claims").size(), 1U);
}

// ---- what cannot be read ----

TEST(Controller, AnUnreadableClaimRunOrOrderIsLeftAsItIs) {
  for (const auto& path : {path::claim(r("vm1")), path::run(r("vm1")), path::order(r("vm1"))}) {
    Bench b(three_hosts({vm("vm1", 1), vm("vm2", 1)}));
    b.put(path, UnreadableRecord{"not JSON"});
    b.boot();
    b.run_for(1min);
    EXPECT_NE(b.claim("vm2"), nullptr);
    EXPECT_NE(b.get<UnreadableRecord>(path), nullptr) << path;
    for (const auto& other : {path::claim(r("vm1")), path::run(r("vm1"))}) {
      if (other != path) {
        EXPECT_EQ(b.mod(other), Revision{}) << path;
      }
    }
    const auto alarms = b.node->report().alarms;
    EXPECT_TRUE(
        std::any_of(alarms.begin(), alarms.end(), [&](const Alarm& a) { return a.key == "unreadable/" + path; }));
  }
}

TEST(Controller, AnUnreadableClaimOfARunningResourceStopsAndMovesNothing) {
  Reigning b(three_hosts({vm("vm1", 1)}));
  b.run_for(1s);
  b.put(path::claim(r("vm1")), UnreadableRecord{"not JSON"});
  b.run_for(1min);
  EXPECT_TRUE(b.domains.contains(r("vm1")));
  EXPECT_NE(b.get<UnreadableRecord>(path::claim(r("vm1"))), nullptr);
}

TEST(Controller, WhileFileLeaderOrFreezeCannotBeReadNothingIsDecided) {
  for (const auto& path : {path::kSpec, path::kLeader, path::kFreeze}) {
    Reigning b(three_hosts({vm("vm1", 1)}));
    b.run_for(5s);
    b.forget();
    b.put(path, UnreadableRecord{"not JSON"});
    b.put(path::order(r("vm1")), OrderRecord{DesiredState::stopped, false, {}, {}, false});
    b.die("h2");
    b.run_for(1min);
    EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::run) << path;
    EXPECT_EQ(b.fence("h2"), nullptr) << path;
    EXPECT_NE(b.get<UnreadableRecord>(path), nullptr) << path;
    EXPECT_TRUE(b.domains.contains(r("vm1"))) << path;
  }
}

TEST(Controller, WhoseMemberFenceOrAwayKeyCannotBeReadIsNotAccused) {
  for (const auto& path : {path::member(h("h2")), path::away(h("h2")), path::fence(h("h2"), boot_of(h("h2")))}) {
    Reigning b(three_hosts({}));
    b.run_for(5s);
    b.put(path, UnreadableRecord{"not JSON"});
    if (path != path::member(h("h2"))) b.die("h2");
    b.run_for(1min);
    EXPECT_EQ(b.fence("h2"), nullptr) << path;
    EXPECT_TRUE(b.did<RunAgent>().empty()) << path;
  }
}

// ---- the house ----

TEST(Controller, TheJournalIsPrunedFromTheOldEnd) {
  Bench b(three_hosts({}));
  for (std::uint32_t i = 0; i < kJournalKept + kJournalStep + 30; ++i)
    b.put(path::journal(WallTime{1000 + i}, h("h2"), i), JournalRecord{});
  b.boot();
  b.run_for(10s);
  const auto& journal = b.node->view().journal;
  EXPECT_LE(journal.size(), kJournalKept + kJournalStep);
  EXPECT_GT(journal.size(), kJournalKept - 1);
  EXPECT_EQ(journal.count(path::journal(WallTime{1000}, h("h2"), 0)), 0U);
}

TEST(Controller, AProofIsKeptAsLongAsAnythingNamesThatBootAndThirtyDays) {
  Reigning b(three_hosts({}));
  FenceRecord proof;
  proof.state = FenceState::proved;
  proof.at = b.now.wall;
  const Incarnation old("an-old-boot"), named("a-named-boot");
  b.put(path::fence(h("h2"), old), proof);
  b.put(path::fence(h("h2"), named), proof);
  b.put(path::claim(r("vm9")), ClaimRecord{h("h2"), named, {1}, ClaimOrder::let_go, std::nullopt, {}});
  b.run_for(1s);
  b.pass_time(29 * 24h);
  b.restart_havend();
  b.run_for(10s);
  EXPECT_NE(b.fence("h2", old), nullptr);
  b.pass_time(2 * 24h);
  b.restart_havend();
  b.run_for(10s);
  EXPECT_EQ(b.fence("h2", old), nullptr);
  EXPECT_NE(b.fence("h2", named), nullptr);
}

TEST(Controller, SaysOnceThatSomethingCannotBePlaced) {
  Reigning b(three_hosts({vm("vm1", 999'999)}));
  b.run_for(10min);
  int said = 0;
  for (const auto& [path, record] : b.node->view().journal) said += record.kind == JournalKind::place_failed;
  EXPECT_EQ(said, 1);
}

TEST(Controller, ComparesNoKeyTwiceAndWritesEveryClaimOnce) {
  Reigning b(three_hosts({vm("vm1", 1), vm("vm2", 1)}));
  const auto commits = b.commits("claims");
  ASSERT_EQ(commits.size(), 1U);
  EXPECT_NE(write_of(commits[0], path::claim(r("vm1"))), nullptr);
  EXPECT_NE(write_of(commits[0], path::claim(r("vm2"))), nullptr);
  for (const auto& check : commits[0].checks)
    EXPECT_EQ(std::count(commits[0].checks.begin(), commits[0].checks.end(), check), 1) << check.path;
}

}  // namespace
}  // namespace haven

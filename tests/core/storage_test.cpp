// Stories about disks that are out of reach (B1, C7; DESIGN 5).
#include "core/court.hpp"
#include "core/liveness/storage_loss.hpp"
#include "core/servant.hpp"

namespace haven::story {
namespace {

TEST(Storage, NothingIsStartedWhereItsDiskCannotBeReadAndThatCostsNoBudget) {
  Servant b;
  b.disks_lost = {r("vm1")};
  b.run_for(kInspectInterval);
  b.claim_for("h1", "vm1", 1);
  b.run_for(100ms);
  EXPECT_TRUE(b.did<StartDomain>().empty());
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
  EXPECT_EQ(b.run("vm1")->end, EndReason::storage_lost);
}

TEST(Storage, AStartThatFailsWhileItsDiskIsLostIsNotHeldAgainstAnybody) {
  Servant b;
  b.start_results[r("vm1")] = CallResult::failed;
  b.hold(every<StartDomain>());
  b.claim_for("h1", "vm1", 1);
  b.disks_lost = {r("vm1")};
  b.release_holds();
  b.answer(b.take_held<StartDomain>());
  b.run_for(1s);
  EXPECT_EQ(b.run("vm1")->end, EndReason::storage_lost);
}

TEST(Storage, AGuestThatEndsWithItsDiskLostIsNeitherReleasedNorStarted) {
  Servant b;
  b.started();
  b.disks_lost = {r("vm1")};
  b.run_for(2 * kInspectInterval);
  b.crash();
  b.run_for(1h);
  EXPECT_FALSE(b.releases());
  EXPECT_TRUE(b.did<StartDomain>().empty());
}

TEST(Storage, OnceItsDiskIsBackItStartsInPlaceAtNoCost) {
  Servant b(three_hosts({with_restarts(0)}));
  b.started();
  b.disks_lost = {r("vm1")};
  b.run_for(2 * kInspectInterval);
  b.crash();
  b.run_for(10s);
  b.disks_lost.clear();
  b.run_for(2 * kInspectInterval);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
  EXPECT_EQ(b.run("vm1")->generation, Generation{1});
  EXPECT_TRUE(b.run("vm1")->restarts.empty());
}

TEST(Storage, WhatIsStoppedWithItsDiskLostIsReleasedByProofOnly) {
  Servant b;
  b.started();
  b.disks_lost = {r("vm1")};
  b.run_for(2 * kInspectInterval);
  b.claim_for("h1", "vm1", 1, ClaimOrder::stop);
  b.run_for(5min);
  EXPECT_FALSE(b.domains.contains(r("vm1")));
  EXPECT_TRUE(b.run("vm1")->unsettled);
  b.disks_lost.clear();  // what it had sent may arrive only now
  b.run_for(5min);
  EXPECT_FALSE(b.releases());
}

TEST(Storage, WhatWasFoundAndEndedWithItsDiskLostBeforeItWasRecordedSaysSo) {
  Servant b;
  b.domains[r("vm1")] = DomainCondition::running;
  b.disks_lost = {r("vm1")};
  b.run_for(2 * kInspectInterval);
  b.claim_for("h1", "vm1", 1, ClaimOrder::stop);
  b.run_for(5min);
  EXPECT_FALSE(b.domains.contains(r("vm1")));
  ASSERT_NE(b.run("vm1"), nullptr);
  EXPECT_TRUE(b.run("vm1")->unsettled);
  EXPECT_FALSE(b.releases());
}

TEST(Storage, AGuestSeenRunningWithItsDiskBackIsReleasedAsUsual) {
  Servant b;
  b.started();
  b.disks_lost = {r("vm1")};
  b.run_for(2 * kInspectInterval);
  b.disks_lost.clear();
  b.run_for(2 * kInspectInterval);
  b.claim_for("h1", "vm1", 1, ClaimOrder::stop);
  b.run_for(1s);
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
}

TEST(Storage, TheReportNamesWhatCannotBeRead) {
  Servant b;
  b.disks_lost = {r("vm1")};
  b.run_for(2 * kInspectInterval);
  const auto* status = b.get<StatusRecord>(path::status(kSelf));
  ASSERT_NE(status, nullptr);
  EXPECT_EQ(status->storage_lost, std::vector{r("vm1")});
  EXPECT_EQ(status->problems, std::vector<std::string>{"the disk of vm1 cannot be read"});
}

// ---- the controller ----

struct Ward : Court {
  explicit Ward(std::vector<Resource> resources = {vm("vm1", 1024)}) : Court(three_hosts(std::move(resources))) {}
  void lose(const std::string& host, std::vector<std::string> resources) {
    auto& lost = disks_lost_by[h(host)];
    lost.clear();
    for (const auto& resource : resources) lost.push_back(r(resource));
    report(host);
    settle();
  }
};

TEST(Storage, NothingIsPlacedWhereItsDiskCannotBeRead) {
  Ward b(std::vector<Resource>{});
  b.lose("h2", {"vm1"});
  Spec next = b.spec();
  next.resources.push_back(vm("vm1", 1024));
  next.resources.back().hosts.prefer = {{h("h2")}};
  b.apply(next);
  b.lose("h2", {"vm1"});
  b.report("h3");
  b.run_for(10s);
  ASSERT_NE(b.claim("vm1"), nullptr);
  EXPECT_NE(b.claim("vm1")->host, h("h2"));
}

TEST(Storage, AHostWhoseGuestsStandStillIsFencedWhereAnotherReadsTheirDisk) {
  Ward b;
  b.running_on("h2", "vm1");
  b.lose("h2", {"vm1"});
  b.run_for(kStorageLostPatience - 1s);
  EXPECT_EQ(b.state(), std::nullopt);
  b.run_for(10s);
  ASSERT_NE(b.fence("h2"), nullptr);
  EXPECT_EQ(b.fence("h2")->reason, FenceReason::storage_lost);
  EXPECT_EQ(b.state(), FenceState::proved);
}

TEST(Storage, ABlinkFencesNobody) {
  Ward b;
  b.running_on("h2", "vm1");
  b.lose("h2", {"vm1"});
  b.run_for(kStorageLostPatience - 1s);
  b.lose("h2", {});
  b.run_for(1min);
  EXPECT_EQ(b.state(), std::nullopt);
}

TEST(Storage, WhereNobodyElseReadsItNobodyIsFenced) {
  Ward b;
  b.running_on("h2", "vm1");
  b.lose("h3", {"vm1"});
  b.disks_lost = {r("vm1")};
  b.lose("h2", {"vm1"});
  b.run_for(10min);
  EXPECT_EQ(b.state(), std::nullopt);
}

TEST(Storage, AfterAnOutageForEverybodyWhoReadsAgainFirstHasNobodyFenced) {
  Ward b;
  b.running_on("h2", "vm1");
  b.lose("h3", {"vm1"});
  b.disks_lost = {r("vm1")};
  b.lose("h2", {"vm1"});
  b.run_for(10min);
  b.lose("h3", {});
  b.run_for(kStorageLostPatience - 1s);
  EXPECT_EQ(b.state(), std::nullopt);
  b.run_for(10s);
  EXPECT_NE(b.state(), std::nullopt) << "and then its patience is over all the same";
}

TEST(Storage, AHostThatStillRunsSomethingWellIsNotFencedForTheRest) {
  Ward b({vm("vm1", 1024), vm("vm2", 1024)});
  b.running_on("h2", "vm1");
  b.running_on("h2", "vm2");
  b.lose("h2", {"vm1"});
  b.run_for(10min);
  EXPECT_EQ(b.state(), std::nullopt);
}

TEST(Storage, MoreHostsThanTheReserveAreNotFencedForTheirStorage) {
  Ward b({vm("vm1", 1024), vm("vm2", 1024)});
  b.running_on("h2", "vm1");
  b.running_on("h3", "vm2");
  b.lose("h2", {"vm1", "vm2"});
  b.lose("h3", {"vm1", "vm2"});
  b.run_for(10min);
  EXPECT_EQ(b.state(), std::nullopt);
  EXPECT_EQ(b.fence("h3"), nullptr);
}

TEST(Storage, WhatOnlyProofWouldReleaseMayStartAgainWhereItWas) {
  Ward b;
  b.running_on("h2", "vm1");
  b.lazy.insert(h("h2"));
  b.say(OperatorVerb::stop, "vm1");
  b.run_for(1s);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::stop);
  RunRecord run = *b.run("vm1");
  run.unsettled = true;
  b.put(path::run(r("vm1")), run);
  b.run_for(1min);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::stop);
  b.say(OperatorVerb::start, "vm1");
  b.run_for(1s);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::run);
  EXPECT_EQ(b.claim("vm1")->host, h("h2"));
  EXPECT_EQ(b.claim("vm1")->generation, Generation{1});
}

TEST(Storage, AnEndForItsDiskLeavesTheAttemptsAsTheyWere) {
  Ward b;
  b.running_on("h2", "vm1");
  b.lose("h2", {"vm1"});
  RunRecord run = *b.run("vm1");
  run.state = RunState::released;
  run.end = EndReason::storage_lost;
  b.put(path::run(r("vm1")), run);
  b.run_for(1s);
  EXPECT_NE(b.claim("vm1")->host, h("h2"));
  EXPECT_TRUE(b.claim("vm1")->attempts.tried.empty());
}

}  // namespace
}  // namespace haven::story

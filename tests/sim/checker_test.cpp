// Each invariant is shown a story that breaks it, and must say so: a check that cannot fail is no check.
#include "sim/checker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clusters.hpp"

namespace haven::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const HostName h1{"h1"}, h2{"h2"};
const ResourceName vm1{"vm1"}, vm2{"vm2"};
const Incarnation first{"1111"}, second{"2222"};

class CheckerTest : public testing::Test {
 protected:
  CheckerTest() : timeline_(queue_), checker_(timeline_, facts()) {
    checker_.committed({{}, Revision{1}});
    commit({{path::kSpec, SpecRecord{std::make_shared<const Spec>(spec_)}}});
  }

  Checker::Facts facts() {
    Checker::Facts facts;
    facts.hosts_of = [this](const ResourceName&) { return processes_; };
    facts.copies_of = [this](const ResourceName&) { return copies_; };
    facts.running_on = [this](const HostName&, const Incarnation& boot) {
      return boot == first ? still_running_ : std::vector<ResourceName>{};
    };
    facts.healthy_for = [this](const HostName&, const Incarnation&) { return healthy_for_; };
    facts.boot_of = [](const HostName&) { return first; };
    facts.orders = [this] { return orders_; };
    return facts;
  }

  void commit(const std::vector<std::pair<std::string, std::optional<Record>>>& writes) {
    EngineChanged changed;
    changed.revision = {++revision_};
    for (const auto& [path, value] : writes) changed.changes.push_back({path, value, changed.revision});
    checker_.committed(changed);
  }

  void respec() { commit({{path::kSpec, SpecRecord{std::make_shared<const Spec>(spec_)}}}); }

  static ClaimRecord claim(const HostName& host, const Incarnation& boot, std::uint64_t generation) {
    ClaimRecord record;
    record.host = host;
    record.incarnation = boot;
    record.generation = {generation};
    return record;
  }
  static RunRecord run(const HostName& host, const Incarnation& boot, std::uint64_t generation, RunState state) {
    RunRecord record;
    record.host = host;
    record.incarnation = boot;
    record.generation = {generation};
    record.state = state;
    return record;
  }
  static FenceRecord fence(FenceState state) {
    FenceRecord record;
    record.state = state;
    return record;
  }

  std::vector<std::string> rules() const {
    std::vector<std::string> rules;
    for (const Violation& violation : checker_.violations()) rules.push_back(violation.rule);
    return rules;
  }

  Spec spec_ = small_cluster(3, 2);
  Queue queue_;
  Timeline timeline_;
  std::int64_t revision_ = 1;
  std::vector<Order> orders_;
  std::vector<HostName> processes_;
  std::vector<HostName> copies_;
  std::vector<ResourceName> still_running_;
  std::optional<Duration> healthy_for_;
  Checker checker_;
};

TEST_F(CheckerTest, SeesTwoProcessesOfOneResource) {
  processes_ = {h1};
  checker_.process_runs(vm1, h1);
  EXPECT_THAT(rules(), IsEmpty());
  processes_ = {h1, h2};
  checker_.process_runs(vm1, h2);
  EXPECT_THAT(rules(), ElementsAre("never-twice"));
}

TEST_F(CheckerTest, SeesARunBesideACopyThatItsClaimDoesNotName) {
  ClaimRecord moving = claim(h1, first, 1);
  moving.migrating_to = Migration{h2, first, {2}};
  commit({{path::claim(vm1), moving}});
  processes_ = {h1};
  copies_ = {h2};
  checker_.process_runs(vm1, h1);
  EXPECT_THAT(rules(), IsEmpty());
  copies_ = {HostName("h3")};
  checker_.process_runs(vm1, h1);
  EXPECT_THAT(rules(), ElementsAre("M3"));
}

TEST_F(CheckerTest, SeesABootThatWasProvedDeadAndRuns) {
  still_running_ = {vm1};
  commit({{path::fence(h1, first), fence(FenceState::proved)}});
  EXPECT_THAT(rules(), ElementsAre("F6"));
}

TEST_F(CheckerTest, SeesAStartOnABootThatWasProvedDead) {
  commit({{path::fence(h1, first), fence(FenceState::proved)}});
  EXPECT_THAT(rules(), IsEmpty());
  processes_ = {h1};
  checker_.process_runs(vm1, h1);
  EXPECT_THAT(rules(), ElementsAre("F6"));
}

TEST_F(CheckerTest, SeesAProofThatIsTakenBack) {
  commit({{path::fence(h1, first), fence(FenceState::proved)}});
  commit({{path::fence(h1, first), fence(FenceState::failed)}});
  EXPECT_THAT(rules(), ElementsAre("F6"));
}

TEST_F(CheckerTest, SeesAHealthyHostBeingShot) {
  commit({{path::fence(h1, first), fence(FenceState::intent)}});
  commit({{path::fence(h1, first), fence(FenceState::shooting)}});
  EXPECT_THAT(rules(), IsEmpty());  // it was not well
  healthy_for_ = 30s;
  commit({{path::fence(h2, second), fence(FenceState::intent)}});
  EXPECT_THAT(rules(), IsEmpty());  // an intent does no harm
  commit({{path::fence(h2, second), fence(FenceState::shooting)}});
  EXPECT_THAT(rules(), ElementsAre("needless-fence"));
}

TEST_F(CheckerTest, AllowsAFenceForAGuestThatWillNotStop) {
  healthy_for_ = 30s;
  FenceRecord record = fence(FenceState::shooting);
  record.reason = FenceReason::stop_failed;
  commit({{path::fence(h1, first), record}});
  EXPECT_THAT(rules(), IsEmpty());
}

TEST_F(CheckerTest, SeesAClaimThatLeavesALivingHost) {
  commit({{path::claim(vm1), claim(h1, first, 1)}});
  commit({{path::claim(vm1), claim(h2, second, 2)}});
  EXPECT_THAT(rules(), ElementsAre("C3"));
}

TEST_F(CheckerTest, AllowsAClaimToLeaveAfterItsReleaseOrAProof) {
  commit({{path::claim(vm1), claim(h1, first, 1)}, {path::claim(vm2), claim(h1, first, 1)}});
  commit({{path::run(vm1), run(h1, first, 1, RunState::released)}});
  commit({{path::claim(vm1), claim(h2, second, 2)}});
  commit({{path::fence(h1, first), fence(FenceState::proved)}});
  commit({{path::claim(vm2), claim(h2, second, 2)}});
  EXPECT_THAT(rules(), IsEmpty());
}

TEST_F(CheckerTest, AReleaseOfAnotherGenerationFreesNothing) {
  commit({{path::claim(vm1), claim(h1, first, 1)}});
  commit({{path::run(vm1), run(h1, first, 1, RunState::released)}});
  commit({{path::claim(vm1), claim(h1, first, 2)}});
  commit({{path::claim(vm1), claim(h2, second, 3)}});
  EXPECT_THAT(rules(), ElementsAre("C3"));
}

TEST_F(CheckerTest, SeesAClaimWithoutAHigherGeneration) {
  commit({{path::claim(vm1), claim(h1, first, 5)}});
  commit({{path::run(vm1), run(h1, first, 5, RunState::released)}});
  commit({{path::claim(vm1), claim(h2, second, 5)}});
  EXPECT_THAT(rules(), ElementsAre("C1"));
}

TEST_F(CheckerTest, SeesARunWithoutItsClaim) {
  commit({{path::claim(vm1), claim(h1, first, 1)}});
  commit({{path::run(vm1), run(h2, second, 1, RunState::starting)}});
  EXPECT_THAT(rules(), ElementsAre("C2"));
}

TEST_F(CheckerTest, SeesAReleasedGenerationStartedAgain) {
  commit({{path::claim(vm1), claim(h1, first, 1)}});
  commit({{path::run(vm1), run(h1, first, 1, RunState::released)}});
  commit({{path::run(vm1), run(h1, first, 1, RunState::starting)}});
  EXPECT_THAT(rules(), ElementsAre("C4"));
}

TEST_F(CheckerTest, SeesAStrictApartRuleBeingBroken) {
  spec_.rules.push_back({RuleKind::apart, {vm1, vm2}, FailureDomain::host, true});
  respec();
  commit({{path::claim(vm1), claim(h1, first, 1)}});
  EXPECT_THAT(rules(), IsEmpty());
  commit({{path::claim(vm2), claim(h1, first, 1)}});
  EXPECT_THAT(rules(), ElementsAre("strict-apart"));
}

TEST_F(CheckerTest, SeesAStrictTogetherRuleBeingBroken) {
  spec_.rules.push_back({RuleKind::together, {vm1, vm2}, FailureDomain::host, true});
  respec();
  commit({{path::claim(vm1), claim(h1, first, 1)}});
  commit({{path::claim(vm2), claim(h2, second, 1)}});
  EXPECT_THAT(rules(), ElementsAre("strict-together"));
}

TEST_F(CheckerTest, SeesAnExcludedHostBeingChosen) {
  spec_.resources[0].hosts.never = {h1};
  respec();
  commit({{path::claim(vm1), claim(h1, first, 1)}});
  EXPECT_THAT(rules(), ElementsAre("never"));
}

TEST_F(CheckerTest, SeesAHostThatIsOverfilled) {
  spec_.resources[0].memory = MiB{5000};
  spec_.resources[1].memory = MiB{5000};
  respec();
  commit({{path::claim(vm1), claim(h1, first, 1)}});
  EXPECT_THAT(rules(), IsEmpty());
  commit({{path::claim(vm2), claim(h1, first, 1)}});
  EXPECT_THAT(rules(), ElementsAre("capacity"));
}

TEST_F(CheckerTest, AllowsWhatWasFoundRunningToBeAdoptedWhereItIs) {
  spec_.resources[0].hosts.never = {h1};
  respec();
  StatusRecord status;
  status.found = {vm1};
  commit({{path::status(h1), status}});
  commit({{path::claim(vm1), claim(h1, first, 1)}});
  EXPECT_THAT(rules(), IsEmpty());
}

}  // namespace
TEST_F(CheckerTest, WhatWasOrderedAndAcceptedStaysSo) {
  orders_ = {Order{OperatorVerb::start, vm1, {}}, Order{OperatorVerb::thaw, {}, {}, "h1"}};
  commit({{path::order(vm2), OrderRecord{DesiredState::stopped, false, {}, {}, false}}});
  commit({{path::kFreeze, FreezeRecord{"", false, {{"h2", "anna"}}}}});
  EXPECT_TRUE(rules().empty());
  commit({{path::order(vm1), OrderRecord{DesiredState::stopped, false, {}, {}, false}}});
  EXPECT_EQ(rules(), std::vector<std::string>{"acknowledged"});
}

TEST_F(CheckerTest, WhatWasThawedIsNotFrozenByItself) {
  orders_ = {Order{OperatorVerb::thaw, {}, {}, "h1"}};
  commit({{path::kFreeze, FreezeRecord{"", false, {{"h1", "anna"}}}}});
  EXPECT_EQ(rules(), std::vector<std::string>{"acknowledged"});
}

}  // namespace haven::sim

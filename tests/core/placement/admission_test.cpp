#include "core/placement/admission.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/placement/small_cluster.hpp"

namespace haven {
namespace {

using namespace story;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> unprotected(const Admission& answer) {
  std::vector<std::string> names;
  for (const auto& n : answer.unprotected) names.push_back(n.str());
  return names;
}

Spec three_hosts(std::vector<Resource> resources, std::vector<Rule> rules = {}) {
  return cluster({host("h1", 4096), host("h2", 4096), host("h3", 4096)}, std::move(resources), std::move(rules));
}

TEST(Admission, AdmitsWhatSurvivesTheReserve) {
  const auto answer = check_admission(three_hosts({vm("a", 4096), vm("b", 2048), vm("c", 2048)}));
  EXPECT_TRUE(answer.admitted);
  EXPECT_EQ(answer.max_losses, 1);
  EXPECT_TRUE(answer.exact);
  EXPECT_THAT(answer.unprotected, IsEmpty());
  EXPECT_THAT(answer.reasons, IsEmpty());
}

TEST(Admission, SaysWhatStaysDownAndWhatWouldMakeItFit) {
  const auto answer = check_admission(three_hosts({vm("a", 3072), vm("b", 3072), vm("c", 3072, 1, 50)}));
  EXPECT_FALSE(answer.admitted);
  EXPECT_THAT(unprotected(answer), ElementsAre("c"));
  EXPECT_EQ(answer.max_losses, 0);
  EXPECT_THAT(answer.reasons, ElementsAre("after the loss of h1, c stays down: needs 2048 MiB more on one of h2, h3"));
}

TEST(Admission, WithTooFewStepsForOnePackingNothingIsTriedAndNobodyNamed) {
  const auto spec = three_hosts({vm("a", 3072), vm("b", 3072), vm("c", 3072, 1, 50)});
  EXPECT_THAT(unprotected(check_reserve(spec, 1000)), ElementsAre("c"));
  const auto answer = check_reserve(spec, 20);
  EXPECT_FALSE(answer.admitted);
  EXPECT_FALSE(answer.exact);
  EXPECT_THAT(answer.unprotected, IsEmpty());
  EXPECT_THAT(answer.reasons, ElementsAre(HasSubstr("more may fit than is said here")));
}

TEST(Admission, GivesUpTheLeastImportantThenTheLaterName) {
  auto spec = three_hosts({vm("a", 4096, 1, 10), vm("vm10", 4096), vm("vm2", 4096)});
  EXPECT_THAT(unprotected(check_admission(spec)), ElementsAre("a"));
  spec.cluster.reserve = 2;
  EXPECT_THAT(unprotected(check_admission(spec)), ElementsAre("a", "vm10")) << "vm2 comes before vm10";
}

TEST(Admission, KeepsALesserResourceThatFitsWhereAGreaterDoesNot) {
  const auto answer = check_admission(
      cluster({host("h1", 4096), host("h2", 4096)}, {vm("a", 3072, 1, 300), vm("b", 2048, 1, 200), vm("c", 1024)}));
  EXPECT_THAT(unprotected(answer), ElementsAre("b"));
}

TEST(Admission, CountsAllThatMustFitNowEvenWithoutALoss) {
  const auto answer = check_admission(three_hosts({vm("a", 4097)}));
  EXPECT_FALSE(answer.admitted);
  EXPECT_EQ(answer.max_losses, 0);
  EXPECT_THAT(answer.reasons, ElementsAre("now, a does not fit: needs 1 MiB more on one of h1, h2, h3",
                                          "after the loss of h1, a stays down: needs 1 MiB more on one of h2, h3"));
}

TEST(Admission, SurvivesEveryLossWhereNothingIsStarted) {
  auto off = vm("a", 1 << 20);
  off.state = DesiredState::stopped;
  auto ignored = vm("b", 1 << 20);
  ignored.state = DesiredState::ignored;
  const auto answer = check_admission(three_hosts({off, ignored}));
  EXPECT_TRUE(answer.admitted);
  EXPECT_EQ(answer.max_losses, 3);
}

TEST(Admission, DoesNotCountAfterALossWhatToleratesOnlyTheGuests) {
  auto spec = cluster({host("h1", 4096), host("h2", 4096)}, {vm("a", 4096), vm("b", 4096)});
  EXPECT_THAT(unprotected(check_admission(spec)), ElementsAre("b"));
  spec.resources[0].tolerate_host = false;
  EXPECT_TRUE(check_admission(spec).admitted);
  spec.resources[1].memory = {4097};
  spec.resources[1].tolerate_host = false;
  const auto answer = check_admission(spec);
  EXPECT_FALSE(answer.admitted) << "now it counts";
  EXPECT_THAT(unprotected(answer), ElementsAre("b"));
  EXPECT_EQ(answer.max_losses, 0);
}

TEST(Admission, OverbooksOnlyAfterALoss) {
  auto spec = cluster({host("h1", 4096), host("h2", 4096)}, {vm("a", 4096), vm("b", 4096)});
  spec.cluster.overbook = 2.0;
  EXPECT_TRUE(check_admission(spec).admitted);
  spec.cluster.overbook = 1.5;
  EXPECT_THAT(check_admission(spec).reasons,
              ElementsAre("after the loss of h1, b stays down: needs 1366 MiB more on h2"));
  spec.cluster.overbook = 3.0;
  spec.resources.push_back(vm("c", 1));
  const auto answer = check_admission(spec);
  EXPECT_FALSE(answer.admitted) << "nothing is overbooked now";
}

TEST(Admission, LosesAWholeRackWhereThatIsTheDomain) {
  auto spec = cluster({host("h1", 4096, 16, "r1"), host("h2", 4096, 16, "r1"), host("h3", 4096, 16, "r2")},
                      {vm("a", 4096), vm("b", 4096)});
  EXPECT_TRUE(check_admission(spec).admitted);
  spec.cluster.reserve_domain = FailureDomain::rack;
  const auto answer = check_admission(spec);
  EXPECT_THAT(answer.reasons, ElementsAre("after the loss of rack r1, b stays down: needs 4096 MiB more on h3"));
}

TEST(Admission, TakesTheWorstChoiceAndOfEqualOnesTheFirstInTheFile) {
  // The loss of h2, the largest, leaves two down; of h3 and h1 one.
  const auto worst = check_admission(cluster({host("h3", 1024), host("h2", 4096), host("h1", 1024)},
                                             {vm("a", 3072), vm("b", 1024), vm("c", 1024), vm("d", 1024)}));
  EXPECT_THAT(unprotected(worst), ElementsAre("a", "d"));
  auto only_h1 = vm("a", 512);
  only_h1.hosts.only = hosts({"h1"});
  auto only_h2 = vm("b", 512);
  only_h2.hosts.only = hosts({"h2"});
  const auto first = check_admission(cluster({host("h2", 4096), host("h1", 4096)}, {only_h1, only_h2}));
  EXPECT_THAT(unprotected(first), ElementsAre("b"));
  EXPECT_THAT(first.reasons,
              ElementsAre("after the loss of h2, b stays down: only and never leave it no host: needs one "
                          "more that they allow"));
}

TEST(Admission, HoldsStrictRulesAfterALossAndForgetsPreferences) {
  auto spec = three_hosts({vm("a", 512), vm("b", 512), vm("c", 512)}, {apart({"a", "b", "c"})});
  const auto answer = check_admission(spec);
  EXPECT_THAT(unprotected(answer), ElementsAre("c"));
  EXPECT_THAT(answer.reasons,
              ElementsAre("after the loss of h1, c stays down: its rules leave it no host (apart from a "
                          "and apart from b): needs one host more that they allow"));
  spec.rules[0].strict = false;
  EXPECT_TRUE(check_admission(spec).admitted);
}

TEST(Admission, KeepsTogetherWhatMustStandTogether) {
  const auto spec = three_hosts({vm("a", 2048), vm("b", 2048), vm("c", 2048), vm("d", 2048)},
                                {together({"a", "b"}), together({"c", "d"})});
  EXPECT_TRUE(check_admission(spec).admitted);
  auto tight = spec;
  tight.resources[0].memory = {2049};
  const auto answer = check_admission(tight);
  EXPECT_THAT(unprotected(answer), ElementsAre("b"));
  EXPECT_THAT(answer.reasons.front(), HasSubstr("now, b does not fit: needs 1 MiB more on"));
}

TEST(Admission, PacksExactlyWhereGreedWouldFail) {
  // 6+5, 6+2 and 7+3, and no other way: largest first, tightest host first ends elsewhere.
  auto spec = cluster({host("h1", 11), host("h2", 8), host("h3", 10)},
                      {vm("a", 6), vm("b", 7), vm("c", 6), vm("d", 5), vm("e", 2), vm("f", 3)});
  spec.cluster.reserve = 0;
  EXPECT_TRUE(check_admission(spec).admitted);
  spec.hosts[1].memory = {7};
  EXPECT_THAT(unprotected(check_admission(spec)), ElementsAre("f"));
}

TEST(Admission, LosesEverythingWhenTheReserveExceedsTheHosts) {
  auto spec = cluster({host("h1", 4096)}, {vm("a", 1)});
  spec.cluster.reserve = 5;
  const auto answer = check_admission(spec);
  EXPECT_THAT(answer.reasons, ElementsAre("after the loss of h1, a stays down: no host is left"));
  spec.cluster.reserve = 0;
  EXPECT_TRUE(check_admission(spec).admitted);
}

TEST(Admission, SaysWhichOfManyReasonsItLeavesOut) {
  std::vector<Resource> many;
  for (int i = 1; i <= 30; ++i) many.push_back(vm("vm" + std::to_string(i), 4096));
  const auto answer = check_admission(three_hosts(std::move(many)));
  EXPECT_EQ(answer.unprotected.size(), 28U);
  EXPECT_EQ(answer.reasons.back(), "after the loss of h1, 8 more likewise");
}

// A work bound and not a clock decides. How long it takes is docs/performance.md's business.
class AdmissionAtScale : public testing::Test {
 protected:
  // Sizes and shapes as an installation has them, from a fixed sequence.
  static Spec installation(int host_count, int vm_count, int size_kinds, bool uneven) {
    std::vector<Host> machines;
    for (int i = 1; i <= host_count; ++i)
      machines.push_back(
          host("h" + std::to_string(i), (uneven ? 96 + 16 * (i % 5) : 128) * 1024, 32, "r" + std::to_string(i % 4)));
    std::vector<Resource> guests;
    unsigned state = 7;
    for (int i = 1; i <= vm_count; ++i) {
      state = state * 1664525U + 1013904223U;
      const auto kind = static_cast<int>((state >> 16) % static_cast<unsigned>(size_kinds));
      guests.push_back(
          vm("vm" + std::to_string(i), size_kinds > 5 ? 1024 + 512 * kind : 1024 << kind, 1 + kind % 4, 100 + i % 3));
    }
    return cluster(std::move(machines), std::move(guests));
  }
};

TEST_F(AdmissionAtScale, DecidesHundredsOfGuestsOnTensOfHosts) {
  EXPECT_TRUE(check_admission(installation(32, 400, 5, false)).exact);
  EXPECT_TRUE(check_admission(installation(32, 400, 20, true)).exact);
  auto ruled = installation(30, 300, 5, true);
  for (int i = 1; i + 3 < 300; i += 10) {
    const auto name = [&](int k) { return "vm" + std::to_string(i + k); };
    ruled.rules.push_back(apart({name(0), name(1), name(2)}, i % 20 == 1 ? FailureDomain::rack : FailureDomain::host));
    ruled.rules.push_back(together({name(2), name(3)}));
  }
  ruled.cluster.reserve = 2;
  EXPECT_TRUE(check_admission(ruled).exact);
}

TEST_F(AdmissionAtScale, DecidesAnOvercrowdedCluster) {
  auto answer = check_admission(installation(32, 700, 5, false));
  EXPECT_FALSE(answer.admitted);
  EXPECT_TRUE(answer.exact);
  answer = check_admission(installation(16, 330, 20, true));
  EXPECT_FALSE(answer.admitted);
}

}  // namespace
}  // namespace haven

#include "core/placement/contradiction.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/placement/small_cluster.hpp"

namespace haven {
namespace {

using namespace story;
using testing::IsEmpty;
using testing::SizeIs;

std::string named(const Contradiction& quarrel) {
  std::string text;
  for (const auto& d : quarrel.demands) {
    const char* kinds[] = {"rule ", "only ", "never "};
    text += (text.empty() ? "" : ", ") + (kinds[static_cast<int>(d.kind)] + std::to_string(d.index));
  }
  return text + (quarrel.by_size ? " by size" : "");
}

Resource on(Resource vm, std::vector<std::string> names) {
  vm.hosts.only = hosts(names);
  return vm;
}
Resource off(Resource vm, std::vector<std::string> names) {
  vm.hosts.never = hosts(names);
  return vm;
}

TEST(Contradiction, ThereIsNoneInRulesThatHold) {
  const auto spec = cluster({host("h1", 8), host("h2", 8)}, {vm("a", 4), vm("b", 4), vm("c", 4)},
                            {apart({"a", "b"}), together({"b", "c"})});
  EXPECT_THAT(find_contradictions(spec), IsEmpty());
}

TEST(Contradiction, LeavesOutTheRulesThatHaveNoPartInIt) {
  const auto spec = cluster({host("h1", 8), host("h2", 8), host("h3", 8)},
                            {on(vm("a", 1), {"h1", "h2"}), vm("b", 1), vm("c", 1), vm("d", 1)},
                            {apart({"a", "d"}), together({"a", "b"}), together({"b", "c"}), apart({"c", "a"})});
  const auto found = find_contradictions(spec);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(named(found[0]), "rule 1, rule 2, rule 3");
}

TEST(Contradiction, OnlyLeavesTooFewHostsForApart) {
  const auto spec = cluster({host("h1", 8), host("h2", 8), host("h3", 8)},
                            {on(vm("a", 1), {"h1", "h2"}), on(vm("b", 1), {"h1", "h2"}), on(vm("c", 1), {"h2", "h1"})},
                            {apart({"a", "b", "c"})});
  const auto found = find_contradictions(spec);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(named(found[0]), "rule 0, only 0, only 1, only 2");
}

TEST(Contradiction, NeverLeavesNothingOfOnly) {
  const auto spec = cluster({host("h1", 8), host("h2", 8)}, {off(on(vm("a", 1), {"h1"}), {"h1"})});
  const auto found = find_contradictions(spec);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(named(found[0]), "only 0, never 0");
}

TEST(Contradiction, ApartOverMoreThanThereAreRacks) {
  const auto spec = cluster({host("h1", 8, 16, "r1"), host("h2", 8, 16, "r1"), host("h3", 8, 16, "r2")},
                            {vm("a", 1), vm("b", 1), vm("c", 1)}, {apart({"a", "b", "c"}, FailureDomain::rack)});
  EXPECT_EQ(named(find_contradictions(spec).at(0)), "rule 0");
}

TEST(Contradiction, WhatIsTogetherIsLargerThanAnyHost) {
  const auto spec = cluster({host("h1", 8), host("h2", 10)}, {vm("a", 6), vm("b", 5)}, {together({"a", "b"})});
  EXPECT_EQ(named(find_contradictions(spec).at(0)), "rule 0 by size");
}

TEST(Contradiction, WhatIsTogetherInARackIsLargerThanAnyRack) {
  const auto spec = cluster({host("h1", 8, 16, "r1"), host("h2", 8, 16, "r1"), host("h3", 8, 16, "r2")},
                            {vm("a", 6), vm("b", 6), vm("c", 6)}, {together({"a", "b", "c"}, FailureDomain::rack)});
  EXPECT_EQ(named(find_contradictions(spec).at(0)), "rule 0 by size");
}

TEST(Contradiction, ATooSmallClusterIsNone) {
  const auto spec = cluster({host("h1", 8), host("h2", 8)},
                            {on(vm("a", 6), {"h1"}), on(vm("b", 6), {"h1"}), vm("c", 9)}, {apart({"a", "c"})});
  EXPECT_THAT(find_contradictions(spec), IsEmpty());
}

TEST(Contradiction, PreferencesAndWhatIsNotStartedContradictNothing) {
  auto spec = cluster({host("h1", 8), host("h2", 8)}, {vm("a", 1), vm("b", 1), vm("c", 1)},
                      {preferably(apart({"a", "b", "c"})), apart({"a", "b", "c"})});
  spec.resources[2].state = DesiredState::stopped;
  EXPECT_THAT(find_contradictions(spec), IsEmpty());
}

TEST(Contradiction, AHostOfUnknownSizeIsLargeEnough) {
  const auto spec = cluster({host("h1", 0, 0), host("h2", 8)}, {vm("a", 6), vm("b", 5)}, {together({"a", "b"})});
  EXPECT_THAT(find_contradictions(spec), IsEmpty());
}

TEST(Contradiction, VirtualHostsOfOneMachineStandTogether) {
  auto spec = cluster({host("v1", 8), host("v2", 8), host("h3", 8)}, {on(vm("a", 6), {"v1"}), on(vm("b", 6), {"v2"})},
                      {together({"a", "b"})});
  spec.hosts[0].runs_on = spec.hosts[1].runs_on = "p1";
  EXPECT_THAT(find_contradictions(spec), IsEmpty());
  spec.hosts[1].runs_on = "p2";
  EXPECT_EQ(named(find_contradictions(spec).at(0)), "rule 0 by size");
  spec.resources[0].memory = spec.resources[1].memory = {3};
  EXPECT_EQ(named(find_contradictions(spec).at(0)), "rule 0, only 0, only 1");
}

TEST(Contradiction, EachPartOfTheClusterHasItsOwn) {
  const auto spec = cluster({host("h1", 8), host("h2", 8)}, {vm("a", 1), vm("b", 1), vm("c", 1), vm("d", 1)},
                            {together({"a", "b"}), apart({"a", "b"}), together({"c", "d"}), apart({"d", "c"})});
  const auto found = find_contradictions(spec);
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(named(found[0]), "rule 0, rule 1");
  EXPECT_EQ(named(found[1]), "rule 2, rule 3");
}

}  // namespace
}  // namespace haven

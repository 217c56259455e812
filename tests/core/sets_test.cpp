// Sets that are decided about as one, and what of that fits one transaction (E1).
#include "core/recovery/sets.hpp"

#include "core/reigning.hpp"

namespace haven {
namespace {
using namespace story;

Spec tied(std::size_t members) {
  std::vector<Resource> vms;
  Rule rule{RuleKind::together, {}, FailureDomain::host, true};
  for (std::size_t n = 1; n <= members; ++n) {
    vms.push_back(vm("vm" + std::to_string(n), 1));
    rule.resources.push_back(vms.back().name);
  }
  return three_hosts(vms, {rule});
}

TEST(Sets, WhatRulesTieByWayOfOthersIsOneSet) {
  Spec spec = three_hosts({vm("vm1", 1), vm("vm2", 1), vm("vm3", 1), vm("vm4", 1)},
                          {{RuleKind::together, {r("vm3"), r("vm2")}, FailureDomain::host, true},
                           {RuleKind::together, {r("vm2"), r("vm1")}, FailureDomain::host, true},
                           {RuleKind::together, {r("vm4"), r("vm1")}, FailureDomain::host, false}});
  const auto sets = sets_of(spec);
  ASSERT_EQ(sets.size(), 2U);
  EXPECT_EQ(sets[0].size(), 3U);
  EXPECT_EQ(sets[1].size(), 1U);
}

TEST(Sets, TheLargestSetIsClaimedInOneTransaction) {
  const std::size_t most = largest_set(three_hosts({}), true);
  EXPECT_EQ(most, 37U);
  Reigning b(tied(most));
  b.run_for(10s);
  const auto claims = b.commits("claims");
  ASSERT_FALSE(claims.empty());
  std::size_t written = 0;
  for (const auto& write : claims.front().writes) written += write.path.starts_with("claim/") ? 1 : 0;
  EXPECT_EQ(written, most);
  EXPECT_LE(claims.front().checks.size(), kMaxChecks);
}

TEST(Sets, SixtyFourHostsLeaveRoomForOne) {
  Spec spec = three_hosts({});
  while (spec.hosts.size() < 64) {
    spec.hosts.push_back(spec.hosts.back());
    spec.hosts.back().name = h("h" + std::to_string(spec.hosts.size()));
  }
  EXPECT_GE(largest_set(spec, true), 17U);
  EXPECT_GE(largest_set(spec, false), 1U);
}

}  // namespace
}  // namespace haven

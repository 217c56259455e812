#include "core/placement/overbooking.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/placement/small_cluster.hpp"

namespace haven {
namespace {

using namespace story;

// Three hosts of three VMs each, and one standby that is promised to all nine.
Spec appliances() {
  Spec spec = cluster({host("h1", 48), host("h2", 48), host("h3", 48), host("standby", 48)}, {});
  for (int n = 1; n <= 9; ++n) spec.resources.push_back(vm("vm" + std::to_string(n), 16));
  spec.cluster.overbook = 3.0;
  return spec;
}

const FailureRates kOneInTen{9h, 1h};  // a host is down for a tenth of all time

TEST(Overbooking, OneStandbyServesOneLossAndNoSecond) {
  const auto shortage = shortage_of(appliances(), kOneInTen);
  EXPECT_EQ(shortage.survived, 1);
  EXPECT_TRUE(shortage.exact);
  // Two or more of four are down.
  EXPECT_NEAR(shortage.probability, 1 - std::pow(0.9, 4) - 4 * 0.1 * std::pow(0.9, 3), 1e-12);
  // From one down to two: of the remaining three each fails 8760 h / 9 h times a year.
  EXPECT_NEAR(shortage.per_year, 4 * 0.1 * std::pow(0.9, 3) * 3 * 8760.0 / 9, 1e-6);
}

TEST(Overbooking, MoreStandbyServesMoreLosses) {
  auto spec = appliances();
  spec.hosts.push_back(host("standby2", 48));
  const auto shortage = shortage_of(spec, kOneInTen);
  EXPECT_EQ(shortage.survived, 2);
  EXPECT_NEAR(shortage.probability, 1 - std::pow(0.9, 5) - 5 * 0.1 * std::pow(0.9, 4) - 10 * 0.01 * std::pow(0.9, 3),
              1e-12);
}

TEST(Overbooking, HostsThatAreNotAlikeAreToldApart) {
  // Only the loss of the large host leaves too little.
  const auto spec = cluster({host("large", 8), host("small", 4)}, {vm("a", 2), vm("b", 2), vm("c", 2)});
  const auto shortage = shortage_of(spec, kOneInTen);
  EXPECT_EQ(shortage.survived, 0);
  EXPECT_NEAR(shortage.probability, 0.1, 1e-12);
}

TEST(Overbooking, WhatToleratesAGuestsFailureOnlyIsNotDemanded) {
  auto spec = appliances();
  for (int n = 6; n < 9; ++n) spec.resources[static_cast<std::size_t>(n)].tolerate_host = false;
  EXPECT_EQ(shortage_of(spec, kOneInTen).survived, 2);
}

TEST(Overbooking, ManyHostsOfManyKindsAreBoundedFromAbove) {
  std::vector<Host> hosts;
  std::vector<Resource> vms;
  for (int n = 1; n <= 24; ++n) {
    hosts.push_back(host("h" + std::to_string(n), 100 + n));
    vms.push_back(vm("v" + std::to_string(n), 20));
  }
  const auto shortage = shortage_of(cluster(hosts, vms), {8760h, 6h});
  EXPECT_FALSE(shortage.exact);
  EXPECT_GT(shortage.probability, 0);
  EXPECT_LT(shortage.probability, 1e-4);
}

}  // namespace
}  // namespace haven

#include "sim/network.hpp"

#include <gtest/gtest.h>

namespace haven::sim {
namespace {

TEST(Network, AConnectionNeedsBothWays) {
  Network network({1, 1});
  network.set_way(0, 1, false);
  EXPECT_FALSE(network.talk(0, 1));
  EXPECT_FALSE(network.talk(1, 0));
  network.set_way(0, 1, true);
  EXPECT_TRUE(network.talk(0, 1));
}

TEST(Network, OneLinkOfTwoIsEnough) {
  Network network({2, 2});
  network.set_link(0, 0, false);
  EXPECT_TRUE(network.talk(0, 1));
  network.set_link(1, 1, false);
  EXPECT_FALSE(network.talk(0, 1));  // no link is whole at both ends
}

TEST(Network, AMachineWithoutItsNetworkStillTalksToItself) {
  Network network({1, 1});
  network.set_network(0, false);
  EXPECT_TRUE(network.talk(0, 0));
  EXPECT_FALSE(network.talk(0, 1));
}

}  // namespace
}  // namespace haven::sim

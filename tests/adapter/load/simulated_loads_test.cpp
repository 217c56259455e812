#include <gtest/gtest.h>

#include "adapter/load/meter_contract.hpp"
#include "sim/loads.hpp"

namespace haven::sim {
namespace {

struct SimulatedLoads : testing::Test {
  SimulatedLoads() {
    host.name = HostName{"h1"};
    host.cpu = {4};
    host.memory = {8192};
    for (const char* name : {"vm1", "vm2"}) {
      Resource& guest = guests.emplace_back();
      guest.name = ResourceName{name};
      guest.cpu = {4};
      guest.memory = {1024};
    }
  }
  [[nodiscard]] port::Measured measure() const {
    const auto measured = loads.measure(host, {{&guests[0]}, {&guests[1], cap}});
    test::expect_sound(measured, host.cpu, host.memory);
    return measured;
  }
  Host host;
  std::vector<Resource> guests;
  std::optional<MilliCpu> cap;  // of the second
  Loads loads;
};

TEST_F(SimulatedLoads, WhatFitsIsHad) {
  loads.want(guests[0].name, {1500});
  loads.want(host.name, {500});
  const auto measured = measure();
  EXPECT_EQ(measured.host.cpu.count, 2000);
  EXPECT_EQ(measured.host.memory, MiB{2048});
  EXPECT_EQ(measured.host.cpu_some, 0);
  EXPECT_EQ(measured.guests[0].cpu.count, 1500);
  EXPECT_EQ(measured.guests[1].cpu.count, 0);
}

TEST_F(SimulatedLoads, WhatDoesNotFitIsWaitedFor) {
  loads.want(guests[0].name, {4000});
  loads.want(guests[1].name, {4000});
  const auto measured = measure();
  EXPECT_EQ(measured.host.cpu.count, 4000);
  EXPECT_EQ(measured.host.cpu_some, 100);
  EXPECT_EQ(measured.host.cpu_full, 50);
  for (const auto& guest : measured.guests) {
    EXPECT_EQ(guest.cpu.count, 2000);
    EXPECT_EQ(guest.waiting.count, 2000);
  }
}

TEST_F(SimulatedLoads, WhoIsHeldHasNoMoreAndWaitsForIt) {
  loads.want(guests[0].name, {2000});
  loads.want(guests[1].name, {4000});
  cap = MilliCpu{1500};
  const auto measured = measure();
  EXPECT_EQ(measured.guests[0].cpu.count, 2000);
  EXPECT_EQ(measured.guests[0].waiting.count, 0) << "there is room for it now";
  EXPECT_EQ(measured.guests[1].cpu.count, 1500);
  EXPECT_EQ(measured.guests[1].waiting.count, 2500);
  EXPECT_EQ(measured.host.cpu.count, 3500);
  EXPECT_EQ(measured.host.cpu_some, 100) << "it counts among those that wait";
}

TEST_F(SimulatedLoads, AGuestHasNoMoreThanItsVcpus) {
  loads.want(guests[0].name, {9000});
  EXPECT_EQ(measure().guests[0].cpu.count, 4000);
}

}  // namespace
}  // namespace haven::sim

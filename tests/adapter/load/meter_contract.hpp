// What holds of every measurement, whoever made it (port/load_meter.hpp).
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "port/load_meter.hpp"

namespace haven::test {

inline void expect_sound(const port::Measured& measured, Vcpu cpus, MiB memory) {
  const HostFigures& host = measured.host;
  EXPECT_GE(host.cpu.count, 0);
  EXPECT_LE(host.cpu.count, cpus.count * 1000);
  EXPECT_GE(host.memory.count, 0);
  EXPECT_LE(host.memory, memory);
  for (const int percent : {host.cpu_some, host.cpu_full, host.memory_some}) {
    EXPECT_GE(percent, 0);
    EXPECT_LE(percent, 100);
  }
  std::set<std::string> seen;
  for (const port::MeasuredGuest& guest : measured.guests) {
    EXPECT_TRUE(seen.insert(guest.uuid).second) << guest.uuid << " is told of twice";
    EXPECT_GE(guest.cpu.count, 0);
    EXPECT_GE(guest.waiting.count, 0);
    EXPECT_GE(guest.memory.count, 0);
  }
}

}  // namespace haven::test

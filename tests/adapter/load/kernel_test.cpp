#include "adapter/load/kernel.hpp"

#include <gtest/gtest.h>

namespace haven::adapter {
namespace {

constexpr const char* kStat =
    "cpu  100 20 30 800 50 6 4 10 70 5\n"
    "cpu0 50 10 15 400 25 3 2 5 35 2\n"
    "cpu1 50 10 15 400 25 3 2 5 35 3\n"
    "intr 12345 0 0\n"
    "ctxt 99\n";

TEST(Kernel, WaitingForADiskIsNotBeingBusyAndGuestsCountOnce) {
  const auto ticks = parse_stat(kStat);
  ASSERT_TRUE(ticks);
  EXPECT_EQ(ticks->busy, 170U);
  EXPECT_EQ(ticks->all, 1020U);
  EXPECT_EQ(ticks->cpus, 2);
}

TEST(Kernel, WhatIsNoStatIsNone) {
  for (const char* text :
       {"", "cpu", "cpu  1 2 3\ncpu0 1 2 3\n", "cpu  1 2 3 4 5 6 7 8\n", "intr 1\n", "cpu  a b c d e f g h\ncpu0\n"})
    EXPECT_FALSE(parse_stat(text)) << text;
}

TEST(Kernel, HalfOfTwoCpusIsOne) {
  EXPECT_EQ(used_between({100, 1000, 2}, {200, 1200, 2}).count, 1000);
  EXPECT_EQ(used_between({100, 1000, 2}, {300, 1200, 2}).count, 2000);
  EXPECT_EQ(used_between({100, 1000, 2}, {100, 1000, 2}).count, 0) << "no time passed";
  EXPECT_EQ(used_between({100, 1000, 2}, {90, 1200, 2}).count, 0) << "some kernels' counters step back";
}

TEST(Kernel, MemoryInUseIsWhatIsNotAvailable) {
  EXPECT_EQ(parse_meminfo("MemTotal:       16384000 kB\nMemFree: 1 kB\nMemAvailable:    4096000 kB\n"), MiB{12000});
  EXPECT_FALSE(parse_meminfo("MemTotal: 16384000 kB\n"));
  EXPECT_FALSE(parse_meminfo("MemTotal: 1 kB\nMemAvailable: 2 kB\n"));
  EXPECT_FALSE(parse_meminfo(""));
}

TEST(Kernel, PressureIsThatOfTheLastTenSeconds) {
  const auto both = parse_pressure(
      "some avg10=12.50 avg60=3.00 avg300=1.00 total=100\nfull avg10=4.25 avg60=0.00 avg300=0.00 total=9\n");
  EXPECT_DOUBLE_EQ(both.some, 12.5);
  EXPECT_DOUBLE_EQ(both.full, 4.25);
  EXPECT_EQ(parse_pressure(""), Pressure{});
  EXPECT_EQ(parse_pressure("some avg10=x avg60=1\nsome\n\n"), Pressure{});
}

TEST(Kernel, ThisKernelIsRead) {
  const auto reading = read_kernel({});
  ASSERT_TRUE(reading);
  EXPECT_GT(reading->cpu.cpus, 0);
  EXPECT_GT(reading->cpu.all, reading->cpu.busy);
  EXPECT_GT(reading->figures.memory.count, 0);
}

TEST(Kernel, WhatIsNotThereIsNotRead) { EXPECT_FALSE(read_kernel({"/nowhere", "/nowhere"})); }

}  // namespace
}  // namespace haven::adapter

#include "adapter/load/meter.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "adapter/load/meter_contract.hpp"

namespace haven::adapter {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

Reading reading(int second, std::uint64_t busy, std::vector<libvirt::DomainCounters> guests) {
  return {Instant{std::chrono::seconds(second)},
          {{busy, static_cast<std::uint64_t>(second) * 400, 4}, {}},
          std::move(guests)};
}

TEST(LoadMeter, TellsWhatWasUsedInBetween) {
  const auto measured = used_between(reading(10, 1000, {{"a", 5 * kSecond, kSecond, {512}}}),
                                     reading(20, 2000, {{"a", 20 * kSecond, 3 * kSecond, {600}}}));
  ASSERT_TRUE(measured);
  test::expect_sound(*measured, {4}, {1 << 20});
  EXPECT_EQ(measured->host.cpu.count, 1000);
  ASSERT_EQ(measured->guests.size(), 1U);
  EXPECT_EQ(measured->guests[0].cpu.count, 1500);
  EXPECT_EQ(measured->guests[0].waiting.count, 200);
  EXPECT_EQ(measured->guests[0].memory, MiB{600});
}

TEST(LoadMeter, AGuestThatCameOrBeganAnewHasUsedNothingYet) {
  const auto measured = used_between(reading(10, 1000, {{"a", 50 * kSecond, kSecond, {512}}}),
                                     reading(20, 2000, {{"a", kSecond, 0, {100}}, {"b", 9 * kSecond, 0, {100}}}));
  ASSERT_TRUE(measured);
  ASSERT_EQ(measured->guests.size(), 2U);
  for (const auto& guest : measured->guests) EXPECT_EQ(guest.cpu.count, 0) << guest.uuid;
}

TEST(LoadMeter, WithoutTimeThereIsNothingToTell) {
  EXPECT_FALSE(used_between(reading(10, 1000, {}), reading(10, 1000, {})));
  EXPECT_FALSE(used_between(reading(10, 1000, {}), reading(9, 1000, {})));
}

// Readings that come as they are wanted; every third one fails.
TEST(LoadMeter, TellsOnlyWhileItIsWantedAndNeverOverAGap) {
  std::atomic<int> reads{0};
  std::promise<void> told;
  std::atomic<int> times{0};
  LoadMeter meter(
      [&]() -> std::optional<Reading> {
        const int n = ++reads;
        if (n == 2) return std::nullopt;
        return reading(n * 10, static_cast<std::uint64_t>(n) * 1000, {});
      },
      1ms,
      [&](const port::Measured& measured) {
        EXPECT_EQ(measured.host.cpu.count, 1000) << "ten seconds, not thirty";
        if (++times == 1) told.set_value();
      });
  EXPECT_EQ(reads.load(), 0);
  meter.want(true);
  told.get_future().wait();
  EXPECT_GE(reads.load(), 4) << "the first, the one that failed, and two in a row";
}

}  // namespace
}  // namespace haven::adapter

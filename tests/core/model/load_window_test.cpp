#include "core/model/load_window.hpp"

#include <gtest/gtest.h>

namespace haven {
namespace {

constexpr Instant at(int seconds) { return {std::chrono::seconds(seconds)}; }

// Every five seconds, from `begin` until before `end`.
void feed(LoadWindow& window, std::int64_t value, int begin, int end) {
  for (int second = begin; second < end; second += 5) window.sample(value, at(second));
}

TEST(LoadWindow, KnowsNothingBeforeItsFirstSample) {
  const LoadWindow window;
  EXPECT_EQ(window.median(at(0)), std::nullopt);
  EXPECT_EQ(window.stood(at(0)), 0s);
}

TEST(LoadWindow, StandsAsLongAsItWasSampled) {
  LoadWindow window;
  feed(window, 100, 0, 65);
  EXPECT_EQ(window.median(at(62)), 100);
  EXPECT_EQ(window.stood(at(62)), 60s);
}

TEST(LoadWindow, LeavesABlipOut) {
  LoadWindow window;
  feed(window, 100, 0, 30);
  feed(window, 900, 30, 45);
  EXPECT_EQ(window.median(at(40)), 100);
  feed(window, 100, 45, 60);
  EXPECT_EQ(window.median(at(55)), 100);
}

TEST(LoadWindow, FollowsALoadThatStaysWithinHalfOfItself) {
  LoadWindow window;
  feed(window, 100, 0, 30);
  feed(window, 900, 30, 50);
  EXPECT_EQ(window.median(at(45)), 900);
}

TEST(LoadWindow, BeginsAnewAfterASilence) {
  LoadWindow window;
  feed(window, 100, 0, 35);  // the last one at 30 s
  EXPECT_EQ(window.median(at(45)), 100);
  EXPECT_EQ(window.median(at(46)), std::nullopt);
  EXPECT_EQ(window.stood(at(46)), 0s);
  window.sample(900, at(46));
  EXPECT_EQ(window.median(at(46)), 900);
  EXPECT_EQ(window.stood(at(46)), 0s);
}

TEST(LoadWindow, ForgetsWhatWasBeforeAGuestWent) {
  LoadWindow window;
  feed(window, 900, 0, 60);
  window.forget();
  window.sample(100, at(60));
  EXPECT_EQ(window.median(at(60)), 100);
  EXPECT_EQ(window.stood(at(60)), 0s);
}

TEST(LoadWindow, IsBounded) {
  LoadWindow window;
  for (int i = 0; i < 1000; ++i) window.sample(i, {std::chrono::milliseconds(i)});
  EXPECT_EQ(window.median({1s}), 999 - 64 + 32);  // the lower middle of the last 64
}

}  // namespace
}  // namespace haven

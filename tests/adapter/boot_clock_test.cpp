#include "adapter/boot_clock.hpp"

#include <gtest/gtest.h>
#include <poll.h>

namespace haven::adapter {
namespace {

// What poll answers, without waiting where `wait_ms` is 0.
int readable(const Descriptor& timer, int wait_ms) {
  pollfd wait{timer.get(), POLLIN, 0};
  return ::poll(&wait, 1, wait_ms);
}

TEST(BootClock, GoesOn) {
  const Instant before = boot_now();
  EXPECT_GT(before, Instant{});
  EXPECT_GE(boot_now(), before);
}

TEST(BootClock, ATimerRingsForWhatIsOverAndForWhatComes) {
  const auto timer = boot_timer();
  ASSERT_TRUE(timer);
  for (const Instant until : {Instant{}, boot_now(), boot_now() + 1ms}) {
    arm(timer, until);
    EXPECT_EQ(readable(timer, 60'000), 1);
    EXPECT_GE(boot_now(), until);
  }
}

TEST(BootClock, ATimerForNeverIsSetOff) {
  const auto timer = boot_timer();
  arm(timer, Instant{});
  ASSERT_EQ(readable(timer, 60'000), 1);
  arm(timer, kNever);
  EXPECT_EQ(readable(timer, 0), 0);
  itimerspec set{};
  ASSERT_EQ(::timerfd_gettime(timer.get(), &set), 0);
  EXPECT_EQ(set.it_value.tv_sec, 0);
  EXPECT_EQ(set.it_value.tv_nsec, 0);
}

}  // namespace
}  // namespace haven::adapter

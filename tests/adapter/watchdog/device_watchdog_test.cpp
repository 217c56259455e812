// The port's contract on a kernel that resets nobody; the bite itself is shown by tests/system/watchdog_bites.py.
#include "adapter/watchdog/device_watchdog.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <optional>
#include <vector>

#include "adapter/watchdog/fake_kernel.hpp"

namespace haven::test {
namespace {

using adapter::watchdog::DeviceWatchdog;

struct WatchdogTest : testing::Test {
  std::unique_ptr<DeviceWatchdog> open(int inherited = -1) {
    return std::make_unique<DeviceWatchdog>(
        DeviceWatchdog::Options{fakes.places, inherited, [this](int fd) { kept.push_back(fd); }},
        [this](port::WatchdogEvent event) {
          const std::lock_guard lock(mutex);
          events.push_back(std::move(event));
          came.notify_all();
        },
        kernel);
  }
  // The answer to this call.
  port::WatchdogArmed armed(DeviceWatchdog& dog, std::uint64_t call, Duration bites_after = 1s, bool soft = false) {
    dog.arm(CallId{call}, bites_after, soft, 5s);
    std::unique_lock lock(mutex);
    std::optional<port::WatchdogArmed> found;
    came.wait_for(lock, std::chrono::seconds(20), [&] {
      for (const auto& event : events)
        if (const auto* a = std::get_if<port::WatchdogArmed>(&event); a != nullptr && a->call == CallId{call})
          found = *a;
      return found.has_value();
    });
    EXPECT_TRUE(found) << "call " << call << " was not answered";
    return found.value_or(port::WatchdogArmed{});
  }
  bool broke() {
    std::unique_lock lock(mutex);
    return came.wait_for(lock, std::chrono::seconds(20), [&] {
      return std::any_of(events.begin(), events.end(),
                         [](const auto& e) { return std::holds_alternative<port::WatchdogBroke>(e); });
    });
  }

  FakePlaces fakes;
  FakeKernel kernel;
  std::string path = fakes.device("watchdog0", "i6300ESB timer");
  std::vector<int> kept;
  std::mutex mutex;
  std::condition_variable came;
  std::vector<port::WatchdogEvent> events;
  WatchdogTest() { kernel.dogs[path]; }
};

TEST_F(WatchdogTest, IsPettedByArmingAndThenNotBeforeItIsAllowed) {
  const auto dog = open();
  ASSERT_TRUE(armed(*dog, 1).armed);
  const Instant armed_at = boot_time();
  EXPECT_LE(kernel.bite(path), armed_at);
}

TEST_F(WatchdogTest, IsPettedAgainAndAgainWhileItMayAndThenBites) {
  const auto dog = open();
  ASSERT_TRUE(armed(*dog, 1).armed);
  const Instant until = boot_time() + 2s;
  dog->pet_until(until);
  const Instant last = kernel.bite(path);
  EXPECT_LT(last, until);
  EXPECT_GT(last, until - 1s);
  EXPECT_GE(kernel.look(path).pets, 4);
}

TEST_F(WatchdogTest, APermitSaidBeforeItsAnswerHolds) {
  const auto dog = open();
  const Instant until = boot_time() + 3s;
  dog->arm(CallId{1}, 1s, false, 5s);
  dog->pet_until(until);
  ASSERT_TRUE(kernel.wait(path, [](const auto& armed) { return armed.time == 1 && armed.running; }));
  EXPECT_GT(kernel.bite(path), until - 1s);
}

TEST_F(WatchdogTest, AShorterPermitTakesTheLongerOneBack) {
  const auto dog = open();
  ASSERT_TRUE(armed(*dog, 1).armed);
  dog->pet_until(boot_time() + 1h);
  dog->pet_until(boot_time());
  const Instant said = boot_time();
  EXPECT_LE(kernel.bite(path), said);
}

TEST_F(WatchdogTest, TakesAnotherTimeWhileItIsArmed) {
  const auto dog = open();
  ASSERT_TRUE(armed(*dog, 1, 5s).armed);
  EXPECT_EQ(kernel.look(path).time, 5);
  ASSERT_TRUE(armed(*dog, 2, 2500ms).armed);
  EXPECT_EQ(kernel.look(path).time, 2) << "never longer than it was told";
}

TEST_F(WatchdogTest, DisarmedItRunsNoMore) {
  const auto dog = open();
  ASSERT_TRUE(armed(*dog, 1).armed);
  dog->disarm();
  EXPECT_FALSE(kernel.look(path).running);
  EXPECT_EQ(kept.back(), -1);
  ASSERT_TRUE(armed(*dog, 2).armed) << "and can be armed again";
}

TEST_F(WatchdogTest, ItsEndLeavesItArmed) {
  auto dog = open();
  ASSERT_TRUE(armed(*dog, 1).armed);
  dog.reset();
  EXPECT_TRUE(kernel.look(path).running);
}

TEST_F(WatchdogTest, ADescriptorThatWasKeptIsTakenOver) {
  const int fd = kernel.open(path);
  const auto dog = open(fd);
  ASSERT_TRUE(armed(*dog, 1).armed) << "the device is open already: only the descriptor leads to it";
  EXPECT_EQ(kept, std::vector<int>{fd});
  dog->disarm();
  EXPECT_FALSE(kernel.look(path).running);
}

TEST_F(WatchdogTest, APetThatFailsIsToldAndItIsLeftToBite) {
  const auto dog = open();
  ASSERT_TRUE(armed(*dog, 1).armed);
  dog->pet_until(boot_time() + 1h);
  kernel.let_fail(path);
  EXPECT_TRUE(broke());
  EXPECT_TRUE(kernel.look(path).running);
}

TEST_F(WatchdogTest, ASoftOneIsRefusedUnopenedUnlessItIsAccepted) {
  const std::string soft = fakes.device("watchdog0", "Software Watchdog");
  kernel.dogs[soft].identity = "Software Watchdog";
  const auto dog = open();
  const auto refused = armed(*dog, 1);
  EXPECT_FALSE(refused.armed);
  EXPECT_NE(refused.message.find("watchdog_accept_soft = true"), std::string::npos) << refused.message;
  EXPECT_EQ(kernel.look(soft).pets, 0);
  EXPECT_TRUE(armed(*dog, 2, 1s, true).armed);
}

TEST_F(WatchdogTest, ASoftOneThatSysfsDoesNotNameIsDisarmedAgain) {
  FakePlaces::write(fakes.places.sys + "/watchdog0/identity", "");
  kernel.dogs[path].identity = "Software Watchdog";
  const auto dog = open();
  EXPECT_FALSE(armed(*dog, 1).armed);
  EXPECT_FALSE(kernel.look(path).running);
}

TEST_F(WatchdogTest, AnotherHolderIsNamed) {
  kernel.dogs[path].open = true;
  fakes.held_by(path, "1", "systemd");
  const auto dog = open();
  const auto refused = armed(*dog, 1);
  EXPECT_FALSE(refused.armed);
  EXPECT_NE(refused.message.find("held by systemd (pid 1): set RuntimeWatchdogSec=0"), std::string::npos)
      << refused.message;
}

TEST_F(WatchdogTest, OneThatCannotBeDisarmedIsRefused) {
  kernel.dogs[path].options = WDIOF_SETTIMEOUT;
  const auto dog = open();
  EXPECT_NE(armed(*dog, 1).message.find("cannot be disarmed"), std::string::npos);
  kernel.dogs[path].options |= WDIOF_MAGICCLOSE;
  (void)fakes.device("watchdog0", "i6300ESB timer", true);
  EXPECT_NE(armed(*dog, 2).message.find("nowayout"), std::string::npos);
}

TEST_F(WatchdogTest, OneThatTakesLongerIsRefusedAndLeftDisarmed) {
  kernel.dogs[path].shortest = 30;
  const auto dog = open();
  const auto refused = armed(*dog, 1, 5s);
  EXPECT_NE(refused.message.find("cannot be set to bite within 5 s"), std::string::npos) << refused.message;
  EXPECT_FALSE(kernel.look(path).running);
}

TEST_F(WatchdogTest, TheNextOneIsTakenWhereTheFirstWillNotDo) {
  (void)fakes.device("watchdog0", "Software Watchdog");
  const std::string second = fakes.device("watchdog1", "i6300ESB timer");
  kernel.dogs[second];
  const auto dog = open();
  EXPECT_TRUE(armed(*dog, 1).armed);
  EXPECT_TRUE(kernel.look(second).running);
}

TEST_F(WatchdogTest, AHostWithoutOneSaysSo) {
  std::filesystem::remove(path);
  const auto dog = open();
  EXPECT_NE(armed(*dog, 1).message.find("this host has no watchdog"), std::string::npos);
}

TEST_F(WatchdogTest, AHostThatMayFallAsleepPromisesNothing) {
  FakePlaces::write(fakes.root + "/sys/power/state", "freeze mem disk\n");
  const auto dog = open();
  EXPECT_NE(armed(*dog, 1).message.find("systemctl mask sleep.target suspend.target"), std::string::npos);
  for (const char* unit : {"sleep", "suspend", "hibernate", "hybrid-sleep"}) {
    const std::string folder = fakes.places.etc + "/systemd/system";
    FakePlaces::make(folder);
    std::filesystem::create_symlink("/dev/null", folder + "/" + unit + ".target");
  }
  EXPECT_TRUE(armed(*dog, 2).armed);
}

TEST_F(WatchdogTest, OneThatIsArmedAlreadyIsPettedOnWhereTheHostMayFallAsleep) {
  const auto dog = open(kernel.open(path));
  FakePlaces::write(fakes.root + "/sys/power/state", "freeze mem disk\n");
  EXPECT_TRUE(armed(*dog, 1).armed) << "refused, it would bite";
}

}  // namespace
}  // namespace haven::test

// The checks of a host's guests, beside the brain.
#include "daemon/check_rounds.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <optional>

namespace haven::daemon {
namespace {

std::shared_ptr<const Spec> file_of(int guests) {
  auto spec = std::make_shared<Spec>();
  for (int i = 0; i < guests; ++i) {
    Resource resource;
    resource.name = ResourceName("vm" + std::to_string(i));
    resource.uuid = "uuid-" + std::to_string(i);
    GuestCheck check;
    check.interval = 100ms;
    check.grace = 0s;
    resource.checks = {check};
    spec->resources.push_back(resource);
  }
  return spec;
}
AttendGuest attend(int guest, std::uint64_t life = 1, Attendance how = Attendance::full) {
  return {ResourceName("vm" + std::to_string(guest)), life, how};
}

// Guests that answer at once, or do not answer at all.
struct Host final : port::Guests {
  ~Host() override { rounds.stop(); }
  Host() { rounds.begin(*this); }
  void check(std::uint64_t number, const std::string& uuid, const GuestCheck&) override {
    std::unique_lock lock(mutex);
    ++asked;
    changed.notify_all();
    if (silent) return waiting.push_back(number);
    const std::optional<CheckAnswer> answer = says(uuid);
    lock.unlock();
    rounds.answered({number, answer});
  }
  void treat(CallId, const std::string&, const std::vector<GuestCommand>&, Duration) override {}
  bool eventually(const std::function<bool()>& holds) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 10s, holds);
  }

  std::mutex mutex;
  std::condition_variable changed;
  int asked = 0;
  bool silent = false;
  std::vector<std::uint64_t> waiting;
  std::function<std::optional<CheckAnswer>(const std::string&)> says = [](const std::string&) {
    return CheckAnswer{true, false, {}, {}};
  };
  std::vector<HealthSeen> told;
  CheckRounds rounds{1, [this](HealthSeen seen) {
                       const std::lock_guard lock(mutex);
                       told.push_back(std::move(seen));
                       changed.notify_all();
                     }};
};

TEST(CheckRounds, TellWhatChangesAndAskOn) {
  Host host;
  host.rounds.know(file_of(1));
  host.rounds.attend(attend(0, 7));
  ASSERT_TRUE(host.eventually([&] { return host.asked >= 5; }));
  {
    const std::lock_guard lock(host.mutex);
    ASSERT_EQ(host.told.size(), 1U);
    EXPECT_EQ(host.told[0].state, Health::well);
    EXPECT_EQ(host.told[0].life, 7U);
    host.says = [](const std::string&) { return CheckAnswer{false, false, "refused", {}}; };
  }
  ASSERT_TRUE(host.eventually([&] { return host.told.size() == 2; }));
  EXPECT_EQ(host.told[1].state, Health::ill);
}

TEST(CheckRounds, AskNobodyWhoIsNotAttended) {
  Host host;
  host.rounds.know(file_of(2));
  host.rounds.attend(attend(0));
  ASSERT_TRUE(host.eventually([&] { return host.asked >= 1; }));
  host.rounds.attend(attend(0, 1, Attendance::none));
  std::this_thread::sleep_for(300ms);
  int asked = 0;
  {
    const std::lock_guard lock(host.mutex);
    asked = host.asked;
  }
  std::this_thread::sleep_for(500ms);
  const std::lock_guard lock(host.mutex);
  EXPECT_EQ(host.asked, asked);
}

TEST(CheckRounds, WhatWasNotAskedIsAskedAgain) {
  Host host;
  host.says = [](const std::string&) { return std::nullopt; };
  host.rounds.know(file_of(1));
  host.rounds.attend(attend(0));
  ASSERT_TRUE(host.eventually([&] { return host.asked >= 2; }));
  const std::lock_guard lock(host.mutex);
  EXPECT_TRUE(host.told.empty());
}

TEST(CheckRounds, HaveNoMoreUnderWayThanTheyMay) {
  Host host;
  host.silent = true;
  host.rounds.know(file_of(CheckRounds::kAtOnce + 200));
  for (int i = 0; i < static_cast<int>(CheckRounds::kAtOnce) + 200; ++i) host.rounds.attend(attend(i));
  std::this_thread::sleep_for(1s);
  std::vector<std::uint64_t> waiting;
  {
    const std::lock_guard lock(host.mutex);
    EXPECT_EQ(host.asked, static_cast<int>(CheckRounds::kAtOnce));
    waiting = host.waiting;
    host.silent = false;
  }
  for (const std::uint64_t number : waiting) host.rounds.answered({number, CheckAnswer{true, false, {}, {}}});
  EXPECT_TRUE(host.eventually([&] { return host.told.size() == CheckRounds::kAtOnce + 200; }));
}

}  // namespace
}  // namespace haven::daemon

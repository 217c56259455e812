#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "adapter/fence_agent/fence_device_contract.hpp"
#include "sim/fence_device.hpp"

namespace haven::test {
namespace {

using sim::DeviceMode;
using sim::FenceDeviceState;

constexpr CallId kCall{1}, kOther{2};

// A world with one switch.
struct OneSwitch {
  bool on = true;
  DeviceMode mode = DeviceMode::working;
  sim::FenceWorld world() {
    return {[this](const auto&) { return mode; }, [this](const auto&, bool power) { on = power; },
            [this](const auto&) { return on; }};
  }
};

Instant at(Duration since) { return {since}; }

TEST(SimulatedFenceDevice, AnswersAfterItsTimeAndSwitchesThen) {
  OneSwitch one;
  FenceDeviceState state(one.world());
  state.run(kCall, {}, FenceVerb::off, 10s, at(5s));
  EXPECT_EQ(state.next_due(), at(5300ms));
  EXPECT_TRUE(state.advance(at(5299ms)).empty());
  EXPECT_TRUE(one.on);
  const auto done = state.advance(at(5300ms));
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].answer, AgentAnswer::done);
  EXPECT_FALSE(one.on);
  EXPECT_EQ(state.next_due(), kNever);
}

TEST(SimulatedFenceDevice, WhatHangsGoesOnHangingWhenTheDeviceIsMended) {
  OneSwitch one;
  one.mode = DeviceMode::hanging;
  FenceDeviceState state(one.world());
  state.run(kCall, {}, FenceVerb::off, 10s, at(0s));
  one.mode = DeviceMode::working;
  EXPECT_EQ(state.next_due(), at(10s));
  EXPECT_EQ(state.advance(at(10s)).at(0).answer, AgentAnswer::timed_out);
  EXPECT_TRUE(one.on);
}

TEST(SimulatedFenceDevice, ADeviceThatBeginsToHangHoldsItsAgentUntilTheTimeout) {
  OneSwitch one;
  FenceDeviceState state(one.world());
  state.run(kCall, {}, FenceVerb::status, 10s, at(0s));
  one.mode = DeviceMode::hanging;
  EXPECT_TRUE(state.advance(at(9s)).empty());
  EXPECT_EQ(state.advance(at(10s)).at(0).answer, AgentAnswer::timed_out);
}

TEST(SimulatedFenceDevice, ATimeoutBeforeItsTimeEndsItWithoutEffect) {
  OneSwitch one;
  FenceDeviceState state(one.world());
  state.run(kCall, {}, FenceVerb::off, 100ms, at(0s));
  EXPECT_EQ(state.advance(at(1s)).at(0).answer, AgentAnswer::timed_out);
  EXPECT_TRUE(one.on);
}

TEST(SimulatedFenceDevice, ACancelledOffSwitchesNothing) {
  OneSwitch one;
  FenceDeviceState state(one.world());
  state.run(kCall, {}, FenceVerb::off, 10s, at(0s));
  state.run(kOther, {}, FenceVerb::status, 10s, at(0s));
  state.cancel(kCall, at(299ms));
  const auto done = state.advance(at(300ms));
  ASSERT_EQ(done.size(), 2U);
  EXPECT_EQ(done[0].call, kCall);
  EXPECT_EQ(done[0].answer, AgentAnswer::killed);
  EXPECT_EQ(done[1].answer, AgentAnswer::is_on);
}

TEST(SimulatedFenceDevice, ACancelThatComesTooLateFindsItDone) {
  OneSwitch one;
  FenceDeviceState state(one.world());
  state.run(kCall, {}, FenceVerb::off, 10s, at(0s));
  state.cancel(kCall, at(400ms));
  EXPECT_EQ(state.advance(at(400ms)).at(0).answer, AgentAnswer::done);
  EXPECT_FALSE(one.on);
}

// The state behind the port, in real time.
class RealTimeFenceDevice final : public port::FenceDevice {
 public:
  RealTimeFenceDevice(sim::FenceWorld world, port::FenceSink sink)
      : state_(std::move(world)), sink_(std::move(sink)), thread_([this] { turn(); }) {}
  ~RealTimeFenceDevice() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }
  void run(CallId call, const port::FenceDeviceConfig& device, FenceVerb verb, Duration timeout) override {
    const std::lock_guard lock(mutex_);
    state_.run(call, device, verb, timeout, now());
    wake_.notify_all();
  }
  void cancel(CallId call) override {
    const std::lock_guard lock(mutex_);
    state_.cancel(call, now());
    wake_.notify_all();
  }
  std::vector<std::string> validate(const port::FenceDeviceConfig&, Duration) override { return {}; }

  std::mutex mutex_;  // the world's too

 private:
  static Instant now() { return {std::chrono::steady_clock::now().time_since_epoch()}; }
  void turn() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      for (const port::AgentDone& done : state_.advance(now())) sink_(done);
      const Instant due = state_.next_due();
      if (due == kNever) {
        wake_.wait(lock);
      } else {
        wake_.wait_until(lock, std::chrono::steady_clock::time_point(due.since_boot));
      }
    }
  }

  FenceDeviceState state_;
  port::FenceSink sink_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;
};

class SimulatedRig {
 public:
  port::FenceDevice& device() { return device_; }
  static port::FenceDeviceConfig config() { return {"fence_simulated", {}}; }
  void set_mode(Mode mode) {
    const std::lock_guard lock(device_.mutex_);
    switch (mode) {
      case Mode::working:
        one_.mode = DeviceMode::working;
        break;
      case Mode::broken:
        one_.mode = DeviceMode::broken;
        break;
      case Mode::hanging:
        one_.mode = DeviceMode::hanging;
        break;
      case Mode::lying:
        one_.mode = DeviceMode::lying;
        break;
    }
  }
  bool is_on() {
    const std::lock_guard lock(device_.mutex_);
    return one_.on;
  }
  Answers answers;

 private:
  OneSwitch one_;
  RealTimeFenceDevice device_{one_.world(), answers.sink()};
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Simulated, FenceDeviceContract, SimulatedRig);

}  // namespace haven::test

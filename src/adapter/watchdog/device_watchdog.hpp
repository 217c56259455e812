// The port on a watchdog of this kernel: a thread that pets while it may.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "adapter/watchdog/device.hpp"
#include "port/watchdog.hpp"

namespace haven::adapter::watchdog {

class DeviceWatchdog final : public port::Watchdog {
 public:
  struct Options {
    Places places;
    // A descriptor that the service manager kept across a restart of havend; -1: none. Armed, and petted by nobody.
    int inherited = -1;
    // Told the descriptor that is to outlive this process; -1: none any more.
    std::function<void(int)> keep = [](int) {};
  };
  DeviceWatchdog(Options options, port::WatchdogSink sink, Kernel& kernel = this_kernel());
  // Stays armed.
  ~DeviceWatchdog() override;
  DeviceWatchdog(const DeviceWatchdog&) = delete;
  DeviceWatchdog& operator=(const DeviceWatchdog&) = delete;

  void arm(CallId call, Duration bites_after, bool accept_soft, Duration timeout) override;
  void pet_until(Instant until) override;
  void disarm() override;

 private:
  struct Order {
    CallId call;
    Duration bites_after{};
    bool accept_soft = false;
  };
  void run();
  [[nodiscard]] std::string carry_out(const Order& order);  // empty: armed
  void pet_if_allowed();

  Options options_;
  port::WatchdogSink sink_;
  Kernel& kernel_;

  std::mutex mutex_;  // guards what follows; the device is touched under it, so that what is said is void at once
  std::condition_variable changed_;
  std::optional<Device> device_;
  std::optional<Order> order_;
  Duration bites_after_{};
  Instant until_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace haven::adapter::watchdog

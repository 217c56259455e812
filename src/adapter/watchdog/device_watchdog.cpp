#include "adapter/watchdog/device_watchdog.hpp"

#include <time.h>

#include <utility>

namespace haven::adapter::watchdog {
namespace {

// Pets in the watchdog's time: one that is lost to a busy machine costs nothing.
constexpr int kPetsPerTime = 4;

Instant boot_time() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return {std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec)};
}

}  // namespace

DeviceWatchdog::DeviceWatchdog(Options options, port::WatchdogSink sink, Kernel& kernel)
    : options_(std::move(options)), sink_(std::move(sink)), kernel_(kernel) {
  if (options_.inherited >= 0) device_ = Device::inherited(options_.inherited, kernel_);
  thread_ = std::thread([this] { run(); });
}

DeviceWatchdog::~DeviceWatchdog() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void DeviceWatchdog::arm(CallId call, Duration bites_after, bool accept_soft, Duration) {
  const std::lock_guard lock(mutex_);
  order_ = Order{call, bites_after, accept_soft};
  until_ = {};
  changed_.notify_all();
}

void DeviceWatchdog::pet_until(Instant until) {
  const std::lock_guard lock(mutex_);
  until_ = until;
  changed_.notify_all();
}

void DeviceWatchdog::disarm() {
  const std::lock_guard lock(mutex_);
  if (!device_) return;
  device_->disarm();
  device_.reset();
  bites_after_ = {};
  options_.keep(-1);
}

std::string DeviceWatchdog::carry_out(const Order& order) {
  // One that is armed goes on: refused, it would be petted by nobody.
  if (!device_) {
    if (auto trouble = sleep_trouble(options_.places); !trouble.empty()) return trouble;
    auto found = Device::find(options_.places, order.accept_soft, kernel_);
    if (!found) return found.error();
    device_ = std::move(*found);
  }
  if (auto set = device_->set_time(order.bites_after); !set) {
    device_.reset();
    options_.keep(-1);
    return set.error();
  }
  bites_after_ = order.bites_after;
  options_.keep(device_->descriptor());
  return "";
}

void DeviceWatchdog::pet_if_allowed() {
  if (boot_time() >= until_) return;
  const auto petted = device_->pet();
  if (petted) return;
  // Closed without the magic word: if there is life in it, it bites, as was promised.
  device_.reset();
  bites_after_ = {};
  options_.keep(-1);
  sink_(port::WatchdogBroke{petted.error()});
}

void DeviceWatchdog::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (order_) {
      const Order order = *std::exchange(order_, std::nullopt);
      const std::string trouble = carry_out(order);
      sink_(port::WatchdogArmed{order.call, trouble.empty(), trouble});
    }
    const bool petting = device_ && bites_after_ > Duration::zero();
    if (petting) pet_if_allowed();
    if (petting && device_) {
      changed_.wait_for(lock, bites_after_ / kPetsPerTime);
    } else {
      changed_.wait(lock, [this] { return ending_ || order_; });
    }
  }
}

}  // namespace haven::adapter::watchdog

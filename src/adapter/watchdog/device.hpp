// One watchdog of the kernel (https://docs.kernel.org/watchdog/watchdog-api.html): opening it starts it; it bites when
// it was not petted for its time, and goes on to do so when its descriptor is closed without the magic 'V'.
//
// Not every watchdog will do (PROTOCOL P1, P6): it must take a time short enough, and let itself be disarmed, or each
// planned stop would reset the host. One that lives in the kernel's own timers dies with the kernel and is refused
// unless the file accepts it.
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "adapter/watchdog/kernel.hpp"
#include "core/model/units.hpp"

namespace haven::adapter::watchdog {

// Where the kernel shows its watchdogs. Tests give folders of their own.
struct Places {
  std::string dev = "/dev";
  std::string sys = "/sys/class/watchdog";
  std::string proc = "/proc";
  std::string etc = "/etc";
};

class Device {
 public:
  // The first watchdog that will do, in the order of their numbers. The error names each with what speaks against it,
  // and who holds it.
  [[nodiscard]] static tl::expected<Device, std::string> find(const Places& places, bool accept_soft, Kernel& kernel);
  // One that an earlier havend armed: its descriptor comes from the service manager.
  [[nodiscard]] static Device inherited(int fd, Kernel& kernel);
  Device(Device&& other) noexcept;
  Device& operator=(Device&& other) noexcept;
  // Closes it armed.
  ~Device();

  // Petted once by it. Error: it takes no time this short; then it is disarmed.
  [[nodiscard]] tl::expected<void, std::string> set_time(Duration bites_after);
  [[nodiscard]] tl::expected<void, std::string> pet();
  // False: it goes on.
  bool disarm();
  [[nodiscard]] int descriptor() const { return fd_; }
  [[nodiscard]] const std::string& identity() const { return identity_; }

 private:
  Device(int fd, std::string identity, Kernel& kernel) : fd_(fd), identity_(std::move(identity)), kernel_(&kernel) {}
  int fd_;
  std::string identity_;
  Kernel* kernel_;
};

// It counts in the kernel's own timers, so that it dies with the kernel.
[[nodiscard]] bool is_soft(const std::string& identity);
// Who has this device open, as "systemd (pid 1)"; empty: nobody who can be seen.
[[nodiscard]] std::string holder_of(const std::string& device, const Places& places);
// What may put this host to sleep, when its watchdog would stand still; empty: nothing.
[[nodiscard]] std::string sleep_trouble(const Places& places);

}  // namespace haven::adapter::watchdog

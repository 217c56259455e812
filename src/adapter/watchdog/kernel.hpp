// What the watchdog adapter asks of the operating system, so that tests can stand in for a device that would reset
// their machine.
#pragma once

#include <string>

namespace haven::adapter::watchdog {

class Kernel {
 public:
  virtual ~Kernel() = default;
  // As the system calls of these names; -1 with errno on failure.
  [[nodiscard]] virtual int open(const std::string& path) = 0;
  [[nodiscard]] virtual int ioctl(int fd, unsigned long request, void* argument) = 0;
  [[nodiscard]] virtual bool write(int fd, char byte) = 0;
  virtual void close(int fd) = 0;
};

// The one that havend runs on.
[[nodiscard]] Kernel& this_kernel();

}  // namespace haven::adapter::watchdog

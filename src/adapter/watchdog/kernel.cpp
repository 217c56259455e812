#include "adapter/watchdog/kernel.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace haven::adapter::watchdog {
namespace {

class ThisKernel final : public Kernel {
 public:
  int open(const std::string& path) override { return ::open(path.c_str(), O_WRONLY | O_CLOEXEC); }
  int ioctl(int fd, unsigned long request, void* argument) override { return ::ioctl(fd, request, argument); }
  bool write(int fd, char byte) override { return ::write(fd, &byte, 1) == 1; }
  void close(int fd) override { ::close(fd); }
};

}  // namespace

Kernel& this_kernel() {
  static ThisKernel kernel;
  return kernel;
}

}  // namespace haven::adapter::watchdog

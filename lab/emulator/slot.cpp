#include "slot.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace lab {
namespace {

constexpr int kRoundMs = 20;

}  // namespace

int take_slot() {
  for (int waited_ms = 0; waited_ms < kSlotWaitMs; waited_ms += kRoundMs) {
    for (int i = 0; i < kSlots; ++i) {
      const std::string path = std::string(kSlotFolder) + "/slot." + std::to_string(i);
      const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      if (fd < 0) return -1;
      if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
      close(fd);
    }
    poll(nullptr, 0, kRoundMs);  // no event tells that one of several locks came free
  }
  return -1;
}

void hold_slot(pid_t pid, const std::string& disk) {
  const int process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (process < 0) return;
  const int changes = inotify_init1(IN_CLOEXEC);
  if (!disk.empty()) inotify_add_watch(changes, disk.c_str(), IN_MODIFY);
  pollfd waits[] = {{process, POLLIN, 0}, {changes, POLLIN, 0}};
  poll(waits, 2, kBootMs);
}

}  // namespace lab

// One owner of a file descriptor.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace haven::adapter {

// Closes what it holds once: at its end, or as soon as another takes its place. Closing leaves errno as it is, so that
// the reason of a call that failed can still be told.
class Descriptor {
 public:
  Descriptor() = default;
  // As open, socket and their like answer: below zero it holds nothing.
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    const Descriptor old(std::exchange(fd_, std::exchange(other.fd_, -1)));
    return *this;
  }
  ~Descriptor() {
    if (fd_ < 0) return;
    const int before = errno;
    ::close(fd_);
    errno = before;
  }

  // Below zero: nothing is held. poll and select pass such a one over.
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// For what only descriptors or memory can be short of, at the start: a std::system_error then, and the process ends
// with the reason.
[[nodiscard]] inline Descriptor needed(Descriptor opened, const char* what) {
  if (!opened) throw std::system_error(errno, std::generic_category(), what);
  return opened;
}

}  // namespace haven::adapter

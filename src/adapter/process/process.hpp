// A program as a process: started without a shell, in a process group of its own, dead at the latest when we are.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "adapter/descriptor.hpp"

namespace haven::adapter {

// What a program writes, bounded: everything is read, so that it never waits for us, but only so much is kept.
class Output {
 public:
  enum class Keep { first, last };
  static constexpr std::size_t kMost = 65536;
  explicit Output(Keep keep) : keep_(keep) {}
  void add(const char* data, std::size_t size);
  [[nodiscard]] const std::string& text() const { return text_; }
  // The last line with anything in it; empty: none, or its beginning was not kept.
  [[nodiscard]] std::string last_line() const;

 private:
  Keep keep_;
  std::string text_;
  bool cut_ = false;
};

// Ends its whole process group when it goes out of scope. To be started, watched and ended by one thread, which must
// outlive it: the kernel kills the process with the thread that started it.
class Process {
 public:
  // argv[0] is the program's path. `input` is its whole standard input. It sees a small fixed environment and no
  // descriptor of ours.
  static tl::expected<Process, std::string> start(const std::vector<std::string>& argv, const std::string& input);
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  [[nodiscard]] int exit_fd() const { return pidfd_.get(); }  // readable once it has ended
  [[nodiscard]] int out_fd() const { return out_fd_.get(); }  // -1: at its end
  [[nodiscard]] int err_fd() const { return err_fd_.get(); }
  // Takes what is there to read, without waiting.
  void read();
  void kill_group();
  // Only once exit_fd() is readable: reads the rest, ends what is left of its group, and answers waitpid's status.
  int reap();

  [[nodiscard]] const Output& out() const { return out_; }
  [[nodiscard]] const Output& err() const { return err_; }

 private:
  Process(pid_t pid, Descriptor pidfd, Descriptor out, Descriptor err)
      : pid_(pid), pidfd_(std::move(pidfd)), out_fd_(std::move(out)), err_fd_(std::move(err)) {}
  pid_t pid_;  // 0: reaped, or moved from
  Descriptor pidfd_, out_fd_, err_fd_;
  Output out_{Output::Keep::first};
  Output err_{Output::Keep::last};
};

}  // namespace haven::adapter

#include "adapter/process/run.hpp"

#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "adapter/process/process.hpp"

namespace haven::adapter {
namespace {

using Clock = std::chrono::steady_clock;

// False: it did not end in time.
bool wait_for_end(Process& process, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    // A descriptor of -1 is passed over by poll.
    std::array<pollfd, 3> fds{pollfd{process.exit_fd(), POLLIN, 0}, pollfd{process.out_fd(), POLLIN, 0},
                              pollfd{process.err_fd(), POLLIN, 0}};
    const int ready = poll(fds.data(), fds.size(), static_cast<int>(std::min<long>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return false;
    if (ready <= 0) continue;
    process.read();
    if (fds[0].revents != 0) return true;
  }
}

}  // namespace

std::string Ran::why() const {
  const std::string said = error.empty() ? "" : ": " + error;
  switch (end) {
    case End::exited:
      return "exit " + std::to_string(code) + said;
    case End::signalled:
      return "ended by signal " + std::to_string(code) + said;
    case End::timed_out:
      return "no end within its time";
    case End::not_started:
      return error;
  }
  return error;
}

Ran run_program(const std::vector<std::string>& argv, const std::string& input, Duration timeout) {
  const auto deadline = Clock::now() + timeout;
  auto process = Process::start(argv, input);
  Ran ran;
  if (!process) {
    ran.error = process.error();
    return ran;
  }
  if (!wait_for_end(*process, deadline)) {
    ran.end = Ran::End::timed_out;
    return ran;
  }
  const int status = process->reap();
  ran.end = WIFEXITED(status) ? Ran::End::exited : Ran::End::signalled;
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
  ran.out = process->out().text();
  ran.error = process->err().last_line();
  return ran;
}

}  // namespace haven::adapter

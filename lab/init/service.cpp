#include "service.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

namespace lab {
namespace {

// A container may be forbidden to favour its own processes: they then run with what they have.
void write_if_allowed(const char* path, int number) {
  const std::string text = std::to_string(number);
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  [[maybe_unused]] const ssize_t written = write(fd, text.data(), text.size());
  close(fd);
}

// In the child, up to exec. Autogroups weigh whole sessions against each other: there a nice value that is only the
// process's own would change nothing.
[[noreturn]] void become(const ServiceConfig& config) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setsid();
  const int in = open("/dev/null", O_RDONLY);
  const int out = open(config.log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(in, 0);
  dup2(out < 0 ? in : out, 1);
  dup2(out < 0 ? in : out, 2);
  close_range(3, ~0U, 0);
  write_if_allowed("/proc/self/oom_score_adj", config.oom_score_adj);
  if (config.nice != 0) {
    setpriority(PRIO_PROCESS, 0, config.nice);
    write_if_allowed("/proc/self/autogroup", config.nice);
  }
  std::vector<char*> words;
  for (const std::string& word : config.command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  execv(words[0], words.data());
  std::perror(words[0]);
  _exit(127);
}

}  // namespace

void Service::start(Clock::time_point now) {
  wanted_ = true;
  due_.reset();
  overdue_.reset();
  if (running()) return;
  const pid_t child = fork();
  if (child == 0) become(config_);
  if (child < 0) {
    due_ = now + kSlowestRetry;
    return;
  }
  pid_ = child;
  began_ = now;
}

void Service::stop(Clock::time_point now) {
  wanted_ = false;
  due_.reset();
  if (!running()) return;
  ::kill(pid_, config_.stop_signal);
  overdue_ = now + config_.stop_timeout;
}

void Service::kill() {
  overdue_.reset();
  if (running()) ::kill(pid_, SIGKILL);
}

void Service::ended(int status, Clock::time_point now) {
  pid_ = 0;
  overdue_.reset();
  const bool own_wish = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!wanted_ || own_wish || !config_.restart) return;
  if (now - began_ >= kSettled) pause_ = Milliseconds{0};
  due_ = now + pause_;
  pause_ = std::clamp(2 * pause_, kFirstPause, kSlowestRetry);
  ++restarts_;
}

}  // namespace lab

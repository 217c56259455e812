// Programs as these tests run them; they die with the test.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace haven::test {

class Process {
 public:
  // `input` is closed at once; output and errors are to be read with finish().
  explicit Process(const std::vector<std::string>& words) {
    int out[2];
    int err[2];
    if (::pipe2(out, O_CLOEXEC) < 0 || ::pipe2(err, O_CLOEXEC) < 0) throw std::runtime_error("no pipe");
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(127);
      const int null = ::open("/dev/null", O_RDONLY);
      ::dup2(null, 0);
      ::dup2(out[1], 1);
      ::dup2(err[1], 2);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(out[1]);
    ::close(err[1]);
    out_ = out[0];
    err_ = err[0];
  }
  ~Process() {
    kill();
    ::close(out_);
    ::close(err_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  struct Result {
    int exit_code = -1;
    std::string out, err;
    [[nodiscard]] std::string last_line() const {
      std::string text = out;
      while (!text.empty() && text.back() == '\n') text.pop_back();
      return text.substr(text.rfind('\n') + 1);
    }
  };
  void send(int signal) const { ::kill(pid_, signal); }
  // Waits until it has written this; what it wrote is still to be had from finish().
  bool says(const std::string& text, std::chrono::seconds patience = std::chrono::seconds(30)) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    pollfd wait{out_, POLLIN, 0};
    while (early_.find(text) == std::string::npos) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0) return false;
      char buffer[4096];
      const auto n = ::read(out_, buffer, sizeof buffer);
      if (n <= 0) return false;
      early_.append(buffer, static_cast<std::size_t>(n));
    }
    return true;
  }
  // Waits for its end; one that takes longer is killed and has no exit code.
  Result finish(std::chrono::seconds patience = std::chrono::seconds(60)) {
    Result result;
    result.out = std::move(early_);
    const auto deadline = std::chrono::steady_clock::now() + patience;
    pollfd wait[] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
    while (wait[0].fd >= 0 || wait[1].fd >= 0) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0 || ::poll(wait, 2, static_cast<int>(left.count())) <= 0) {
        kill();
        return result;
      }
      for (int i = 0; i < 2; ++i) {
        if (wait[i].fd < 0 || wait[i].revents == 0) continue;
        char buffer[4096];
        const auto n = ::read(wait[i].fd, buffer, sizeof buffer);
        if (n <= 0) {
          wait[i].fd = -1;
        } else {
          (i == 0 ? result.out : result.err).append(buffer, static_cast<std::size_t>(n));
        }
      }
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
    return result;
  }

 private:
  pid_t pid_ = 0;
  int out_ = -1, err_ = -1;
  std::string early_;
};

}  // namespace haven::test

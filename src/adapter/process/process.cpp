#include "adapter/process/process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace haven::adapter {
namespace {

std::string fault(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

// A file in memory instead of a pipe: written at once, whatever the program does.
tl::expected<Descriptor, std::string> input_file(const std::string& input) {
  Descriptor file(memfd_create("program-input", MFD_CLOEXEC));
  if (!file) return tl::make_unexpected(fault("memfd_create"));
  std::size_t written = 0;
  while (written < input.size()) {
    const ssize_t n = ::write(file.get(), input.data() + written, input.size() - written);
    if (n < 0) return tl::make_unexpected(fault("write"));
    written += static_cast<std::size_t>(n);
  }
  if (lseek(file.get(), 0, SEEK_SET) != 0) return tl::make_unexpected(fault("lseek"));
  return file;
}

tl::expected<std::pair<Descriptor, Descriptor>, std::string> pipe_pair() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return tl::make_unexpected(fault("pipe2"));
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return std::pair(Descriptor(ends[0]), Descriptor(ends[1]));
}

// Between fork and exec only what is safe in a process whose other threads are gone.
[[noreturn]] void become(char* const* argv, int in, int out, int err, pid_t parent) {
  constexpr int kCannotExecute = 127;
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kCannotExecute);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  // The three ends may themselves be 0, 1 or 2 in a daemon that closed its own.
  in = fcntl(in, F_DUPFD, 3);
  out = fcntl(out, F_DUPFD, 3);
  err = fcntl(err, F_DUPFD, 3);
  dup2(in, 0);
  dup2(out, 1);
  dup2(err, 2);
  close_range(3, ~0U, 0);
  // Python's warnings about the agents' own imports would else be their last line of error.
  const char* const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/",
                                     "PYTHONWARNINGS=ignore", nullptr};
  execve(argv[0], argv, const_cast<char* const*>(environment));
  constexpr char kMessage[] = "the program cannot be executed\n";
  (void)!::write(2, kMessage, sizeof kMessage - 1);
  _exit(kCannotExecute);
}

// False: at its end, or broken.
bool read_some(int fd, Output& output) {
  std::array<char, 4096> buffer;
  // Bounded, so that a program that never stops writing cannot hold the thread.
  for (int chunk = 0; chunk < 64; ++chunk) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n > 0) {
      output.add(buffer.data(), static_cast<std::size_t>(n));
    } else {
      return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
  }
  return true;
}

}  // namespace

void Output::add(const char* data, std::size_t size) {
  if (keep_ == Keep::first) {
    text_.append(data, std::min(size, kMost - text_.size()));
    return;
  }
  text_.append(data, size);
  if (text_.size() <= kMost) return;
  cut_ = true;
  text_.erase(0, text_.size() - kMost);
}

std::string Output::last_line() const {
  const std::size_t end = text_.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return "";
  const std::size_t begin = text_.rfind('\n', end);
  if (begin == std::string::npos) return cut_ ? "" : text_.substr(0, end + 1);
  return text_.substr(begin + 1, end - begin);
}

tl::expected<Process, std::string> Process::start(const std::vector<std::string>& argv, const std::string& input) {
  auto in = input_file(input);
  auto out = pipe_pair();
  auto err = pipe_pair();
  if (!in) return tl::make_unexpected(in.error());
  if (!out) return tl::make_unexpected(out.error());
  if (!err) return tl::make_unexpected(err.error());
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return tl::make_unexpected(fault("fork"));
  if (pid == 0) become(words.data(), in->get(), out->second.get(), err->second.get(), parent);
  // Both sides do it: neither may come first.
  setpgid(pid, pid);
  Descriptor pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  Process process(pid, std::move(pidfd), std::move(out->first), std::move(err->first));
  if (!process.pidfd_) return tl::make_unexpected(fault("pidfd_open"));
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      pidfd_(std::move(other.pidfd_)),
      out_fd_(std::move(other.out_fd_)),
      err_fd_(std::move(other.err_fd_)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)) {}

Process::~Process() {
  if (pid_ == 0) return;
  kill_group();
  // Killed processes end at once, but for one that the kernel itself holds: that one is left to init.
  constexpr int kPatience_ms = 1000;
  pollfd ended{pidfd_.get(), POLLIN, 0};
  if (poll(&ended, 1, kPatience_ms) > 0) waitpid(pid_, nullptr, WNOHANG);
}

void Process::read() {
  if (out_fd_ && !read_some(out_fd_.get(), out_)) out_fd_ = Descriptor();
  if (err_fd_ && !read_some(err_fd_.get(), err_)) err_fd_ = Descriptor();
}

void Process::kill_group() {
  // Not reaped yet, so the number still belongs to it.
  if (pid_ != 0) kill(-pid_, SIGKILL);
}

int Process::reap() {
  // What it left behind in its group might still switch something.
  kill_group();
  read();
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = 0;
  return status;
}

}  // namespace haven::adapter

#include "daemon/etcd_member/etcd_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace haven::daemon {
namespace {

constexpr std::int64_t kWords = 64 * 1024;  // of the log's end, to find why it ended

adapter::Descriptor open_pidfd(pid_t pid) {
  return adapter::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

// What etcd's last complaint means, in a sentence; its own words where they are not known.
std::string sentence(const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  std::string words = line;
  if (json.is_object()) {
    words = json.value("msg", std::string());
    if (json.contains("error") && json["error"].is_string()) words += ": " + json["error"].get<std::string>();
  }
  for (const auto& [part, meaning] :
       {std::pair("no space left on device", "its disk is full"),
        std::pair("member has been permanently removed", "it was taken out of the engine"),
        std::pair("cluster ID mismatch", "its data belongs to another engine"),
        std::pair("address already in use", "another program listens at its address"),
        std::pair("cannot assign requested address", "its address is not this host's")}) {
    if (words.find(part) != std::string::npos) return std::string(meaning) + " (" + words.substr(0, 200) + ")";
  }
  return words.substr(0, 300);
}

bool complains(const std::string& line) {
  for (const char* level : {"\"level\":\"fatal\"", "\"level\":\"panic\"", "\"level\":\"error\"", "panic:", "error"})
    if (line.find(level) != std::string::npos) return true;
  return false;
}

}  // namespace

EtcdProcess::EtcdProcess(std::string program, std::string config, std::string log)
    : program_(std::move(program)),
      config_(std::move(config)),
      log_(std::move(log)),
      bell_(::eventfd(0, EFD_CLOEXEC)),
      thread_([this] { keep(); }) {}

EtcdProcess::~EtcdProcess() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  const std::uint64_t one = 1;
  (void)!::write(bell_.get(), &one, sizeof one);
  thread_.join();
}

EtcdProcess::State EtcdProcess::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::int64_t EtcdProcess::log_size() const {
  struct stat file {};
  return ::stat(log_.c_str(), &file) == 0 ? file.st_size : 0;
}

std::string EtcdProcess::last_words(std::int64_t since) const {
  const std::int64_t end = log_size();
  const std::int64_t from = std::max(since, end - kWords);
  std::string text(static_cast<std::size_t>(std::max<std::int64_t>(0, end - from)), '\0');
  const adapter::Descriptor log(::open(log_.c_str(), O_RDONLY | O_CLOEXEC));
  const auto got = log ? ::pread(log.get(), text.data(), text.size(), from) : 0;
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, got)));
  std::string last;
  std::string complaint;
  for (std::size_t at = 0; at < text.size();) {
    const auto next = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, next - at);
    if (!line.empty()) last = line;
    // The first complaint of a run is its cause more often than the last, which is a stack's end.
    if (complaint.empty() && complains(line)) complaint = line;
    at = next + 1;
  }
  return sentence(complaint.empty() ? last : complaint);
}

pid_t EtcdProcess::start(std::int64_t size) {
  const int truncate = size > kMostLogBytes ? O_TRUNC : 0;
  const adapter::Descriptor log(::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | truncate, 0600));
  const adapter::Descriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::string flag = "--config-file=" + config_;
  std::array<char*, 3> argv{program_.data(), flag.data(), nullptr};
  // etcd reads every ETCD_… of its environment; ours is none of its business.
  std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  std::array<char*, 2> environment{path.data(), nullptr};
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::dup2(null.get(), 0);
    ::dup2(log.get(), 1);
    ::dup2(log.get(), 2);
    ::execve(program_.c_str(), argv.data(), environment.data());
    ::_exit(127);
  }
  const std::lock_guard lock(mutex_);
  if (pid < 0) state_.why = std::string("it cannot be started: ") + std::strerror(errno);
  state_.running = pid > 0;
  state_.pid = std::max(pid, 0);
  return std::max(pid, 0);
}

// Until it has ended, by itself or because it is to.
void EtcdProcess::watch(pid_t pid) {
  const auto pidfd = open_pidfd(pid);
  std::array<pollfd, 2> fds{{{pidfd.get(), POLLIN, 0}, {bell_.get(), POLLIN, 0}}};
  while (::poll(fds.data(), 2, -1) < 0 && errno == EINTR) {
  }
  if ((fds[0].revents & POLLIN) == 0) {
    ::kill(pid, SIGTERM);
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kStopPatience).count();
    if (::poll(fds.data(), 1, static_cast<int>(patience)) <= 0) ::kill(pid, SIGKILL);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
}

void EtcdProcess::keep() {
  Duration pause = kFirstPause;
  for (;;) {
    const std::int64_t before = log_size();
    const auto began = std::chrono::steady_clock::now();
    const pid_t pid = start(before);
    if (pid > 0) watch(pid);
    std::unique_lock lock(mutex_);
    state_.running = false;
    state_.pid = 0;
    if (ending_) return;
    ++state_.ends;
    if (pid > 0) state_.why = last_words(before > kMostLogBytes ? 0 : before);
    pause = std::chrono::steady_clock::now() - began >= kLasted ? kFirstPause : std::min(2 * pause, kLongestPause);
    changed_.wait_for(lock, pause, [this] { return ending_; });
    if (ending_) return;
  }
}

}  // namespace haven::daemon

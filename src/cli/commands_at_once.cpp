#include "cli/commands_at_once.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include "adapter/descriptor.hpp"

namespace haven::cli {
namespace {

using Clock = std::chrono::steady_clock;

// One command on its way.
class Running {
 public:
  Running(std::string host, const Argv& argv, const SayLine& say) : host_(std::move(host)), say_(say) { start(argv); }
  ~Running() {
    if (pid_ > 0) {
      ::kill(-pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  [[nodiscard]] bool over() const { return pid_ <= 0; }
  [[nodiscard]] int out() const { return out_.get(); }
  [[nodiscard]] int ended() const { return over() ? -1 : ended_.get(); }
  [[nodiscard]] const std::string& why() const { return why_; }

  void signal(int number) const {
    if (!over()) ::kill(-pid_, number);
  }
  void told_to_end(const std::string& why) {
    if (why_.empty()) why_ = why;
  }
  void read() {
    char bytes[4096];
    for (;;) {
      const auto n = ::read(out_.get(), bytes, sizeof bytes);
      if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) close_out();
        return;
      }
      tell(bytes, static_cast<std::size_t>(n));
    }
  }
  // Once `ended` is readable. What it left behind in the background goes on, unheard.
  void reap() {
    int status = 0;
    if (::waitpid(pid_, &status, 0) != pid_) return;
    pid_ = 0;
    read();
    close_out();
    if (WIFSIGNALED(status)) told_to_end("the command was ended by signal " + std::to_string(WTERMSIG(status)));
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
      told_to_end("the command ended with exit code " + std::to_string(WEXITSTATUS(status)));
  }

 private:
  void start(const Argv& argv) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return told_to_end(std::string("the command: ") + std::strerror(errno));
    out_ = adapter::Descriptor(ends[0]);
    adapter::Descriptor written(ends[1]);
    ::fcntl(out_.get(), F_SETFL, O_NONBLOCK);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, written.get(), 1);
    posix_spawn_file_actions_adddup2(&files, written.get(), 2);
    posix_spawnattr_t how;
    posix_spawnattr_init(&how);
    sigset_t usual;
    sigemptyset(&usual);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&usual, number);
    posix_spawnattr_setsigdefault(&how, &usual);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
    std::vector<char*> words;
    for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    const int fault = ::posix_spawnp(&pid_, words[0], &files, &how, words.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    written = {};
    if (fault != 0) {
      pid_ = 0;
      return told_to_end(argv.front() + ": " + std::strerror(fault));
    }
    ended_ = adapter::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (ended_) return;
    // Without it nobody would ever hear of its end.
    told_to_end(std::string("the command cannot be watched: ") + std::strerror(errno));
    ::kill(-pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, 0), nullptr, 0);
  }
  void tell(const char* bytes, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      if (bytes[i] != '\n') line_.push_back(bytes[i]);
      if (bytes[i] == '\n' || line_.size() >= kLongestLine) say_(host_, std::exchange(line_, {}));
    }
  }
  void close_out() {
    if (!line_.empty()) say_(host_, std::exchange(line_, {}));
    out_ = {};
  }

  std::string host_;
  const SayLine& say_;
  pid_t pid_ = 0;
  adapter::Descriptor out_, ended_;
  std::string line_;
  std::string why_;
};

class AtOnce {
 public:
  AtOnce(std::chrono::nanoseconds timeout, const Interrupts& interrupts, const std::function<void()>& interrupted)
      : deadline_(Clock::now() + timeout), interrupts_(interrupts), interrupted_(interrupted) {}

  void run(std::vector<std::unique_ptr<Running>>& all) {
    while (std::any_of(all.begin(), all.end(), [](const auto& one) { return !one->over(); })) {
      wait(all);
      for (const auto& one : all) {
        if (one->out() >= 0) one->read();
      }
      judge(all);
    }
  }

 private:
  void wait(const std::vector<std::unique_ptr<Running>>& all) {
    std::vector<pollfd> fds{{interrupts_.fd(), POLLIN, 0}};
    for (const auto& one : all) {
      fds.push_back({one->out(), POLLIN, 0});
      fds.push_back({one->ended(), POLLIN, 0});
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>((hard_ ? *hard_ : deadline_) - Clock::now());
    constexpr std::int64_t kMinute_ms = 60'000;
    ::poll(fds.data(), fds.size(), static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, kMinute_ms)));
    if (fds[0].revents != 0) interrupts_.take();
    for (std::size_t i = 0; i < all.size(); ++i)
      if (fds[2 * i + 2].revents != 0) all[i]->reap();
  }

  void end_all(const std::vector<std::unique_ptr<Running>>& all, const std::string& why) {
    for (const auto& one : all) {
      if (!one->over()) one->told_to_end(why);
      one->signal(SIGTERM);
    }
    hard_ = Clock::now() + kEndsWithin;
  }

  void judge(const std::vector<std::unique_ptr<Running>>& all) {
    const int more = interrupts_.count();
    if (more >= 1 && !std::exchange(told_, true)) interrupted_();
    if (hard_ && Clock::now() >= *hard_) {
      for (const auto& one : all) one->signal(SIGKILL);
      hard_ = Clock::now() + kEndsWithin;
    } else if (!hard_ && more >= 2) {
      end_all(all, "the command was interrupted");
    } else if (!hard_ && Clock::now() >= deadline_) {
      end_all(all, "the command did not end in time");
    }
  }

  const Clock::time_point deadline_;
  const Interrupts& interrupts_;
  const std::function<void()>& interrupted_;
  bool told_ = false;
  std::optional<Clock::time_point> hard_;
};

}  // namespace

std::string found_program(const std::string& name) {
  const auto runs = [](const std::string& path) {
    std::error_code error;
    return ::access(path.c_str(), X_OK) == 0 && !std::filesystem::is_directory(path, error);
  };
  if (name.find('/') != std::string::npos) return runs(name) ? name : "";
  const char* paths = std::getenv("PATH");
  std::istringstream folders(paths == nullptr ? "/usr/local/bin:/usr/bin:/bin" : paths);
  for (std::string folder; std::getline(folders, folder, ':');)
    if (std::string path = (folder.empty() ? "." : folder) + "/" + name; runs(path)) return path;
  return "";
}

std::map<std::string, std::string> run_at_once(const std::map<std::string, Argv>& commands,
                                               std::chrono::nanoseconds timeout, const SayLine& say,
                                               const Interrupts& interrupts, const std::function<void()>& interrupted) {
  std::vector<std::unique_ptr<Running>> all;
  all.reserve(commands.size());
  for (const auto& [host, argv] : commands) all.push_back(std::make_unique<Running>(host, argv, say));
  AtOnce(timeout, interrupts, interrupted).run(all);
  std::map<std::string, std::string> whys;
  auto one = all.begin();
  for (const auto& [host, argv] : commands) whys[host] = (*one++)->why();
  return whys;
}

}  // namespace haven::cli

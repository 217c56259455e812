#include "adapter/storage/local_paths.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "adapter/descriptor.hpp"

namespace haven::adapter {
namespace {

using Clock = std::chrono::steady_clock;

// What direct I/O is aligned to on every block device in use.
constexpr std::size_t kBlockBytes = 4096;

// Somebody answered, if only to say no: the path itself works. A device node that has gone is a path that was taken
// away; a file that has gone was deleted, or never was here.
bool speaks_of_the_path(int error, const std::string& path) {
  switch (error) {
    case EACCES:
    case EPERM:
    case ENOTDIR:
    case EISDIR:
    case EBUSY:
    case EINVAL:
      return false;
    case ENOENT:
      return path.starts_with("/dev/");
    default:
      return true;
  }
}

// Asks the file system itself: what is known of a directory is kept by the kernel.
bool file_system_answers(int fd) {
  struct statvfs status {};
  return ::fstatvfs(fd, &status) == 0;
}

}  // namespace

bool path_answers(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT));
  // Not every file system knows direct I/O, and no directory does.
  if (!file && errno == EINVAL) file = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return !speaks_of_the_path(errno, path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return false;
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) return file_system_answers(file.get());
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  const std::unique_ptr<void, Free> block(std::aligned_alloc(kBlockBytes, kBlockBytes));
  if (!block) return true;  // says nothing about the path
  return ::pread(file.get(), block.get(), kBlockBytes, 0) >= 0 || !speaks_of_the_path(errno, path);
}

class LocalPaths::Core : public std::enable_shared_from_this<LocalPaths::Core> {
 public:
  explicit Core(port::StorageSink sink) : sink_(std::move(sink)) {}

  void begin() {
    deadlines_ = std::thread([this] { watch_deadlines(); });
  }

  void end() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      waiting_.clear();
      changed_.notify_all();
    }
    deadlines_.join();
  }

  void look(CallId call, std::vector<std::string> paths, Duration timeout) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    Look look{Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout), {}, {}};
    look.open.insert(paths.begin(), paths.end());
    if (look.open.empty() || looks_.size() >= kMaxLooks) return answer(call, std::move(look));
    for (const auto& path : look.open) want(path);
    looks_.emplace(call, std::move(look));
    changed_.notify_all();
  }

 private:
  struct Look {
    Clock::time_point deadline;
    std::set<std::string> open;  // not answered yet
    std::set<std::string> lost;
  };

  // mutex_ is held by all that follows, but by the readers' own work.
  void want(const std::string& path) {
    if (!busy_.insert(path).second) return;  // a read of it waits or hangs: its end answers this look as well
    waiting_.push_back(path);
    if (readers_ >= kMaxReaders || waiting_.size() <= idle_) return;
    ++readers_;
    std::thread([self = shared_from_this()] { self->read_on(); }).detach();
  }

  void answer(CallId call, Look look) {
    look.lost.merge(look.open);
    sink_({call, {look.lost.begin(), look.lost.end()}});
  }

  void note(const std::string& path, bool answers) {
    busy_.erase(path);
    for (auto it = looks_.begin(); it != looks_.end();) {
      if (it->second.open.erase(path) > 0 && !answers) it->second.lost.insert(path);
      if (!it->second.open.empty()) {
        ++it;
        continue;
      }
      answer(it->first, std::move(it->second));
      it = looks_.erase(it);
    }
  }

  void read_on() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      --idle_;
      if (stopping_) break;
      const std::string path = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      const bool answers = path_answers(path);
      lock.lock();
      if (!stopping_) note(path, answers);
    }
    --readers_;
  }

  void watch_deadlines() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      const auto first = std::min_element(looks_.begin(), looks_.end(), [](const auto& a, const auto& b) {
        return a.second.deadline < b.second.deadline;
      });
      if (first == looks_.end()) {
        changed_.wait(lock);
      } else if (first->second.deadline <= Clock::now()) {
        answer(first->first, std::move(first->second));
        looks_.erase(first);
      } else {
        const auto until = first->second.deadline;
        changed_.wait_until(lock, until);
      }
    }
  }

  port::StorageSink sink_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<CallId, Look> looks_;
  std::set<std::string> busy_;
  std::deque<std::string> waiting_;
  std::size_t readers_ = 0;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::thread deadlines_;
};

LocalPaths::LocalPaths(port::StorageSink sink) : core_(std::make_shared<Core>(std::move(sink))) { core_->begin(); }
LocalPaths::~LocalPaths() { core_->end(); }
void LocalPaths::look(CallId call, std::vector<std::string> paths, Duration timeout) {
  core_->look(call, std::move(paths), timeout);
}

}  // namespace haven::adapter

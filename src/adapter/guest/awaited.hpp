// What is to be answered by a deadline, by whoever comes first: the answer, or the deadline.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace haven::adapter::guest {

class Awaited {
 public:
  using Clock = std::chrono::steady_clock;
  // Called once for each that was opened, on this object's thread.
  using Late = std::function<void()>;

  Awaited() : thread_([this] { watch(); }) {}
  ~Awaited() { stop(); }
  // Nothing is late from now on.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  Awaited(const Awaited&) = delete;
  Awaited& operator=(const Awaited&) = delete;

  [[nodiscard]] std::uint64_t open(std::chrono::nanoseconds timeout, Late late) {
    const std::lock_guard lock(mutex_);
    const std::uint64_t id = ++last_;
    const auto deadline = Clock::now() + timeout;
    const bool first = deadlines_.empty() || deadline < deadlines_.begin()->first;
    deadlines_.insert({deadline, id});
    open_.emplace(id, std::pair(deadline, std::move(late)));
    if (first) changed_.notify_all();
    return id;
  }
  [[nodiscard]] bool is_open(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    return open_.contains(id);
  }
  // False: it came too late.
  [[nodiscard]] bool close(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    const auto found = open_.extract(id);
    if (found.empty()) return false;
    deadlines_.erase({found.mapped().first, id});
    return true;
  }

 private:
  void watch() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      if (deadlines_.empty()) {
        changed_.wait(lock);
        continue;
      }
      const auto next = *deadlines_.begin();
      if (Clock::now() < next.first) {
        changed_.wait_until(lock, next.first);
        continue;
      }
      deadlines_.erase(next);
      const auto late = std::move(open_.extract(next.second).mapped().second);
      lock.unlock();
      late();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, std::pair<Clock::time_point, Late>> open_;
  std::set<std::pair<Clock::time_point, std::uint64_t>> deadlines_;
  std::uint64_t last_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace haven::adapter::guest

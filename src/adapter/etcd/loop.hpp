// The adapter's one thread: gRPC's completions, timers and what other threads post, one after the other. All state of
// the adapter belongs to it, so nothing else is locked.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "core/model/units.hpp"

namespace haven::adapter::etcd {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

// `d` from now, in gRPC's terms; also for the far future.
[[nodiscard]] gpr_timespec deadline_in(Duration d);

// One outstanding operation of gRPC. Stays until done() was called.
class Tag {
 public:
  virtual ~Tag() = default;
  virtual void done(bool ok) = 0;
};

class Loop {
 public:
  Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void start();
  // Runs `job` on the loop's thread, in the order of the posts. From any thread, until finish().
  void post(std::function<void()> job);
  // Posts `last`, which ends everything under way, waits for that and ends the thread.
  void finish(std::function<void()> last);

  // The rest is for the loop's own thread.
  using TimerId = std::pair<Time, std::uint64_t>;
  TimerId after(Duration d, std::function<void()> job);
  void cancel(const TimerId& timer);
  [[nodiscard]] grpc::CompletionQueue& queue() { return queue_; }

  // Something that has operations of gRPC under way: finish() waits for its end.
  class Busy {
   public:
    explicit Busy(Loop& loop) : loop_(loop) { ++loop_.busy_; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    ~Busy() { --loop_.busy_; }

   private:
    Loop& loop_;
  };

 private:
  struct Wake final : Tag {
    explicit Wake(Loop& l) : loop(l) {}
    void done(bool ok) override;
    Loop& loop;
    grpc::Alarm alarm;
  };

  void run();
  void run_posted();
  void run_due_timers();

  grpc::CompletionQueue queue_;
  std::map<TimerId, std::function<void()>> timers_;
  std::uint64_t last_timer_ = 0;
  int busy_ = 0;
  bool finishing_ = false;

  std::mutex mutex_;  // guards what other threads touch
  std::deque<std::function<void()>> posted_;
  bool wake_pending_ = false;
  Wake wake_{*this};

  std::thread thread_;
};

}  // namespace haven::adapter::etcd

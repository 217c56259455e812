#include "adapter/etcd/loop.hpp"

#include <grpc/support/time.h>

#include <algorithm>
#include <utility>

namespace haven::adapter::etcd {

gpr_timespec deadline_in(Duration d) {
  // A year is for ever here, and far from gRPC's own limits.
  const auto bounded = std::clamp<Duration>(d, Duration(0), 24h * 365);
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(bounded.count(), GPR_TIMESPAN));
}

void Loop::start() {
  thread_ = std::thread([this] { run(); });
}

void Loop::post(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(job));
  if (std::exchange(wake_pending_, true)) return;
  wake_.alarm.Set(&queue_, gpr_now(GPR_CLOCK_MONOTONIC), static_cast<Tag*>(&wake_));
}

void Loop::Wake::done(bool) { loop.run_posted(); }

void Loop::run_posted() {
  std::deque<std::function<void()>> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(posted_);
    wake_pending_ = false;
  }
  for (auto& job : jobs) job();
}

void Loop::finish(std::function<void()> last) {
  post([this, last = std::move(last)] {
    last();
    timers_.clear();
    finishing_ = true;
  });
  thread_.join();
}

Loop::TimerId Loop::after(Duration d, std::function<void()> job) {
  const TimerId id{Clock::now() + std::min<Duration>(d, 24h * 365), ++last_timer_};
  timers_.emplace(id, std::move(job));
  return id;
}

void Loop::cancel(const TimerId& timer) { timers_.erase(timer); }

void Loop::run_due_timers() {
  while (!timers_.empty() && timers_.begin()->first.first <= Clock::now()) {
    const auto job = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    job();
  }
}

void Loop::run() {
  void* tag = nullptr;
  bool ok = false;
  while (!finishing_ || busy_ > 0) {
    const Duration next = timers_.empty() ? Duration::max() : timers_.begin()->first.first - Clock::now();
    if (queue_.AsyncNext(&tag, &ok, deadline_in(next)) == grpc::CompletionQueue::GOT_EVENT) {
      static_cast<Tag*>(tag)->done(ok);
    }
    run_due_timers();
  }
  queue_.Shutdown();
  while (queue_.Next(&tag, &ok)) {
  }
}

}  // namespace haven::adapter::etcd

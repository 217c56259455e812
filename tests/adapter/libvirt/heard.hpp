// A sink for tests: keeps every event, and waits for one.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "port/hypervisor.hpp"

namespace haven::testing {

// Everything the sink was told, in order.
class Heard {
 public:
  [[nodiscard]] port::HypervisorSink sink() {
    return [this](port::HypervisorEvent event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
      changed_.notify_all();
    };
  }
  // The first event of this type that fits, waiting for it as long as this.
  template <class Event>
  std::optional<Event> first(const std::function<bool(const Event&)>& fits, Duration patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::unique_lock lock(mutex_);
    for (;;) {
      for (const auto& event : events_)
        if (const auto* found = std::get_if<Event>(&event); found != nullptr && fits(*found)) return *found;
      if (changed_.wait_until(lock, deadline) == std::cv_status::timeout &&
          std::chrono::steady_clock::now() >= deadline)
        return std::nullopt;
    }
  }
  template <class Event>
  std::size_t count(const std::function<bool(const Event&)>& fits) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count_if(events_, [&](const auto& event) {
      const auto* found = std::get_if<Event>(&event);
      return found != nullptr && fits(*found);
    }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<port::HypervisorEvent> events_;
};

}  // namespace haven::testing

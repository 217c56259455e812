// What happened, in order. Everybody in the world writes here what truly happened; what was decided comes from the
// journal as it is committed.
#pragma once

#include <functional>
#include <vector>

#include "sim/outcome.hpp"
#include "sim/queue.hpp"

namespace haven::sim {

class Timeline {
 public:
  explicit Timeline(const Queue& queue) : queue_(queue) {}

  // Time zero of what is told; what was before has a negative time.
  void set_zero(Instant zero) { zero_ = zero; }
  [[nodiscard]] Instant zero() const { return zero_; }
  [[nodiscard]] std::int64_t now_ms() const { return (queue_.now() - zero_) / std::chrono::milliseconds(1); }

  void add(TimelineEvent event) {
    event.at_ms = now_ms();
    events_.push_back(std::move(event));
    if (added) added(events_.back());
  }
  void host(EventKind kind, const HostName& host) {
    TimelineEvent event;
    event.kind = kind;
    event.host = host;
    add(std::move(event));
  }
  void process(EventKind kind, const ResourceName& resource, const HostName& host, std::string why = {}) {
    TimelineEvent event;
    event.kind = kind;
    event.resource = resource;
    event.host = host;
    event.why = std::move(why);
    add(std::move(event));
  }
  [[nodiscard]] const std::vector<TimelineEvent>& events() const { return events_; }
  void forget() { events_.clear(); }

  std::function<void(const TimelineEvent&)> added;  // told of each event as it happens

 private:
  const Queue& queue_;
  Instant zero_;
  std::vector<TimelineEvent> events_;
};

}  // namespace haven::sim

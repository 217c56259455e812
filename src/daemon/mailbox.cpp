#include "daemon/mailbox.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "adapter/boot_clock.hpp"

namespace haven::daemon {
namespace {

const port::Lifecycle* hint_of(const Message& message) {
  const auto* event = std::get_if<port::HypervisorEvent>(&message);
  return event == nullptr ? nullptr : std::get_if<port::Lifecycle>(event);
}

void drain(int fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto taken = ::read(fd, &count, sizeof count);
}

}  // namespace

Now read_clocks() {
  timespec wall{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  return {adapter::boot_now(), WallTime{wall.tv_sec * 1000 + wall.tv_nsec / 1'000'000}};
}

Mailbox::Mailbox(std::function<void()> overflow)
    : overflow_(std::move(overflow)),
      wake_(adapter::needed(adapter::Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), "eventfd")),
      timer_(adapter::needed(adapter::boot_timer(), "timerfd")) {}

Duration Mailbox::age(Instant now) const {
  const std::int64_t busy = busy_since_ns_.load(), due = due_ns_.load(), at = now.since_boot.count();
  const std::int64_t since = busy != 0 ? busy : due;
  return Duration(at > since ? at - since : 0);
}

void Mailbox::push(Message message) {
  std::int64_t idle = 0;
  busy_since_ns_.compare_exchange_strong(idle, read_clocks().mono.since_boot.count());
  queue_.push_back(std::move(message));
  if (queue_.size() == 1) nudge();
}

void Mailbox::post(Message message) {
  const std::lock_guard lock(mutex_);
  if (auto* heard = std::get_if<PeersHeard>(&message)) {
    const bool waits = heard_.has_value();
    heard_ = std::move(*heard);
    if (!waits) nudge();
    return;
  }
  if (const auto* hint = hint_of(message)) {
    if (!hinted_.emplace(hint->uuid, hint->kind).second) return;
  }
  if (queue_.size() >= kCapacity) overflow_();
  push(std::move(message));
}

bool Mailbox::offer(Message message) {
  const std::lock_guard lock(mutex_);
  if (closed_ || queue_.size() >= kCapacityForAsking) return false;
  push(std::move(message));
  return true;
}

void Mailbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void Mailbox::nudge() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

std::optional<Message> Mailbox::take(Instant until) {
  const auto next = [this]() -> std::optional<Message> {
    const std::lock_guard lock(mutex_);
    if (heard_) return Message(*std::exchange(heard_, std::nullopt));
    if (queue_.empty()) return std::nullopt;
    Message message = std::move(queue_.front());
    queue_.pop_front();
    if (const auto* hint = hint_of(message)) hinted_.erase({hint->uuid, hint->kind});
    return message;
  };
  const auto turns = [this] {
    busy_since_ns_.store(read_clocks().mono.since_boot.count());
    due_ns_.store(INT64_MAX);
  };
  if (auto message = next()) {
    turns();
    return message;
  }
  due_ns_.store(until.since_boot.count());
  busy_since_ns_.store(0);
  // What came between the look and the word "idle" is counted from here on.
  if (size() > 0) turns();
  adapter::arm(timer_, until);
  pollfd wait[] = {{wake_.get(), POLLIN, 0}, {timer_.get(), POLLIN, 0}};
  ::poll(wait, 2, -1);
  drain(wake_.get());
  drain(timer_.get());
  turns();
  return next();
}

std::size_t Mailbox::size() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

}  // namespace haven::daemon

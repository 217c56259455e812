#include "daemon/check_rounds.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/mailbox.hpp"

namespace haven::daemon {
namespace {

// However far away the next question is, the clock is looked at this often: it goes on while the host sleeps, and what
// is waited on here does not.
constexpr Duration kLongest = 1s;

}  // namespace

CheckRounds::CheckRounds(std::uint64_t seed, Told told, Asked asked)
    : told_(std::move(told)), asked_(std::move(asked)), rounds_(seed) {}

CheckRounds::~CheckRounds() { stop(); }

Instant CheckRounds::now() { return read_clocks().mono; }

void CheckRounds::begin(port::Guests& guests) {
  guests_ = &guests;
  thread_ = std::thread([this] { serve(); });
}

void CheckRounds::stop() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void CheckRounds::know(std::shared_ptr<const Spec> spec) {
  const std::lock_guard lock(mutex_);
  next_spec_ = std::move(spec);
  changed_.notify_all();
}

void CheckRounds::attend(const AttendGuest& order) {
  const std::lock_guard lock(mutex_);
  orders_.push_back(order);
  changed_.notify_all();
}

void CheckRounds::answered(port::GuestChecked checked) {
  const std::lock_guard lock(mutex_);
  answers_.push_back(std::move(checked));
  changed_.notify_all();
}

// What has come in; mutex_ is held on entry and on return.
void CheckRounds::take_in() {
  if (auto spec = std::exchange(next_spec_, nullptr)) {
    spec_ = spec;
    rounds_.know(std::move(spec), now());
  }
  for (const AttendGuest& order : std::exchange(orders_, {})) rounds_.attend(order, now());
  for (const port::GuestChecked& checked : std::exchange(answers_, {})) {
    --under_way_;
    if (checked.answer)
      rounds_.answer(checked.number, *checked.answer, now());
    else
      rounds_.drop(checked.number, now());
  }
}

void CheckRounds::ask(const std::vector<CheckCall>& calls) {
  const Instant at = now();
  under_way_ += calls.size();
  for (const CheckCall& call : calls) {
    if (asked_) asked_(at - call.due);
    const Resource* resource = spec_ ? spec_->resource(call.resource) : nullptr;
    if (resource == nullptr || resource->uuid.empty())
      answered({call.number, std::nullopt});
    else
      guests_->check(call.number, resource->uuid, call.check);
  }
}

void CheckRounds::serve() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    take_in();
    const std::size_t room = under_way_ < kAtOnce ? kAtOnce - under_way_ : 0;
    auto calls = room > 0 ? rounds_.take_due(now(), room) : std::vector<CheckCall>{};
    auto news = rounds_.news();
    if (!calls.empty() || !news.empty()) {
      lock.unlock();
      for (HealthSeen& seen : news) told_(std::move(seen));
      ask(std::move(calls));
      lock.lock();
      continue;
    }
    const bool waits = room == 0 || rounds_.next() == kNever;
    const Duration until = waits ? kLongest : std::clamp(rounds_.next() - now(), Duration::zero(), kLongest);
    changed_.wait_for(lock, until, [&] { return ending_ || next_spec_ || !orders_.empty() || !answers_.empty(); });
  }
}

}  // namespace haven::daemon

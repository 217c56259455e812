#include "daemon/alarm_courier.hpp"

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "daemon/mailbox.hpp"

namespace haven::daemon {
namespace {

std::string json_of(const Notice& notice, const std::string& cluster, const std::string& by, WallTime now) {
  const nlohmann::json json = {{"event", word(notice.telling)},
                               {"key", notice.alarm.key},
                               {"text", notice.alarm.text},
                               {"host", notice.alarm.host.str()},
                               {"resource", notice.alarm.resource.str()},
                               {"cluster", cluster},
                               {"by", by},
                               {"since_ms", notice.since.unix_ms},
                               {"at_ms", now.unix_ms},
                               {"times", notice.times}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

AlarmCourier::AlarmCourier(Tell tell, std::string host, Duration repeat, Trouble trouble, Duration ended)
    : tell_(std::move(tell)),
      host_(std::move(host)),
      repeat_(repeat),
      trouble_(std::move(trouble)),
      book_(repeat, ended),
      thread_([this] { serve(); }) {}

AlarmCourier::~AlarmCourier() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void AlarmCourier::stand(Standing standing) {
  const std::lock_guard lock(mutex_);
  // What changed hands must not be lost to a later look that the thread sees first.
  if (latest_) {
    standing.new_reign |= latest_->new_reign && !standing.handed_over;
    standing.handed_over |= latest_->handed_over;
    if (standing.inherited.empty()) standing.inherited = std::move(latest_->inherited);
  }
  latest_ = std::move(standing);
  changed_.notify_all();
}

void AlarmCourier::take(const Standing& standing, Now now) {
  cluster_ = standing.cluster;
  if (standing.handed_over) book_.hand_over(standing.alarms, standing.always_ours);
  if (standing.new_reign) book_.inherit(standing.inherited, now);
  book_.stand(standing.alarms, now);
}

void AlarmCourier::tell_due() {
  for (const Notice& notice : book_.due(read_clocks().mono)) {
    {
      const std::lock_guard lock(mutex_);
      if (ending_ || latest_) return;  // what is told is what stands now
    }
    const auto told = tell_(json_of(notice, cluster_, host_, read_clocks().wall));
    book_.told(notice, told.has_value(), read_clocks().mono);
    trouble_(told ? "" : told.error());
  }
}

void AlarmCourier::serve() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (auto standing = std::exchange(latest_, std::nullopt)) {
      lock.unlock();
      take(*standing, read_clocks());
      lock.lock();
      continue;
    }
    const Instant next = book_.next();
    const Instant now = read_clocks().mono;
    if (next <= now) {
      lock.unlock();
      tell_due();
      lock.lock();
      continue;
    }
    const auto woken = [this] { return ending_ || latest_.has_value(); };
    if (next == kNever) {
      changed_.wait(lock, woken);
    } else {
      // Not in one go: that clock stands still while the machine is suspended, ours does not.
      changed_.wait_for(lock, std::min<Duration>(next - now, 1min), woken);
    }
  }
}

}  // namespace haven::daemon

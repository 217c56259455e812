#include "adapter/libvirt/calls.hpp"

#include <string>

namespace haven::libvirt {

Calls::Calls(port::HypervisorSink sink) : sink_(std::move(sink)), thread_([this] { watch_deadlines(); }) {}

Calls::~Calls() { stop(); }

void Calls::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    calls_.clear();
    deadlines_.clear();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(sink_mutex_);
  sink_ = nullptr;
}

bool Calls::insert(CallId call, Duration timeout, bool inspect) {
  const auto deadline = Clock::now() + timeout;
  const std::lock_guard lock(mutex_);
  if (stopping_ || calls_.size() >= kMaxOpen) return false;
  if (!calls_.try_emplace(call, Call{deadline, inspect, false, {}, {}}).second) return false;
  deadlines_.emplace(deadline, call);
  changed_.notify_all();
  return true;
}

bool Calls::open(CallId call, Duration timeout) {
  if (insert(call, timeout, false)) return true;
  post(port::CallDone{call, port::CallResult::failed, "not sent: too many calls to libvirt are open"});
  return false;
}

bool Calls::open_inspect(CallId call, Duration timeout) {
  if (insert(call, timeout, true)) return true;
  post(port::Inspected{call, false, {}, {}});
  return false;
}

bool Calls::is_open(CallId call) {
  const std::lock_guard lock(mutex_);
  return calls_.contains(call);
}

Clock::time_point Calls::deadline(CallId call) {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(call);
  return found == calls_.end() ? Clock::now() : found->second.deadline;
}

bool Calls::mark_sent(CallId call) {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(call);
  if (found == calls_.end() || found->second.deadline <= Clock::now()) return false;
  found->second.sent = true;
  return true;
}

void Calls::note(CallId call, std::string message) {
  const std::lock_guard lock(mutex_);
  if (const auto found = calls_.find(call); found != calls_.end()) found->second.note = std::move(message);
}

void Calls::keep_processes(CallId call, std::vector<port::VmProcess> processes) {
  const std::lock_guard lock(mutex_);
  if (const auto found = calls_.find(call); found != calls_.end()) found->second.processes = std::move(processes);
}

std::optional<Calls::Call> Calls::take(CallId call) {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(call);
  if (found == calls_.end()) return std::nullopt;
  deadlines_.erase({found->second.deadline, call});
  return std::move(calls_.extract(found).mapped());
}

void Calls::answer(CallId call, port::CallResult result, std::string message) {
  if (take(call)) post(port::CallDone{call, result, std::move(message)});
}

void Calls::answer(port::Inspected inspected) {
  if (take(inspected.call)) post(std::move(inspected));
}

void Calls::give_up(CallId call, std::string why) {
  auto open = take(call);
  if (!open) return;
  open->note = std::move(why);
  post(given_up(call, *open));
}

void Calls::post(port::HypervisorEvent event) {
  const std::lock_guard lock(sink_mutex_);
  if (sink_) sink_(std::move(event));
}

port::HypervisorEvent Calls::given_up(CallId id, const Call& call) {
  if (call.inspect) return port::Inspected{id, false, {}, call.processes};
  const std::string detail = call.note.empty() ? "libvirt did not answer in time" : call.note;
  if (call.sent) return port::CallDone{id, port::CallResult::unknown, detail};
  return port::CallDone{id, port::CallResult::failed, "not sent: " + detail};
}

void Calls::watch_deadlines() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (deadlines_.empty()) {
      changed_.wait(lock, [&] { return stopping_ || !deadlines_.empty(); });
      continue;
    }
    const auto [deadline, id] = *deadlines_.begin();
    if (Clock::now() < deadline) {
      changed_.wait_until(lock, deadline);
      continue;
    }
    deadlines_.erase(deadlines_.begin());
    auto call = calls_.extract(id);
    lock.unlock();
    post(given_up(id, call.mapped()));
    lock.lock();
  }
}

}  // namespace haven::libvirt

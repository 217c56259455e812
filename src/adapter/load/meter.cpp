#include "adapter/load/meter.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace haven::adapter {
namespace {

MilliCpu rate(std::uint64_t before, std::uint64_t after, Duration elapsed) {
  if (after <= before) return {};
  return {static_cast<std::int64_t>((after - before) * 1000 / static_cast<std::uint64_t>(elapsed.count()))};
}

}  // namespace

std::optional<port::Measured> used_between(const Reading& before, const Reading& after) {
  const Duration elapsed = after.at - before.at;
  if (elapsed <= Duration::zero() || after.host.cpu.all <= before.host.cpu.all) return std::nullopt;
  port::Measured measured;
  measured.host = after.host.figures;
  measured.host.cpu = used_between(before.host.cpu, after.host.cpu);
  for (const auto& guest : after.guests) {
    port::MeasuredGuest& told = measured.guests.emplace_back(port::MeasuredGuest{guest.uuid, {}, {}, guest.memory});
    const auto known = std::find_if(before.guests.begin(), before.guests.end(),
                                    [&](const auto& one) { return one.uuid == guest.uuid; });
    if (known == before.guests.end()) continue;
    told.cpu = rate(known->cpu_ns, guest.cpu_ns, elapsed);
    told.waiting = rate(known->waiting_ns, guest.waiting_ns, elapsed);
  }
  return measured;
}

// Left to its thread where that hangs in a reading.
struct LoadMeter::State {
  std::mutex mutex;
  std::condition_variable changed;
  bool wanted = false;
  bool ended = false;
  port::MeasuredSink sink;

  void run(const Read& read, Duration interval) {
    std::optional<Reading> before;
    std::unique_lock lock(mutex);
    while (!ended) {
      if (!wanted) {
        before.reset();
        changed.wait(lock, [this] { return wanted || ended; });
        continue;
      }
      lock.unlock();
      auto now = read();
      const auto measured = before && now ? used_between(*before, *now) : std::nullopt;
      before = std::move(now);
      lock.lock();
      if (measured && wanted && !ended) sink(*measured);
      changed.wait_for(lock, interval, [this] { return !wanted || ended; });
    }
  }
};

LoadMeter::LoadMeter(Read read, Duration interval, port::MeasuredSink sink) : state_(std::make_shared<State>()) {
  state_->sink = std::move(sink);
  std::thread([state = state_, read = std::move(read), interval] { state->run(read, interval); }).detach();
}

LoadMeter::~LoadMeter() {
  const std::lock_guard lock(state_->mutex);
  state_->ended = true;
  state_->changed.notify_all();
}

void LoadMeter::want(bool wanted) {
  const std::lock_guard lock(state_->mutex);
  state_->wanted = wanted;
  state_->changed.notify_all();
}

}  // namespace haven::adapter

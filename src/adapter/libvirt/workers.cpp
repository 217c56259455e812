#include "adapter/libvirt/workers.hpp"

#include <thread>

namespace haven::libvirt {

Workers::Workers(std::size_t max_threads) : max_threads_(max_threads), state_(std::make_shared<State>()) {}

bool Workers::submit(Job job) {
  const std::lock_guard lock(state_->mutex);
  auto& waiting = state_->waiting;
  if (waiting.size() >= kMaxWaiting) std::erase_if(waiting, [](const Job& old) { return !old.wanted(); });
  if (state_->stopping || waiting.size() >= kMaxWaiting) return false;
  waiting.push_back(std::move(job));
  if (waiting.size() > state_->idle && state_->threads < max_threads_) {
    ++state_->threads;
    std::thread([state = state_] { work(state); }).detach();
  }
  state_->changed.notify_one();
  return true;
}

void Workers::work(const std::shared_ptr<State>& state) {
  {
    Connection connection;
    std::unique_lock lock(state->mutex);
    for (;;) {
      ++state->idle;
      state->changed.wait(lock, [&] { return state->stopping || !state->waiting.empty(); });
      --state->idle;
      if (state->stopping) break;
      const Job job = std::move(state->waiting.front());
      state->waiting.pop_front();
      lock.unlock();
      if (job.wanted()) job.run(connection);
      lock.lock();
    }
    lock.unlock();
    connection.close();
  }
  const std::lock_guard lock(state->mutex);
  --state->threads;
  state->changed.notify_all();
}

void Workers::stop(std::chrono::milliseconds patience) {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->waiting.clear();
  state_->changed.notify_all();
  state_->changed.wait_for(lock, patience, [&] { return state_->threads == 0; });
}

}  // namespace haven::libvirt

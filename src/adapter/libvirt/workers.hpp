// Threads that may block: each has a connection of its own, so that a call that hangs holds up no other (libvirtd
// serves only a few calls of one connection at once). Made when needed, bounded, and left behind where they hang.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "adapter/libvirt/connection.hpp"

namespace haven::libvirt {

class Workers {
 public:
  struct Job {
    std::function<bool()> wanted;  // false: given up, need not run
    std::function<void(Connection&)> run;
  };
  // Waiting jobs beyond this push out those that were given up; with none of these the new one is refused.
  static constexpr std::size_t kMaxWaiting = 1024;

  explicit Workers(std::size_t max_threads);
  ~Workers() = default;  // stop() first; threads that hang keep what they need alive and end when libvirt lets them go
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // False: refused, the queue is full.
  [[nodiscard]] bool submit(Job job);
  // Ends the threads that do not hang, waiting for them until `patience` is over.
  void stop(std::chrono::milliseconds patience);

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job> waiting;
    std::size_t threads = 0;
    std::size_t idle = 0;
    bool stopping = false;
  };
  static void work(const std::shared_ptr<State>& state);

  std::size_t max_threads_;
  std::shared_ptr<State> state_;
};

}  // namespace haven::libvirt

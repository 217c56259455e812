// havend's etcd: a child that dies with it, started again when it ends, ever more slowly while it cannot last.
// What it says goes to a log of its own; why it ended is the last thing in it.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "adapter/descriptor.hpp"
#include "core/model/units.hpp"

namespace haven::daemon {

class EtcdProcess {
 public:
  // An end sooner than this after the start makes the next pause longer.
  static constexpr Duration kLasted = 10s;
  static constexpr Duration kFirstPause = 100ms;
  static constexpr Duration kLongestPause = 10s;
  // An orderly end hands the lead over; it is killed after this.
  static constexpr Duration kStopPatience = 5s;
  static constexpr std::int64_t kMostLogBytes = std::int64_t{16} << 20;

  struct State {
    bool running = false;
    pid_t pid = 0;
    int ends = 0;     // how often it ended by itself
    std::string why;  // of its last end
  };

  // `program --config-file config`.
  EtcdProcess(std::string program, std::string config, std::string log);
  // Ends it in order.
  ~EtcdProcess();
  EtcdProcess(const EtcdProcess&) = delete;
  EtcdProcess& operator=(const EtcdProcess&) = delete;

  [[nodiscard]] State state() const;

 private:
  void keep();
  // The pid, or 0 with the reason in state_.
  pid_t start(std::int64_t log_size);
  void watch(pid_t pid);
  [[nodiscard]] std::int64_t log_size() const;
  [[nodiscard]] std::string last_words(std::int64_t since) const;

  std::string program_, config_, log_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_;
  bool ending_ = false;
  adapter::Descriptor bell_;  // eventfd: it is to end
  std::thread thread_;
};

}  // namespace haven::daemon

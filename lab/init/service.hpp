// One supervised program. The first restart is at once: a daemon that is back within half a lease was never missed;
// one that keeps dying is retried ever more slowly, at most kSlowestRetry apart.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>

#include "config.hpp"

namespace lab {

using Clock = std::chrono::steady_clock;

inline constexpr Milliseconds kFirstPause{50};  // before the second restart; doubles from there
inline constexpr Milliseconds kSlowestRetry{1000};
inline constexpr Milliseconds kSettled{5000};  // who ran this long starts anew with an immediate restart

class Service {
 public:
  explicit Service(ServiceConfig config) : config_(std::move(config)) {}

  const ServiceConfig& config() const { return config_; }
  pid_t pid() const { return pid_; }
  bool running() const { return pid_ > 0; }
  int restarts() const { return restarts_; }
  // When it is to be started next; empty while it runs or is wanted stopped.
  std::optional<Clock::time_point> due() const { return due_; }

  // Wants it running: starts it now unless it runs.
  void start(Clock::time_point now);
  // Wants it stopped: sends the stop signal, and SIGKILL once its time is over (see overdue).
  void stop(Clock::time_point now);
  void kill();
  // Its process has ended with this status of wait(2).
  void ended(int status, Clock::time_point now);
  // The moment at which a stop loses patience; kill() then.
  std::optional<Clock::time_point> overdue() const { return overdue_; }

 private:
  ServiceConfig config_;
  pid_t pid_ = 0;
  bool wanted_ = false;
  int restarts_ = 0;
  Milliseconds pause_{0};
  Clock::time_point began_;
  std::optional<Clock::time_point> due_;
  std::optional<Clock::time_point> overdue_;
};

}  // namespace lab

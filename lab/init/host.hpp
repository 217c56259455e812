// The first process of a lab host: starts the services, restarts what dies, reaps orphans, and ends them all in
// reverse order when the host is switched off (SIGPWR) or rebooted (SIGINT).
#pragma once

#include <string>
#include <vector>

#include "service.hpp"

namespace lab {

enum class Ending { none, power_off, reboot };

class Host {
 public:
  explicit Host(const std::vector<ServiceConfig>& configs);

  // Runs until a shutdown is complete.
  Ending run();

 private:
  void read_signals();
  void reap();
  void serve_control();
  std::string obey(const std::string& line);
  void keep_promises(Clock::time_point now);
  void go_on_ending(Clock::time_point now);
  int patience_ms(Clock::time_point now) const;
  Service* find(const std::string& name);

  std::vector<Service> services_;
  int signals_ = -1;
  int control_ = -1;
  Ending ending_ = Ending::none;
};

}  // namespace lab

// Debian's ipmi_sim as a BMC with a power of its own, on a loopback port of its own. Dies with the test.
#pragma once

#include <sys/types.h>

#include <string>

#include "adapter/fence_agent/folder.hpp"

namespace haven::test {

class IpmiSimulator {
 public:
  static constexpr const char* kUser = "admin";
  static constexpr const char* kPassword = "open-sesame";
  IpmiSimulator();  // answers requests; on
  ~IpmiSimulator();
  IpmiSimulator(const IpmiSimulator&) = delete;
  IpmiSimulator& operator=(const IpmiSimulator&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] bool is_on() const { return folder_.read("power") == "1\n"; }
  void kill();  // the BMC's own power is gone

 private:
  AgentFolder folder_;
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace haven::test

// port::FenceDevice over the fence agents of the distribution: executables that read key=value lines and answer by
// their exit code.
#pragma once

#include <memory>
#include <string>

#include "port/fence_device.hpp"

namespace haven::adapter {

// One thread of its own runs all agents, at most kMostRunning at a time; more wait within their own timeout. Agents die
// with the object, and with the process even if that is killed. The process must not ignore SIGCHLD.
class FenceAgents final : public port::FenceDevice {
 public:
  // As many as a fence of one rack may need at once; each is a Python of some 30 MB.
  static constexpr std::size_t kMostRunning = 16;
  // Waiting or running; further calls fail at once.
  static constexpr std::size_t kMostCalls = 256;

  // `folder` holds the agents: /usr/sbin.
  FenceAgents(std::string folder, port::FenceSink sink);
  // Kills what runs and answers `killed` for it.
  ~FenceAgents() override;

  void run(CallId call, const port::FenceDeviceConfig& device, port::FenceVerb verb, Duration timeout) override;
  void probe(CallId call, const port::FenceDeviceConfig& device, Duration timeout) override;
  void cancel(CallId call) override;
  std::vector<std::string> validate(const port::FenceDeviceConfig& device, Duration timeout) override;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace haven::adapter

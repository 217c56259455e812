// Fence agents as Haven needs them: one process, one verb, one answer.
//
// Asynchronous: every run is answered by exactly one AgentDone, at its timeout at the latest (the agent's whole process
// group is then killed). The sink is called from the adapter's own thread and must not block.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/model/ids.hpp"
#include "core/model/units.hpp"

namespace haven::port {

enum class FenceVerb { off, on, status };

// Only `is_off` is proof that the power is off (PROTOCOL F2): the success of `off` is not.
enum class AgentAnswer {
  done,    // off or on: the agent says that it did it
  is_on,   // status: on
  is_off,  // status: off
  failed,  // anything else: refusal, unreachable device, an exit code that the agent may not give
  timed_out,
  killed,  // by cancel()
};
struct AgentDone {
  CallId call;
  AgentAnswer answer = AgentAnswer::failed;
  std::string message;  // the agent's last line of error, without any secret
  std::string guid{};   // of a probe: who the BMC behind the device says that it is; empty: it tells nobody
};
using FenceSink = std::function<void(AgentDone)>;

// One configured device. An option X_file names a file whose contents (without the last newline) are passed as X,
// where the agent's metadata has X and no X_file.
struct FenceDeviceConfig {
  std::string agent;  // name of an executable in the agents' folder, as fence_ipmilan
  std::map<std::string, std::string> options;
};

class FenceDevice {
 public:
  virtual ~FenceDevice() = default;

  virtual void run(CallId call, const FenceDeviceConfig& device, FenceVerb verb, Duration timeout) = 0;
  // As `status`; a device that can tell which machine it belongs to is asked that too, within the same time. That it
  // does not tell is no failure.
  virtual void probe(CallId call, const FenceDeviceConfig& device, Duration timeout) {
    run(call, device, FenceVerb::status, timeout);
  }
  // Kills the agent's process group; answered by `killed` unless it had ended before. Unknown calls are ignored.
  virtual void cancel(CallId call) = 0;
  // What is wrong with this device's configuration, by the agent's own metadata: unknown agent, unknown option,
  // missing required option, unreadable secret file. Empty: nothing. Runs `metadata` once per agent and keeps the
  // answer; blocks for at most `timeout`.
  virtual std::vector<std::string> validate(const FenceDeviceConfig& device, Duration timeout) = 0;
};

}  // namespace haven::port

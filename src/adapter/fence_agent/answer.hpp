// What an agent's end means.
#pragma once

#include <string>
#include <vector>

#include "adapter/process/process.hpp"
#include "port/fence_device.hpp"

namespace haven::adapter {

struct Ending {
  port::AgentAnswer answer = port::AgentAnswer::failed;
  std::string message;  // empty unless failed
};

// `wait_status` is waitpid's. off and on: 0 is done. status: 0 is on, 2 is off; anything else failed.
//
// 2 is also how shells, Python and the agents' own library end on bad usage, so a 2 is proof only together with the
// agent's words: "Status: OFF" on its output, or nothing at all said on its error output.
[[nodiscard]] Ending ending_of(port::FenceVerb verb, int wait_status, const Output& out, const Output& err,
                               const std::vector<std::string>& secrets);

// The agent's last line of error, bounded and without any secret; `otherwise` where it has none.
[[nodiscard]] std::string message_of(const Output& err, const std::vector<std::string>& secrets,
                                     const std::string& otherwise);

}  // namespace haven::adapter

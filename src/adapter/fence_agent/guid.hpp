// Which machine a BMC belongs to: `ipmitool mc guid`, for the agents that are themselves a dress over ipmitool (F5).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "port/fence_device.hpp"

namespace haven::adapter {

struct GuidQuestion {
  std::string program;
  std::vector<std::string> arguments;  // the password stands in a file that is named, never here
};

// Nothing: this device cannot be asked, or not without showing a secret.
[[nodiscard]] std::optional<GuidQuestion> guid_question(const port::FenceDeviceConfig& device);

// The GUID in ipmitool's answer, small letters; empty: there is none.
[[nodiscard]] std::string guid_in(const std::string& output);

}  // namespace haven::adapter

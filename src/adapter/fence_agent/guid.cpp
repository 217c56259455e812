#include "adapter/fence_agent/guid.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>
#include <string_view>

namespace haven::adapter {
namespace {

constexpr const char* kIpmitool = "/usr/bin/ipmitool";
constexpr std::array<std::string_view, 7> kAgents{"fence_ipmilan", "fence_ipmilanplus", "fence_idrac", "fence_ilo3",
                                                  "fence_ilo4",    "fence_ilo5",        "fence_imm"};
// These go over the net in a way that ipmitool takes as an argument.
constexpr std::array<std::string_view, 4> kSecretArguments{"hexadecimal_kg", "password", "passwd", "password_script"};

// Options have older names.
std::string option(const port::FenceDeviceConfig& device, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto found = device.options.find(name); found != device.options.end()) return found->second;
  return "";
}

bool is_set(const std::string& value) { return value == "1" || value == "on" || value == "yes" || value == "true"; }

}  // namespace

std::optional<GuidQuestion> guid_question(const port::FenceDeviceConfig& device) {
  const bool ipmi = std::find(kAgents.begin(), kAgents.end(), device.agent) != kAgents.end();
  const bool secret = std::any_of(kSecretArguments.begin(), kSecretArguments.end(),
                                  [&](std::string_view name) { return device.options.contains(std::string(name)); });
  const std::string address = option(device, {"ip", "ipaddr"});
  if (!ipmi || secret || address.empty() || access(kIpmitool, X_OK) != 0) return std::nullopt;
  // The newer ones of the family speak lanplus without being told.
  const bool plus = is_set(option(device, {"lanplus"})) || device.agent != "fence_ipmilan";
  GuidQuestion question{kIpmitool, {"-I", plus ? "lanplus" : "lan", "-H", address}};
  const auto add = [&](const char* flag, const std::string& value) {
    if (value.empty()) return;
    question.arguments.emplace_back(flag);
    question.arguments.push_back(value);
  };
  add("-p", option(device, {"ipport"}));
  add("-U", option(device, {"username", "login"}));
  add("-C", option(device, {"cipher"}));
  add("-L", option(device, {"privlvl"}));
  add("-f", option(device, {"password_file", "passwd_file"}));
  add("-N", option(device, {"login_timeout"}));
  question.arguments.insert(question.arguments.end(), {"mc", "guid"});
  return question;
}

std::string guid_in(const std::string& output) {
  const std::size_t line = output.find("GUID");
  if (line == std::string::npos) return "";
  const std::size_t colon = output.find(':', line);
  if (colon == std::string::npos) return "";
  std::string guid;
  for (std::size_t i = colon + 1; i < output.size() && output[i] != '\n'; ++i) {
    const auto c = static_cast<unsigned char>(output[i]);
    if (std::isxdigit(c) != 0 || c == '-') guid += static_cast<char>(std::tolower(c));
    if (c == ' ' && !guid.empty()) break;
  }
  constexpr std::size_t kWritten = 36;  // 32 digits in five groups: a complaint has no such thing
  return guid.size() == kWritten ? guid : "";
}

}  // namespace haven::adapter

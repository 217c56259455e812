#include "adapter/guest/agent_words.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace haven::adapter::guest {
namespace {

using Json = nlohmann::json;

// What is decoded of what a command printed: enough to look for a text in.
constexpr std::size_t kMostDecoded = std::size_t{64} << 10U;

std::string written(const char* command, Json arguments = nullptr) {
  Json json{{"execute", command}};
  if (!arguments.is_null()) json["arguments"] = std::move(arguments);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// nullopt: it is no JSON, or no return.
std::optional<Json> returned(std::string_view reply) {
  Json json = Json::parse(reply, nullptr, false);
  if (!json.is_object() || !json.contains("return")) return std::nullopt;
  return std::move(json["return"]);
}

std::int64_t number_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::string unbased(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    int value = -1;
    if (c >= 'A' && c <= 'Z') value = c - 'A';
    if (c >= 'a' && c <= 'z') value = c - 'a' + 26;
    if (c >= '0' && c <= '9') value = c - '0' + 52;
    if (c == '+') value = 62;
    if (c == '/') value = 63;
    if (value < 0 || bytes.size() >= kMostDecoded) break;
    bits = (bits << 6U | static_cast<std::uint32_t>(value)) & 0xffffffU;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> static_cast<unsigned>(held) & 0xffU);
  }
  return bytes;
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (line.size() >= kSaidKept) break;
    const bool plain = static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
    if (plain)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string agent_ping() { return written("guest-ping"); }

std::string agent_exec(const GuestCommand& command) {
  Json arguments{{"path", command.front()}, {"capture-output", true}};
  arguments["arg"] = GuestCommand(command.begin() + 1, command.end());
  return written("guest-exec", std::move(arguments));
}

std::string agent_exec_status(std::int64_t process) { return written("guest-exec-status", {{"pid", process}}); }
std::string agent_disks() { return written("guest-get-diskstats"); }

bool is_agent_return(std::string_view reply) { return returned(reply).has_value(); }

std::optional<std::int64_t> exec_begun(std::string_view reply) {
  const auto json = returned(reply);
  if (!json || !json->is_object() || !json->contains("pid")) return std::nullopt;
  return number_of(*json, "pid");
}

std::optional<ExecStatus> exec_status(std::string_view reply) {
  const auto json = returned(reply);
  if (!json || !json->is_object() || !json->contains("exited") || !(*json)["exited"].is_boolean()) return std::nullopt;
  ExecStatus status;
  status.ended = (*json)["exited"].get<bool>();
  status.code = static_cast<int>(number_of(*json, "exitcode"));
  status.signal = static_cast<int>(number_of(*json, "signal"));
  for (const char* key : {"err-data", "out-data"}) {
    const auto found = json->find(key);
    if (found == json->end() || !found->is_string()) continue;
    const std::string said = unbased(found->get_ref<const std::string&>());
    status.said += (status.said.empty() || said.empty() ? "" : "\n") + said;
  }
  return status;
}

std::optional<GuestDisks> guest_disks(std::string_view reply) {
  const auto json = returned(reply);
  if (!json || !json->is_array()) return std::nullopt;
  GuestDisks disks;
  for (const Json& disk : *json) {
    const auto stats = disk.is_object() ? disk.find("stats") : disk.end();
    if (!disk.is_object() || stats == disk.end() || !stats->is_object()) continue;
    for (const char* key : {"read-ios", "write-ios", "flush-ios", "discard-ios"})
      disks.done += static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_of(*stats, key)));
    disks.pending |= number_of(*stats, "ios-pgr") > 0;
  }
  return disks;
}

}  // namespace haven::adapter::guest

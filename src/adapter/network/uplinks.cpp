#include "adapter/network/uplinks.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace haven::adapter {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// The kernel refuses to tell the carrier of an interface that is switched off: it has none.
bool has_carrier(const fs::path& link) {
  std::ifstream file(link / "carrier");
  char first = '0';
  return file.get(first) && first == '1';
}

// libvirt names the host's end of every guest's interface so, a container's as well.
bool is_guests(const fs::path& link) {
  return is_there(link / "tun_flags") || link.filename().string().starts_with("vnet");
}

}  // namespace

SeenLink look_at_link(const std::string& sysfs, const std::string& name) {
  SeenLink seen;
  const fs::path link = fs::path(sysfs) / name;
  seen.exists = is_there(link);
  seen.is_bridge = is_there(link / "bridge");
  seen.has_carrier = has_carrier(link);
  std::error_code error;
  for (fs::directory_iterator port(link / "brif", error); !error && port != fs::directory_iterator();
       port.increment(error)) {
    const fs::path there = fs::path(sysfs) / port->path().filename();
    seen.ports.push_back({port->path().filename().string(), is_guests(there), has_carrier(there)});
  }
  return seen;
}

bool has_lost_uplink(const SeenLink& link) {
  if (!link.exists) return false;
  if (!link.is_bridge) return !link.has_carrier;
  const auto is_uplink = [](const BridgePort& port) { return !port.is_guests; };
  const bool has_any = std::any_of(link.ports.begin(), link.ports.end(), is_uplink);
  return has_any && std::none_of(link.ports.begin(), link.ports.end(),
                                 [&](const BridgePort& port) { return is_uplink(port) && port.has_carrier; });
}

std::vector<std::string> without_uplink(const std::vector<std::string>& links, const std::string& sysfs) {
  std::vector<std::string> lost;
  for (const auto& name : links)
    if (has_lost_uplink(look_at_link(sysfs, name))) lost.push_back(name);
  return lost;
}

}  // namespace haven::adapter

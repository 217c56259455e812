// Whether the networks that guests use still reach beyond this host, as the kernel tells under /sys/class/net.
//
// A bridge has an uplink as long as one of its ports that is no guest's has a carrier: a network card, a bond, a VLAN.
// One without any such port is meant to be within this host and has nothing to lose. A device that guests use directly
// (macvtap) is its own uplink. What is not there, or is no bridge of the kernel's, is not judged.
#pragma once

#include <string>
#include <vector>

namespace haven::adapter {

struct BridgePort {
  std::string name;
  bool is_guests = false;  // a tap, or the host's end of a container's interface
  bool has_carrier = false;
};
struct SeenLink {
  bool exists = false;
  bool is_bridge = false;
  bool has_carrier = false;
  std::vector<BridgePort> ports;  // of a bridge
};

[[nodiscard]] SeenLink look_at_link(const std::string& sysfs, const std::string& name);
[[nodiscard]] bool has_lost_uplink(const SeenLink& link);

// Those of the links that have lost their uplink. Reads a few small files of the kernel's and waits for nothing.
[[nodiscard]] std::vector<std::string> without_uplink(const std::vector<std::string>& links,
                                                      const std::string& sysfs = "/sys/class/net");

}  // namespace haven::adapter

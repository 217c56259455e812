// What libvirt can be asked about the inside of a guest. Each blocks, for its patience or as long as libvirtd hangs.
#pragma once

#include <optional>
#include <string>

#include "adapter/guest/guest_probes.hpp"

namespace haven::libvirt {

// By the driver at this URI; agents, counters and leases are QEMU's.
[[nodiscard]] adapter::guest::GuestEdges guest_edges(std::string qemu_uri = "qemu:///system");

}  // namespace haven::libvirt

// Whether this host has what domains need (domain_needs.hpp): asked of libvirt, the kernel and the file system.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "adapter/libvirt/hypervisor.hpp"
#include "core/model/record.hpp"

namespace haven::libvirt {

struct PortabilityConfig {
  LibvirtConfig libvirt;
  std::string sys = "/sys";
};

// Who cannot run here, and why, by resource. The error: libvirt did not tell in time. May take its time otherwise:
// paths may hang.
[[nodiscard]] tl::expected<std::vector<Unfit>, std::string> lacking(const PortabilityConfig& config,
                                                                    const std::vector<Need>& needs, Duration timeout);

}  // namespace haven::libvirt

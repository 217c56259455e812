// What libvirt counts of the domains that run here (virConnectGetAllDomainStats).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "adapter/libvirt/hypervisor.hpp"
#include "core/model/units.hpp"

namespace haven::libvirt {

struct DomainCounters {
  std::string uuid;
  std::uint64_t cpu_ns = 0;      // that it had since it started
  std::uint64_t waiting_ns = 0;  // that its vCPUs were ready to run and did not; 0 where the kernel does not tell
  MiB memory;                    // resident
};
// Of all active domains of both drivers. A domain that libvirt is busy with is told of as far as it does not have to
// wait for it. Error: libvirt was not reached, or did not answer in time.
[[nodiscard]] tl::expected<std::vector<DomainCounters>, std::string> domain_counters(const LibvirtConfig& config,
                                                                                     Duration timeout);

}  // namespace haven::libvirt

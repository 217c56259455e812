// What havend asks libvirt for outside of the Hypervisor port: once at the start, or for the operator. Each call blocks
// its caller until its timeout at most; one that hangs is left behind, kMaxHanging of each kind, then further ones are
// refused at once.
#pragma once

#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "adapter/libvirt/hypervisor.hpp"
#include "core/model/units.hpp"

namespace haven::libvirt {

inline constexpr int kMaxHanging = 8;

struct HostCapacity {
  Vcpu cpus;
  MiB memory;
  std::string uuid;  // libvirt's: of the board, or host_uuid of its configuration
};
[[nodiscard]] tl::expected<HostCapacity, std::string> host_capacity(const LibvirtConfig& config, Duration timeout);

// The XML to start this domain from, running or not: what was configured, not what this run was given. Without secrets:
// a password that was in it must be written back by hand.
[[nodiscard]] tl::expected<std::string, std::string> describe_domain(const LibvirtConfig& config,
                                                                     const std::string& name, Duration timeout);

struct Autostart {
  std::vector<std::string> turned_off;  // uuids for which it was on and is now off
  std::vector<std::string> names;       // of those of the domains that libvirt has defined here
  std::vector<std::string> failures;    // "UUID: why", for what could not be turned off or read
};
// Turns libvirt's autostart off for these domains and reads it back (PROTOCOL C5). A domain that libvirt does not have,
// or that is transient, has none. `remember` is asked before each change; false: leave it, that is a failure.
[[nodiscard]] tl::expected<Autostart, std::string> turn_autostart_off(
    const LibvirtConfig& config, const std::vector<std::string>& uuids,
    const std::function<bool(const std::string& uuid)>& remember, Duration timeout);
// Turns it on again for what is defined and runs here; what does not may run on another host, and would run twice once
// this one boots: that is a failure. The failures, as above.
[[nodiscard]] tl::expected<std::vector<std::string>, std::string> turn_autostart_on(
    const LibvirtConfig& config, const std::vector<std::string>& uuids, Duration timeout);

}  // namespace haven::libvirt

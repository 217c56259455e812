// Small clusters for tests, as values.
#pragma once

#include <string>

#include "core/model/spec.hpp"

namespace haven::sim {

// Hosts h1, h2… of 8 CPUs and 8 GiB with one power switch and two links each, and as many guests vm1, vm2… of 1 GiB.
inline Spec small_cluster(int hosts, int guests) {
  Spec spec;
  spec.cluster.name = "test";
  for (int i = 1; i <= hosts; ++i) {
    Host host;
    host.name = HostName{"h" + std::to_string(i)};
    host.address = "10.0.0." + std::to_string(i);
    host.cpu = Vcpu{8};
    host.memory = MiB{8192};
    host.links = {host.address, "10.1.0." + std::to_string(i)};
    host.fence.push_back({"fence_ipmilan", {{"ip", "10.9.0." + std::to_string(i)}}, 1});
    spec.hosts.push_back(host);
    if (i <= 3) spec.cluster.voters.push_back(host.name);
  }
  for (int i = 1; i <= guests; ++i) {
    Resource resource;
    resource.name = ResourceName{"vm" + std::to_string(i)};
    resource.cpu = Vcpu{1};
    resource.memory = MiB{1024};
    resource.priority = 1000 - i * 10;
    spec.resources.push_back(resource);
  }
  return spec;
}

// The same with what real power looks like: by its seed some hosts have two supplies, a second level, a neighbour on
// the same outlet, or are virtual ones on another.
inline Spec wired_cluster(int hosts, int guests, std::uint64_t seed) {
  Spec spec = small_cluster(hosts, guests);
  const auto pdu = [](const std::string& plug, int level, std::vector<HostName> cuts = {}) {
    return FenceDevice{"fence_apc_snmp", {{"ip", "10.9.1.1"}, {"plug", plug}}, level, std::move(cuts)};
  };
  if (seed % 2 == 0) spec.hosts[0].fence = {pdu("1a", 1), pdu("1b", 1)};
  if (seed % 3 == 0) spec.hosts[1].fence.push_back(pdu("2", 2));
  if (seed % 4 == 0 && hosts >= 4) {
    const std::vector<HostName> both{spec.hosts[1].name, spec.hosts[2].name};
    spec.hosts[1].fence = {pdu("shared", 1, both)};
    spec.hosts[2].fence = {pdu("shared", 1, both)};
  }
  if (seed % 5 == 0 && hosts >= 4) {
    Host& guest = spec.hosts[static_cast<std::size_t>(hosts) - 1];
    guest.runs_on = spec.hosts[0].name.str();
    guest.fence.clear();
  }
  return spec;
}

}  // namespace haven::sim

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

}  // namespace haven::sim

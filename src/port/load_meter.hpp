// What measures this host and its guests: the kernel and libvirt, or the simulation. One page holds both to this
// (tests/adapter/load/meter_contract.hpp).
//
// Tells of itself, each time that it has measured; silent while it cannot (libvirt hangs, the kernel tells nothing). A
// figure stands for the time since it was measured last. The first measurement tells nothing: there is no such time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/model/load.hpp"

namespace haven::port {

struct MeasuredGuest {
  std::string uuid;  // lower case, with hyphens
  MilliCpu cpu;      // what it had, all that its process did for it among it
  MilliCpu waiting;  // for how much of a CPU its vCPUs were ready to run, and did not
  MiB memory;        // what its process keeps resident
};
struct Measured {
  HostFigures host;
  std::vector<MeasuredGuest> guests;  // all that libvirt has active, each once
};
using MeasuredSink = std::function<void(Measured)>;

}  // namespace haven::port

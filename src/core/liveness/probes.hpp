// Fence devices are asked for their status on a schedule, so that a dead one is an alarm today and not a surprise
// tomorrow; a BMC that tells who it is must tell the machine that it is configured for (F5).
//
// A host's devices are asked by another host, since that is who will need them: by the controller, or for the
// controller's own by the first other host that holds a lease; by the host itself where it is alone. What is found is
// written when it changes, and stands for everybody.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/controller.hpp"
#include "core/decision.hpp"
#include "core/model/view.hpp"

namespace haven {

inline constexpr Duration kProbeInterval = 10min;
// A device that did not answer is asked again after this; it has failed when it does not answer twice.
inline constexpr Duration kProbeAgain = 30s;

struct Probe {
  std::string device;            // device_id() of what was asked
  std::optional<Instant> asked;  // when it was asked last
  std::optional<Instant> answered;
  int failures = 0;  // in a row
  std::string problem;
  std::string guid;
};
using Probes = std::map<std::pair<HostName, std::size_t>, Probe>;

// Who asks this host's devices. Nobody while there is no controller.
[[nodiscard]] std::optional<HostName> prober_of(const View& view, const HostName& host);

void observe_probe_issued(Probes& probes, const View& view, const ProbeDevice& probe, Instant now);
void observe_probe(Probes& probes, const ProbeDevice& probe, const DeviceProbed& done, Instant now);

// Whether a BMC's GUID is this uuid of the firmware. Firmware and BMC may order the bytes of the first three groups
// differently. Empty ones say nothing: true.
[[nodiscard]] bool guid_fits(const std::string& guid, const std::string& firmware_uuid);

void decide_probes(const Probes& probes, const View& view, const SelfView& self, Pass& pass);

}  // namespace haven

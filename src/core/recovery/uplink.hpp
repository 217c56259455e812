// A host whose guests' network has lost its way out, while the host itself is well: heartbeats and the engine have
// other links. Its guests run and serve nobody. Nobody is fenced for it, the host can stop them in good order; after a
// while they move to where their network still has its uplink. Where it has none anywhere it is the network that is
// ill, and everybody stays: moving would only cost them their state. The while is counted from when it has it
// somewhere: after an outage for all, one host is the first to have it back.
#pragma once

#include <string>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/view.hpp"
#include "core/placement/placement.hpp"

namespace haven {

// A switch that restarts, or spanning tree that learns, is silent for up to this long.
inline constexpr Duration kUplinkPatience = 45s;

// This boot of the host reports that the resource's network ends there.
[[nodiscard]] bool uplink_lost(const View& view, const HostName& host, const ResourceName& resource);
[[nodiscard]] bool any_uplink_lost(const View& view);

// The hosts where its network ends; none where it ends on every host that is there.
[[nodiscard]] std::vector<Refusal> uplink_refusals(const View& view, const ResourceName& resource);

}  // namespace haven

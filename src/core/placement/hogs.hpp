// Guests that starve others: they have more of their host's CPUs than is their share, while others there have less
// than theirs and wait.
//
// A share is what an even hand would give: the host's CPUs, divided by vCPUs over all that stands there, no more than
// one for each vCPU. (Not vCPUs over cpu_overcommit, the worst that admission allows: a host that is not booked out
// owes its guests more.) Waiting alone names nobody: where everybody waits alike the host is too small, which is the
// balancer's matter, and using much is nobody's fault while nobody waits.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/model/load.hpp"
#include "core/placement/balance.hpp"
#include "core/placement/roster.hpp"

namespace haven {

// A host's pressure and a guest's figures stand so long before anybody is accused: a compiler run is no hog. Ours.
inline constexpr Duration kHogStands = 60s;
// So much of its share a hog has at least. Ours: figures sampled at different moments differ by less.
inline constexpr double kHogsShare = 1.25;
// A guest starves that waits so much of its vCPUs' time: the line that operators of VMware draw for CPU ready.
inline constexpr double kStarves = 0.10;

struct Hog {
  ResourceName guest;
  HostName host;
  MilliCpu uses, share;
  std::vector<ResourceName> starved;  // who waits most first
  std::string key;                    // of an alarm: "hog/web1"
  std::string what;                   // what is wrong
  std::string text;                   // and which command would resolve it
};

// Of a host's CPUs, to one of `vcpus` that stand there.
[[nodiscard]] MilliCpu share_of(const Resource& resource, const Host& host, std::int64_t vcpus);

// By what they have beyond their share, most first. `standing` and the loads as in a BalanceQuestion; a host or guest
// without figures, or on two hosts, neither accuses nor is accused. Who is held to his share waits by that: those in
// `held` starve of nobody else.
[[nodiscard]] std::vector<Hog> hogs(const Roster& roster, const std::vector<StandsOn>& standing,
                                    const std::vector<HostLoad>& host_loads, const std::vector<GuestLoad>& guest_loads,
                                    const std::set<ResourceName>& held = {});

}  // namespace haven

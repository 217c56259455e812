// The hosts, guests and rules of bench/month, and what happens to them in a month.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/model/spec.hpp"
#include "core/model/units.hpp"
#include "sim/random.hpp"

namespace haven::month {

// Between the end of a host and the return of its guests: docs/performance.md, "A host dies", the run with real parts
// (fence_ipmilan, the defaults): proved 1371 ms after the cut, started 193 ms after it was ordered; the transaction
// that moves claims 7 ms, and some 30 claims in each.
inline constexpr Duration kProved = 1371ms, kStarted = 193ms, kClaimsCommitted = 7ms;
inline constexpr std::size_t kClaimsInACommit = 30;
// How long a guest stands still when it is moved live: max_downtime of docs/migration.md, the most that it may be.
inline constexpr Duration kStandsStill = 300ms;

// Work on a host that is out of service; who cannot go now is asked again later.
inline constexpr Duration kWork = 30min, kAskedAgain = 6h;

struct Options {
  std::size_t hosts = 1000, vms = 20000;
  int days = 30;
  std::uint64_t seed = 1;
  bool balance = true;
  double host_years = 1;     // between two failures of one host, on average
  double repair_hours = 4;   // on average
  double rack_years = 5;     // between two failures of one rack
  double rack_hours = 1;     // until it has power again, on average
  double climb_days = 30;    // between two loads that climb on one host
  double full = 0.84;        // of the hosts' memory, on average
  Duration boot = 30s;       // from a process that exists to a guest that answers
  bool audit_often = false;  // after every event, not every hour
};

// Hosts in racks; guests of four sizes, some bound by rules.
[[nodiscard]] std::shared_ptr<const Spec> pool_spec(const Options& options);

// From 0 to 1, without 1.
inline double share_of(sim::Random& dice) { return static_cast<double>(dice.next() >> 11U) * 0x1.0p-53; }
// With this mean, exponentially distributed; no longer than anybody counts.
inline Duration lasting(sim::Random& dice, double mean_hours) {
  const double seconds = std::min(1e9, -std::log(1 - share_of(dice)) * mean_hours * 3600);
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000) + 1);
}

}  // namespace haven::month

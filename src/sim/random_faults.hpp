// Random faults against the whole of Haven: within what PROTOCOL trusts, anything may break at any moment and in any
// combination. Safety is checked at each step. Then the faults stop, everything is healed and powered on, and what fits
// must run within kLiveWithin (liveness).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/model/spec.hpp"
#include "sim/outcome.hpp"

namespace haven::sim {

// From the healing on: a clean shutdown that ends only then and the boot after it (200 s), the fences and elections
// left over (100 s), and the longest pause before a failed resource is tried again (10 min), its start included.
inline constexpr Duration kLiveWithin = 200s + 100s + 10min;

// What happened in a run, or in many: a simulator in which nothing happens finds nothing.
struct Tally {
  std::int64_t starts = 0, intents = 0, fences = 0, returns = 0, failovers = 0, restarts = 0, repairs = 0;
  std::int64_t balanced = 0;                   // moves begun for balance
  std::map<std::string, std::int64_t> faults;  // by kind
  Tally& operator+=(const Tally& other);
};

struct RandomRun {
  std::uint64_t seed = 0;
  Tally tally;
  std::vector<Violation> violations;  // "liveness" among them
  std::vector<std::string> timeline;  // shortened: what was done and what happened before the first violation
  [[nodiscard]] bool good() const { return violations.empty(); }
};

// `replaces`: guests are replaced between the faults, too.
[[nodiscard]] RandomRun random_run(const Spec& spec, std::uint64_t seed, double hours, bool replaces = false);

}  // namespace haven::sim

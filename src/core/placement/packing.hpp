// Can all of these stand on these hosts at once? Two sizes (memory, vCPUs), hosts of any shape, a set of hosts for
// each item, apart and together rules among the items.
//
// First what is cheap: a sum that cannot fit says no, a greedy packing in one of a few orders says yes; nearly
// every question ends here. Then what is exact: depth-first search, hardest items first, tightest host first. It
// meets each situation once: hosts that look alike and items that are alike are exchanged for one another, and
// situations that led nowhere are remembered by a fingerprint. (A fingerprint met twice by chance can only say "no"
// wrongly, one time in billions: it never claims a fit that is none.) An integer program would need a library; a
// greedy packing alone would call a cluster full that is not.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/model/spec.hpp"
#include "core/placement/host_set.hpp"
#include "core/placement/topology.hpp"

namespace haven {

// A step is one look at one host. Beyond this many in one search the answer is `unknown`: some 0.1 s.
inline constexpr std::int64_t kMaxPackingSteps = 16'000'000;

struct PackingHost {
  MiB memory;  // free
  Vcpu cpu;    // free, overcommit included
  std::array<std::size_t, kFailureDomainLevels> domain{};
};

struct PackingItem {
  MiB memory;
  Vcpu cpu;
  HostSet allowed;  // room for all hosts of the problem
};

// Every rule is strict here.
struct PackingRule {
  RuleKind kind = RuleKind::apart;
  FailureDomain domain = FailureDomain::host;
  std::vector<std::size_t> items;  // each once
};

struct PackingProblem {
  std::vector<PackingHost> hosts;
  std::vector<PackingItem> items;
  std::vector<PackingRule> rules;
};

enum class Fit { yes, no, unknown };

struct Packing {
  Fit fit = Fit::no;
  std::vector<std::size_t> host_of;  // of each item, where fit is yes
};

// Deterministic. Takes what it uses from `steps`; of these the exact search gets an eighth, kMaxPackingSteps at most.
[[nodiscard]] Packing pack(const PackingProblem& problem, std::int64_t& steps);

}  // namespace haven

// Does everything that is started still run after `reserve` losses? Exactly as FORMATS defines `haven check`:
// each choice of losses is packed anew; by priority, then name, a resource is kept if all kept so far and it fit
// together.
//
// How the definition is read where it leaves room:
// - Now (no loss): everything started is packed from nothing, wherever it may run today, on memory without overbook.
// - After a loss everything counted is packed from nothing too, so all of it counts as restarted: each remaining host
//   has memory x overbook. (Which resource stood on a lost host is not known to a check of the file alone.)
// - More losses than there are domains: all domains are lost.
// - `unprotected` is what stays down in the worst choice of `reserve` losses; should more stay down even without a
//   loss (tolerate = "guest"), that. In the order of names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/spec.hpp"

namespace haven {

struct Admission {
  bool admitted = false;
  std::vector<ResourceName>
      unprotected;  // what stays down in the worst choice; most down, then first in the file's order
  int max_losses = 0;
  std::vector<std::string> reasons;  // for a person: why not admitted, and what would make it fit
  bool exact = true;                 // false: a sound bound was used (never claims more than is true)
};

// For each of the questions of a check (does the reserve hold, what is the worst choice, how many losses more): after
// this many steps (packing.hpp) what is not yet known to fit does not. Some 0.5 s.
inline constexpr std::int64_t kMaxCheckSteps = 100'000'000;

// One reason per resource that stays down; after this many, one that counts the others.
inline constexpr std::size_t kMaxReasons = 20;

// With more different sets of what calendars (`when`) need at once in a year than this, all is counted at all times.
inline constexpr std::size_t kMaxCalendarStates = 64;

// With calendars: at the worst moment of a year, as what is needed together then. `spec` needs every host's cpu and
// memory and every resource's. Deterministic. Work is bounded: beyond kMaxPackingSteps (packing.hpp) for one packing or
// kMaxCheckSteps for all, a bound is used and `exact` is false.
[[nodiscard]] Admission check_admission(const Spec& spec);

// The same for whoever must not think for long, and without the number of losses (max_losses is 0): `steps` for each of
// the two questions that are left. What is `started` is counted, whatever its calendar says. Where `steps` are too few
// for the cluster's size, nothing is tried: not admitted, nobody named, `exact` false.
[[nodiscard]] Admission check_reserve(const Spec& spec, std::int64_t steps);

}  // namespace haven

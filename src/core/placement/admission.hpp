// Does everything that is started still run after `reserve` losses? Exactly as FORMATS defines `haven check`:
// each choice of losses is packed anew; by priority, then name, a resource is kept if all kept so far and it fit
// together.
#pragma once

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

// `spec` needs every host's cpu and memory and every resource's. Deterministic. Work is bounded: beyond
// kMaxPackingSteps a bound is used and `exact` is false.
[[nodiscard]] Admission check_admission(const Spec& spec);

}  // namespace haven

// Rules that cannot all hold, whatever runs beside them: apart against together, apart over too few domains, hosts that
// only and never leave nobody, a `together` set that is larger than any host.
//
// What binds is a demand: a strict rule, the `only` or the `never` of a resource. Demands hold together if everything
// started that they bind can stand somewhere so that each is kept, on hosts where nothing else runs. Sizes count as far
// as they can never be waited out: of a single resource, and of a set that strict `together` rules tie, which starts as
// a whole or not at all. A cluster that is merely too small contradicts nothing: that is admission's answer
// (admission.hpp), and what does not fit waits.
//
// Of demands that cannot all hold one after the other is left out for good where the others still cannot hold without
// it. What remains names the quarrel: it cannot hold, and each smaller part of it can. The alternative, to try the
// smallest sets first, finds the least number, at a price that grows with every rule of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/model/spec.hpp"

namespace haven {

// For everything that one file asks, in the packing's steps (packing.hpp): what is not known by then counts as
// possible. Some 0.5 s.
inline constexpr std::int64_t kMaxContradictionSteps = 100'000'000;

struct Demand {
  enum class Kind { rule, only, never };
  Kind kind = Kind::rule;
  std::size_t index = 0;  // of the rule in the spec; of the resource that bears the list, the first of its instances
  friend auto operator<=>(const Demand&, const Demand&) = default;
};

struct Contradiction {
  std::vector<Demand> demands;  // cannot all hold; of each proper subset it is known that it can, within the steps
  bool by_size = false;         // they could, were the hosts larger
};

// One for each part of the cluster that rules tie together and in which there is one. A host without known cpu or
// memory (0) counts as large enough. A resource that fits no host by itself is not considered, nor one that is not to
// be started. Deterministic.
[[nodiscard]] std::vector<Contradiction> find_contradictions(const Spec& spec);

// Whether these demands can all hold. True where the steps do not suffice to know.
[[nodiscard]] bool can_all_hold(const Spec& spec, const std::vector<Demand>& demands);

}  // namespace haven

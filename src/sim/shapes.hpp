// Variety: clusters like the given one, but of another size and with other rules, as the seed says.
#pragma once

#include <cstdint>

#include "core/model/spec.hpp"

namespace haven::sim {

// Hosts may be added, resources get other priorities, sizes, orders, budgets and lists,
// and strict and soft rules bind some of them. Names stay; what was in the file stays valid.
[[nodiscard]] Spec varied(const Spec& spec, std::uint64_t seed);

}  // namespace haven::sim

// Variety: clusters like the given one, but of another size and with other rules, as the seed says.
#pragma once

#include <cstdint>

#include "core/model/spec.hpp"

namespace haven::sim {

// Hosts may be added, resources get other priorities, sizes, orders, budgets and lists,
// and strict and soft rules bind some of them. Names stay; what was in the file stays valid.
[[nodiscard]] Spec varied(const Spec& spec, std::uint64_t seed);

// Some of its resources get checks, a ladder, something to be called up by, and others to wait for.
[[nodiscard]] Spec checked(const Spec& spec, std::uint64_t seed);

}  // namespace haven::sim

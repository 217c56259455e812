// Resources that must be decided about together, and what of that fits one transaction of the engine (PROTOCOL E1):
// a set is never split over two, so one that cannot fit could never be started. Such a file is refused when it is
// applied, not discovered at three in the morning.
#pragma once

#include <vector>

#include "core/model/spec.hpp"

namespace haven {

// Of the engine's 128, with room to spare.
inline constexpr std::size_t kMaxChecks = 120;
inline constexpr std::size_t kMaxWrites = 120;

// Every resource in exactly one set: those that strict `together` rules tie, directly or by way of others, else itself
// alone. Sets by their most important member, members by how they were tied to it.
[[nodiscard]] std::vector<std::vector<const Resource*>> sets_of(const Spec& spec);

// How many members a set may have so that every decision about it fits one transaction, whatever happened before.
// `one_host`: its rules keep it on one host; else its members may stand on several.
[[nodiscard]] std::size_t largest_set(const Spec& spec, bool one_host);

}  // namespace haven

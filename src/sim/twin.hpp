// Marks are held to what they stand for: beside each node runs another that derives everything in every turn, and both
// must do the same. Off but in tests: it costs as much again, and more.
#pragma once

#include <string>
#include <vector>

#include "core/model/action.hpp"

namespace haven::sim {

inline bool with_twins = false;

// Empty: the same actions in the same order. `marked`: by marks; `full`: of the one that derives everything.
[[nodiscard]] std::string difference(const std::vector<Issued>& marked, const std::vector<Issued>& full);

}  // namespace haven::sim

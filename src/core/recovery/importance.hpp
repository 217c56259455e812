// The order in which resources are served wherever they compete: highest priority first, then by name.
#pragma once

#include <vector>

#include "core/model/spec.hpp"

namespace haven {

// Points into `spec`, which must outlive the answer.
[[nodiscard]] std::vector<const Resource*> by_importance(const Spec& spec);

}  // namespace haven

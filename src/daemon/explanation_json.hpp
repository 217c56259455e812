// What `haven explain` reads.
#pragma once

#include <nlohmann/json.hpp>

#include "core/explain.hpp"

namespace haven::daemon {

[[nodiscard]] nlohmann::json explanation_json(const Explanation& explanation);

}  // namespace haven::daemon

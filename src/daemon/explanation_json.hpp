// What `haven explain` and a dry run of `haven roll` read.
#pragma once

#include <nlohmann/json.hpp>

#include "core/explain.hpp"
#include "core/recovery/maintenance.hpp"

namespace haven::daemon {

[[nodiscard]] nlohmann::json explanation_json(const Explanation& explanation);
[[nodiscard]] nlohmann::json foreseen_json(const MaintenanceForeseen& foreseen);

}  // namespace haven::daemon

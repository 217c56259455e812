// What a person must know of fences and fence devices, as alarms and as a line of `haven status`; from the view alone.
#pragma once

#include <vector>

#include "core/report.hpp"

namespace haven {

void add_fence_alarms(const View& view, std::vector<Alarm>& alarms);

[[nodiscard]] std::vector<FenceLevel> fence_levels(const View& view, const Host& host);

}  // namespace haven

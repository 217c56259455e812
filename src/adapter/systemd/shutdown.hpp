// Whether a shutdown of this host that has begun ends in a boot: the service manager's own queue of jobs says it.
#pragma once

#include <string>

#include "core/model/event.hpp"

namespace haven::systemd {

// `jobs` is what `systemctl list-jobs --no-legend` prints: JOB UNIT TYPE STATE a line.
[[nodiscard]] bool leads_to_a_boot(const std::string& jobs);

// reboot or power_off; where nobody can be asked, or no answer comes in time, power_off. Blocks.
[[nodiscard]] ShutdownKind shutdown_under_way(const std::string& systemctl, Duration timeout);

}  // namespace haven::systemd

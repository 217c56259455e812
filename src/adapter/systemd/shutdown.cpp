#include "adapter/systemd/shutdown.hpp"

#include <algorithm>
#include <array>
#include <sstream>

#include "adapter/process/run.hpp"

namespace haven::systemd {

bool leads_to_a_boot(const std::string& jobs) {
  constexpr std::array kTargets{"reboot.target", "kexec.target", "soft-reboot.target"};
  std::istringstream lines(jobs);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string job, unit, type;
    words >> job >> unit >> type;
    if (type == "start" && std::find(kTargets.begin(), kTargets.end(), unit) != kTargets.end()) return true;
  }
  return false;
}

ShutdownKind shutdown_under_way(const std::string& systemctl, Duration timeout) {
  const adapter::Ran ran = adapter::run_program({systemctl, "--no-pager", "list-jobs", "--no-legend"}, "", timeout);
  return ran.well() && leads_to_a_boot(ran.out) ? ShutdownKind::reboot : ShutdownKind::power_off;
}

}  // namespace haven::systemd

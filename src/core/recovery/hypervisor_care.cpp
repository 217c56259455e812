#include "core/recovery/hypervisor_care.hpp"

#include <algorithm>
#include <utility>

namespace haven {

void observe_answer(HypervisorCare& care, bool answered, Instant now) {
  if (!answered) {
    care.well_since.reset();
    if (!care.silent_since) care.silent_since = now;
    return;
  }
  care.silent_since.reset();
  care.trouble.clear();
  if (!care.well_since) care.well_since = now;
  if (now - *care.well_since >= kHypervisorWell) care.restarts = 0;
}

void observe_restart_issued(HypervisorCare& care, Instant now) {
  care.restarted = now;
  care.restarts = std::min(care.restarts + 1, 100);
}

void observe_restart_done(HypervisorCare& care, std::string message) { care.trouble = std::move(message); }

void tend_hypervisor(const HypervisorCare& care, Pass& pass) {
  if (!care.silent_since) return;
  const Duration patience =
      std::min(kHypervisorPatienceLimit, kHypervisorPatience * (1 << std::clamp(care.restarts, 0, 10)));
  const Instant from = care.restarted ? std::max(*care.silent_since, *care.restarted) : *care.silent_since;
  if (pass.due(from + patience)) pass.act(RestartHypervisor{kHypervisorRestartTimeout});
}

}  // namespace haven

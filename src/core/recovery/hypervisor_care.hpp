// libvirtd that hangs or is dead takes no VM with it: they are QEMU's processes, and QEMU's process is asked about
// (DESIGN 5). So there is no hurry. First an alarm; after a while its service is restarted, then again, ever more
// seldom. Nothing is released meanwhile: a hung libvirtd may still carry out what it was sent (C4), and only one that
// answers again can say that it will not.
//
// Restarting at the first unanswered call was rejected: libvirtd stands still for seconds while a disk or a guest's
// monitor does, and its calls under way would all be lost for nothing.
#pragma once

#include <optional>
#include <string>

#include "core/decision.hpp"
#include "core/model/units.hpp"

namespace haven {

// Unanswered for this long, its service is restarted; after each restart that did not help, for twice as long.
inline constexpr Duration kHypervisorPatience = 60s;
inline constexpr Duration kHypervisorPatienceLimit = 30min;
// One that answered for this long starts with a clean record.
inline constexpr Duration kHypervisorWell = 10min;
// A service manager asks it to end, and kills it after a minute and a half.
inline constexpr Duration kHypervisorRestartTimeout = 120s;

struct HypervisorCare {
  std::optional<Instant> silent_since;  // the first look that got no answer
  std::optional<Instant> well_since;    // the first one after that which did
  std::optional<Instant> restarted;     // when the last restart was asked for
  int restarts = 0;                     // since it was last well for long
  std::string trouble;                  // why the last restart failed; empty: it did not
};

void observe_answer(HypervisorCare& care, bool answered, Instant now);
void observe_restart_issued(HypervisorCare& care, Instant now);
// `message` says why it failed; empty: it was restarted.
void observe_restart_done(HypervisorCare& care, std::string message);

// Asks for a restart when it is time.
void tend_hypervisor(const HypervisorCare& care, Pass& pass);

}  // namespace haven

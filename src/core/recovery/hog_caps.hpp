// Which hogs are held to their share, and for how long ([cluster] hogs = "cap").
//
// A cap is the share by which the search for hogs accuses (placement/hogs.hpp): the host's CPUs times the guest's vCPUs
// over all vCPUs that stand there. On 8 CPUs with guests of 8 and 4 vCPUs the first one's is 8 * 8/12, 5.33 CPUs.
// libvirt's adapter makes a quota of it.
//
// A quota, not a weight (cpu_shares). A weight takes nothing from who has it while nobody else is runnable, which is
// what starves the others here: theirs wake up behind a crowd of runnable vCPUs, whatever these weigh, and no figure
// tells afterwards whether a weight did anything. A quota leaves the others CPUs that are free when they wake up, can
// be read back, and shows in what the guest uses. Its price: what the held one leaves is lost where the others do not
// want it. So a cap is taken off again once it helps nobody, and nobody is capped but who was named.
//
// Hysteresis: a hog is named after a minute of figures (kHogStands), a cap lasts kCapLasts, and it goes only where the
// guest would find room for all that it might take, or leaves a good part of its share unused: figures by which it
// would not be named again. The controller writes who is held into `balance`; the host's executor puts it on and takes
// it off, by what an inspection finds (executor_caps.cpp).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/load.hpp"
#include "core/model/view.hpp"
#include "core/placement/balance.hpp"
#include "core/placement/hogs.hpp"

namespace haven {

// At least, so that nobody swings: by then the medians of a load that came and went have followed twice over. Ours.
inline constexpr Duration kCapLasts = 5min;
// With all that the guest's vCPUs could take besides, the host is busy for no more than this part of its CPUs. Ours.
inline constexpr double kCapRoom = 0.9;
// It uses less than this part of its share: it is not the cap that keeps it there. Ours.
inline constexpr double kCapUnused = 0.75;

// What is known of the loads when it is decided.
struct HoldingFacts {
  const std::vector<HostLoad>& hosts;
  const std::vector<GuestLoad>& guests;
  const std::vector<StandsOn>& standing;
  WallTime now;
};
struct Holding {
  std::vector<HeldHog> held;
  std::vector<JournalRecord> journal;  // of those that come and go; without `by`
};
// Those that are held already and are to be still, and of `named` those that may be held; without `named` nobody new.
[[nodiscard]] Holding holding(const View& view, const HoldingFacts& facts, const std::vector<Hog>& named);

// By what the file and the record say this generation of it is held on that host; nullopt: by nothing.
[[nodiscard]] std::optional<MilliCpu> cap_of(const View& view, const ResourceName& guest);

}  // namespace haven

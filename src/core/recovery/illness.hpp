// What is to be done for an ill guest: the ladder of its [[vm.repair]] tables, taken from below, each step as often as
// its budget allows. Whoever was treated is well or not; if not, the next step that has something left is taken.
//
// Budgets count in wall time, like those of restarts: they outlive the host, and the record of a treatment is written
// before it is begun. A ladder whose budgets are all spent waits: then the guest is ill, and an alarm says so.
//
// A guest that hangs is not asked to run anything: its steps begin with a restart.
#pragma once

#include <string>
#include <vector>

#include "core/decision.hpp"
#include "core/model/health.hpp"
#include "core/model/spec.hpp"

namespace haven {

// Of a guest without checks: how long its agent may take to come up, so that it can be called up.
inline constexpr Duration kCallUpGrace = 60s;

// The step to take now, counted from 1; 0: every budget is spent. The pass is told when that comes out differently.
// `wall`: since 1970, by a clock that runs evenly; what is due by it must not depend on when it is asked.
[[nodiscard]] int next_remedy(const Resource& resource, const HealthNote& note, Duration wall, Pass& pass);
// Those that still count against any budget.
[[nodiscard]] std::vector<Treatment> standing_treatments(const Resource& resource, const HealthNote& note,
                                                         Duration wall);
// How long ago this was, and no less than nothing; what lies far ahead was long ago.
[[nodiscard]] Duration since(WallTime at, Duration wall);
// nullptr: the file's ladder has no such step any more.
[[nodiscard]] const Repair* step_of(const Resource& resource, int step);
// How long its checks, or its call-up, may fail after a start.
[[nodiscard]] Duration longest_grace(const Resource& resource);

// Who waits for it may start: it does what it is there for, as far as anybody can tell.
[[nodiscard]] bool is_ready(const Resource& resource, const HealthNote& note);
// Why not, of one that runs: a clause.
[[nodiscard]] std::string unready_words(const Resource& resource, const HealthNote& note);

}  // namespace haven

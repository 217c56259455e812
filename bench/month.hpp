// A month of a pool, by discrete events: hosts and racks fail and come back, every host goes out of service once for
// work, loads rise and fall. What haven's planner decides then, and what comes of it.
//
// The protocol is not run (a thousand hosts' heartbeats for a month would take weeks): what passes until a failure is
// proved and until a guest runs is taken from figures that were measured (month_setup.hpp). As in production one move
// for maintenance goes on at a time (ClaimDesk::mend); moves for balance have their own bound (balance.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "month_planner.hpp"
#include "month_setup.hpp"
#include "month_watch.hpp"

namespace haven::month {

struct Day {
  std::int64_t failures = 0, failovers = 0;
  std::array<std::int64_t, kReasons> moves{};
  friend bool operator==(const Day&, const Day&) = default;
};

struct Windows {
  std::int64_t asked = 0, done = 0, cut = 0;  // cut: by a failure of the host
  std::int64_t later = 0;                     // asked again: no room elsewhere, or not in service
  std::int64_t given_up = 0;                  // not drained within kDrainTakes
  std::vector<Duration> drained;              // how long that took
  friend bool operator==(const Windows&, const Windows&) = default;
};

// Who does not go for so long is stayed with.
inline constexpr Duration kDrainTakes = 4h;

struct Month {
  std::string refused;  // why there is no month: no place for somebody at the beginning
  std::int64_t host_failures = 0, rack_failures = 0, failovers = 0, climbs = 0;
  std::array<std::int64_t, kReasons> moves{};
  std::int64_t moves_cut = 0;
  Windows windows;
  Downtime downtime;
  std::vector<Duration> waits;  // for room
  Duration lane{};              // moves for maintenance, one at a time
  Busy busy;
  std::vector<Day> days;
  std::size_t running = 0, not_running = 0;  // at the end; together all guests
  std::vector<std::string> wrong;            // what an audit found; the first few
  std::array<std::vector<double>, kDecisions> took_ms;
};

// The same for the same options, but for took_ms.
[[nodiscard]] Month run_month(const Options& options);

// As text for machines; `times`: with what the planner took.
[[nodiscard]] std::string to_json(const Options& options, const Month& month, bool times);

}  // namespace haven::month

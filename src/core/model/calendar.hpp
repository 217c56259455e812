// When something is needed: `when = "Mon-Fri 08:00-18:00 Europe/Vienna"`.
//
// Windows are in the local time of a zone. What that zone's offsets are stands here as well, as they were known where
// the file was applied: all hosts decide alike, whatever zone rules each has installed, and the core asks nobody.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/units.hpp"

namespace haven {

struct CalendarWindow {
  int days = 0;          // bit 0 is Monday, bit 6 Sunday: the local days on which it opens
  int from_minutes = 0;  // of the local day, 0 to 1439
  int to_minutes = 0;    // 1 to 1440; not after `from`: of the next day
  friend bool operator==(const CalendarWindow&, const CalendarWindow&) = default;
};
// From here on local time is UTC plus so much.
struct ZoneOffset {
  WallTime from;
  std::int64_t seconds = 0;
  friend bool operator==(const ZoneOffset&, const ZoneOffset&) = default;
};
struct Calendar {
  std::string text;  // as the file says it
  std::vector<CalendarWindow> windows;
  std::vector<ZoneOffset> offsets;  // ascending, at least one; the first holds before it too
  friend bool operator==(const Calendar&, const Calendar&) = default;
};

// Is it needed at this moment? An hour that the clocks skip or repeat is as long as it really is.
[[nodiscard]] bool is_open(const Calendar& calendar, WallTime at);
// The next moment at which that is otherwise; nullopt: not within nine days, which is never: weeks repeat.
[[nodiscard]] std::optional<WallTime> next_change(const Calendar& calendar, WallTime at);

}  // namespace haven

#include "core/model/calendar.hpp"

#include <algorithm>

namespace haven {
namespace {

constexpr std::int64_t kMinute_ms = 60'000;
constexpr std::int64_t kDay_ms = std::int64_t{24} * 60 * kMinute_ms;
constexpr std::int64_t kHorizon_ms = 9 * kDay_ms;

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// 1970-01-01 was a Thursday.
int weekday(std::int64_t day) { return static_cast<int>(((day + 3) % 7 + 7) % 7); }

std::int64_t offset_ms(const Calendar& calendar, WallTime at) {
  std::int64_t seconds = calendar.offsets.empty() ? 0 : calendar.offsets.front().seconds;
  for (const auto& offset : calendar.offsets)
    if (offset.from <= at) seconds = offset.seconds;
  return seconds * 1000;
}

bool opens_on(const CalendarWindow& window, std::int64_t day) { return ((window.days >> weekday(day)) & 1) != 0; }

}  // namespace

bool is_open(const Calendar& calendar, WallTime at) {
  const std::int64_t local = at.unix_ms + offset_ms(calendar, at);
  const std::int64_t today = floor_div(local, kDay_ms);
  const std::int64_t minute = (local - today * kDay_ms) / kMinute_ms;
  return std::any_of(calendar.windows.begin(), calendar.windows.end(), [&](const CalendarWindow& w) {
    const bool over_midnight = w.to_minutes <= w.from_minutes;
    if (opens_on(w, today) && minute >= w.from_minutes && (over_midnight || minute < w.to_minutes)) return true;
    return over_midnight && opens_on(w, today - 1) && minute < w.to_minutes;
  });
}

// It changes where a window begins or ends, at a local midnight, or where the offset does.
std::optional<WallTime> next_change(const Calendar& calendar, WallTime at) {
  const bool now = is_open(calendar, at);
  const WallTime end{at.unix_ms + kHorizon_ms};
  std::optional<WallTime> found;
  const auto consider = [&](std::int64_t unix_ms) {
    const WallTime moment{unix_ms};
    if (moment > at && moment <= end && (!found || moment < *found) && is_open(calendar, moment) != now) found = moment;
  };
  std::vector<std::int64_t> minutes{0};
  for (const auto& w : calendar.windows) {
    minutes.push_back(w.from_minutes);
    minutes.push_back(w.to_minutes % (24 * 60));
  }
  for (std::size_t i = 0; i < calendar.offsets.size(); ++i) {
    const auto& offset = calendar.offsets[i];
    const bool over = i + 1 < calendar.offsets.size() && calendar.offsets[i + 1].from < at;
    if (over || (i > 0 && offset.from > end)) continue;
    if (i > 0) consider(offset.from.unix_ms);
    const std::int64_t shift = offset.seconds * 1000;
    const std::int64_t first = floor_div(at.unix_ms + shift, kDay_ms);
    for (std::int64_t day = first; day <= first + kHorizon_ms / kDay_ms; ++day)
      for (const auto minute : minutes) consider(day * kDay_ms + minute * kMinute_ms - shift);
  }
  return found;
}

}  // namespace haven

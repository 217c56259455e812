// `when = "Mon-Fri 08:00-18:00 Europe/Vienna"`: days, hours, and the zone in whose local time they are.
//
//   when    = windows " " zone
//   windows = days " " from "-" to { ";" [" "] days " " from "-" to }
//   days    = day ["-" day] { "," day ["-" day] } | "daily"        day: Mon Tue Wed Thu Fri Sat Sun
//   from    = HH:MM, 00:00 to 23:59; to = HH:MM, up to 24:00; not after `from`: of the next day
//   zone    = an IANA name that this machine's tzdata has, or UTC
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/model/calendar.hpp"

namespace haven::file {

inline constexpr const char* kWhenExample = R"("Mon-Fri 08:00-18:00 Europe/Vienna")";

// The error says what is wrong with `text`. `zones`: the folder of the compiled zones.
[[nodiscard]] tl::expected<Calendar, std::string> parse_when(std::string_view text,
                                                             const std::string& zones = "/usr/share/zoneinfo");

// What a compiled zone (RFC 8536) says from 2020 on, to its last known change.
[[nodiscard]] tl::expected<std::vector<ZoneOffset>, std::string> parse_zone(std::string_view bytes);

}  // namespace haven::file

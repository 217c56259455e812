// Durations and sizes as the operator writes them: a whole number and its unit, without space.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "core/model/units.hpp"

namespace haven::file {

// The smallest unit of size in a file.
struct KiB {
  std::int64_t count = 0;
  friend auto operator<=>(const KiB&, const KiB&) = default;
};

inline constexpr const char* kDurationExamples = R"("300ms", "30s", "10m" or "2h")";
inline constexpr const char* kSizeExamples = R"("512MiB" or "2GiB" (KiB, MiB, GiB, TiB))";

// The error says what is wrong with `text`. Units ms, s, m, h; at most ten years.
[[nodiscard]] tl::expected<Duration, std::string> parse_duration(std::string_view text);
// In the largest unit that gives a whole number; anything below a millisecond is dropped.
[[nodiscard]] std::string format_duration(Duration duration);

// Units KiB, MiB, GiB, TiB; at most a million TiB.
[[nodiscard]] tl::expected<KiB, std::string> parse_size(std::string_view text);
[[nodiscard]] std::string format_size(MiB size);

// What is needed is rounded up, what there is is rounded down.
[[nodiscard]] MiB rounded_up(KiB size);
[[nodiscard]] MiB rounded_down(KiB size);

}  // namespace haven::file

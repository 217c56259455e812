#include "file/quantity.hpp"

#include <array>
#include <charconv>
#include <span>

namespace haven::file {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;  // in the smallest unit of its kind
};
constexpr std::array<Unit, 4> kDurations{{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
constexpr std::array<Unit, 4> kSizes{{{"KiB", 1}, {"MiB", 1 << 10}, {"GiB", 1 << 20}, {"TiB", 1 << 30}}};
constexpr std::int64_t kMostMilliseconds = 10LL * 366 * 24 * 3'600'000;
constexpr std::int64_t kMostKiB = 1'000'000LL << 30;

tl::expected<std::int64_t, std::string> parse(std::string_view text, std::span<const Unit> units, std::int64_t most,
                                              const std::string& kind) {
  const auto wrong = [&](const std::string& why) {
    return tl::make_unexpected("\"" + std::string(text) + "\" is no " + kind + ": " + why);
  };
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0) return wrong("it does not begin with a whole number");
  const std::string_view suffix = text.substr(digits);
  if (suffix.empty()) return wrong("its unit is missing");
  if (suffix.front() == '.' || suffix.front() == ',') return wrong("its number is not whole");
  for (const Unit& unit : units) {
    if (unit.name != suffix) continue;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
    if (error != std::errc{} || number > most / unit.factor) return wrong("it is too large");
    return number * unit.factor;
  }
  return wrong("there is no unit \"" + std::string(suffix) + "\"");
}

std::string format(std::int64_t amount, std::span<const Unit> units) {
  const Unit* chosen = &units.front();
  for (const Unit& unit : units) {
    if (amount != 0 && amount % unit.factor == 0) chosen = &unit;
  }
  return std::to_string(amount / chosen->factor) + std::string(chosen->name);
}

}  // namespace

tl::expected<Duration, std::string> parse_duration(std::string_view text) {
  return parse(text, kDurations, kMostMilliseconds, "duration").map([](std::int64_t ms) -> Duration {
    return std::chrono::milliseconds(ms);
  });
}

std::string format_duration(Duration duration) {
  if (duration == Duration::zero()) return "0s";
  return format(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count(), kDurations);
}

tl::expected<KiB, std::string> parse_size(std::string_view text) {
  return parse(text, kSizes, kMostKiB, "size").map([](std::int64_t kib) { return KiB{kib}; });
}

std::string format_size(MiB size) {
  if (size.count == 0) return "0MiB";
  return format(size.count * 1024, kSizes);
}

MiB rounded_up(KiB size) { return {(size.count + 1023) / 1024}; }
MiB rounded_down(KiB size) { return {size.count / 1024}; }

}  // namespace haven::file

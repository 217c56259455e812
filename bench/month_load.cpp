#include "month_load.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "month_setup.hpp"

namespace haven::month {
namespace {

constexpr std::size_t kMinutesOfADay = 24 * 60, kMinutesOfAWeek = 7 * kMinutesOfADay;
constexpr double kSwing = 0.6;                       // above and below the usual, within a day
constexpr double kWeekend = 0.6;                     // times the usual, of what is busy by day
constexpr double kPeakByDay = 14, kPeakByNight = 2;  // o'clock
constexpr std::uint64_t kNightlyOneIn = 5;

double swing(std::size_t minute, double peak) {
  const double hours = static_cast<double>(minute % kMinutesOfADay) / 60 - peak;
  return 1 + kSwing * std::cos(2 * std::numbers::pi * hours / 24);
}

double minutes(Duration duration) { return std::chrono::duration<double, std::ratio<60>>(duration).count(); }

}  // namespace

Load::Load(const Spec& spec, std::uint64_t seed) : spec_(spec), climbs_(spec.resources.size()) {
  sim::Random dice(seed);
  for (const auto& guest : spec.resources) {
    const double share = share_of(dice);
    // Most do little: 22 % of their vCPUs on average.
    usual_.push_back(static_cast<double>(guest.cpu.count) * 1000 * (0.05 + 0.5 * share * share));
    nightly_.push_back(dice.once_in(kNightlyOneIn));
    resident_.push_back(
        {static_cast<std::int64_t>(static_cast<double>(guest.memory.count) * (0.4 + 0.6 * share_of(dice)))});
  }
  for (std::size_t minute = 0; minute < kMinutesOfAWeek; ++minute) {
    const bool weekend = minute >= 5 * kMinutesOfADay;
    by_day_.push_back(swing(minute, kPeakByDay) * (weekend ? kWeekend : 1));
    by_night_.push_back(swing(minute, kPeakByNight));
  }
}

void Load::climb(const std::vector<std::size_t>& guests, Duration now, Duration lasts) {
  for (const auto guest : guests) climbs_[guest] = {now, now + lasts};
}

MilliCpu Load::wanted(std::size_t guest, Duration now) const {
  const auto all = static_cast<double>(spec_.resources[guest].cpu.count) * 1000;
  const auto minute = static_cast<std::size_t>(now / 1min) % kMinutesOfAWeek;
  double wanted = std::min(all, usual_[guest] * (nightly_[guest] ? by_night_ : by_day_)[minute]);
  if (const auto& climb = climbs_[guest]; now < climb.until)
    wanted += (all - wanted) * std::min(1.0, minutes(now - climb.begun) / minutes(kClimbTakes));
  return {static_cast<std::int64_t>(wanted)};
}

}  // namespace haven::month

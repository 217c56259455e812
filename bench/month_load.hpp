// What every guest wants of its host's CPUs, minute by minute: busier by day or by night, and at times a load that
// climbs on one host until it takes all that it can.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/model/load.hpp"
#include "core/model/spec.hpp"
#include "core/model/units.hpp"
#include "sim/random.hpp"

namespace haven::month {

// Of these guests of one host, together.
inline constexpr std::size_t kClimbTogether = 3;
// From their usual load to all of their vCPUs.
inline constexpr Duration kClimbTakes = 10min;
inline constexpr double kClimbHours = 2;  // until they fall back, on average

class Load {
 public:
  // `spec` must outlive this.
  Load(const Spec& spec, std::uint64_t seed);

  // From now on these climb, until they fall at once.
  void climb(const std::vector<std::size_t>& guests, Duration now, Duration lasts);
  // What it wants at that moment since the beginning, a Monday at midnight.
  [[nodiscard]] MilliCpu wanted(std::size_t guest, Duration now) const;
  // What it keeps resident, always.
  [[nodiscard]] MiB resident(std::size_t guest) const { return resident_[guest]; }

 private:
  struct Climb {
    Duration begun{}, until{};
  };
  const Spec& spec_;
  std::vector<double> usual_;              // by guest, thousandths of a CPU
  std::vector<bool> nightly_;              // by guest
  std::vector<MiB> resident_;              // by guest
  std::vector<Climb> climbs_;              // by guest
  std::vector<double> by_day_, by_night_;  // by minute of a week: times the usual
};

}  // namespace haven::month

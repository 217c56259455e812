// From samples to a figure that stands: the median of what was sampled in the last kLoadStands, and for how long there
// were samples without a gap.
//
// A blip of less than half of the window is not in it; a load that climbs is in it after half of the window, and counts
// once the window is full.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "core/model/load.hpp"
#include "core/model/units.hpp"

namespace haven {

// Between two samples at most; after a longer silence the window begins anew.
inline constexpr Duration kLoadGap = 15s;
// More samples than that in a window: the oldest go, and with them some of its length.
inline constexpr std::size_t kMostSamples = 64;

class LoadWindow {
 public:
  // Not earlier than the last one.
  void sample(std::int64_t value, Instant at);
  // A guest came or went, or another boot measures: what was before says nothing any more.
  void forget() { samples_.clear(); }

  // Of an even number of samples the lower of the two in the middle. nullopt: none within kLoadGap before `now`.
  [[nodiscard]] std::optional<std::int64_t> median(Instant now) const;
  // From the first sample since the last gap to the latest. 0: no figure.
  [[nodiscard]] Duration stood(Instant now) const;

 private:
  [[nodiscard]] bool fresh(Instant now) const { return !samples_.empty() && now - samples_.back().first <= kLoadGap; }

  std::deque<std::pair<Instant, std::int64_t>> samples_;  // of the last kLoadStands
  Instant since_;                                         // the first since the last gap
};

}  // namespace haven

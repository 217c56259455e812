// What this host measures of itself and its guests, and what of it the others are told (load/<host>).
//
// Samples come every kLoadSampled and stay here; told are medians that have stood (load_window.hpp), and told again
// only where they differ markedly from what was told, so that the engine hears of a host that works evenly once in
// kLoadRetold, and never more often than once in kLoadTold. What cannot be told any more, for nobody measures or a
// guest came or went, is taken back at once: whoever reads it may take its being there for its being so.
//
// Rejected: to carry loads in heartbeats. These are small, of a fixed size and go to everybody ten times a second.
#pragma once

#include <cstddef>
#include <map>
#include <optional>

#include "core/controller.hpp"
#include "core/decision.hpp"
#include "core/model/event.hpp"
#include "core/model/load_window.hpp"
#include "core/model/view.hpp"

namespace haven {

inline constexpr Duration kLoadSampled = 5s;
// At most one write for each host in as long: 64 hosts that all sway make 6.4 a second.
inline constexpr Duration kLoadTold = 10s;
// Small differences add up unseen no longer than this.
inline constexpr Duration kLoadRetold = 5min;

struct HostGauge {
  LoadWindow cpu, memory, cpu_some, cpu_full, memory_some;
};
struct GuestGauge {
  LoadWindow cpu, waiting, memory;
};

struct Gauges {
  HostGauge host;
  std::map<ResourceName, GuestGauge> guests;
  Instant sampled;              // last
  std::optional<Instant> told;  // when load/<host> was last sent
};

void observe_measured(Gauges& gauges, const LoadsMeasured& measured, Instant now);

// So different that somebody could decide otherwise.
[[nodiscard]] bool differ_markedly(const LoadRecord& told, const LoadRecord& now);

void tell_loads(const Gauges& gauges, const View& view, const SelfView& self, Pass& pass);

}  // namespace haven

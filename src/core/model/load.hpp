// What was measured: how busy hosts are, how busy guests are, and who had to wait.
//
// Every figure is the median of what was sampled while it stood: a blip shorter than half of that time is not in it,
// and whoever decides by it asks how long it stood. A mean was rejected: ten seconds of compiling raise it for a
// minute.
#pragma once

#include <compare>
#include <cstdint>

#include "core/model/ids.hpp"
#include "core/model/units.hpp"

namespace haven {

// Thousandths of one CPU's time.
struct MilliCpu {
  std::int64_t count = 0;
  friend auto operator<=>(const MilliCpu&, const MilliCpu&) = default;
};

// Pressure-stall figures, percent of the last ten seconds (avg10): some: somebody waited, full: nobody went on.
// For a whole host the kernel leaves cpu's `full` at 0; that of the control group that holds the guests is meant.
struct Pressure {
  double some = 0;
  double full = 0;
  friend bool operator==(const Pressure&, const Pressure&) = default;
};

// What a havend measures of its host and of each guest: at one moment, or the medians of such.
struct HostFigures {
  MilliCpu cpu;                                     // busy, whoever keeps it so
  MiB memory;                                       // not available (MemTotal - MemAvailable)
  int cpu_some = 0, cpu_full = 0, memory_some = 0;  // Pressure, in whole percent
  friend bool operator==(const HostFigures&, const HostFigures&) = default;
};
struct GuestFigures {
  ResourceName guest;
  MilliCpu cpu;      // what it had
  MilliCpu waiting;  // what it wanted besides
  MiB memory;        // what its process keeps resident
  friend bool operator==(const GuestFigures&, const GuestFigures&) = default;
};

struct HostLoad {
  HostName host;
  MilliCpu cpu;  // busy, whoever keeps it so
  MiB memory;    // not available (MemTotal - MemAvailable)
  Pressure cpu_pressure, memory_pressure;
  Duration stood{};  // measured without a gap, and since the last guest came or went
};

struct GuestLoad {
  ResourceName guest;
  MilliCpu cpu;      // what it had
  MilliCpu waiting;  // what it wanted besides: its vCPUs were ready to run, and did not (steal)
  MiB memory;        // what its process keeps resident
  Duration stood{};  // measured without a gap where it runs now
};

// A load counts once it has stood so long, as long as systemd-oomd waits before it acts on pressure
// (DefaultMemoryPressureDurationSec). That leaves half of the minute in which a climbing load is to be moved.
inline constexpr Duration kLoadStands = 30s;

// Percent of the time. No source names figures for hosts with guests: these are ours. systemd-oomd kills at 60 % of
// memory pressure (DefaultMemoryPressureLimit); a host is to give long before.
inline constexpr double kPressedCpuSome = 50, kPressedCpuFull = 10, kPressedMemorySome = 20;

[[nodiscard]] inline bool lacks_cpu(const HostLoad& load) {
  return load.cpu_pressure.some >= kPressedCpuSome || load.cpu_pressure.full >= kPressedCpuFull;
}
[[nodiscard]] inline bool lacks_memory(const HostLoad& load) { return load.memory_pressure.some >= kPressedMemorySome; }

}  // namespace haven

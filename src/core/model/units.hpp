// Units that the core computes with. A number without its unit never crosses an interface.
//
// Instants come from a clock that goes on while the machine is suspended (CLOCK_BOOTTIME) and mean something only
// on the host that read them; wall times may jump and are used for what must be comparable between hosts and
// after a restart: budgets, journals. A decision about safety never rests on a wall time.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace haven {

using Duration = std::chrono::nanoseconds;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

// Time since this host booted. Ordered; the difference of two is a Duration.
struct Instant {
  Duration since_boot{};
  friend auto operator<=>(const Instant&, const Instant&) = default;
  friend Instant operator+(Instant i, Duration d) { return {i.since_boot + d}; }
  friend Instant operator-(Instant i, Duration d) { return {i.since_boot - d}; }
  friend Duration operator-(Instant a, Instant b) { return a.since_boot - b.since_boot; }
};

// Milliseconds since 1970-01-01 UTC, as the host's wall clock says.
struct WallTime {
  std::int64_t unix_ms = 0;
  friend auto operator<=>(const WallTime&, const WallTime&) = default;
};

// Both clocks, read together at the start of a turn; the whole turn sees this one value.
struct Now {
  Instant mono;
  WallTime wall;
};

// Never later than this: "no deadline" and "nothing to wake up for".
inline constexpr Instant kNever{Duration::max()};

struct MiB {
  std::int64_t count = 0;
  friend auto operator<=>(const MiB&, const MiB&) = default;
  friend MiB operator+(MiB a, MiB b) { return {a.count + b.count}; }
  friend MiB operator-(MiB a, MiB b) { return {a.count - b.count}; }
  MiB& operator+=(MiB o) {
    count += o.count;
    return *this;
  }
  MiB& operator-=(MiB o) {
    count -= o.count;
    return *this;
  }
};

struct Vcpu {
  std::int64_t count = 0;
  friend auto operator<=>(const Vcpu&, const Vcpu&) = default;
  friend Vcpu operator+(Vcpu a, Vcpu b) { return {a.count + b.count}; }
  friend Vcpu operator-(Vcpu a, Vcpu b) { return {a.count - b.count}; }
  Vcpu& operator+=(Vcpu o) {
    count += o.count;
    return *this;
  }
  Vcpu& operator-=(Vcpu o) {
    count -= o.count;
    return *this;
  }
};

// What something takes of a host, or what a host has.
struct Footprint {
  Vcpu cpu;
  MiB memory;
  friend bool operator==(const Footprint&, const Footprint&) = default;
};

}  // namespace haven

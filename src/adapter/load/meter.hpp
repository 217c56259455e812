// port::Measured of this host: the kernel's figures and libvirt's counters, read by a thread of its own every so often,
// and told as what was used since the reading before. While libvirt does not answer nothing is told, and what comes
// next counts from the reading after that.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "adapter/libvirt/domain_counters.hpp"
#include "adapter/load/kernel.hpp"
#include "port/load_meter.hpp"

namespace haven::adapter {

struct Reading {
  Instant at;
  KernelReading host;
  std::vector<libvirt::DomainCounters> guests;
};
// What was used in between; a guest that was not there before, or began anew, has used nothing yet and is told of with
// zeros, for that it runs is known. nullopt: no time passed, or a counter ran backwards for all.
[[nodiscard]] std::optional<port::Measured> used_between(const Reading& before, const Reading& after);

class LoadMeter {
 public:
  using Read = std::function<std::optional<Reading>()>;  // nullopt: it cannot be read now. May take its time

  // `read`: called by a thread of the meter's own, each `interval` while it is wanted.
  LoadMeter(Read read, Duration interval, port::MeasuredSink sink);
  // Nothing is told afterwards.
  ~LoadMeter();
  LoadMeter(const LoadMeter&) = delete;
  LoadMeter& operator=(const LoadMeter&) = delete;

  // Not wanted at first. From any thread.
  void want(bool wanted);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace haven::adapter

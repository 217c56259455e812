// The simulated fence agents: port::FenceDevice's page, in virtual time.
//
// Pure: no thread, no clock. Orders come in with the instant they are given at; advance() carries out what has become
// due, at its end, and returns what the sink would have been told. What a device switches belongs to the world around
// it, which is asked as a verb is carried out: a device that breaks meanwhile fails.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/units.hpp"
#include "port/fence_device.hpp"
#include "sim/scenario.hpp"

namespace haven::sim {

// Asked with the device's configuration; must not give orders.
//
// working: does as told. broken, a dead BMC: every verb fails. hanging: nothing is ever answered, up to the timeout.
// lying: `off` reports success and does nothing; `status` tells the truth.
struct FenceWorld {
  std::function<DeviceMode(const port::FenceDeviceConfig&)> mode;
  std::function<void(const port::FenceDeviceConfig&, bool on)> set_power;
  std::function<bool(const port::FenceDeviceConfig&)> is_on;
};

class FenceDeviceState {
 public:
  // `takes`: from an order to its answer. A timeout shorter than that ends the agent before it did anything.
  explicit FenceDeviceState(FenceWorld world, Duration takes = 300ms) : world_(std::move(world)), takes_(takes) {}

  void run(CallId call, const port::FenceDeviceConfig& device, port::FenceVerb verb, Duration timeout, Instant now);
  void cancel(CallId call, Instant now);

  // When something will happen by itself; kNever: nothing.
  [[nodiscard]] Instant next_due() const;
  // Everything due up to `now`, in order; those of one instant in the order of their orders.
  [[nodiscard]] std::vector<port::AgentDone> advance(Instant now);

 private:
  struct Agent {
    CallId call;
    port::FenceDeviceConfig device;
    port::FenceVerb verb = port::FenceVerb::status;
    Instant deadline;
    bool hangs = false;
    bool cancelled = false;
  };
  using Agenda = std::map<std::pair<Instant, std::uint64_t>, Agent>;

  [[nodiscard]] port::AgentDone carry_out(const Agent& agent);

  FenceWorld world_;
  Duration takes_;
  Agenda agenda_;  // each agent at the instant of its end
  std::uint64_t last_order_ = 0;
};

}  // namespace haven::sim

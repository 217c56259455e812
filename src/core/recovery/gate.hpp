// `after`: who waits for whom. A resource is waited for until it runs and its checks have all passed; one without
// checks, until it runs (and is called up). Once `after_timeout` is over it is held still, or starts all the same, as
// `on_after_timeout` says. The time counts from when this controller first found the other not ready: another
// controller counts anew.
#pragma once

#include <optional>
#include <string>

#include "core/controller.hpp"

namespace haven {

// It runs, and does what it is there for as far as its checks can tell.
[[nodiscard]] bool is_ready(const View& view, const ResourceName& name);

struct Gate {
  std::string waits;  // a clause: for whom, and why
  bool held = false;  // its time is over, and it waits on
};
// nullopt: it may start.
[[nodiscard]] std::optional<Gate> gate_of(const ControllerState& state, const View& view, const Resource& resource,
                                          Pass& pass);
// The same for people, whatever the time.
[[nodiscard]] std::optional<std::string> gate_words(const View& view, const Resource& resource);

// Since when whom somebody waits for is not ready.
void fold_gates(ControllerState& state, const View& view, Instant now);

}  // namespace haven

// Resources that were stopped because their host shut down, and that shutdown_policy keeps for it: `stop` leaves them
// stopped until it is back, `freeze` makes them its own until it is. What its executor wrote into the release decides,
// so that a policy changed meanwhile changes nothing for them. The operator's start, clear or relocate overrides both.
#pragma once

#include <optional>
#include <string>

#include "core/model/event.hpp"
#include "core/model/ids.hpp"
#include "core/model/record.hpp"
#include "core/model/view.hpp"

namespace haven {

// What the executor writes into its releases when its host goes down in good order.
[[nodiscard]] EndReason end_by_shutdown(ShutdownPolicy policy, ShutdownKind kind);

// This boot shuts down, and what it runs is on its way out.
[[nodiscard]] bool shuts_down(const View& view, const HostName& host, const Incarnation& boot);

struct Home {
  HostName host;
  bool frozen = false;  // it starts there and nowhere else
  bool back = false;    // another boot of that host has registered
};

// nullopt: it was not stopped so, it runs, or its host has left the file.
[[nodiscard]] std::optional<Home> home_of(const View& view, const ResourceName& resource);

// Why it does not run, for a person.
[[nodiscard]] std::string sentence(const Home& home, const ResourceName& resource);

}  // namespace haven

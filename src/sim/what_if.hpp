// The everyday question: what happens if this host dies?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/outcome.hpp"
#include "sim/scenario.hpp"

namespace haven::sim {

// The power of `host` goes at kKilledAt, and stays off.
inline constexpr Duration kKilledAt = 10s;
[[nodiscard]] Scenario killing(const HostName& host);

// What restarts where, in what order, after how long; what stays down, and why.
struct WhatIf {
  struct Recovered {
    ResourceName resource;
    HostName to;
    std::int64_t after_ms = 0;  // since the death
  };
  struct Down {
    ResourceName resource;
    std::string why;
    std::vector<JournalReason> reasons;  // by host, where it was tried to place it
    bool was_lost = false;               // it ran on the dead host
  };
  std::vector<ResourceName> lost;    // most important first
  std::vector<Recovered> recovered;  // in the order in which they ran again
  std::vector<Down> down;            // most important first
  std::optional<std::int64_t> accused_ms, proved_ms;
  std::string proof;  // "1", "promise"
};
[[nodiscard]] WhatIf what_if(const Spec& spec, const HostName& host, const Outcome& outcome);
[[nodiscard]] std::string answer_in_words(const Spec& spec, const HostName& host, const Outcome& outcome);
// The outcome as `--json` prints it, with the answer beside it: lost, recovered, down, accused_ms, proved_ms.
[[nodiscard]] std::string answer_in_json(const Spec& spec, const HostName& host, const Outcome& outcome);

}  // namespace haven::sim

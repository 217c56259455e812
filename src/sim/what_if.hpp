// The everyday question: what happens if this host dies?
#pragma once

#include <string>

#include "sim/outcome.hpp"
#include "sim/scenario.hpp"

namespace haven::sim {

// The power of `host` goes at kKilledAt, and stays off.
inline constexpr Duration kKilledAt = 10s;
[[nodiscard]] Scenario killing(const HostName& host);
// What restarts where, in what order, after how long; what stays down, and why.
[[nodiscard]] std::string answer_in_words(const Spec& spec, const HostName& host, const Outcome& outcome);

}  // namespace haven::sim

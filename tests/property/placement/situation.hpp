// A small cluster with hosts that are out and bookings that are facts, and what the definitions say of it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/placement/placement.hpp"
#include "placement/small_cluster_gen.hpp"

namespace haven::dumb {

struct Situation {
  Spec spec;
  std::set<std::string> out;  // hosts that may take nothing
  Where booked;

  [[nodiscard]] Placement placement() const;
};

std::vector<HostView> views_of(const Spec& spec, const std::set<std::string>& out);
Situation any_situation();
std::string described(const Situation& s);

// Where `resource` may be put beside all that is booked.
std::set<std::string> hosts_allowed(const Situation& s, const std::string& resource);
// Least is best.
using Score = std::tuple<bool, int, int, std::size_t, std::int64_t, HostName>;
Score score_of(const Situation& s, const std::string& resource, const HostName& host);

// The started, unbooked resources that strict together rules bind to the first; by idle rules only, or by all.
std::vector<std::string> set_of(const Situation& s, const std::string& first, bool only_idle);

}  // namespace haven::dumb

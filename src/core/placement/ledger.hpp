// The inside of a Placement: a Spec by index, and what is booked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/placement/packing.hpp"
#include "core/placement/placement.hpp"
#include "core/placement/room.hpp"
#include "core/placement/roster.hpp"
#include "core/placement/topology.hpp"

namespace haven {

struct Placement::Ledger {
  Ledger(std::shared_ptr<const Roster> roster, const std::vector<HostView>& views);

  [[nodiscard]] std::optional<std::size_t> resource(const ResourceName& name) const;
  void book(std::size_t resource, std::size_t host, int sign);
  void set_others(std::size_t host, Footprint load);

  // What is free there for `resource`, its own bookings given back. May be negative: facts may overfill a host.
  [[nodiscard]] Room free_for(std::size_t resource, std::size_t host, Occasion occasion) const;
  // Why not: empty if nothing stands against it. `avoided`: why the caller avoids it, or empty. The whole together set
  // is not considered.
  [[nodiscard]] std::string refusal(std::size_t resource, std::size_t host, const HostSet& eligible,
                                    const std::string& avoided, Occasion occasion) const;
  // The sentence of a strict rule that would be broken; empty: kept.
  [[nodiscard]] std::string broken(std::size_t rule, std::size_t resource, std::size_t host) const;
  // For a rule of either kind and strictness: a booked resource and its host that break it. `moving`, which is about
  // to stand elsewhere, does not count, nor does `resource` itself.
  struct Conflict {
    std::size_t resource, host;
  };
  [[nodiscard]] std::optional<Conflict> conflict(std::size_t rule, std::size_t resource, std::size_t host,
                                                 std::size_t moving) const;
  // By usability, lists and strict rules, while `moving` stands nowhere; capacity not considered.
  [[nodiscard]] HostSet open_hosts(std::size_t resource, std::size_t moving) const;

  // Started resources that are booked nowhere and bound to `resource` by strict together rules, itself first.
  // only_idle: through rules of which nothing is booked yet.
  [[nodiscard]] std::vector<std::size_t> unbooked_set(std::size_t resource, bool only_idle) const;
  // Does all of `set` fit, its first on this host? Unknown counts as yes: standing there breaks no rule by itself.
  [[nodiscard]] bool set_fits(const std::vector<std::size_t>& set, std::size_t host, Occasion occasion) const;
  [[nodiscard]] std::string set_refusal(const std::vector<std::size_t>& set, std::size_t host, Occasion occasion) const;

  [[nodiscard]] std::size_t broken_preferences(std::size_t resource, std::size_t host) const;
  [[nodiscard]] std::size_t siblings(std::size_t resource, std::size_t host) const;
  // By host; nullopt: only/never exclude it.
  [[nodiscard]] std::vector<std::optional<int>> ranks(std::size_t resource) const;

  const std::shared_ptr<const Roster> roster;
  // Of the roster, by short names.
  const Spec& spec;
  const Topology& topology;
  const std::vector<std::vector<std::size_t>>&members, &rules, &templates;

  struct Booking {
    std::size_t resource, host;
    int sign;
  };
  std::optional<std::vector<Booking>> trial;  // what is to be taken back

  std::vector<std::string> unusable;               // by host: why, or empty
  std::vector<std::vector<std::size_t>> standing;  // by resource: where it is booked, ascending, once per booking
  std::vector<Room> used;                          // by host
  std::vector<Footprint> others;                   // by host: of `used`, what no resource takes
};

}  // namespace haven

// The inside of a Placement: a Spec by index, and what is booked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/placement/packing.hpp"
#include "core/placement/placement.hpp"
#include "core/placement/room.hpp"
#include "core/placement/room_index.hpp"
#include "core/placement/roster.hpp"
#include "core/placement/topology.hpp"

namespace haven {

// One question, and what follows from everything booked for it, worked out once and asked of many hosts.
struct Placement::Query {
  std::size_t resource = 0;
  Occasion occasion = Occasion::start;
  RoomNeeded needed;
  std::optional<HostSet> eligible;                           // what only/never leave; nullopt: all
  std::vector<std::pair<std::size_t, std::string>> avoided;  // by host, ascending
  // Where the others of a rule stand: domains, ascending, each once. A rule whose others stand nowhere is left out.
  struct Held {
    std::size_t rule;
    std::vector<std::size_t> domains;
  };
  std::vector<Held> strict, preferred;
  std::vector<std::size_t> idle_set, whole_set;
  std::vector<std::pair<std::size_t, int>> ranked;  // hosts of `prefer`, ascending, each with its rank
  int unranked = 0;                                 // the rank of all others
  std::vector<std::size_t> sibling_hosts;           // ascending, once for each instance
};

// Least is best: rank, broken preferences, siblings, free memory, name.
using PlacingScore = std::tuple<int, std::size_t, std::size_t, std::int64_t, std::size_t>;

struct Placement::Ledger {
  Ledger(std::shared_ptr<const Roster> roster, const std::vector<HostView>& views);

  [[nodiscard]] std::optional<std::size_t> resource(const ResourceName& name) const;
  void book(std::size_t resource, std::size_t host, int sign);
  // Why it may take nothing; empty: it may.
  void set_refusal(std::size_t host, std::string reason);
  // What runs there and no resource takes.
  void set_others(std::size_t host, Footprint load);

  // May be negative: facts may overfill a host.
  [[nodiscard]] Room free_on(std::size_t host, Occasion occasion) const;
  // What is free there for `resource`, its own bookings given back.
  [[nodiscard]] Room free_for(std::size_t resource, std::size_t host, Occasion occasion) const;

  [[nodiscard]] Query query(std::size_t resource, const std::vector<Refusal>& avoid, Occasion occasion) const;
  // By only/never and what the caller avoids; open_to: by usability as well.
  [[nodiscard]] bool listed_for(const Query& query, std::size_t host) const;
  [[nodiscard]] bool open_to(const Query& query, std::size_t host) const;
  [[nodiscard]] bool rules_kept(const Query& query, std::size_t host) const;
  // Whether nothing stands against it. The whole together set is not considered.
  [[nodiscard]] bool may_stand(const Query& query, std::size_t host) const;
  // Why not: empty if nothing stands against it, the idle together set considered.
  [[nodiscard]] std::string refusal(const Query& query, std::size_t host) const;
  [[nodiscard]] PlacingScore score(const Query& query, std::size_t host) const;
  [[nodiscard]] std::optional<std::size_t> best(const Query& query) const;

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

  // nullopt: only/never exclude it.
  [[nodiscard]] std::optional<int> rank(std::size_t resource, std::size_t host) const;

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

  std::vector<std::vector<std::size_t>> standing;   // by resource: where it is booked, ascending, once per booking
  std::vector<std::vector<std::size_t>> residents;  // by host: who is booked there, ascending, once per booking

 private:
  [[nodiscard]] const Room& room(std::size_t host, Occasion occasion) const;
  void follow(std::size_t host);
  // The hosts that alone come into question; nullopt: any may.
  [[nodiscard]] std::optional<std::vector<std::size_t>> shortlist(const Query& query) const;
  template <class Hosts>
  [[nodiscard]] std::optional<std::size_t> best_of(const Query& query, const Hosts& hosts) const;
  [[nodiscard]] std::optional<std::size_t> best_for_set(const Query& query) const;
  [[nodiscard]] std::optional<std::size_t> best_by_room(const Query& query) const;

  std::vector<std::string> unusable_;  // by host: why, or empty
  std::vector<Room> used_;             // by host
  std::vector<Footprint> others_;      // by host: of `used_`, what no resource takes
  std::vector<Room> rooms_;            // by host
  std::vector<Room> standby_;          // by host, for Occasion::recovery; empty: the same
  RoomIndex free_;
  std::optional<RoomIndex> free_standby_;  // for Occasion::recovery; nullopt: the same
};

}  // namespace haven

// What stands in the engine about the engine itself, under /haven/<cluster>/engine/: who has joined and where its
// member listens, the change of members that is under way, and whom the journal told of. The core has no use for it and
// never reads it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "daemon/boot.hpp"
#include "port/engine.hpp"

namespace haven::daemon {

// engine/seat/<name>: written when a host or the witness joins.
struct SeatRecord {
  std::string address;
  bool witness = false;
  bool left = false;  // it is going, or has gone, as its operator said
  friend bool operator==(const SeatRecord&, const SeatRecord&) = default;
};

// engine/members: as the journal told last, by etcd's id of each (port::Voter).
struct ToldMember {
  std::string name;
  bool voter = false;
  friend bool operator==(const ToldMember&, const ToldMember&) = default;
};
using ToldMembers = std::map<std::string, ToldMember>;

struct EngineRecords {
  struct Seat {
    SeatRecord seat;
    Revision mod;
  };
  std::map<std::string, Seat> seats;
  // engine/change: there while somebody changes the members; written in a transaction that compares `leader` (R2).
  std::string change;
  Revision change_mod;              // 0: no change is under way
  std::optional<ToldMembers> told;  // nullopt: nothing was told yet
  Revision told_mod;
};

namespace engine_key {
[[nodiscard]] std::string folder(const std::string& cluster);  // ends in "/engine/"
[[nodiscard]] std::string seat(const std::string& cluster, const std::string& name);
[[nodiscard]] std::string change(const std::string& cluster);
[[nodiscard]] std::string members(const std::string& cluster);
[[nodiscard]] std::string of(const std::string& cluster, const std::string& path);  // any record of the core's
}  // namespace engine_key

[[nodiscard]] std::string encode(const SeatRecord& seat);
[[nodiscard]] std::string encode(const ToldMembers& members);
// What cannot be read counts as not joined, and as not told.
[[nodiscard]] EngineRecords read_engine_records(const std::string& cluster, const port::Listed& listed);

}  // namespace haven::daemon

// What is free on each host, so that the host with the most free memory is found without looking at all of them: a
// binary tree over the hosts by name; each node knows the most memory and the most vCPUs free below it. Booking mends
// one path, looking for a host leaves out every part of the tree that has too little of either.
//
// An ordered set of hosts by free memory was rejected: where vCPUs are what is scarce, it walks over all the hosts that
// have memory left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

namespace haven {

// The least free room with which a host may take something: more than kShut, whatever it needs.
struct RoomNeeded {
  std::int64_t memory_mib = 0;
  std::int64_t vcpus = 0;
};

class RoomIndex {
 public:
  static constexpr std::int64_t kShut = std::numeric_limits<std::int64_t>::min();

  // Places 0 to hosts-1, all of them shut.
  explicit RoomIndex(std::size_t hosts);

  void set(std::size_t place, std::int64_t memory_mib, std::int64_t vcpus);
  void shut(std::size_t place) { set(place, kShut, kShut); }

  // Of the places with room that `accepts` takes: the one with the most free memory, of equal ones the first.
  [[nodiscard]] std::optional<std::size_t> freest(const RoomNeeded& needed,
                                                  const std::function<bool(std::size_t)>& accepts) const;

 private:
  struct Node {
    std::int64_t memory_mib = kShut;
    std::int64_t vcpus = kShut;
  };
  std::size_t leaves_;
  std::vector<Node> nodes_;  // the root is 1, the children of n are 2n and 2n+1
};

}  // namespace haven

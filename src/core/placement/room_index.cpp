#include "core/placement/room_index.hpp"

#include <algorithm>
#include <bit>

namespace haven {

RoomIndex::RoomIndex(std::size_t hosts)
    : leaves_(std::bit_ceil(std::max<std::size_t>(hosts, 1))), nodes_(2 * leaves_) {}

void RoomIndex::set(std::size_t place, std::int64_t memory_mib, std::int64_t vcpus) {
  auto node = leaves_ + place;
  nodes_[node] = {memory_mib, vcpus};
  for (node /= 2; node > 0; node /= 2) {
    const Node& left = nodes_[2 * node];
    const Node& right = nodes_[2 * node + 1];
    nodes_[node] = {std::max(left.memory_mib, right.memory_mib), std::max(left.vcpus, right.vcpus)};
  }
}

std::optional<std::size_t> RoomIndex::freest(const RoomNeeded& needed,
                                             const std::function<bool(std::size_t)>& accepts) const {
  std::optional<std::size_t> best;
  std::vector<std::size_t> open{1};
  while (!open.empty()) {
    const auto n = open.back();
    open.pop_back();
    const Node& node = nodes_[n];
    if (node.memory_mib == kShut || node.memory_mib < needed.memory_mib || node.vcpus < needed.vcpus) continue;
    if (best) {
      const auto most = nodes_[leaves_ + *best].memory_mib;
      // The first place below n.
      const auto depth = std::bit_width(leaves_) - std::bit_width(n);
      const auto first = (n << depth) - leaves_;
      if (node.memory_mib < most || (node.memory_mib == most && first > *best)) continue;
    }
    if (n >= leaves_) {
      if (accepts(n - leaves_)) best = n - leaves_;
      continue;
    }
    // The better half is looked at first: the other is then left out more often.
    const bool right_first = nodes_[2 * n + 1].memory_mib > nodes_[2 * n].memory_mib;
    open.push_back(right_first ? 2 * n : 2 * n + 1);
    open.push_back(right_first ? 2 * n + 1 : 2 * n);
  }
  return best;
}

}  // namespace haven

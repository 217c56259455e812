#include "core/placement/room.hpp"

#include <algorithm>
#include <cmath>

namespace haven {
namespace {

// 3 CPUs x 1.1 is 3.3000000000000003 to the machine, 10 x 0.7 a little less than 7: whole results stay whole.
std::int64_t whole(double amount) { return std::max<std::int64_t>(0, std::llround(std::floor(amount + 1e-6))); }

}  // namespace

Room room_of(const Host& host, const Cluster& cluster, Occasion occasion) {
  const auto capacity = capacity_of(host, cluster);
  const auto memory = static_cast<double>(capacity.memory.count);
  return {{whole(occasion == Occasion::recovery ? memory * cluster.overbook : memory)}, {whole(capacity.cpu)}};
}

}  // namespace haven

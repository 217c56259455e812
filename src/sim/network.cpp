#include "sim/network.hpp"

#include <algorithm>

namespace haven::sim {

Network::Network(const std::vector<std::size_t>& links) : plugged_(links.size(), true) {
  for (const std::size_t count : links) links_.emplace_back(count, true);
}

void Network::set_way(MachineIndex from, MachineIndex to, bool open) {
  if (open) {
    closed_.erase({from, to});
  } else {
    closed_.insert({from, to});
  }
}

void Network::heal_all() {
  heartbeats_ = true;
  closed_.clear();
  std::fill(plugged_.begin(), plugged_.end(), true);
  for (auto& links : links_) std::fill(links.begin(), links.end(), true);
}

bool Network::carries(MachineIndex from, MachineIndex to, std::size_t link) const {
  if (!heartbeats_ || !plugged(from, to) || !plugged(to, from) || closed_.contains({from, to})) return false;
  return link < links_[from].size() && link < links_[to].size() && links_[from][link] && links_[to][link];
}

bool Network::plugged(MachineIndex machine, MachineIndex towards) const {
  const auto below = carriers_.find(machine);
  if (below == carriers_.end() || below->second == towards) return plugged_[machine];
  return plugged_[machine] && plugged_[below->second];
}

bool Network::talk(MachineIndex a, MachineIndex b) const {
  if (a == b) return true;
  if (!plugged(a, b) || !plugged(b, a) || closed_.contains({a, b}) || closed_.contains({b, a})) return false;
  const std::size_t common = std::min(links_[a].size(), links_[b].size());
  for (std::size_t link = 0; link < common; ++link) {
    if (links_[a][link] && links_[b][link]) return true;
  }
  return false;
}

}  // namespace haven::sim

// Who can send to whom: machines with numbered links, each link a network of its own. Power is not its business.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace haven::sim {

using MachineIndex = std::size_t;

class Network {
 public:
  // The number of links of each machine.
  explicit Network(const std::vector<std::size_t>& links);

  void set_network(MachineIndex machine, bool on) { plugged_[machine] = on; }
  void set_link(MachineIndex machine, std::size_t link, bool up) { links_[machine][link] = up; }
  // What `from` sends to `to`, on every link.
  void set_way(MachineIndex from, MachineIndex to, bool open);
  // A virtual host's way goes through the card of the machine below it.
  void set_carrier(MachineIndex machine, MachineIndex below) { carriers_[machine] = below; }
  void heal_all();

  // Heartbeats alone are dropped, by a firewall everywhere: what else is sent arrives.
  void set_heartbeats(bool pass) { heartbeats_ = pass; }

  // A heartbeat sent now arrives: it needs one way only.
  [[nodiscard]] bool carries(MachineIndex from, MachineIndex to, std::size_t link) const;
  // A connection needs both ways, over one link that both have. A machine always talks to itself.
  [[nodiscard]] bool talk(MachineIndex a, MachineIndex b) const;

 private:
  [[nodiscard]] bool plugged(MachineIndex machine, MachineIndex towards) const;

  std::vector<bool> plugged_;
  std::map<MachineIndex, MachineIndex> carriers_;
  std::vector<std::vector<bool>> links_;
  std::set<std::pair<MachineIndex, MachineIndex>> closed_;
  bool heartbeats_ = true;
};

}  // namespace haven::sim

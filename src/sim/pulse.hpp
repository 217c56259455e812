// The heartbeats of a simulated cluster: every machine with a havend, and the witness, has the daemon's own Hearing,
// and real packets go between them through the simulated network.
//
// Most of the time nothing changes: everybody hears whom he heard. Then nobody sends anything, and when something
// happens the silence is made up for in one step, as if all packets of it had been sent (Hearing::skip): numbers are
// clocks, so nothing else differs. Packets flow from a change on until all that could follow from it has followed.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/liveness/hearing.hpp"
#include "sim/havend.hpp"
#include "sim/network.hpp"

namespace haven::sim {

class Pulse {
 public:
  // `machines`: the hosts, then the witness if one is named; `havends`: of the hosts. `spec`: as the engine has it.
  Pulse(Queue& queue, Network& network, std::vector<Machine*> machines, std::vector<Havend*> havends,
        std::function<std::shared_ptr<const Spec>()> spec);

  // Something has changed that heartbeats may notice: network, power, hang, a havend, the file.
  void stir();
  // For tests: packets that were handed to somebody.
  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }

 private:
  struct Ear {
    std::optional<Hearing> hearing;
    std::uint64_t life = 0;         // counts hearings: what belongs to an earlier one is forgotten
    std::uint64_t havend_life = 0;  // whose ear it is
    Incarnation boot;
    std::uint64_t edition = 0;  // of the spec that its roster is from
    Instant armed = kNever;
    bool hung = false;        // while everybody sleeps
    std::size_t waiting = 0;  // packets in the socket of a hung machine
  };
  struct Parcel {
    std::size_t to;
    Heartbeat packet;
  };

  void attend(std::size_t m);
  void take_roster(std::size_t m);
  void arm(std::size_t m);
  void tick(std::size_t m);
  void send(std::size_t m);
  void deliver(std::size_t from, const Parcel& parcel);
  void receive(std::size_t m, const Heartbeat& packet);
  void tell(std::size_t m);
  void wake();
  void stay_awake(Duration time);
  void sleep_when_quiet();
  [[nodiscard]] Now clock(std::size_t m) const { return machines_[m]->clock(); }
  [[nodiscard]] PeerRoster roster() const { return roster_of(*spec_()); }

  Queue& queue_;
  Network& network_;
  std::vector<Machine*> machines_;
  std::vector<Havend*> havends_;
  std::function<std::shared_ptr<const Spec>()> spec_;
  std::vector<Ear> ears_;
  bool awake_ = false;
  Instant awake_until_;
  Instant slept_;
  bool sleep_armed_ = false;
  std::uint64_t delivered_ = 0;
};

}  // namespace haven::sim

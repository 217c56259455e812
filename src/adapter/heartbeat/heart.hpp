// Heartbeats over UDP: a thread of its own, at real-time priority and with its stack locked in memory where that is
// permitted, so that a host under load is not taken for a dead one. What it hears goes to the sink when it changes.
//
// It tells the peers as well whether the brain turns (S2): a dead brain with a live heartbeat thread is silent.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/liveness/hearing.hpp"

namespace haven::adapter {

inline constexpr std::uint16_t kHeartbeatPort = 7421;

struct HeartConfig {
  HostName self;
  Incarnation boot;
  std::string key_file;
  std::uint16_t port = kHeartbeatPort;
};

// The roster with the addresses of each member's links, in the same order. The file gives the witness none: it adds its
// own address, and the hosts answer where its packets come from, which must be signed and new.
struct HeartRoster {
  PeerRoster roster;
  std::vector<std::vector<std::string>> links;
  friend bool operator==(const HeartRoster&, const HeartRoster&) = default;
};
[[nodiscard]] HeartRoster heart_roster_of(const Spec& spec);

class Heart {
 public:
  struct Callbacks {
    std::function<void(PeersHeard)> heard;  // on the heart's thread; must not wait
    std::function<Brain()> brain;           // likewise: asked before each round of packets
    // What is wrong here, by key; an empty text ends it. "heartbeat/realtime", "heartbeat/key", "heartbeat/link/2".
    std::function<void(const std::string& key, const std::string& text)> alarm;
  };
  // Begins at once, and sends once it knows a roster and a key. What can be wrong is told as alarms and tried again.
  Heart(HeartConfig config, Callbacks callbacks);
  ~Heart();
  Heart(const Heart&) = delete;
  Heart& operator=(const Heart&) = delete;

  // The latest counts. From any thread; does not wait.
  void know(HeartRoster roster);

 private:
  class Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace haven::adapter

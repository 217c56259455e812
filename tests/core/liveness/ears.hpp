// A few hosts that hear each other through a network of the story's making. Their clocks have nothing in common; the
// story counts in its own time from zero.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/liveness/hearing.hpp"

namespace haven::story {

class Ears {
 public:
  explicit Ears(std::size_t hosts, std::size_t links = 1) {
    for (std::size_t i = 0; i < hosts; ++i) roster.members.push_back({HostName("h" + std::to_string(i + 1)), links});
    for (std::size_t i = 0; i < hosts; ++i) boot(i);
  }
  void boot(std::size_t host) {
    Ear& ear = ears_[host];
    ear.boot = Incarnation("boot-" + std::to_string(++boots_));
    ear.ahead = std::chrono::hours(1 + 7 * boots_);
    ear.on = true;
    restart(host);
  }
  void restart(std::size_t host) {
    Ear& ear = ears_[host];
    ear.hearing = std::make_unique<Hearing>(roster.members[host].name, ear.boot);
    ear.hearing->take_roster(roster, clock(host));
  }

  // In steps of a millisecond, as a busy network would.
  void run_for(Duration time) {
    for (const Instant until = now + time; now < until; now = now + 1ms) {
      for (auto& [host, ear] : ears_) step(host);
    }
  }
  void step(std::size_t host) {
    Ear& ear = ears_[host];
    if (!ear.on || ear.stalled) return;
    if (clock(host) >= ear.hearing->wake_at() && ear.hearing->turn(clock(host))) send(host);
    for (auto& packet : std::exchange(ear.socket, {})) (void)ear.hearing->take(packet, clock(host));
    if (auto news = ear.hearing->news()) ear.latest = *news;
  }
  void send(std::size_t from) {
    for (std::size_t to = 0; to < roster.members.size(); ++to)
      for (std::size_t link = 0; link < ears_[from].hearing->links_to(to); ++link) {
        Heartbeat packet = ears_[from].hearing->compose(to, link);
        sent.push_back(packet);
        if (!ears_[to].on || (lost && lost(from, to, link))) continue;
        ears_[to].socket.push_back(std::move(packet));
      }
  }

  [[nodiscard]] Instant clock(std::size_t host) const { return now + ears_.at(host).ahead; }
  [[nodiscard]] Hearing& hearing(std::size_t host) { return *ears_[host].hearing; }
  [[nodiscard]] const PeerHeard& peer(std::size_t of, std::size_t about) const {
    for (const auto& peer : ears_.at(of).latest.peers)
      if (peer.host == roster.members[about].name) return peer;
    static const PeerHeard kNobody;
    return kNobody;
  }
  [[nodiscard]] bool hears(std::size_t of, std::size_t about) const { return peer(of, about).links != 0; }
  [[nodiscard]] BootDigest boot_of_ear(std::size_t host) const { return boot_digest(ears_.at(host).boot); }
  // What `of` says that `voter` says about `about`: 0 nothing, 1 heard, -1 silent.
  [[nodiscard]] int opinion(std::size_t of, std::size_t voter, std::size_t about) const {
    for (const auto& opinion : peer(of, voter).opinions)
      if (opinion.about == roster.members[about].name) return opinion.heard ? 1 : -1;
    return 0;
  }
  void die(std::size_t host) {
    ears_[host].on = false;
    ears_[host].socket.clear();
  }
  void stall(std::size_t host, bool stalled) { ears_[host].stalled = stalled; }

  PeerRoster roster;
  Instant now{1h};
  std::function<bool(std::size_t from, std::size_t to, std::size_t link)> lost;
  std::vector<Heartbeat> sent;

 private:
  struct Ear {
    std::unique_ptr<Hearing> hearing;
    Incarnation boot;
    Duration ahead{};
    bool on = false, stalled = false;
    std::vector<Heartbeat> socket;
    PeersHeard latest;
  };
  std::map<std::size_t, Ear> ears_;
  int boots_ = 0;
};

}  // namespace haven::story

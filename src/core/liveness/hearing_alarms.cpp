#include "core/liveness/hearing_alarms.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/recovery/maintenance.hpp"

namespace haven {
namespace {

void add(std::vector<Alarm>& alarms, const char* kind, const HostName& host, std::string text) {
  alarms.push_back({"heartbeat/" + std::string(kind) + "/" + host.str(), std::move(text), host, {}});
}

// A link of several that has carried nothing for a lease: what dies or boots loses its links one after the other.
void add_links(const ControllerState& state, const View& view, const PeerHeard& peer, Pass& pass,
               std::vector<Alarm>& alarms) {
  for (std::size_t link = 0; link < peer.of; ++link) {
    const auto lost = state.lost_links.find({peer.host, link});
    if (lost == state.lost_links.end() || !pass.due(lost->second + view.spec()->cluster.lease)) continue;
    const std::string number = std::to_string(link + 1);
    alarms.push_back({"heartbeat/link/" + peer.host.str() + "/" + number,
                      "link " + number + " carries no heartbeats to and from " + peer.host.str() +
                          ", another one does: see to its cable, switch or firewall",
                      peer.host,
                      {}});
  }
}

// Silent or never heard, for longer than a dead host's lease would live.
void add_silent(const ControllerState& state, const View& view, const PeerHeard& peer, Pass& pass,
                std::vector<Alarm>& alarms) {
  const MemberRecord* member = member_of(view, peer.host);
  if (member == nullptr || peer.links != 0 || peer.shut || view.away.contains(peer.host)) return;
  const auto up = state.up_since.find(peer.host);
  if (up == state.up_since.end()) return;
  const bool known = peer.boot == boot_digest(member->incarnation);
  const Instant quiet = known ? std::max(peer.last + view.spec()->cluster.suspect, up->second) : up->second;
  const auto silence = state.silences.find(peer.host);
  const bool answered = silence != state.silences.end() && silence->second.answered;
  if (!answered && !pass.due(quiet + view.spec()->cluster.lease)) return;
  add(alarms, "silent", peer.host,
      "no heartbeat of " + peer.host.str() +
          " is heard on any link, and its lease lives: see to the network, to a "
          "firewall, and to its heartbeat key");
}

// It holds no lease that could run out, so that nothing else would tell.
void add_witness(const ControllerState& state, const View& view, Pass& pass, std::vector<Alarm>& alarms) {
  if (!state.silent_witness || !pass.due(state.silent_witness->since + view.spec()->cluster.lease)) return;
  const HostName& name = state.silent_witness->name;
  alarms.push_back({"witness/" + name.str(),
                    "the witness " + name.str() +
                        " is not heard: it has no say about who is silent, and its vote may be lost as well; see to "
                        "the machine, to its network and to a firewall: haven cluster status",
                    name,
                    {}});
}

}  // namespace

bool misses_witness(const View& view) {
  if (!view.heard || view.spec() == nullptr || view.spec()->cluster.witness.empty()) return false;
  const auto& peers = view.heard->peers;
  return std::none_of(peers.begin(), peers.end(), [&](const PeerHeard& peer) {
    return peer.host.str() == view.spec()->cluster.witness && peer.links != 0;
  });
}

void fold_witness(std::optional<SilentWitness>& silent, const View& view, Instant now) {
  if (!misses_witness(view)) return silent.reset();
  const HostName name{view.spec()->cluster.witness};
  if (!silent || silent->name != name) silent = {name, now};
}

void fold_links(LostLinks& lost, const View& view, Instant now) {
  LostLinks still;
  if (view.heard)
    for (const auto& peer : view.heard->peers)
      for (std::size_t link = 0; link < peer.of; ++link) {
        if (peer.links == 0 || (peer.links >> link & 1U) != 0) continue;
        const auto before = lost.find({peer.host, link});
        still[{peer.host, link}] = before == lost.end() ? now : before->second;
      }
  lost = std::move(still);
}

std::vector<Alarm> hearing_alarms(const ControllerState& state, const View& view, const SelfView& self, Pass& pass) {
  std::vector<Alarm> alarms;
  if (!view.heard || view.spec() == nullptr) return alarms;
  for (const auto& peer : view.heard->peers) {
    if (out_of_service(view, peer.host)) continue;
    add_links(state, view, peer, pass, alarms);
    add_silent(state, view, peer, pass, alarms);
  }
  add_witness(state, view, pass, alarms);
  for (const auto& [host, loss] : state.losses)
    if (!out_of_service(view, host) && is_heard(view, self.host, host, loss.incarnation))
      add(alarms, "lease", host,
          "the lease of " + host.str() + " is gone and its heartbeats are heard: it does not reach the engine");
  for (const auto& [host, silence] : state.silences) {
    if (!silence.stands || out_of_service(view, host) || network_event_until(state.silences, view, host) != kNever)
      continue;
    alarms.push_back({"heartbeat/network",
                      "more hosts fell silent at once than the reserve expects, and their leases live: the network is "
                      "to blame; nobody is fenced before their leases are gone",
                      {},
                      {}});
    break;
  }
  return alarms;
}

}  // namespace haven

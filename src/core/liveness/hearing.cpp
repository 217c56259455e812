#include "core/liveness/hearing.hpp"

#include <algorithm>
#include <utility>

#include "core/mutation.hpp"

namespace haven {
namespace {

// A turn that is late by less is a scheduler's jitter; it is forgotten at the next packet.
constexpr int kJitterShare = 4;
// News is told to the peers at once, but not more often than this share of the interval.
constexpr int kHurryShare = 5;

// FNV-1a (Fowler, Noll, Vo), 64 bit. Names are few, boots are random: two that meet would be a wonder.
std::uint64_t digest_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

template <class Links>
LinkSet heard_links(const Links& links) {
  LinkSet set = 0;
  for (std::size_t i = 0; i < links.size(); ++i)
    if (links[i].heard) set = static_cast<LinkSet>(set | (1U << i));
  return set;
}

}  // namespace

HostDigest host_digest(const HostName& host) { return {digest_of(host.str())}; }
BootDigest boot_digest(const Incarnation& boot) { return {digest_of(boot.str())}; }

PeerRoster roster_of(const Spec& spec) {
  PeerRoster roster;
  for (const auto& host : spec.hosts) {
    const std::size_t links = std::clamp<std::size_t>(host.links.size(), 1, kMaxLinks);
    roster.members.push_back({host.name, links});
  }
  if (!spec.cluster.witness.empty()) roster.members.push_back({HostName{spec.cluster.witness}, 1});
  roster.heartbeat = spec.cluster.heartbeat;
  roster.suspect = spec.cluster.suspect;
  return roster;
}

std::optional<Instant> Hearing::Boot::as_of() const {
  std::optional<Instant> latest;
  for (const auto& link : links)
    if (link.as_of && (!latest || *link.as_of > *latest)) latest = link.as_of;
  return latest;
}

bool Hearing::Peer::heard() const {
  return std::any_of(boot.links.begin(), boot.links.end(), [](const Link& link) { return link.heard; });
}

Hearing::Hearing(HostName self, const Incarnation& boot)
    : self_(std::move(self)), self_tag_(host_digest(self_)), boot_(boot_digest(boot)) {}

void Hearing::take_roster(const PeerRoster& roster, Instant now) {
  if (roster == roster_) return;
  std::map<HostDigest, Peer> known;
  for (auto& peer : peers_) known[peer.tag] = std::move(peer);
  roster_ = roster;
  peers_.clear();
  index_.clear();
  const auto own = std::find_if(roster_.members.begin(), roster_.members.end(),
                                [&](const auto& member) { return member.name == self_; });
  member_ = own != roster_.members.end();
  self_index_ = static_cast<std::size_t>(own - roster_.members.begin());
  for (const auto& member : roster_.members) {
    const HostDigest tag = host_digest(member.name);
    Peer peer = std::move(known[tag]);
    peer.tag = tag;
    peer.links = member_ && tag != self_tag_ ? std::min({member.links, own->links, kMaxLinks}) : 0;
    for (std::size_t i = peer.links; i < kMaxLinks; ++i) peer.boot.links[i] = peer.other.links[i] = {};
    if (peer.links > 0) index_[tag] = peers_.size();
    peers_.push_back(std::move(peer));
  }
  next_round_ = index_.empty() ? kNever : now;
  news_ = true;
  look(now);
  set_wake();
}

// S4: whoever slept through its own turn cannot tell who was silent meanwhile.
void Hearing::forgive(Instant now) {
  if (next_round_ == kNever || now <= next_round_ + roster_.heartbeat / kJitterShare) return;
  const Duration late = now - next_round_;
  next_round_ = now;
  if (mutation::stall_unforgiven) return;
  for (auto& peer : peers_) {
    if (peer.refused) *peer.refused = *peer.refused + late;
    for (auto* boot : {&peer.boot, &peer.other})
      for (auto& link : boot->links)
        if (link.as_of) *link.as_of = *link.as_of + late;
  }
}

void Hearing::changed(Instant now) {
  news_ = true;
  if (round_) next_round_ = std::min(next_round_, std::max(now, *round_ + roster_.heartbeat / kHurryShare));
}

void Hearing::look(Instant now) {
  bool flips = false;
  for (auto& peer : peers_) {
    bool heard = false;
    for (std::size_t i = 0; i < peer.links; ++i) {
      Link& link = peer.boot.links[i];
      const bool was = std::exchange(link.heard, link.as_of && *link.as_of + roster_.suspect > now);
      flips |= was != link.heard;
      heard |= link.heard;
    }
    const bool shut = !heard && peer.refused && *peer.refused + roster_.suspect > now;
    flips |= std::exchange(peer.shut, shut) != shut;
  }
  if (flips) changed(now);
}

void Hearing::set_wake() {
  wake_ = next_round_;
  for (const auto& peer : peers_) {
    if (peer.shut) wake_ = std::min(wake_, *peer.refused + roster_.suspect);
    for (std::size_t i = 0; i < peer.links; ++i)
      if (const Link& link = peer.boot.links[i]; link.heard) wake_ = std::min(wake_, *link.as_of + roster_.suspect);
  }
}

bool Hearing::turn(Instant now) {
  forgive(now);
  look(now);
  const bool due = now >= next_round_;
  if (due) {
    // Numbers grow even where two rounds fall on one reading of the clock.
    round_ = round_ ? std::max(now, *round_ + Duration(1)) : now;
    next_round_ = now + roster_.heartbeat;
  }
  set_wake();
  return due;
}

const Hearing::Boot& Hearing::echoed(const Peer& peer) const {
  if (peer.other.tag == BootDigest{} || peer.heard()) return peer.boot;
  return peer.boot.tag == BootDigest{} || peer.other.came > peer.boot.came ? peer.other : peer.boot;
}

Heartbeat Hearing::compose(std::size_t member, std::size_t link) const {
  const Peer& peer = peers_[member];
  Heartbeat packet;
  packet.from = self_tag_;
  packet.boot = boot_;
  packet.to = peer.tag;
  packet.link = static_cast<std::uint8_t>(link);
  packet.sent = round_.value_or(Instant{});
  const Boot& boot = echoed(peer);
  if (boot.links[link].sent) {
    packet.echo_boot = boot.tag;
    packet.echo = *boot.links[link].sent;
  }
  packet.brain = brain_;
  packet.heard.reserve(peers_.size());
  for (const auto& other : peers_) {
    if (other.boot.tag == BootDigest{} || other.shut || other.links == 0) continue;
    packet.heard.push_back({other.tag, other.boot.tag, heard_links(other.boot.links)});
  }
  return packet;
}

void Hearing::take_content(Boot& boot, const Heartbeat& packet) {
  if (boot.content && packet.sent < *boot.content) return;
  boot.content = packet.sent;
  if (boot.brain == packet.brain && boot.heard == packet.heard) return;
  boot.brain = packet.brain;
  boot.heard = packet.heard;
  news_ = true;
}

Taken Hearing::take(const Heartbeat& packet, Instant now) {
  forgive(now);
  const auto found = index_.find(packet.from);
  if (packet.to != self_tag_ || found == index_.end() || packet.boot == BootDigest{}) return Taken::stranger;
  Peer& peer = peers_[found->second];
  if (packet.link >= peer.links) return Taken::stranger;
  const bool own = packet.echo_boot == boot_;
  if (own && packet.echo > now) return Taken::refused;
  const bool present = packet.boot == peer.boot.tag;
  if (!present && packet.boot != peer.other.tag) {
    peer.other = {};
    peer.other.tag = packet.boot;
  }
  Boot& boot = present ? peer.boot : peer.other;
  Link& link = boot.links[packet.link];
  if (link.sent && packet.sent <= *link.sent) return Taken::refused;
  link.sent = packet.sent;
  boot.came = now;
  const Instant as_of = mutation::stale_echo ? now : packet.echo;
  if (!own || !packet.brain.turns || (link.as_of && as_of <= *link.as_of)) return Taken::silent;
  link.as_of = as_of;
  if (as_of + roster_.suspect <= now) return Taken::silent;
  const auto before = peer.boot.as_of();
  if (!present && before && as_of <= *before) return Taken::silent;
  const bool heard_already = std::exchange(link.heard, true);
  take_content(boot, packet);
  if (!present) {
    peer.boot = std::exchange(peer.other, {});
    news_ = true;
  }
  peer.refused.reset();
  const bool was_shut = std::exchange(peer.shut, false);
  if (!heard_already || was_shut) {
    changed(now);
    set_wake();
  }
  return Taken::counted;
}

void Hearing::take_refusal(std::size_t member, Instant now) {
  forgive(now);
  if (member >= peers_.size() || peers_[member].links == 0) return;
  peers_[member].refused = now;
}

std::optional<PeersHeard> Hearing::news() {
  if (!std::exchange(news_, false)) return std::nullopt;
  PeersHeard news;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const Peer& peer = peers_[i];
    if (peer.links == 0) continue;
    PeerHeard said;
    said.host = roster_.members[i].name;
    said.boot = peer.boot.tag;
    said.links = heard_links(peer.boot.links);
    said.of = peer.links;
    said.shut = peer.shut;
    said.last = peer.boot.as_of().value_or(Instant{});
    said.brain = peer.boot.brain;
    if (said.links != 0)
      for (const auto& other : peer.boot.heard)
        for (std::size_t k = 0; k < peers_.size(); ++k)
          if (peers_[k].tag == other.host)
            said.opinions.push_back({roster_.members[k].name, other.boot, other.links != 0});
    news.peers.push_back(std::move(said));
  }
  return news;
}

void Hearing::skip(Duration time) {
  const auto shift = [time](std::optional<Instant>& at) {
    if (at) *at = *at + time;
  };
  for (auto& peer : peers_) {
    shift(peer.refused);
    for (auto* boot : {&peer.boot, &peer.other}) {
      boot->came = boot->came + time;
      shift(boot->content);
      for (auto& link : boot->links) {
        shift(link.sent);
        shift(link.as_of);
      }
    }
  }
  shift(round_);
  if (next_round_ != kNever) next_round_ = next_round_ + time;
  set_wake();
}

}  // namespace haven

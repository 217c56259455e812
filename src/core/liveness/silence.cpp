#include "core/liveness/silence.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace haven {
namespace {

enum class Word { none, heard, silent };

const PeerHeard* peer_of(const View& view, const HostName& host) {
  if (!view.heard) return nullptr;
  const auto& peers = view.heard->peers;
  const auto found = std::find_if(peers.begin(), peers.end(), [&](const PeerHeard& peer) { return peer.host == host; });
  return found == peers.end() ? nullptr : &*found;
}

Word own_word(const View& view, const HostName& host, const Incarnation& boot) {
  const PeerHeard* peer = peer_of(view, host);
  if (peer == nullptr || peer->boot != boot_digest(boot)) return Word::none;
  if (peer->links != 0) return Word::heard;
  return peer->shut ? Word::none : Word::silent;
}

Word word_of(const View& view, const HostName& voter, const HostName& host, const Incarnation& boot) {
  const PeerHeard* peer = peer_of(view, voter);
  if (peer == nullptr || peer->links == 0) return Word::none;
  const MemberRecord* member = member_of(view, voter);
  if (member != nullptr && boot_digest(member->incarnation) != peer->boot) return Word::none;
  const BootDigest tag = boot_digest(boot);
  for (const auto& opinion : peer->opinions)
    if (opinion.about == host && opinion.boot == tag) return opinion.heard ? Word::heard : Word::silent;
  return Word::none;
}

bool away_as_planned(const View& view, const HostName& host, const Incarnation& boot) {
  const auto away = view.away.find(host);
  return away != view.away.end() && away->second.value.incarnation == boot &&
         away->second.value.kind != AwayKind::leaving;
}

bool has_voice(const View& view, const HostName& host, const Incarnation& boot) {
  return !proved_dead(view, host, boot) && !away_as_planned(view, host, boot);
}

struct Count {
  int voters = 0, silent = 0, heard = 0;
};

Count count_words(const View& view, const HostName& self, const HostName& host, const Incarnation& boot,
                  const std::set<HostName>& suspected) {
  Count count;
  const auto add = [&](Word word) {
    count.voters += 1;
    count.silent += word == Word::silent ? 1 : 0;
    count.heard += word == Word::heard ? 1 : 0;
  };
  add(own_word(view, host, boot));
  for (const auto& [voter, member] : view.members) {
    if (voter == host || voter == self || suspected.contains(voter)) continue;
    if (has_voice(view, voter, member.value.incarnation)) add(word_of(view, voter, host, boot));
  }
  const HostName witness{view.spec()->cluster.witness};
  const PeerHeard* heard = witness.empty() ? nullptr : peer_of(view, witness);
  if (heard != nullptr && heard->links != 0) add(word_of(view, witness, host, boot));
  return count;
}

// Everybody hears everybody: by far the usual case.
bool all_well(const PeersHeard& heard) {
  return std::all_of(heard.peers.begin(), heard.peers.end(), [](const PeerHeard& peer) {
    return peer.links != 0 && std::all_of(peer.opinions.begin(), peer.opinions.end(),
                                          [](const PeerOpinion& opinion) { return opinion.heard; });
  });
}

}  // namespace

std::set<HostName> silent_hosts(const View& view, const HostName& self) {
  std::set<HostName> silent;
  if (!view.heard || view.spec() == nullptr || all_well(*view.heard)) return silent;
  // Whoever is suspected has no voice about the others, so that one finding may make another.
  while (true) {
    std::set<HostName> more = silent;
    for (const auto& [host, member] : view.members) {
      const Incarnation& boot = member.value.incarnation;
      if (host == self || silent.contains(host) || !has_voice(view, host, boot)) continue;
      const Count count = count_words(view, self, host, boot, silent);
      if (2 * count.silent > count.voters) more.insert(host);
    }
    if (more == silent) return silent;
    silent = std::move(more);
  }
}

bool is_heard(const View& view, const HostName& self, const HostName& host, const Incarnation& boot) {
  if (!view.heard || view.spec() == nullptr) return false;
  const Count count = count_words(view, self, host, boot, silent_hosts(view, self));
  if (2 * count.silent > count.voters) return false;
  return 2 * count.heard > count.voters || own_word(view, host, boot) == Word::heard;
}

bool heard_by_anybody(const View& view, const HostName& host, const Incarnation& boot) {
  if (!view.heard) return false;
  if (own_word(view, host, boot) == Word::heard) return true;
  return std::any_of(view.heard->peers.begin(), view.heard->peers.end(),
                     [&](const PeerHeard& peer) { return word_of(view, peer.host, host, boot) == Word::heard; });
}

void fold_silences(Silences& silences, const View& view, const HostName& self, Instant now) {
  const std::set<HostName> silent = silent_hosts(view, self);
  for (const auto& host : silent) {
    const Incarnation& boot = member_of(view, host)->incarnation;
    auto& silence = silences[host];
    const bool over = !silence.stands && !silence.answered;
    if (silence.incarnation != boot || over) silence = {boot, now, true, {}, false};
  }
  for (auto it = silences.begin(); it != silences.end();) {
    auto& [host, silence] = *it;
    if (std::exchange(silence.stands, silent.contains(host)) && !silence.stands) silence.ended = now;
    const bool same = holds_member_key(view, host, silence.incarnation);
    if (own_word(view, host, silence.incarnation) == Word::heard) silence.answered = false;
    // Whoever asked it: the answer stands there until its intent is withdrawn.
    if (view.answers.contains({host, silence.incarnation})) silence.answered = true;
    const bool recent = silence.ended + view.spec()->cluster.lease > now;
    it = silence.stands || (same && (silence.answered || recent)) ? std::next(it) : silences.erase(it);
  }
}

bool suspected_silent(const Silences& silences, const HostName& host, const Incarnation& boot) {
  const auto silence = silences.find(host);
  return silence != silences.end() && silence->second.incarnation == boot && silence->second.stands &&
         !silence->second.answered;
}

Instant network_event_until(const Silences& silences, const View& view, const HostName& host) {
  const Spec& spec = *view.spec();
  const auto own = silences.find(host);
  if (own == silences.end()) return {};
  std::set<std::string> fell, silent;
  Instant ended;
  for (const auto& [name, silence] : silences) {
    const Host* known = spec.host(name);
    const Duration apart =
        silence.since > own->second.since ? silence.since - own->second.since : own->second.since - silence.since;
    if (known == nullptr || apart > spec.cluster.suspect) continue;
    const std::string domain = domain_of(*known, spec.cluster.reserve_domain);
    fell.insert(domain);
    if (silence.stands)
      silent.insert(domain);
    else
      ended = std::max(ended, silence.ended);
  }
  const auto expected = static_cast<std::size_t>(std::max(1, spec.cluster.reserve));
  if (silent.size() > expected) return kNever;
  return fell.size() > expected ? ended + spec.cluster.suspect : Instant{};
}

}  // namespace haven

// The faults of a FaultSource that are the network's or the engine's.
#include <string>
#include <vector>

#include "sim/fault_source.hpp"

namespace haven::sim {

// Machines fall apart into groups that do not hear each other; sometimes one group is still heard by the others.
void FaultSource::partition() {
  if (machines_.size() < 2) return;
  const std::uint64_t groups = random_.between(2, 3);
  std::vector<std::uint64_t> group;
  std::string words;
  for (const HostName& machine : machines_) {
    group.push_back(random_.below(groups));
    words += " " + machine.str() + ":" + std::to_string(group.back());
  }
  const bool one_way = random_.once_in(3);
  std::vector<SetCut> cuts;
  for (std::size_t a = 0; a < machines_.size(); ++a) {
    for (std::size_t b = 0; b < machines_.size(); ++b) {
      const bool cut = one_way ? group[a] < group[b] : a < b && group[a] != group[b];
      if (cut) cuts.push_back({machines_[a], machines_[b], one_way, true});
    }
  }
  for (const SetCut& cut : cuts) deed(cut, "partition" + words + ": cut " + cut.a.str() + " " + cut.b.str());
  later(span(100ms, 60s), [this, cuts] {
    for (SetCut cut : cuts) {
      cut.cut = false;
      deed(cut, "heal " + cut.a.str() + " " + cut.b.str());
    }
  });
}

void FaultSource::isolate() {
  const HostName host = some_host();
  deed(SetNetwork{host, false}, "network " + host.str() + " off");
  later(span(100ms, 60s), [this, host] { deed(SetNetwork{host, true}, "network " + host.str() + " on"); });
}

void FaultSource::cut() {
  if (hosts_.size() < 2) return;
  const HostName a = some_host();
  HostName b = some_host();
  while (b == a) b = some_host();
  const bool one_way = random_.once_in(2);
  const std::string pair = a.str() + (one_way ? " -> " : " ") + b.str();
  deed(SetCut{a, b, one_way, true}, "cut " + pair);
  later(span(100ms, 60s), [this, a, b, one_way, pair] { deed(SetCut{a, b, one_way, false}, "heal " + pair); });
}

void FaultSource::link() {
  const std::size_t host = random_.below(hosts_.size());
  const std::size_t link = 1 + random_.below(links_[host]);
  const std::string words = hosts_[host].str() + " link " + std::to_string(link);
  deed(SetLink{hosts_[host], link, true}, "cut " + words);
  later(span(100ms, 60s), [this, host, link, words] { deed(SetLink{hosts_[host], link, false}, "heal " + words); });
}

void FaultSource::store() {
  const int flaps = random_.once_in(3) ? 4 : 1;
  Duration at{};
  for (int i = 0; i < flaps; ++i) {
    later(at, [this] { deed(SetStore{false}, "store off"); });
    at += flaps > 1 ? span(10ms, 3s) : span(100ms, 60s);
    later(at, [this] { deed(SetStore{true}, "store on"); });
    at += span(10ms, 4s);
  }
}

void FaultSource::voter() {
  const HostName& host = machines_[random_.below(machines_.size())];
  const MachineIndex voter = world_.machine(host).index();
  if (note_) note_("the engine's process on " + host.str() + " dies");
  world_.engine().set_voter(voter, false);
  later(span(100ms, 60s), [this, voter] { world_.engine().set_voter(voter, true); });
}

// A slow disk under the engine's leader: everybody waits.
void FaultSource::slow_engine() {
  const Duration slow = random_.once_in(2) ? span(5ms, 200ms) : span(200ms, 3s);
  if (note_) note_("the engine is slow: " + std::to_string(slow / std::chrono::milliseconds(1)) + " ms a message");
  for (const auto& havend : world_.havends()) havend->set_trouble({.slow = slow});
  later(span(1s, 60s), [this] {
    for (const auto& havend : world_.havends()) havend->set_trouble({});
  });
}

void FaultSource::full_disk() {
  if (note_) note_("the engine's disk is full");
  world_.engine().set_full(true);
  later(span(1s, 60s), [this] { world_.engine().set_full(false); });
}

void FaultSource::watch() {
  const HostName host = some_host();
  Havend& havend = world_.havend(host);
  if (random_.once_in(2)) {
    if (note_) note_("the watch of " + host.str() + " breaks");
    havend.break_watch();
    return;
  }
  if (random_.once_in(3)) {
    if (note_) note_("the engine compacts");
    world_.engine().compact();
  }
  hamper(havend, "the watch of " + host.str() + " is late", {.watch_delay = span(10ms, 3s)});
}

void FaultSource::hamper(Havend& havend, const std::string& words, const EngineTrouble& trouble) {
  if (note_) note_(words);
  havend.set_trouble(trouble);
  later(span(1s, 60s), [&havend] { havend.set_trouble({}); });
}

void FaultSource::replies() {
  const HostName host = some_host();
  hamper(world_.havend(host), "replies to " + host.str() + " get lost",
         {.lost_replies = static_cast<unsigned>(random_.between(50, 900))});
}

void FaultSource::late_commits() {
  const HostName host = some_host();
  hamper(world_.havend(host), "what " + host.str() + " writes is carried out late",
         {.late_commits = static_cast<unsigned>(random_.between(50, 900))});
}

void FaultSource::deafness() {
  if (note_) note_("a firewall drops all heartbeats");
  world_.drop_heartbeats(true);
  later(span(100ms, 60s), [this] {
    if (note_) note_("the firewall lets heartbeats pass");
    world_.drop_heartbeats(false);
  });
}

// A switch, or the cable of the guests' bridge: of one host, or of all that hang on it.
void FaultSource::uplink() {
  const bool all = random_.once_in(4);
  for (std::size_t i = 0; i < (all ? hosts_.size() : 1); ++i) {
    const HostName host = all ? hosts_[i] : some_host();
    deed(SetUplink{host, false}, "uplink " + host.str() + " off");
    later(span(1s, 180s), [this, host] { deed(SetUplink{host, true}, "uplink " + host.str() + " on"); });
  }
}

// Its disk stands still when it is deposed: its memory goes on answering.
void FaultSource::stale_leader() {
  if (note_) note_("the next deposed leader of the engine is slow to notice");
  world_.engine().set_stale_for(span(1s, 60s));
}

}  // namespace haven::sim

// How a host is found: what the question implies once, then only the hosts that can still win.
#include <algorithm>
#include <utility>

#include "core/placement/ledger.hpp"

namespace haven {
namespace {

// What is needed at least to be taken: what needs nothing fits even on a host that facts have overfilled.
std::int64_t least_free(std::int64_t need) { return need > 0 ? need : RoomIndex::kShut; }

void sort_out(std::vector<std::size_t>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

bool holds(const std::vector<std::size_t>& ascending, std::size_t value) {
  return std::binary_search(ascending.begin(), ascending.end(), value);
}

bool breaks(RuleKind kind, const std::vector<std::size_t>& domains, std::size_t here) {
  switch (kind) {
    case RuleKind::apart:
      return holds(domains, here);
    case RuleKind::together:
      return domains.size() > 1 || domains.front() != here;
  }
  return true;
}

template <class List>
auto entry_of(const List& ascending, std::size_t host) {
  const auto it = std::lower_bound(ascending.begin(), ascending.end(), host,
                                   [](const auto& entry, std::size_t h) { return entry.first < h; });
  return it != ascending.end() && it->first == host ? &*it : nullptr;
}

struct AllHosts {
  std::size_t count;
  struct Iterator {
    std::size_t host;
    std::size_t operator*() const { return host; }
    Iterator& operator++() {
      ++host;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return host != other.host; }
  };
  [[nodiscard]] Iterator begin() const { return {0}; }
  [[nodiscard]] Iterator end() const { return {count}; }
};

}  // namespace

Placement::Query Placement::Ledger::query(std::size_t r, const std::vector<Refusal>& avoid, Occasion occasion) const {
  const auto& resource = spec.resources[r];
  Query q;
  q.resource = r;
  q.occasion = occasion;
  q.needed = {least_free(resource.memory.count), least_free(resource.cpu.count)};
  if (!resource.hosts.only.empty() || !resource.hosts.never.empty()) q.eligible = topology.eligible(resource.hosts);
  for (const auto& a : avoid)
    if (const auto h = topology.find(a.host)) q.avoided.emplace_back(*h, a.reason.empty() ? "avoided" : a.reason);
  // Of several reasons for one host the last.
  std::reverse(q.avoided.begin(), q.avoided.end());
  std::stable_sort(q.avoided.begin(), q.avoided.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto i : rules[r]) {
    Query::Held held{i, {}};
    for (const auto other : members[i])
      if (other != r)
        for (const auto at : standing[other]) held.domains.push_back(topology.domain(spec.rules[i].domain, at));
    sort_out(held.domains);
    if (!held.domains.empty()) (spec.rules[i].strict ? q.strict : q.preferred).push_back(std::move(held));
  }
  q.idle_set = unbooked_set(r, true);
  q.whole_set = unbooked_set(r, false);
  q.unranked = static_cast<int>(resource.hosts.prefer.size());
  for (int tier = 0; tier < q.unranked; ++tier)
    for (const auto& name : resource.hosts.prefer[static_cast<std::size_t>(tier)])
      if (const auto h = topology.find(name)) q.ranked.emplace_back(*h, tier);
  // Of several ranks the best: the first.
  std::sort(q.ranked.begin(), q.ranked.end());
  for (const auto m : templates[r]) {
    auto hosts = standing[m];
    sort_out(hosts);
    q.sibling_hosts.insert(q.sibling_hosts.end(), hosts.begin(), hosts.end());
  }
  std::sort(q.sibling_hosts.begin(), q.sibling_hosts.end());
  return q;
}

bool Placement::Ledger::listed_for(const Query& q, std::size_t host) const {
  return (!q.eligible || q.eligible->contains(host)) && entry_of(q.avoided, host) == nullptr;
}

bool Placement::Ledger::open_to(const Query& q, std::size_t host) const {
  return unusable_[host].empty() && listed_for(q, host);
}

bool Placement::Ledger::rules_kept(const Query& q, std::size_t host) const {
  return std::none_of(q.strict.begin(), q.strict.end(), [&](const Query::Held& held) {
    const auto& rule = spec.rules[held.rule];
    return breaks(rule.kind, held.domains, topology.domain(rule.domain, host));
  });
}

bool Placement::Ledger::may_stand(const Query& q, std::size_t host) const {
  if (!open_to(q, host) || !rules_kept(q, host)) return false;
  const auto free = free_for(q.resource, host, q.occasion);
  return free.memory.count >= q.needed.memory_mib && free.cpu.count >= q.needed.vcpus;
}

std::string Placement::Ledger::refusal(const Query& q, std::size_t host) const {
  if (may_stand(q, host)) {
    const bool alone = q.idle_set.size() == 1 || set_fits(q.idle_set, host, q.occasion);
    return alone ? std::string{} : set_refusal(q.idle_set, host, q.occasion);
  }
  if (!unusable_[host].empty()) return unusable_[host];
  const auto& resource = spec.resources[q.resource];
  if (q.eligible && !q.eligible->contains(host)) {
    const auto& never = resource.hosts.never;
    const bool named = std::find(never.begin(), never.end(), spec.hosts[host].name) != never.end();
    return named ? "never: " + resource.name.str() + " may not run here" : "only: not among its hosts";
  }
  if (const auto* avoided = entry_of(q.avoided, host)) return avoided->second;
  for (const auto& held : q.strict)
    if (auto sentence = broken(held.rule, q.resource, host); !sentence.empty()) return sentence;
  const auto free = free_for(q.resource, host, q.occasion);
  const auto words = [](const char* what, const char* unit, std::int64_t need, std::int64_t room) {
    return std::string(what) + ": needs " + std::to_string(need) + unit + ", " +
           std::to_string(std::max<std::int64_t>(0, room)) + unit + " free";
  };
  std::string why;
  if (free.memory.count < q.needed.memory_mib) why = words("memory", " MiB", resource.memory.count, free.memory.count);
  if (free.cpu.count < q.needed.vcpus)
    why += (why.empty() ? "" : "; ") + words("cpu", " vCPU", resource.cpu.count, free.cpu.count);
  const auto& besides = others_[host];
  if (!why.empty() && besides != Footprint{})
    why += "; " + std::to_string(besides.memory.count) + " MiB and " + std::to_string(besides.cpu.count) +
           " vCPU are taken by what Haven does not manage";
  return why;
}

PlacingScore Placement::Ledger::score(const Query& q, std::size_t host) const {
  const auto* ranked = entry_of(q.ranked, host);
  std::size_t broken_preferences = 0;
  for (const auto& held : q.preferred) {
    const auto& rule = spec.rules[held.rule];
    if (breaks(rule.kind, held.domains, topology.domain(rule.domain, host))) ++broken_preferences;
  }
  const auto [first, last] = std::equal_range(q.sibling_hosts.begin(), q.sibling_hosts.end(), host);
  return {ranked == nullptr ? q.unranked : ranked->second, broken_preferences, static_cast<std::size_t>(last - first),
          -free_for(q.resource, host, q.occasion).memory.count, topology.place_by_name(host)};
}

std::optional<std::size_t> Placement::Ledger::best(const Query& q) const {
  if (q.idle_set.size() > 1 || q.whole_set.size() > q.idle_set.size()) return best_for_set(q);
  if (const auto few = shortlist(q)) return best_of(q, *few);
  if (!q.preferred.empty()) return best_of(q, AllHosts{topology.hosts()});
  return best_by_room(q);
}

std::optional<std::vector<std::size_t>> Placement::Ledger::shortlist(const Query& q) const {
  for (const auto& held : q.strict) {
    const auto& rule = spec.rules[held.rule];
    if (rule.kind != RuleKind::together) continue;
    if (held.domains.size() > 1) return std::vector<std::size_t>{};
    return topology.hosts_in(rule.domain, held.domains.front());
  }
  const auto& only = spec.resources[q.resource].hosts.only;
  if (only.empty()) return std::nullopt;
  std::vector<std::size_t> hosts;
  for (const auto& name : only)
    if (const auto h = topology.find(name)) hosts.push_back(*h);
  return hosts;
}

template <class Hosts>
std::optional<std::size_t> Placement::Ledger::best_of(const Query& q, const Hosts& hosts) const {
  std::optional<PlacingScore> best;
  for (const auto h : hosts) {
    if (!may_stand(q, h)) continue;
    if (const auto found = score(q, h); !best || found < *best) best = found;
  }
  if (!best) return std::nullopt;
  return topology.host_by_name(std::get<4>(*best));
}

// Whether a set fits is dear to know: asked of the best host first, and of no more than needed.
std::optional<std::size_t> Placement::Ledger::best_for_set(const Query& q) const {
  std::vector<PlacingScore> candidates;
  for (std::size_t h = 0; h < topology.hosts(); ++h)
    if (may_stand(q, h)) candidates.push_back(score(q, h));
  std::sort(candidates.begin(), candidates.end());
  const bool rest = q.whole_set.size() > q.idle_set.size();
  std::optional<std::size_t> stranding;
  for (const auto& candidate : candidates) {
    const auto h = topology.host_by_name(std::get<4>(candidate));
    if (q.idle_set.size() > 1 && !set_fits(q.idle_set, h, q.occasion)) continue;
    if (!rest || set_fits(q.whole_set, h, q.occasion)) return h;
    if (!stranding) stranding = h;
  }
  return stranding;
}

// Hosts that differ from the rest by more than what is free on them are looked at one by one, the rest by the index.
std::optional<std::size_t> Placement::Ledger::best_by_room(const Query& q) const {
  auto special = standing[q.resource];
  special.insert(special.end(), q.sibling_hosts.begin(), q.sibling_hosts.end());
  for (const auto& [host, rank] : q.ranked) special.push_back(host);
  sort_out(special);
  const auto best = best_of(q, special);
  if (best && std::get<0>(score(q, *best)) < q.unranked) return best;
  const auto& index = q.occasion == Occasion::recovery && free_standby_ ? *free_standby_ : free_;
  const auto place = index.freest(q.needed, [&](std::size_t at) {
    const auto h = topology.host_by_name(at);
    return !holds(special, h) && may_stand(q, h);
  });
  if (!place) return best;
  const auto freest = topology.host_by_name(*place);
  return best && score(q, *best) < score(q, freest) ? best : freest;
}

}  // namespace haven

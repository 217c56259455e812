#include "core/placement/topology.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace haven {
namespace {

constexpr std::array kLevels{FailureDomain::host, FailureDomain::rack, FailureDomain::room, FailureDomain::site};
constexpr std::array<const char*, kFailureDomainLevels> kLevelNames{"host", "rack", "room", "site"};

}  // namespace

Topology::Topology(const Spec& spec) {
  for (const auto& host : spec.hosts) {
    index_.emplace(host.name, names_.size());
    names_.push_back(host.name);
  }
  by_name_.resize(names_.size());
  std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
  std::sort(by_name_.begin(), by_name_.end(), [&](std::size_t a, std::size_t b) { return names_[a] < names_[b]; });
  places_.resize(names_.size());
  for (std::size_t place = 0; place < by_name_.size(); ++place) places_[by_name_[place]] = place;
  for (const auto level : kLevels) {
    const auto l = index_of(level);
    std::map<std::string, std::size_t> seen;
    for (const auto& host : spec.hosts) {
      const auto domain = domain_of(host, level);
      const auto [it, fresh] = seen.emplace(domain, seen.size());
      domains_[l].push_back(it->second);
      if (fresh) hosts_in_[l].emplace_back();
      hosts_in_[l][it->second].push_back(domains_[l].size() - 1);
      if (!fresh) continue;
      const bool lone = domain.starts_with('/');
      lone_[l].push_back(lone);
      if (level == FailureDomain::host)
        labels_[l].push_back(host.name.str());
      else if (lone)
        labels_[l].push_back(host.name.str() + " (in no " + kLevelNames[l] + ")");
      else
        labels_[l].push_back(std::string(kLevelNames[l]) + " " + domain);
    }
  }
}

std::optional<std::size_t> Topology::find(const HostName& name) const {
  const auto it = index_.find(name);
  if (it == index_.end()) return std::nullopt;
  return it->second;
}

std::array<std::size_t, kFailureDomainLevels> Topology::domains_of(std::size_t host) const {
  std::array<std::size_t, kFailureDomainLevels> all{};
  for (const auto level : kLevels) all[index_of(level)] = domain(level, host);
  return all;
}

std::string Topology::place(FailureDomain level, std::size_t domain) const {
  return (lone_[index_of(level)][domain] ? "on " : "in ") + label(level, domain);
}

HostSet Topology::eligible(const HostRules& rules) const {
  HostSet set(hosts(), rules.only.empty());
  for (const auto& name : rules.only)
    if (const auto h = find(name)) set.add(*h);
  for (const auto& name : rules.never)
    if (const auto h = find(name)) set.remove(*h);
  return set;
}

std::vector<std::vector<std::size_t>> members_of_rules(const Spec& spec) {
  std::unordered_map<ResourceName, std::size_t> index;
  for (std::size_t r = 0; r < spec.resources.size(); ++r) index.emplace(spec.resources[r].name, r);
  std::vector<std::vector<std::size_t>> members(spec.rules.size());
  for (std::size_t i = 0; i < spec.rules.size(); ++i)
    for (const auto& name : spec.rules[i].resources) {
      const auto it = index.find(name);
      if (it == index.end()) continue;
      if (std::find(members[i].begin(), members[i].end(), it->second) == members[i].end())
        members[i].push_back(it->second);
    }
  return members;
}

}  // namespace haven

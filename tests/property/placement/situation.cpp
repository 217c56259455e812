#include "placement/situation.hpp"

#include <algorithm>

namespace haven::dumb {

std::vector<HostView> views_of(const Spec& spec, const std::set<std::string>& out) {
  std::vector<HostView> views;
  views.reserve(spec.hosts.size());
  for (const auto& h : spec.hosts) views.push_back({h.name, out.contains(h.name.str()) ? "fenced" : ""});
  return views;
}

Placement Situation::placement() const {
  Placement p(spec, views_of(spec, out));
  for (const auto& [r, h] : booked) p.book(ResourceName(r), HostName(h));
  return p;
}

Situation any_situation() {
  Situation s{any_spec(4, 6), {}, {}};
  for (const auto& h : s.spec.hosts)
    if (between(0, 4) == 0) s.out.insert(h.name.str());
  const int bookings = between(0, 4);
  for (int i = 0; i < bookings; ++i) {
    const auto r = between(0, static_cast<int>(s.spec.resources.size()) - 1);
    const auto h = between(0, static_cast<int>(s.spec.hosts.size()) - 1);
    s.booked.emplace(s.spec.resources.at(r).name.str(), s.spec.hosts.at(h).name.str());
  }
  return s;
}

std::string described(const Situation& s) {
  auto text = described(s.spec);
  for (const auto& h : s.out) text += h + " is fenced\n";
  for (const auto& [r, h] : s.booked) text += r + " booked on " + h + "\n";
  return text;
}

namespace {

Where without(Where where, const std::string& resource) {
  where.erase(resource);
  return where;
}

// Only what the newcomer adds may be held against it: facts may have broken rules before.
bool newcomer_keeps_rules(const Spec& spec, const Where& others, const std::string& resource, const std::string& host) {
  for (const auto& [r, h] : others) {
    Where pair{{r, h}, {resource, host}};
    if (r != resource && !rules_kept(spec, pair)) return false;
  }
  return true;
}

bool newcomer_fits(const Spec& spec, Where others, const std::string& resource, const std::string& host) {
  others.emplace(resource, host);
  const auto& h = *spec.host(HostName(host));
  const auto& needs = *spec.resource(ResourceName(resource));
  double memory = 0;
  double cpu = 0;
  for (const auto& [r, at] : others)
    if (at == host) {
      memory += static_cast<double>(spec.resource(ResourceName(r))->memory.count);
      cpu += static_cast<double>(spec.resource(ResourceName(r))->cpu.count);
    }
  return (needs.memory.count == 0 || memory <= static_cast<double>((h.memory - h.keep_memory).count)) &&
         (needs.cpu.count == 0 || cpu <= static_cast<double>(h.cpu.count) * spec.cluster.cpu_overcommit);
}

bool may_join(const Situation& s, const Where& others, const std::string& resource, const std::string& host) {
  return !s.out.contains(host) &&
         may_by_lists(*s.spec.resource(ResourceName(resource)), *s.spec.host(HostName(host))) &&
         newcomer_keeps_rules(s.spec, others, resource, host) && newcomer_fits(s.spec, others, resource, host);
}

}  // namespace

// The started, unbooked resources that strict together rules bind to the first; by idle rules only, or by all.
std::vector<std::string> set_of(const Situation& s, const std::string& first, bool only_idle) {
  std::vector<std::string> set{first};
  for (std::size_t i = 0; i < set.size(); ++i)
    for (const auto& rule : s.spec.rules) {
      const auto has = [&](const std::string& n) {
        return std::find(rule.resources.begin(), rule.resources.end(), ResourceName(n)) != rule.resources.end();
      };
      if (!rule.strict || rule.kind != RuleKind::together || !has(set[i])) continue;
      const bool idle = std::none_of(rule.resources.begin(), rule.resources.end(), [&](const ResourceName& n) {
        return n.str() != first && s.booked.contains(n.str());
      });
      if (only_idle && !idle) continue;
      for (const auto& n : rule.resources)
        if (!s.booked.contains(n.str()) && s.spec.resource(n)->state == DesiredState::started &&
            std::find(set.begin(), set.end(), n.str()) == set.end())
          set.push_back(n.str());
    }
  return set;
}

namespace {

// Can the first stand there and the others find places, one after the other, in some arrangement?
bool set_can_stand(const Situation& s, const std::vector<std::string>& set, const std::string& host) {
  std::vector<std::string> rest(set.begin() + 1, set.end());
  std::vector<std::string> hosts;
  for (const auto& h : s.spec.hosts) hosts.push_back(h.name.str());
  return any_assignment(s.spec, rest, hosts, [&](const Where& where) {
    auto standing = without(s.booked, set.front());
    standing.emplace(set.front(), host);
    for (const auto& r : rest) {
      const auto at = where.find(r)->second;
      if (!may_join(s, standing, r, at)) return false;
      standing.emplace(r, at);
    }
    return true;
  });
}

}  // namespace

std::set<std::string> hosts_allowed(const Situation& s, const std::string& resource) {
  std::set<std::string> allowed;
  const auto set = set_of(s, resource, true);
  for (const auto& h : s.spec.hosts)
    if (may_join(s, without(s.booked, resource), resource, h.name.str()) && set_can_stand(s, set, h.name.str()))
      allowed.insert(h.name.str());
  return allowed;
}

namespace {

int rank_of(const Resource& r, const HostName& host) {
  for (std::size_t tier = 0; tier < r.hosts.prefer.size(); ++tier)
    for (const auto& n : r.hosts.prefer[tier])
      if (n == host) return static_cast<int>(tier);
  return static_cast<int>(r.hosts.prefer.size());
}

}  // namespace

Score score_of(const Situation& s, const std::string& name, const HostName& host) {
  const auto& resource = *s.spec.resource(ResourceName(name));
  const auto others = without(s.booked, name);
  const bool strands = !set_can_stand(s, set_of(s, name, false), host.str());
  int broken = 0;
  for (auto rule : s.spec.rules) {
    if (rule.strict) continue;
    rule.strict = true;
    Spec alone = s.spec;
    alone.rules = {rule};
    const bool named = std::find(rule.resources.begin(), rule.resources.end(), resource.name) != rule.resources.end();
    if (named && !newcomer_keeps_rules(alone, others, name, host.str())) ++broken;
  }
  std::set<std::string> siblings;
  const auto hash = name.find('#');
  std::int64_t free = 0;
  free += (s.spec.host(host)->memory - s.spec.host(host)->keep_memory).count;
  for (const auto& [r, at] : others) {
    if (at != host.str()) continue;
    free -= s.spec.resource(ResourceName(r))->memory.count;
    if (hash != std::string::npos && r.substr(0, hash + 1) == name.substr(0, hash + 1)) siblings.insert(r);
  }
  return {strands, rank_of(resource, host), broken, siblings.size(), -free, host};
}

}  // namespace haven::dumb

#include "core/placement/ledger.hpp"

#include <algorithm>
#include <utility>

namespace haven {
namespace {

// One choice looks at each host: a set that defeats the search must not hold up a turn of the controller.
constexpr std::int64_t kMaxSetSteps = 1'000'000;

bool contains(const std::vector<std::size_t>& list, std::size_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

Placement::Ledger::Ledger(std::shared_ptr<const Roster> of, const std::vector<HostView>& views)
    : roster(std::move(of)),
      spec(*roster->spec),
      topology(roster->topology),
      members(roster->members),
      rules(roster->rules),
      templates(roster->templates),
      unusable(spec.hosts.size(), "not joined"),
      standing(spec.resources.size()),
      used(spec.hosts.size()),
      others(spec.hosts.size()) {
  for (const auto& view : views)
    if (const auto h = topology.find(view.name)) {
      unusable[*h] = view.reason;
      set_others(*h, view.others);
    }
}

void Placement::Ledger::set_others(std::size_t host, Footprint load) {
  used[host].memory += load.memory - others[host].memory;
  used[host].cpu += load.cpu - others[host].cpu;
  others[host] = load;
}

std::optional<std::size_t> Placement::Ledger::resource(const ResourceName& name) const { return roster->index(name); }

void Placement::Ledger::book(std::size_t r, std::size_t host, int sign) {
  auto& at = standing[r];
  const auto place = std::lower_bound(at.begin(), at.end(), host);
  if (sign > 0) {
    at.insert(place, host);
    used[host].memory += spec.resources[r].memory;
    used[host].cpu += spec.resources[r].cpu;
  } else if (place != at.end() && *place == host) {
    at.erase(place);
    used[host].memory -= spec.resources[r].memory;
    used[host].cpu -= spec.resources[r].cpu;
  } else {
    return;
  }
  if (trial) trial->push_back({r, host, sign});
}

Room Placement::Ledger::free_for(std::size_t r, std::size_t host, Occasion occasion) const {
  auto free = room_of(spec.hosts[host], spec.cluster, occasion);
  free.memory -= used[host].memory;
  free.cpu -= used[host].cpu;
  for (const auto h : standing[r])
    if (h == host) {
      free.memory += spec.resources[r].memory;
      free.cpu += spec.resources[r].cpu;
    }
  return free;
}

std::string Placement::Ledger::refusal(std::size_t r, std::size_t host, const HostSet& eligible,
                                       const std::string& avoided, Occasion occasion) const {
  if (!unusable[host].empty()) return unusable[host];
  const auto& resource = spec.resources[r];
  if (!eligible.contains(host)) {
    const auto& never = resource.hosts.never;
    const bool named = std::find(never.begin(), never.end(), spec.hosts[host].name) != never.end();
    return named ? "never: " + resource.name.str() + " may not run here" : "only: not among its hosts";
  }
  if (!avoided.empty()) return avoided;
  for (const auto i : rules[r])
    if (auto sentence = spec.rules[i].strict ? broken(i, r, host) : std::string{}; !sentence.empty()) return sentence;
  const auto free = free_for(r, host, occasion);
  // What needs nothing fits even on a host that facts have overfilled.
  const auto lacks = [](std::int64_t need, std::int64_t room) { return need > 0 && need > room; };
  const auto words = [](const char* what, const char* unit, std::int64_t need, std::int64_t room) {
    return std::string(what) + ": needs " + std::to_string(need) + unit + ", " +
           std::to_string(std::max<std::int64_t>(0, room)) + unit + " free";
  };
  std::string why;
  if (lacks(resource.memory.count, free.memory.count))
    why = words("memory", " MiB", resource.memory.count, free.memory.count);
  if (lacks(resource.cpu.count, free.cpu.count))
    why += (why.empty() ? "" : "; ") + words("cpu", " vCPU", resource.cpu.count, free.cpu.count);
  const auto& besides = others[host];
  if (!why.empty() && besides != Footprint{})
    why += "; " + std::to_string(besides.memory.count) + " MiB and " + std::to_string(besides.cpu.count) +
           " vCPU are taken by what Haven does not manage";
  return why;
}

std::optional<Placement::Ledger::Conflict> Placement::Ledger::conflict(std::size_t i, std::size_t r, std::size_t host,
                                                                       std::size_t moving) const {
  const auto& rule = spec.rules[i];
  const auto here = topology.domain(rule.domain, host);
  for (const auto other : members[i]) {
    if (other == r || other == moving) continue;
    for (const auto at : standing[other])
      if ((topology.domain(rule.domain, at) == here) == (rule.kind == RuleKind::apart)) return Conflict{other, at};
  }
  return std::nullopt;
}

std::string Placement::Ledger::broken(std::size_t i, std::size_t r, std::size_t host) const {
  const auto found = conflict(i, r, host, r);
  if (!found) return {};
  const auto level = spec.rules[i].domain;
  const auto& mine = spec.resources[r].name.str();
  const auto& other = spec.resources[found->resource].name.str();
  const auto here = topology.place(level, topology.domain(level, host));
  if (spec.rules[i].kind == RuleKind::apart) return "apart: " + mine + " and " + other + " are both " + here;
  return "together: " + mine + " is " + here + ", " + other + " is " +
         topology.place(level, topology.domain(level, found->host));
}

std::vector<std::size_t> Placement::Ledger::unbooked_set(std::size_t r, bool only_idle) const {
  std::vector<std::size_t> set{r};
  for (std::size_t next = 0; next < set.size(); ++next)
    for (const auto i : rules[set[next]]) {
      if (!spec.rules[i].strict || spec.rules[i].kind != RuleKind::together) continue;
      if (only_idle && std::any_of(members[i].begin(), members[i].end(),
                                   [&](std::size_t m) { return m != r && !standing[m].empty(); }))
        continue;
      for (const auto m : members[i])
        if (standing[m].empty() && spec.resources[m].state == DesiredState::started && !contains(set, m))
          set.push_back(m);
    }
  return set;
}

HostSet Placement::Ledger::open_hosts(std::size_t r, std::size_t moving) const {
  auto open = topology.eligible(spec.resources[r].hosts);
  for (std::size_t h = 0; h < topology.hosts(); ++h) {
    const bool shut = !unusable[h].empty() || std::any_of(rules[r].begin(), rules[r].end(), [&](std::size_t i) {
      return spec.rules[i].strict && conflict(i, r, h, moving).has_value();
    });
    if (shut) open.remove(h);
  }
  return open;
}

bool Placement::Ledger::set_fits(const std::vector<std::size_t>& set, std::size_t host, Occasion occasion) const {
  PackingProblem problem;
  for (std::size_t h = 0; h < topology.hosts(); ++h) {
    const auto free = free_for(set.front(), h, occasion);
    problem.hosts.push_back({std::max(free.memory, MiB{}), std::max(free.cpu, Vcpu{}), topology.domains_of(h)});
  }
  for (const auto r : set) {
    PackingItem item{spec.resources[r].memory, spec.resources[r].cpu, open_hosts(r, set.front())};
    if (r == set.front()) {
      item.allowed = HostSet(topology.hosts());
      item.allowed.add(host);
    }
    problem.items.push_back(std::move(item));
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (!spec.rules[i].strict) continue;
    PackingRule rule{spec.rules[i].kind, spec.rules[i].domain, {}};
    for (std::size_t k = 0; k < set.size(); ++k)
      if (contains(members[i], set[k])) rule.items.push_back(k);
    if (rule.items.size() > 1) problem.rules.push_back(std::move(rule));
  }
  auto steps = kMaxSetSteps;
  return pack(problem, steps).fit != Fit::no;
}

std::string Placement::Ledger::set_refusal(const std::vector<std::size_t>& set, std::size_t host,
                                           Occasion occasion) const {
  MiB memory;
  Vcpu cpu;
  std::vector<std::string> names;
  for (const auto r : set) {
    memory += spec.resources[r].memory;
    cpu += spec.resources[r].cpu;
    names.push_back(spec.resources[r].name.str());
  }
  const auto free = free_for(set.front(), host, occasion);
  return "together: " + listed(names) + " do not all fit with " + names.front() + " here: they need " +
         std::to_string(memory.count) + " MiB and " + std::to_string(cpu.count) + " vCPU in all, " +
         std::to_string(free.memory.count) + " MiB and " + std::to_string(free.cpu.count) + " vCPU are free on " +
         topology.name(host).str();
}

std::size_t Placement::Ledger::broken_preferences(std::size_t r, std::size_t host) const {
  return static_cast<std::size_t>(std::count_if(rules[r].begin(), rules[r].end(), [&](std::size_t i) {
    return !spec.rules[i].strict && conflict(i, r, host, r).has_value();
  }));
}

std::size_t Placement::Ledger::siblings(std::size_t r, std::size_t host) const {
  return static_cast<std::size_t>(std::count_if(templates[r].begin(), templates[r].end(),
                                                [&](std::size_t m) { return contains(standing[m], host); }));
}

std::vector<std::optional<int>> Placement::Ledger::ranks(std::size_t r) const {
  const auto& hosts = spec.resources[r].hosts;
  std::vector<std::optional<int>> ranks(topology.hosts(), static_cast<int>(hosts.prefer.size()));
  for (auto tier = hosts.prefer.size(); tier-- > 0;)
    for (const auto& name : hosts.prefer[tier])
      if (const auto h = topology.find(name)) ranks[*h] = static_cast<int>(tier);
  const auto eligible = topology.eligible(hosts);
  for (std::size_t h = 0; h < ranks.size(); ++h)
    if (!eligible.contains(h)) ranks[h] = std::nullopt;
  return ranks;
}

}  // namespace haven

#include "core/placement/ledger.hpp"

#include <algorithm>
#include <utility>

#include "core/model/wording.hpp"

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
      standing(spec.resources.size()),
      residents(spec.hosts.size()),
      unusable_(spec.hosts.size(), "not joined"),
      used_(spec.hosts.size()),
      others_(spec.hosts.size()),
      free_(spec.hosts.size()) {
  const bool overbooked = spec.cluster.overbook != 1.0;
  if (overbooked) free_standby_.emplace(spec.hosts.size());
  for (const auto& host : spec.hosts) {
    rooms_.push_back(room_of(host, spec.cluster, Occasion::start));
    if (overbooked) standby_.push_back(room_of(host, spec.cluster, Occasion::recovery));
  }
  for (const auto& view : views) {
    const auto h = topology.find(view.name);
    if (!h) continue;
    set_refusal(*h, view.reason);
    set_others(*h, view.others);
  }
}

void Placement::Ledger::set_others(std::size_t host, Footprint load) {
  used_[host].memory += load.memory - others_[host].memory;
  used_[host].cpu += load.cpu - others_[host].cpu;
  others_[host] = load;
  follow(host);
}

std::optional<std::size_t> Placement::Ledger::resource(const ResourceName& name) const { return roster->index(name); }

const Room& Placement::Ledger::room(std::size_t host, Occasion occasion) const {
  return occasion == Occasion::recovery && !standby_.empty() ? standby_[host] : rooms_[host];
}

void Placement::Ledger::set_refusal(std::size_t host, std::string reason) {
  unusable_[host] = std::move(reason);
  follow(host);
}

// The indexes tell what is free on hosts that may take something.
void Placement::Ledger::follow(std::size_t host) {
  const auto place = topology.place_by_name(host);
  const auto tell = [&](RoomIndex& index, Occasion occasion) {
    if (!unusable_[host].empty()) return index.shut(place);
    const auto free = free_on(host, occasion);
    index.set(place, free.memory.count, free.cpu.count);
  };
  tell(free_, Occasion::start);
  if (free_standby_) tell(*free_standby_, Occasion::recovery);
}

void Placement::Ledger::book(std::size_t r, std::size_t host, int sign) {
  auto& at = standing[r];
  auto& here = residents[host];
  const auto place = std::lower_bound(at.begin(), at.end(), host);
  const auto bed = std::lower_bound(here.begin(), here.end(), r);
  if (sign > 0) {
    at.insert(place, host);
    here.insert(bed, r);
    used_[host].memory += spec.resources[r].memory;
    used_[host].cpu += spec.resources[r].cpu;
  } else if (place != at.end() && *place == host) {
    at.erase(place);
    here.erase(bed);
    used_[host].memory -= spec.resources[r].memory;
    used_[host].cpu -= spec.resources[r].cpu;
  } else {
    return;
  }
  follow(host);
  if (trial) trial->push_back({r, host, sign});
}

Room Placement::Ledger::free_on(std::size_t host, Occasion occasion) const {
  auto free = room(host, occasion);
  free.memory -= used_[host].memory;
  free.cpu -= used_[host].cpu;
  return free;
}

Room Placement::Ledger::free_for(std::size_t r, std::size_t host, Occasion occasion) const {
  auto free = free_on(host, occasion);
  for (const auto h : standing[r])
    if (h == host) {
      free.memory += spec.resources[r].memory;
      free.cpu += spec.resources[r].cpu;
    }
  return free;
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
    const bool shut = !unusable_[h].empty() || std::any_of(rules[r].begin(), rules[r].end(), [&](std::size_t i) {
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

std::optional<int> Placement::Ledger::rank(std::size_t r, std::size_t host) const {
  const auto& hosts = spec.resources[r].hosts;
  if (!topology.eligible(hosts).contains(host)) return std::nullopt;
  const auto names_it = [&](const std::vector<HostName>& tier) {
    return std::find(tier.begin(), tier.end(), topology.name(host)) != tier.end();
  };
  return static_cast<int>(std::find_if(hosts.prefer.begin(), hosts.prefer.end(), names_it) - hosts.prefer.begin());
}

}  // namespace haven

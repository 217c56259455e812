#include "core/placement/contradiction.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "core/placement/packing.hpp"
#include "core/placement/room.hpp"
#include "core/placement/topology.hpp"

namespace haven {
namespace {

// More than any sum of resources; far from the end of the numbers, so that sums of it are no trouble.
constexpr std::int64_t kPlenty = std::numeric_limits<std::int64_t>::max() / 1024 / 1024;

class Groups {
 public:
  explicit Groups(std::size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }
  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(const std::vector<std::size_t>& all) {
    for (const auto i : all) {
      const auto a = root(all.front());
      const auto b = root(i);
      parent_[std::max(a, b)] = std::min(a, b);
    }
  }

 private:
  std::vector<std::size_t> parent_;
};

enum class Sizes { real, none };

class Quarrel {
 public:
  explicit Quarrel(const Spec& spec);

  // By what ties them, each in the file's order.
  [[nodiscard]] std::vector<std::vector<Demand>> parts();
  [[nodiscard]] bool possible(const std::vector<Demand>& demands, Sizes sizes = Sizes::real);
  [[nodiscard]] std::vector<Demand> smallest(std::vector<Demand> demands);

 private:
  struct Bound {
    std::map<std::size_t, HostSet> allowed;  // by resource that the demands bind
    std::vector<std::size_t> rules;
  };
  [[nodiscard]] Bound bound(const std::vector<Demand>& demands) const;
  void shut_out_large_blocks(Bound& bound) const;
  [[nodiscard]] bool on_one_host(const Rule& rule) const;
  [[nodiscard]] FailureDomain spare_level(const Bound& bound) const;
  [[nodiscard]] bool fits(const Bound& bound, const std::vector<std::size_t>& resources, Sizes sizes);

  const Spec& spec_;
  const Topology topology_;
  std::vector<std::vector<std::size_t>> members_;  // of strict rules: those considered
  std::vector<std::vector<std::size_t>> alike_;    // by resource: it and its other instances, if it is the first
  std::vector<HostSet> roomy_;                     // by resource: hosts that are large enough; none: not considered
  std::vector<Room> rooms_;
  const bool shared_machines_;  // virtual hosts: a domain of level host may hold several hosts
  std::int64_t steps_ = kMaxContradictionSteps;
};

Quarrel::Quarrel(const Spec& spec)
    : spec_(spec),
      topology_(spec),
      members_(members_of_rules(spec)),
      alike_(spec.resources.size()),
      shared_machines_(topology_.domains(FailureDomain::host) < topology_.hosts()) {
  for (const auto& host : spec.hosts) {
    auto room = room_of(host, spec.cluster, Occasion::start);
    if (host.memory.count == 0) room.memory = {kPlenty};
    if (host.cpu.count == 0) room.cpu = {kPlenty};
    rooms_.push_back(room);
  }
  std::map<std::string, std::size_t> firsts;
  for (std::size_t r = 0; r < spec.resources.size(); ++r) {
    const auto& resource = spec.resources[r];
    HostSet roomy(spec.hosts.size());
    for (std::size_t h = 0; h < rooms_.size(); ++h)
      if (resource.state == DesiredState::started && resource.memory <= rooms_[h].memory &&
          resource.cpu <= rooms_[h].cpu)
        roomy.add(h);
    const bool considered = roomy.count() > 0;
    roomy_.push_back(std::move(roomy));
    const auto& name = resource.name.str();
    if (considered) alike_[firsts.emplace(name.substr(0, name.find('#')), r).first->second].push_back(r);
  }
  for (auto& members : members_) std::erase_if(members, [&](std::size_t r) { return roomy_[r].count() == 0; });
}

std::vector<std::vector<Demand>> Quarrel::parts() {
  Groups groups(spec_.resources.size());
  std::vector<std::pair<std::size_t, Demand>> all;  // a resource of the part, the demand
  for (const auto& instances : alike_)
    if (!instances.empty()) groups.join(instances);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (!spec_.rules[i].strict || members_[i].size() < 2) continue;
    groups.join(members_[i]);
    all.push_back({members_[i].front(), {Demand::Kind::rule, i}});
  }
  for (std::size_t r = 0; r < alike_.size(); ++r) {
    if (alike_[r].empty()) continue;
    if (!spec_.resources[r].hosts.only.empty()) all.push_back({r, {Demand::Kind::only, r}});
    if (!spec_.resources[r].hosts.never.empty()) all.push_back({r, {Demand::Kind::never, r}});
  }
  std::map<std::size_t, std::vector<Demand>> by_part;
  for (const auto& [r, demand] : all) by_part[groups.root(r)].push_back(demand);
  std::vector<std::vector<Demand>> parts;
  for (auto& [root, demands] : by_part) parts.push_back(std::move(demands));
  return parts;
}

Quarrel::Bound Quarrel::bound(const std::vector<Demand>& demands) const {
  Bound out;
  const auto allowed = [&](std::size_t r) -> HostSet& { return out.allowed.try_emplace(r, roomy_[r]).first->second; };
  for (const auto& demand : demands) {
    if (demand.kind == Demand::Kind::rule) {
      out.rules.push_back(demand.index);
      for (const auto r : members_[demand.index]) (void)allowed(r);
      continue;
    }
    const auto& hosts = spec_.resources[demand.index].hosts;
    HostRules list;
    if (demand.kind == Demand::Kind::only) list.only = hosts.only;
    if (demand.kind == Demand::Kind::never) list.never = hosts.never;
    const auto eligible = topology_.eligible(list);
    for (const auto r : alike_[demand.index]) allowed(r).keep_only(eligible);
  }
  return out;
}

bool Quarrel::on_one_host(const Rule& rule) const {
  return rule.kind == RuleKind::together && rule.domain == FailureDomain::host && !shared_machines_;
}

// The packing takes together at level host for one host. Where virtual hosts share machines, it is told of these at a
// level that nothing else asks for; host: there is none.
FailureDomain Quarrel::spare_level(const Bound& bound) const {
  for (const auto level : {FailureDomain::rack, FailureDomain::room, FailureDomain::site})
    if (std::none_of(bound.rules.begin(), bound.rules.end(),
                     [&](std::size_t i) { return spec_.rules[i].domain == level; }))
      return level;
  return FailureDomain::host;
}

// What is together on one host stands only where all of it fits.
void Quarrel::shut_out_large_blocks(Bound& bound) const {
  Groups blocks(spec_.resources.size());
  for (const auto i : bound.rules)
    if (on_one_host(spec_.rules[i])) blocks.join(members_[i]);
  std::map<std::size_t, Room> needs;
  for (const auto& [r, allowed] : bound.allowed) {
    auto& need = needs[blocks.root(r)];
    need.memory += spec_.resources[r].memory;
    need.cpu += spec_.resources[r].cpu;
  }
  for (auto& [r, allowed] : bound.allowed) {
    const auto& need = needs[blocks.root(r)];
    for (std::size_t h = 0; h < rooms_.size(); ++h)
      if (need.memory > rooms_[h].memory || need.cpu > rooms_[h].cpu) allowed.remove(h);
  }
}

bool Quarrel::fits(const Bound& bound, const std::vector<std::size_t>& resources, Sizes sizes) {
  PackingProblem problem;
  const auto spare = shared_machines_ ? spare_level(bound) : FailureDomain::host;
  for (std::size_t h = 0; h < rooms_.size(); ++h) {
    const auto room = sizes == Sizes::real ? rooms_[h] : Room{{kPlenty}, {kPlenty}};
    problem.hosts.push_back({room.memory, room.cpu, topology_.domains_of(h)});
    problem.hosts.back().domain[index_of(spare)] = topology_.domain(FailureDomain::host, h);
  }
  std::map<std::size_t, std::size_t> item_of;
  for (const auto r : resources) {
    const auto& allowed = bound.allowed.at(r);
    if (allowed.count() == 0) return false;
    item_of.emplace(r, problem.items.size());
    const auto& needs = spec_.resources[r];
    const bool real = sizes == Sizes::real;
    problem.items.push_back({real ? needs.memory : MiB{}, real ? needs.cpu : Vcpu{}, allowed});
  }
  for (const auto i : bound.rules) {
    PackingRule rule{spec_.rules[i].kind, spec_.rules[i].domain, {}};
    if (shared_machines_ && rule.kind == RuleKind::together && rule.domain == FailureDomain::host) {
      if (spare == FailureDomain::host) continue;  // nothing is refused for what cannot be asked
      rule.domain = spare;
    }
    for (const auto r : members_[i])
      if (const auto item = item_of.find(r); item != item_of.end()) rule.items.push_back(item->second);
    if (rule.items.size() > 1) problem.rules.push_back(std::move(rule));
  }
  return steps_ <= 0 || pack(problem, steps_).fit != Fit::no;
}

bool Quarrel::possible(const std::vector<Demand>& demands, Sizes sizes) {
  auto all = bound(demands);
  // Lists alone: each resource is by itself.
  if (all.rules.empty())
    return std::all_of(all.allowed.begin(), all.allowed.end(), [](const auto& one) { return one.second.count() > 0; });
  if (sizes == Sizes::real) shut_out_large_blocks(all);
  std::vector<std::size_t> resources;
  for (const auto& [r, allowed] : all.allowed) resources.push_back(r);
  if (!fits(all, resources, Sizes::none)) return false;
  if (sizes == Sizes::none) return true;
  Groups sets(spec_.resources.size());
  bool wide = false;  // sets that stand on more than one host; those on one were looked at
  for (const auto i : all.rules)
    if (spec_.rules[i].kind == RuleKind::together) {
      sets.join(members_[i]);
      wide = wide || !on_one_host(spec_.rules[i]);
    }
  if (!wide) return true;
  std::map<std::size_t, std::vector<std::size_t>> by_set;
  for (const auto r : resources) by_set[sets.root(r)].push_back(r);
  return std::all_of(by_set.begin(), by_set.end(), [&](const auto& set) { return fits(all, set.second, Sizes::real); });
}

std::vector<Demand> Quarrel::smallest(std::vector<Demand> demands) {
  for (auto i = demands.size(); i-- > 0;) {
    auto fewer = demands;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (!possible(fewer)) demands = std::move(fewer);
  }
  return demands;
}

}  // namespace

std::vector<Contradiction> find_contradictions(const Spec& spec) {
  std::vector<Contradiction> found;
  if (spec.hosts.empty()) return found;
  Quarrel quarrel(spec);
  for (auto& demands : quarrel.parts()) {
    if (quarrel.possible(demands)) continue;
    auto smallest = quarrel.smallest(std::move(demands));
    const bool by_size = quarrel.possible(smallest, Sizes::none);
    found.push_back({std::move(smallest), by_size});
  }
  return found;
}

bool can_all_hold(const Spec& spec, const std::vector<Demand>& demands) {
  return spec.hosts.empty() || Quarrel(spec).possible(demands);
}

}  // namespace haven

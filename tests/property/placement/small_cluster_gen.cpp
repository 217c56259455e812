#include "placement/small_cluster_gen.hpp"

#include <sstream>

namespace haven::dumb {

int between(int low, int high) { return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(low, high + 1)); }

namespace {

bool one_in(int n) { return between(1, n) == n; }

template <class T>
T one_of(const std::vector<T>& values) {
  return *rc::gen::elementOf(values);
}

std::vector<HostName> some_hosts(const Spec& spec) {
  std::vector<HostName> names;
  for (const auto& h : spec.hosts)
    if (one_in(2)) names.push_back(h.name);
  return names;
}

constexpr FailureDomain kLevels[] = {FailureDomain::host, FailureDomain::rack, FailureDomain::room,
                                     FailureDomain::site};
FailureDomain any_level() { return kLevels[one_in(2) ? between(0, 3) : 0]; }

Host any_host(int i) {
  Host h;
  h.name = HostName("h" + std::to_string(i));
  h.memory = {between(1, 8)};
  h.cpu = {between(1, 4)};
  if (one_in(5)) h.keep_memory = {1};
  if (one_in(2)) h.rack = one_of<std::string>({"r1", "r2", "h1"});
  if (one_in(3)) h.room = one_of<std::string>({"u1", "u2"});
  if (one_in(3)) h.site = one_of<std::string>({"s1", "s2"});
  if (one_in(6)) h.runs_on = one_of<std::string>({"h1", "h2", "p1"});
  return h;
}

Resource any_vm(const Spec& spec, int i) {
  Resource r;
  r.name = ResourceName(one_in(2) ? "web#" + std::to_string(i) : "vm" + std::to_string(i));
  r.memory = {between(0, 4)};
  r.cpu = {between(0, 3)};
  r.priority = one_of<int>({50, 100, 100, 200});
  if (one_in(8)) r.state = one_of<DesiredState>({DesiredState::stopped, DesiredState::ignored});
  r.tolerate_host = !one_in(6);
  if (one_in(4)) r.hosts.only = some_hosts(spec);
  if (one_in(4)) r.hosts.never = some_hosts(spec);
  while (one_in(3) && r.hosts.prefer.size() < 3) r.hosts.prefer.push_back(some_hosts(spec));
  return r;
}

Rule any_rule(const Spec& spec) {
  Rule rule;
  rule.kind = one_of<RuleKind>({RuleKind::apart, RuleKind::together});
  rule.domain = any_level();
  rule.strict = !one_in(3);
  const int most = between(2, 4);
  for (const auto& r : spec.resources)
    if (one_in(2) && static_cast<int>(rule.resources.size()) < most) rule.resources.push_back(r.name);
  return rule;
}

}  // namespace

Spec any_spec(int hosts, int vms) {
  Spec spec;
  spec.cluster.name = "any";
  spec.cluster.cpu_overcommit = one_of<double>({1.0, 1.5, 3.0});
  spec.cluster.overbook = one_of<double>({1.0, 1.0, 1.5, 2.0});
  spec.cluster.reserve = between(0, 2);
  spec.cluster.reserve_domain = any_level();
  const int host_count = between(1, hosts);
  const int shift = one_of<int>({0, 8});  // h9 before h10: natural order
  const bool twins = one_in(2);           // alike hosts are where a search may skip too much
  for (int i = 1; i <= host_count; ++i) {
    spec.hosts.push_back(any_host(i + shift));
    if (twins && i > 1) {
      spec.hosts.back() = spec.hosts.front();
      spec.hosts.back().name = HostName("h" + std::to_string(i + shift));
    }
  }
  const int vm_count = between(1, vms);
  for (int i = 1; i <= vm_count; ++i) spec.resources.push_back(any_vm(spec, i));
  const int rule_count = between(0, 3);
  for (int i = 0; i < rule_count; ++i) spec.rules.push_back(any_rule(spec));
  return spec;
}

std::string described(const Spec& spec) {
  std::ostringstream out;
  const auto list = [&](const auto& names) {
    out << "[";
    for (const auto& n : names) out << " " << n.str();
    out << " ]";
  };
  out << "reserve " << spec.cluster.reserve << " of level " << static_cast<int>(spec.cluster.reserve_domain)
      << ", overbook " << spec.cluster.overbook << ", overcommit " << spec.cluster.cpu_overcommit << "\n";
  for (const auto& h : spec.hosts)
    out << "host " << h.name.str() << " memory " << (h.memory - h.keep_memory).count << " cpu " << h.cpu.count
        << " rack '" << h.rack << "' room '" << h.room << "' site '" << h.site << "' runs on '" << h.runs_on << "'\n";
  for (const auto& r : spec.resources) {
    out << "vm " << r.name.str() << " memory " << r.memory.count << " cpu " << r.cpu.count << " priority " << r.priority
        << (r.state == DesiredState::started ? "" : " off") << (r.tolerate_host ? "" : " guest") << " only ";
    list(r.hosts.only);
    out << " never ";
    list(r.hosts.never);
    for (const auto& tier : r.hosts.prefer) list(tier);
    out << "\n";
  }
  for (const auto& rule : spec.rules) {
    out << (rule.strict ? "" : "preferably ") << (rule.kind == RuleKind::apart ? "apart " : "together ")
        << static_cast<int>(rule.domain) << " ";
    list(rule.resources);
    out << "\n";
  }
  return out.str();
}

bool may_by_lists(const Resource& resource, const Host& host) {
  bool listed = resource.hosts.only.empty();
  for (const auto& n : resource.hosts.only) listed = listed || n == host.name;
  for (const auto& n : resource.hosts.never) listed = listed && n != host.name;
  return listed;
}

bool rules_kept(const Spec& spec, const Where& where) {
  for (const auto& rule : spec.rules) {
    if (!rule.strict) continue;
    for (const auto& a : rule.resources)
      for (const auto& b : rule.resources) {
        if (a == b) continue;
        const auto as = where.equal_range(a.str());
        const auto bs = where.equal_range(b.str());
        for (auto x = as.first; x != as.second; ++x)
          for (auto y = bs.first; y != bs.second; ++y) {
            const bool same = domain_of(*spec.host(HostName(x->second)), rule.domain) ==
                              domain_of(*spec.host(HostName(y->second)), rule.domain);
            if (same == (rule.kind == RuleKind::apart)) return false;
          }
      }
  }
  return true;
}

bool fits(const Spec& spec, const Where& where, double overbook) {
  for (const auto& h : spec.hosts) {
    double memory = 0;
    double cpu = 0;
    for (const auto& [resource, host] : where)
      if (host == h.name.str()) {
        memory += static_cast<double>(spec.resource(ResourceName(resource))->memory.count);
        cpu += static_cast<double>(spec.resource(ResourceName(resource))->cpu.count);
      }
    if (memory > static_cast<double>((h.memory - h.keep_memory).count) * overbook) return false;
    if (cpu > static_cast<double>((h.cpu - h.keep_cpu).count) * spec.cluster.cpu_overcommit) return false;
  }
  return true;
}

bool any_assignment(const Spec& spec, const std::vector<std::string>& resources, const std::vector<std::string>& hosts,
                    const std::function<bool(const Where&)>& accept) {
  Where where;
  const std::function<bool(std::size_t)> next = [&](std::size_t i) {
    if (i == resources.size()) return accept(where);
    for (const auto& h : hosts) {
      if (!may_by_lists(*spec.resource(ResourceName(resources[i])), *spec.host(HostName(h)))) continue;
      const auto it = where.emplace(resources[i], h);
      if (next(i + 1)) return true;
      where.erase(it);
    }
    return false;
  };
  return next(0);
}

}  // namespace haven::dumb

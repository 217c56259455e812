// From the draft to the Spec: defaults that rest on the whole file, instances, and rules over what came of them.
#include <algorithm>
#include <set>

#include "core/recovery/sets.hpp"
#include "file/draft.hpp"

namespace haven::file {
namespace {

std::vector<HostName> host_names(const std::vector<LocatedText>& list) {
  std::vector<HostName> out;
  for (const LocatedText& e : list) out.emplace_back(e.value);
  return out;
}

std::vector<ResourceName> resource_names(const Draft& draft, const std::vector<LocatedText>& list) {
  std::vector<ResourceName> out;
  for (const LocatedText& e : list) {
    for (ResourceName& instance : instances_of(draft, e.value)) out.push_back(std::move(instance));
  }
  return out;
}

std::string default_witness(const Draft& draft) {
  std::set<std::string> taken;
  for (const HostDraft& h : draft.hosts) taken.insert(h.host.name.str());
  for (const VmDraft& vm : draft.vms) taken.insert(vm.resource.name.str());
  std::string name = "witness";
  for (int n = 2; taken.contains(name); ++n) name = "witness-" + std::to_string(n);
  return name;
}

// DESIGN 4: three votes, five from seven hosts up; the witness of two hosts is the third.
Cluster expand_cluster(const Draft& draft, Purpose purpose) {
  Cluster c = draft.cluster.cluster;
  if (draft.cluster.witness) c.witness = draft.cluster.witness->value;
  if (!draft.cluster.witness && draft.hosts.size() == 2 && purpose == Purpose::simulate)
    c.witness = default_witness(draft);
  if (draft.cluster.voters) {
    c.voters = host_names(*draft.cluster.voters);
    c.voters_named = true;
    return c;
  }
  constexpr std::size_t kManyHosts = 7;
  const std::size_t votes = std::min(draft.hosts.size(), std::size_t{draft.hosts.size() >= kManyHosts ? 5u : 3u});
  for (std::size_t i = 0; i < votes; ++i) c.voters.push_back(draft.hosts[i].host.name);
  return c;
}

// A set that strict `together` rules tie is decided about in one transaction, or not at all (PROTOCOL E1).
void check_sets(const Expanded& expanded, Problems& problems) {
  const Spec& spec = expanded.spec;
  for (const auto& set : sets_of(spec)) {
    if (set.size() < 2) continue;
    std::optional<std::size_t> named;
    bool one_host = true;
    for (std::size_t i = 0; i < spec.rules.size(); ++i) {
      const Rule& rule = spec.rules[i];
      const auto member = [&](const Resource* r) {
        return std::find(rule.resources.begin(), rule.resources.end(), r->name) != rule.resources.end();
      };
      if (rule.kind != RuleKind::together || !rule.strict || std::none_of(set.begin(), set.end(), member)) continue;
      if (!named) named = i;
      one_host = one_host && rule.domain == FailureDomain::host &&
                 std::all_of(spec.hosts.begin(), spec.hosts.end(), [](const Host& h) { return h.runs_on.empty(); });
    }
    const std::size_t most = largest_set(spec, one_host);
    if (!named || set.size() <= most) continue;
    problems.add(expanded.rule_at[*named],
                 std::to_string(set.size()) + " resources are strictly together, by this rule and those that share " +
                     "members with it; they could never be claimed in one transaction of the engine",
                 "at most " + std::to_string(most) + " with " + std::to_string(spec.hosts.size()) +
                     " host(s), or strict = false");
  }
}

// A virtual host stands where its physical machine stands, unless the file says otherwise.
void place_virtual_hosts(Spec& spec) {
  for (Host& host : spec.hosts) {
    const Host* machine = host.runs_on.empty() ? nullptr : spec.host(HostName{host.runs_on});
    if (machine == nullptr) continue;
    if (host.rack.empty()) host.rack = machine->rack;
    if (host.room.empty()) host.room = machine->room;
    if (host.site.empty()) host.site = machine->site;
  }
}

}  // namespace

Expanded expand(const Draft& draft, Purpose purpose) {
  Expanded out;
  out.spec.cluster = expand_cluster(draft, purpose);
  for (const HostDraft& h : draft.hosts) out.spec.hosts.push_back(h.host);
  place_virtual_hosts(out.spec);
  for (const VmDraft& vm : draft.vms) {
    Resource r = vm.resource;
    r.hosts.only = host_names(vm.only);
    r.hosts.never = host_names(vm.never);
    for (const auto& tie : vm.prefer) r.hosts.prefer.push_back(host_names(tie));
    r.after = resource_names(draft, vm.after);
    const std::vector<ResourceName> instances = instances_of(draft, r.name.str());
    for (const ResourceName& name : instances) {
      r.name = name;
      out.spec.resources.push_back(r);
    }
    if (instances.size() > 1) {
      out.spec.rules.push_back({RuleKind::apart, instances, vm.spread, true});
      out.rule_at.push_back(vm.at);
    }
  }
  for (const RuleDraft& rule : draft.rules) {
    Rule r = rule.rule;
    r.resources = resource_names(draft, rule.resources);
    out.spec.rules.push_back(std::move(r));
    out.rule_at.push_back(rule.at);
  }
  return out;
}

void check_rules(const Draft& draft, const Expanded& expanded, Problems& problems) {
  for (const RuleDraft& rule : draft.rules) {
    if (!rule.resources.empty() && resource_names(draft, rule.resources).size() < 2) {
      problems.add(rule.resources.front().at, "a rule over one resource says nothing", "at least two resources");
    }
  }
  check_sets(expanded, problems);
}

}  // namespace haven::file

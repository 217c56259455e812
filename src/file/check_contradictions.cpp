// Rules that cannot all hold, in the operator's words and at their places.
#include <algorithm>

#include "core/model/wording.hpp"
#include "core/placement/contradiction.hpp"
#include "core/placement/topology.hpp"
#include "file/draft.hpp"
#include "file/notation.hpp"
#include "file/quantity.hpp"

namespace haven::file {
namespace {

constexpr std::size_t kShownNames = 8;

std::string some_of(const std::vector<std::string>& names) {
  if (names.size() <= kShownNames) return listed(names);
  return with_commas({names.begin(), names.begin() + kShownNames}) + ", … (" + std::to_string(names.size()) +
         " in all)";
}

template <class Name>
std::string some_of(const std::vector<Name>& names) {
  return some_of(texts_of(names));
}

class Words {
 public:
  Words(const Draft& draft, const Expanded& expanded) : draft_(draft), expanded_(expanded), topology_(expanded.spec) {}

  [[nodiscard]] Position place_of(const Demand& demand) const {
    if (demand.kind == Demand::Kind::rule) return expanded_.rule_at[demand.index];
    const VmDraft* vm = draft_of(demand.index);
    if (vm == nullptr) return {};
    const auto& list = demand.kind == Demand::Kind::only ? vm->only : vm->never;
    return list.empty() ? vm->hosts_at : list.front().at;
  }

  // With its place: "apart at rack: a, b and c, of 2 racks (28:1)".
  [[nodiscard]] std::string of(const Demand& demand) const {
    const Position at = place_of(demand);
    return words_of(demand) + " (" + std::to_string(at.line) + ":" + std::to_string(at.column) + ")";
  }

  // Which of the tied resources need more than any host has; empty: it is no matter of size.
  [[nodiscard]] std::string sizes_of(const Contradiction& quarrel) const {
    if (!quarrel.by_size) return {};
    const Spec& spec = expanded_.spec;
    std::vector<ResourceName> tied;
    MiB memory;
    Vcpu cpu;
    for (const Demand& demand : quarrel.demands) {
      if (demand.kind != Demand::Kind::rule || spec.rules[demand.index].kind != RuleKind::together) continue;
      for (const ResourceName& name : spec.rules[demand.index].resources) {
        const Resource* resource = spec.resource(name);
        const bool counts = resource != nullptr && resource->state == DesiredState::started;
        if (!counts || std::find(tied.begin(), tied.end(), name) != tied.end()) continue;
        tied.push_back(name);
        memory += resource->memory;
        cpu += resource->cpu;
      }
    }
    return "; " + some_of(tied) + " need " + format_size(memory) + " and " + std::to_string(cpu.count) +
           " vCPUs in all, and no host or domain that is left for them has that";
  }

 private:
  [[nodiscard]] const VmDraft* draft_of(std::size_t resource) const {
    const std::string name = expanded_.spec.resources[resource].name.str();
    const std::string bare = name.substr(0, name.find('#'));
    const auto it = std::find_if(draft_.vms.begin(), draft_.vms.end(),
                                 [&](const VmDraft& vm) { return vm.resource.name.str() == bare; });
    return it == draft_.vms.end() ? nullptr : &*it;
  }

  [[nodiscard]] std::string words_of(const Demand& demand) const {
    const Spec& spec = expanded_.spec;
    if (demand.kind == Demand::Kind::rule) {
      const Rule& rule = spec.rules[demand.index];
      const std::string level = word_of(rule.domain);
      const auto domains = topology_.domains(rule.domain);
      const std::string of = rule.kind == RuleKind::apart
                                 ? ", of " + std::to_string(domains) + " " + level + (domains == 1 ? "" : "s")
                                 : "";
      return std::string(word_of(rule.kind)) + " at " + level + ": " + some_of(rule.resources) + of;
    }
    const VmDraft* vm = draft_of(demand.index);
    const Resource& resource = spec.resources[demand.index];
    const std::string name = vm == nullptr ? resource.name.str() : vm->resource.name.str();
    return demand.kind == Demand::Kind::only ? name + " only on " + some_of(resource.hosts.only)
                                             : name + " never on " + some_of(resource.hosts.never);
  }

  const Draft& draft_;
  const Expanded& expanded_;
  const Topology topology_;
};

std::string remedy(const Contradiction& quarrel) {
  const bool rules = std::any_of(quarrel.demands.begin(), quarrel.demands.end(),
                                 [](const Demand& d) { return d.kind == Demand::Kind::rule; });
  std::string text = quarrel.demands.size() == 1 ? "another rule" : "one of them less";
  if (rules) text += ", or strict = false";
  return text + (quarrel.by_size ? ", or a larger host" : ", or more hosts");
}

}  // namespace

void check_contradictions(const Draft& draft, const Expanded& expanded, const std::vector<Host>& measured,
                          Problems& problems) {
  Spec spec = expanded.spec;
  fill_capacities(spec, measured);
  const Words words(draft, expanded);
  for (const Contradiction& quarrel : find_contradictions(spec)) {
    std::vector<std::string> named;
    Position last;
    std::vector<Demand> demands = quarrel.demands;
    std::stable_sort(demands.begin(), demands.end(),
                     [&](const Demand& a, const Demand& b) { return words.place_of(a) < words.place_of(b); });
    for (const Demand& demand : demands) {
      named.push_back(words.of(demand));
      last = std::max(last, words.place_of(demand));
    }
    std::string text = named.size() == 1 ? "this rule cannot hold: " : "these rules cannot all hold: ";
    for (std::size_t i = 0; i < named.size(); ++i) text += (i > 0 ? "; " : "") + named[i];
    problems.add(last, text + words.sizes_of(quarrel), remedy(quarrel));
  }
}

}  // namespace haven::file

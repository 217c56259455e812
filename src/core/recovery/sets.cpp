#include "core/recovery/sets.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/recovery/importance.hpp"

namespace haven {
namespace {

// What a claim rests on (lifecycle.cpp), counted as if nothing were shared that need not be.
constexpr std::size_t kChecksOfAll = 2;      // the office and the file
constexpr std::size_t kChecksOfMember = 3;   // claim, run, order
constexpr std::size_t kChecksOfTarget = 3;   // member, fence, away
constexpr std::size_t kChecksOfOldHost = 1;  // its proof, or its report where it is a first claim
constexpr std::size_t kWritesOfMember = 3;   // claim, journal, the order that was obeyed

std::size_t checks(const Spec& spec, std::size_t members, bool one_host) {
  const std::size_t hosts = spec.hosts.size();
  const std::size_t targets = one_host ? std::min<std::size_t>(1, hosts) : std::min(members, hosts);
  return kChecksOfAll + kChecksOfMember * members + kChecksOfTarget * targets + kChecksOfOldHost * hosts;
}

}  // namespace

std::vector<std::vector<const Resource*>> sets_of(const Spec& spec) {
  std::unordered_map<ResourceName, std::vector<const Rule*>> ties;  // in the file's order
  for (const Rule& rule : spec.rules)
    if (rule.kind == RuleKind::together && rule.strict)
      for (const auto& name : rule.resources) ties[name].push_back(&rule);
  std::unordered_map<ResourceName, const Resource*> tied;
  for (const Resource& resource : spec.resources)
    if (ties.contains(resource.name)) tied.emplace(resource.name, &resource);

  std::vector<std::vector<const Resource*>> sets;
  std::unordered_set<const Resource*> done;
  for (const Resource* first : by_importance(spec)) {
    if (done.contains(first)) continue;
    std::vector<const Resource*> set{first};
    for (std::size_t i = 0; i < set.size(); ++i) {
      const auto rules = ties.find(set[i]->name);
      if (rules == ties.end()) continue;
      done.insert(set[i]);
      for (const Rule* rule : rules->second)
        for (const auto& name : rule->resources)
          if (const auto other = tied.find(name); other != tied.end() && done.insert(other->second).second)
            set.push_back(other->second);
    }
    sets.push_back(std::move(set));
  }
  return sets;
}

std::size_t largest_set(const Spec& spec, bool one_host) {
  std::size_t members = 0;
  while (checks(spec, members + 1, one_host) <= kMaxChecks && kWritesOfMember * (members + 1) <= kMaxWrites) ++members;
  return members;
}

}  // namespace haven

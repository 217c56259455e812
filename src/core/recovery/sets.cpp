#include "core/recovery/sets.hpp"

#include <algorithm>
#include <set>

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
  std::vector<std::vector<const Resource*>> sets;
  std::set<ResourceName> done;
  const auto order = by_importance(spec);
  for (const Resource* first : order) {
    if (done.contains(first->name)) continue;
    std::vector<const Resource*> set{first};
    done.insert(first->name);
    for (std::size_t i = 0; i < set.size(); ++i)
      for (const auto& rule : spec.rules) {
        if (rule.kind != RuleKind::together || !rule.strict) continue;
        if (std::find(rule.resources.begin(), rule.resources.end(), set[i]->name) == rule.resources.end()) continue;
        for (const auto& name : rule.resources)
          if (const Resource* r = spec.resource(name); r != nullptr && done.insert(name).second) set.push_back(r);
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

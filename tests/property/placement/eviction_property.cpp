// Who yields to a resource that fits nowhere, held against trying every way.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "core/placement/cover.hpp"
#include "core/placement/roster.hpp"
#include "placement/situation.hpp"

namespace haven {
namespace {

using dumb::Situation;

constexpr int kClustersPerRun = 40;

// How each who is booked answers, by its name; who stands nowhere is not asked.
Yields answer_of(const Situation& s, const ResourceName& name) {
  if (s.booked.count(name.str()) != 1) return Yields::never;
  const auto letter = name.str().back();
  return letter == '1' ? Yields::never : letter == '2' ? Yields::leaving : Yields::if_told;
}

Situation without(Situation s, const std::vector<std::string>& gone) {
  for (const auto& name : gone) s.booked.erase(name);
  return s;
}

using Price = std::tuple<std::size_t, std::vector<int>>;

// Of all subsets of those that weigh less: the cheapest with which some host is allowed.
std::optional<Price> cheapest(const Situation& s, const Resource& resource, const Roster& roster) {
  std::vector<std::string> leaving;
  std::vector<const Resource*> lesser;
  for (const auto& other : s.spec.resources) {
    if (!s.booked.contains(other.name.str())) continue;
    const auto answer = answer_of(s, other.name);
    if (answer == Yields::leaving) leaving.push_back(other.name.str());
    if (answer == Yields::if_told && roster.weight[*roster.index(other.name)] < resource.priority)
      lesser.push_back(&other);
  }
  std::optional<Price> best;
  for (std::size_t subset = 0; subset < (std::size_t{1} << lesser.size()); ++subset) {
    auto gone = leaving;
    std::vector<int> priorities;
    for (std::size_t i = 0; i < lesser.size(); ++i)
      if ((subset >> i & 1) != 0) {
        gone.push_back(lesser[i]->name.str());
        priorities.push_back(lesser[i]->priority);
      }
    std::sort(priorities.begin(), priorities.end(), std::greater<>());
    if (dumb::hosts_allowed(without(s, gone), resource.name.str()).empty()) continue;
    Price price{priorities.size(), std::move(priorities)};
    if (!best || price < *best) best = std::move(price);
  }
  return best;
}

RC_GTEST_PROP(EvictionProperty, StopsTheFewestAndLeastImportantAndOnlyWhereThatIsEnough, ()) {
  for (int i = 0; i < kClustersPerRun; ++i) {
    const auto s = dumb::any_situation();
    const Roster roster(std::make_shared<const Spec>(s.spec));
    auto placement = s.placement();
    RC_LOG(dumb::described(s));
    std::vector<std::string> leaving;
    for (const auto& [name, host] : s.booked)
      if (answer_of(s, ResourceName(name)) == Yields::leaving) leaving.push_back(name);
    for (const auto& r : s.spec.resources) {
      // A set, also one whose other members are about to leave, is helped as a whole or not at all: see below.
      if (s.booked.contains(r.name.str()) || dumb::set_of(without(s, leaving), r.name.str(), true).size() > 1) continue;
      if (placement.choose(r.name).host) continue;
      RC_LOG(r.name.str());
      const auto found = placement.make_room(
          r.name, {}, Occasion::start,
          [&](const ResourceName& name, const HostName& /*host*/) { return answer_of(s, name); }, {});
      const auto expected = cheapest(s, r, roster);
      RC_ASSERT(found.has_value() == expected.has_value());
      if (!found) continue;
      std::vector<int> priorities;
      std::vector<std::string> gone;
      for (const auto& v : found->victims) {
        RC_ASSERT(answer_of(s, v) == Yields::if_told);
        RC_ASSERT(s.spec.resource(v)->priority < r.priority);
        priorities.push_back(s.spec.resource(v)->priority);
        gone.push_back(v.str());
      }
      for (const auto& l : found->leaving) gone.push_back(l.str());
      RC_ASSERT(dumb::hosts_allowed(without(s, gone), r.name.str()).contains(found->host.str()));
      RC_ASSERT(Price(priorities.size(), priorities) == *expected);
      // Asking changes nothing.
      RC_ASSERT(placement.choose(r.name).refusals == s.placement().choose(r.name).refusals);
    }
  }
}

RC_GTEST_PROP(EvictionProperty, ASetIsHelpedOnlyWhereAllOfItFits, ()) {
  for (int i = 0; i < kClustersPerRun; ++i) {
    const auto s = dumb::any_situation();
    auto placement = s.placement();
    RC_LOG(dumb::described(s));
    for (const auto& r : s.spec.resources) {
      if (s.booked.contains(r.name.str()) || placement.choose(r.name).host) continue;
      const auto found = placement.make_room(
          r.name, {}, Occasion::start,
          [&](const ResourceName& name, const HostName& /*host*/) { return answer_of(s, name); }, {});
      if (!found) continue;
      RC_LOG(r.name.str());
      std::vector<std::string> gone;
      for (const auto& v : found->victims) gone.push_back(v.str());
      for (const auto& l : found->leaving) gone.push_back(l.str());
      RC_ASSERT(dumb::hosts_allowed(without(s, gone), r.name.str()).contains(found->host.str()));
    }
  }
}

RC_GTEST_PROP(EvictionProperty, CoversWithTheFewestAndOfThoseTheFirst, ()) {
  for (int i = 0; i < kClustersPerRun; ++i) {
    std::vector<Freed> freed;
    const int count = dumb::between(0, 9);
    for (int k = 0; k < count; ++k) freed.push_back({dumb::between(0, 6), dumb::between(0, 4)});
    const Freed needed{dumb::between(-1, 20), dumb::between(-1, 12)};
    const auto found = fewest_that_free(freed, needed);
    // The number, then the most important, the second most, and so on: as few and as low as can be.
    std::optional<std::pair<std::size_t, std::vector<std::size_t>>> expected;
    for (std::size_t subset = 0; subset < (std::size_t{1} << freed.size()); ++subset) {
      std::vector<std::size_t> chosen;
      Freed sum;
      for (std::size_t k = freed.size(); k-- > 0;)
        if ((subset >> k & 1) != 0) {
          chosen.push_back(k);
          sum.memory_mib += freed[k].memory_mib;
          sum.vcpus += freed[k].vcpus;
        }
      if (sum.memory_mib < needed.memory_mib || sum.vcpus < needed.vcpus) continue;
      std::pair price(chosen.size(), chosen);
      if (!expected || price < *expected) expected = price;
    }
    RC_ASSERT(found.has_value() == expected.has_value());
    if (!found) continue;
    std::reverse(expected->second.begin(), expected->second.end());
    RC_ASSERT(*found == expected->second);
  }
}

}  // namespace
}  // namespace haven

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "core/placement/placement.hpp"
#include "placement/situation.hpp"

namespace haven {
namespace {

using dumb::any_situation;
using dumb::hosts_allowed;
using dumb::score_of;
using dumb::views_of;
using dumb::Where;

constexpr int kClustersPerRun = 40;

RC_GTEST_PROP(PlacementProperty, FindsAHostExactlyWhereOneIsAllowed, ()) {
  for (int i = 0; i < kClustersPerRun; ++i) {
    const auto s = any_situation();
    const auto placement = s.placement();
    RC_LOG(described(s));
    for (const auto& r : s.spec.resources) {
      const auto choice = placement.choose(r.name);
      const auto allowed = hosts_allowed(s, r.name.str());
      RC_LOG(r.name.str());
      RC_ASSERT(choice.host.has_value() == !allowed.empty());
      if (choice.host) RC_ASSERT(allowed.contains(choice.host->str()));
      std::set<std::string> refused;
      for (const auto& refusal : choice.refusals) {
        RC_ASSERT(!refusal.reason.empty());
        refused.insert(refusal.host.str());
      }
      RC_ASSERT(refused.size() + allowed.size() == s.spec.hosts.size());
      for (const auto& h : s.spec.hosts)
        RC_ASSERT(placement.refusal(r.name, h.name).empty() == allowed.contains(h.name.str()));
    }
  }
}

RC_GTEST_PROP(PlacementProperty, TakesTheBestOfWhatIsAllowed, ()) {
  for (int i = 0; i < kClustersPerRun; ++i) {
    const auto s = any_situation();
    const auto placement = s.placement();
    RC_LOG(described(s));
    for (const auto& r : s.spec.resources) {
      const auto choice = placement.choose(r.name);
      if (!choice.host) continue;
      RC_LOG(r.name.str());
      for (const auto& other : hosts_allowed(s, r.name.str()))
        RC_ASSERT(score_of(s, r.name.str(), *choice.host) <= score_of(s, r.name.str(), HostName(other)));
    }
  }
}

RC_GTEST_PROP(PlacementProperty, DoesNotDependOnTheOrderOfBooking, ()) {
  const auto s = any_situation();
  std::vector<std::pair<std::string, std::string>> bookings(s.booked.begin(), s.booked.end());
  const auto order =
      *rc::gen::container<std::vector<std::uint32_t>>(bookings.size(), rc::gen::arbitrary<std::uint32_t>());
  std::vector<std::size_t> shuffled(bookings.size());
  for (std::size_t i = 0; i < shuffled.size(); ++i) shuffled[i] = i;
  std::sort(shuffled.begin(), shuffled.end(),
            [&](auto a, auto b) { return std::pair(order[a], a) < std::pair(order[b], b); });
  const auto straight = s.placement();
  Placement other(s.spec, views_of(s.spec, s.out));
  for (const auto& r : s.spec.resources) other.book(r.name, s.spec.hosts.back().name);
  for (const auto i : shuffled) other.book(ResourceName(bookings[i].first), HostName(bookings[i].second));
  for (const auto& r : s.spec.resources) other.release(r.name, s.spec.hosts.back().name);
  for (const auto& r : s.spec.resources) {
    const auto a = straight.choose(r.name);
    const auto b = other.choose(r.name);
    RC_ASSERT(a.host == b.host);
    RC_ASSERT(a.refusals == b.refusals);
    for (const auto& h : s.spec.hosts)
      RC_ASSERT(straight.broken_rules(r.name, h.name) == other.broken_rules(r.name, h.name));
  }
}

RC_GTEST_PROP(PlacementProperty, FillsAClusterWithoutBreakingAStrictRuleOrACapacity, ()) {
  for (int i = 0; i < kClustersPerRun; ++i) {
    const auto spec = dumb::any_spec(4, 8);
    Placement placement(spec, views_of(spec, {}));
    Where where;
    for (const auto& r : spec.resources) {
      const auto choice = placement.choose(r.name);
      if (!choice.host) continue;
      placement.book(r.name, *choice.host);
      where.emplace(r.name.str(), choice.host->str());
    }
    RC_LOG(dumb::described(spec));
    RC_ASSERT(dumb::rules_kept(spec, where));
    RC_ASSERT(dumb::fits(spec, where, 1.0));
    for (const auto& [r, h] : where) {
      RC_ASSERT(dumb::may_by_lists(*spec.resource(ResourceName(r)), *spec.host(HostName(h))));
      RC_ASSERT(placement.broken_rules(ResourceName(r), HostName(h)).empty());
    }
  }
}

}  // namespace
}  // namespace haven

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

#include "core/placement/packing.hpp"
#include "core/placement/trial.hpp"
#include "placement/small_cluster_gen.hpp"

namespace haven {
namespace {

using dumb::between;

bool breaks_nothing(const PackingProblem& problem, const Packing& packing) {
  auto hosts = problem.hosts;
  for (std::size_t i = 0; i < problem.items.size(); ++i) {
    const auto h = packing.host_of.at(i);
    if (!problem.items[i].allowed.contains(h)) return false;
    hosts[h].memory -= problem.items[i].memory;
    hosts[h].cpu -= problem.items[i].cpu;
  }
  for (const auto& host : hosts)
    if (host.memory.count < 0 || host.cpu.count < 0) return false;
  for (const auto& rule : problem.rules)
    for (const auto a : rule.items)
      for (const auto b : rule.items) {
        const auto level = index_of(rule.domain);
        const bool same = hosts[packing.host_of[a]].domain[level] == hosts[packing.host_of[b]].domain[level];
        if (a != b && same == (rule.kind == RuleKind::apart)) return false;
      }
  return true;
}

bool any_arrangement(const PackingProblem& problem, Packing& so_far, std::vector<PackingHost>& free) {
  const auto i = so_far.host_of.size();
  if (i == problem.items.size()) return breaks_nothing(problem, so_far);
  for (std::size_t h = 0; h < free.size(); ++h) {
    if (problem.items[i].memory > free[h].memory || problem.items[i].cpu > free[h].cpu) continue;
    free[h].memory -= problem.items[i].memory;
    free[h].cpu -= problem.items[i].cpu;
    so_far.host_of.push_back(h);
    if (any_arrangement(problem, so_far, free)) return true;
    so_far.host_of.pop_back();
    free[h].memory += problem.items[i].memory;
    free[h].cpu += problem.items[i].cpu;
  }
  return false;
}

// Alike hosts, alike items, many rules and little room: what the search takes for the same must be the same.
RC_GTEST_PROP(PackingProperty, EqualsTryingEverythingOnAlikeHosts, ()) {
  for (int n = 0; n < 40; ++n) {
    PackingProblem problem;
    const auto hosts = static_cast<std::size_t>(between(2, 4));
    const PackingHost host{{between(3, 7)}, {between(3, 6)}, {}};
    for (std::size_t h = 0; h < hosts; ++h) {
      problem.hosts.push_back(host);
      problem.hosts.back().domain = {h, h / 2, h / 3, 0};
      if (between(1, 6) == 1) problem.hosts.back().memory += MiB{1};
    }
    const auto room = static_cast<std::int64_t>(hosts) * host.memory.count;
    std::int64_t need = 0;
    while (problem.items.size() < 9) {
      PackingItem item{{between(1, 3)}, {between(0, 2)}, HostSet(hosts, true)};
      if (between(1, 5) == 1) item.allowed.remove(static_cast<std::size_t>(between(0, static_cast<int>(hosts) - 1)));
      if (!problem.items.empty() && between(1, 2) == 1) item = problem.items.back();
      need += item.memory.count;
      if (need > room) break;
      problem.items.push_back(item);
    }
    for (int k = between(0, 5); k > 0; --k) {
      PackingRule rule{
          between(0, 3) > 0 ? RuleKind::apart : RuleKind::together, static_cast<FailureDomain>(between(0, 1)), {}};
      for (std::size_t i = 0; i < problem.items.size(); ++i)
        if (between(1, 3) == 1) rule.items.push_back(i);
      if (rule.items.size() > 1) problem.rules.push_back(rule);
    }
    Packing tried;
    auto free = problem.hosts;
    const bool possible = any_arrangement(problem, tried, free);
    std::int64_t steps = 8 * kMaxPackingSteps;
    const auto packing = pack(problem, steps);
    RC_ASSERT(packing.fit == (possible ? Fit::yes : Fit::no));
    if (possible) RC_ASSERT(breaks_nothing(problem, packing));
    // Most questions never reach the search: it is asked by itself, too.
    const auto blocks = merge_into_blocks(problem);
    RC_ASSERT(blocks || !possible);
    if (!blocks) continue;
    Order order(blocks->blocks.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::vector<std::size_t> where;
    RC_ASSERT(pack_by_search(*blocks, order, where, steps) == (possible ? Fit::yes : Fit::no));
  }
}

// Hosts cut to exactly what a hidden arrangement needs: greed seldom finds it, the search must.
RC_GTEST_PROP(PackingProperty, FindsAnArrangementThatIsKnownToExist, ()) {
  PackingProblem problem;
  const auto hosts = static_cast<std::size_t>(between(2, 5));
  for (std::size_t h = 0; h < hosts; ++h) problem.hosts.push_back({{0}, {0}, {h, h / 2, h / 3, 0}});
  const int items = between(1, 14);
  std::vector<std::size_t> hidden;
  for (int i = 0; i < items; ++i) {
    const auto h = static_cast<std::size_t>(between(0, static_cast<int>(hosts) - 1));
    PackingItem item{{between(1, 9)}, {between(0, 3)}, HostSet(hosts, true)};
    if (between(1, 4) == 1) {
      item.allowed = HostSet(hosts);
      item.allowed.add(h);
      item.allowed.add(static_cast<std::size_t>(between(0, static_cast<int>(hosts) - 1)));
    }
    problem.hosts[h].memory += item.memory;
    problem.hosts[h].cpu += item.cpu;
    problem.items.push_back(item);
    hidden.push_back(h);
  }
  for (int tries = 0; tries < 4; ++tries) {
    PackingRule rule{
        between(0, 1) == 0 ? RuleKind::apart : RuleKind::together, static_cast<FailureDomain>(between(0, 2)), {}};
    const auto a = static_cast<std::size_t>(between(0, items - 1));
    const auto b = static_cast<std::size_t>(between(0, items - 1));
    if (a == b) continue;
    rule.items = {a, b};
    problem.rules.push_back(rule);
    if (!breaks_nothing(problem, {Fit::yes, hidden})) problem.rules.pop_back();
  }
  std::int64_t steps = 8 * kMaxPackingSteps;
  const auto packing = pack(problem, steps);
  RC_ASSERT(packing.fit == Fit::yes);
  RC_ASSERT(breaks_nothing(problem, packing));
}

// The same with one MiB too little in all: nothing fits, however it is turned.
RC_GTEST_PROP(PackingProperty, NeverClaimsAFitThatIsNone, ()) {
  PackingProblem problem;
  const int hosts = between(1, 5);
  std::int64_t room = 0;
  for (int h = 0; h < hosts; ++h) {
    const auto at = static_cast<std::size_t>(h);
    problem.hosts.push_back({{between(3, 12)}, {100}, {at, at, at, at}});
    room += problem.hosts.back().memory.count;
  }
  while (room >= 0) {
    const auto size = between(1, 4);
    problem.items.push_back({{size}, {1}, HostSet(static_cast<std::size_t>(hosts), true)});
    room -= size;
  }
  std::int64_t steps = 8 * kMaxPackingSteps;
  RC_ASSERT(pack(problem, steps).fit == Fit::no);
}

}  // namespace
}  // namespace haven

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "core/placement/admission.hpp"
#include "placement/small_cluster_gen.hpp"

namespace haven {
namespace {

using dumb::Where;

// Draws many clusters for each of RapidCheck's runs: a run costs more than a small cluster.
constexpr int kClustersPerRun = 40;

std::vector<std::string> domains_in_order(const Spec& spec) {
  std::vector<std::string> names;
  for (const auto& h : spec.hosts) {
    const auto d = domain_of(h, spec.cluster.reserve_domain);
    if (std::find(names.begin(), names.end(), d) == names.end()) names.push_back(d);
  }
  return names;
}

// What is kept after these domains are lost, as FORMATS words it.
std::vector<std::string> down_after(const Spec& spec, const std::set<std::string>& lost) {
  std::vector<const Resource*> order;
  for (const auto& r : spec.resources)
    if (r.state == DesiredState::started && (lost.empty() || r.tolerate_host)) order.push_back(&r);
  std::sort(order.begin(), order.end(), [](const Resource* a, const Resource* b) {
    return a->priority != b->priority ? a->priority > b->priority : a->name < b->name;
  });
  std::vector<std::string> hosts;
  for (const auto& h : spec.hosts)
    if (!lost.contains(domain_of(h, spec.cluster.reserve_domain))) hosts.push_back(h.name.str());
  std::vector<std::string> kept;
  std::vector<std::string> down;
  for (const auto* r : order) {
    auto more = kept;
    more.push_back(r->name.str());
    const bool possible = dumb::any_assignment(spec, more, hosts, [&](const Where& where) {
      return dumb::rules_kept(spec, where) && dumb::fits(spec, where, lost.empty() ? 1.0 : spec.cluster.overbook);
    });
    if (possible)
      kept = more;
    else
      down.push_back(r->name.str());
  }
  return down;
}

// Every choice of `count` of the domains, first in the file's order first.
std::vector<std::set<std::string>> choices(const std::vector<std::string>& domains, std::size_t count) {
  std::vector<std::set<std::string>> all;
  std::vector<bool> chosen(domains.size(), false);
  std::fill(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(count), true);
  do {
    all.emplace_back();
    for (std::size_t i = 0; i < domains.size(); ++i)
      if (chosen[i]) all.back().insert(domains[i]);
  } while (std::prev_permutation(chosen.begin(), chosen.end()));
  return all;
}

struct Dumb {
  bool admitted;
  std::vector<ResourceName> unprotected;
  int max_losses;
};

Dumb dumb_check(const Spec& spec) {
  const auto domains = domains_in_order(spec);
  const auto survived = [&](std::size_t count) {
    const auto all = choices(domains, count);
    return std::all_of(all.begin(), all.end(), [&](const auto& lost) { return down_after(spec, lost).empty(); });
  };
  const auto reserve = std::min(static_cast<std::size_t>(spec.cluster.reserve), domains.size());
  Dumb answer{survived(0) && survived(reserve), {}, 0};
  std::vector<std::string> worst;
  for (const auto& lost : choices(domains, reserve))
    if (auto down = down_after(spec, lost); down.size() > worst.size()) worst = down;
  if (auto down = down_after(spec, {}); down.size() > worst.size()) worst = down;
  for (const auto& name : worst) answer.unprotected.emplace_back(name);
  std::sort(answer.unprotected.begin(), answer.unprotected.end());
  if (survived(0))
    for (std::size_t count = 1; count <= domains.size(); ++count)
      if (survived(count)) answer.max_losses = static_cast<int>(count);
  return answer;
}

RC_GTEST_PROP(AdmissionProperty, EqualsTryingEverything, ()) {
  for (int i = 0; i < kClustersPerRun; ++i) {
    const auto spec = dumb::any_spec(4, 6);
    const auto expected = dumb_check(spec);
    const auto answer = check_admission(spec);
    RC_LOG(dumb::described(spec));
    RC_ASSERT(answer.exact);
    RC_ASSERT(answer.admitted == expected.admitted);
    RC_ASSERT(answer.max_losses == expected.max_losses);
    RC_ASSERT(answer.unprotected == expected.unprotected);
    RC_ASSERT(answer.reasons.empty() == answer.admitted);
  }
}

RC_GTEST_PROP(AdmissionProperty, DoesNotDependOnTheFilesOrderOfResourcesAndRules, ()) {
  auto spec = dumb::any_spec(5, 9);
  const auto before = check_admission(spec);
  std::reverse(spec.resources.begin(), spec.resources.end());
  std::reverse(spec.rules.begin(), spec.rules.end());
  for (auto& rule : spec.rules) std::reverse(rule.resources.begin(), rule.resources.end());
  const auto after = check_admission(spec);
  RC_ASSERT(before.admitted == after.admitted);
  RC_ASSERT(before.unprotected == after.unprotected);
  RC_ASSERT(before.max_losses == after.max_losses);
}

}  // namespace
}  // namespace haven

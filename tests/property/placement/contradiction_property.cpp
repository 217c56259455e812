#include "core/placement/contradiction.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "placement/small_cluster_gen.hpp"

namespace haven {
namespace {

using dumb::Where;

constexpr int kClustersPerRun = 30;

// Only these demands, nothing else that binds.
Spec with_only(Spec spec, const std::vector<Demand>& demands) {
  const auto has = [&](Demand::Kind kind, std::size_t index) {
    return std::find(demands.begin(), demands.end(), Demand{kind, index}) != demands.end();
  };
  for (std::size_t r = 0; r < spec.resources.size(); ++r) {
    if (!has(Demand::Kind::only, r)) spec.resources[r].hosts.only.clear();
    if (!has(Demand::Kind::never, r)) spec.resources[r].hosts.never.clear();
  }
  std::vector<Rule> rules;
  for (std::size_t i = 0; i < spec.rules.size(); ++i)
    if (has(Demand::Kind::rule, i)) rules.push_back(spec.rules[i]);
  spec.rules = rules;
  return spec;
}

std::vector<std::string> names_of_hosts(const Spec& spec) {
  std::vector<std::string> names;
  for (const auto& h : spec.hosts) names.push_back(h.name.str());
  return names;
}

bool fits_alone(const Spec& spec, const Resource& r) {
  return std::any_of(spec.hosts.begin(), spec.hosts.end(), [&](const Host& h) {
    return dumb::fits(spec, {{r.name.str(), h.name.str()}}, 1.0);
  });
}

// The sets that strict together rules tie, of what is considered.
std::vector<std::set<std::string>> tied_sets(const Spec& spec) {
  std::vector<std::set<std::string>> sets;
  for (const auto& r : spec.resources)
    if (r.state == DesiredState::started && fits_alone(spec, r)) sets.push_back({r.name.str()});
  for (const auto& rule : spec.rules) {
    if (!rule.strict || rule.kind != RuleKind::together) continue;
    std::set<std::string> joined;
    std::vector<std::set<std::string>> others;
    for (const auto& set : sets) {
      const bool touched = std::any_of(rule.resources.begin(), rule.resources.end(),
                                       [&](const ResourceName& n) { return set.contains(n.str()); });
      if (touched)
        joined.insert(set.begin(), set.end());
      else
        others.push_back(set);
    }
    if (!joined.empty()) others.push_back(joined);
    sets = others;
  }
  return sets;
}

// All that is considered has a place by every list and rule, each resource and each host's share of a set fits an empty
// host, and each set by itself fits empty hosts.
bool dumb_can_hold(const Spec& spec) {
  const auto hosts = names_of_hosts(spec);
  const auto sets = tied_sets(spec);
  std::vector<std::string> all;
  for (const auto& set : sets) all.insert(all.end(), set.begin(), set.end());
  const auto alone_it_fits = [&](const Where& where) {
    for (const auto& [name, host] : where)
      if (!dumb::fits(spec, {{name, host}}, 1.0)) return false;
    // What is tied to one host stands there as one.
    for (const auto& rule : spec.rules) {
      if (!rule.strict || rule.kind != RuleKind::together || rule.domain != FailureDomain::host) continue;
      for (const auto& set : sets) {
        Spec tied_here = spec;
        std::erase_if(tied_here.rules, [](const Rule& r) { return r.domain != FailureDomain::host; });
        for (const auto& block : tied_sets(tied_here)) {
          if (!set.contains(*block.begin())) continue;
          Where together;
          for (const auto& name : block)
            if (const auto at = where.find(name); at != where.end()) together.insert(*at);
          // Domains of level host may hold several hosts (runs_on); here each holds one.
          if (!dumb::fits(spec, together, 1.0)) return false;
        }
      }
    }
    return true;
  };
  if (!dumb::any_assignment(spec, all, hosts,
                            [&](const Where& where) { return dumb::rules_kept(spec, where) && alone_it_fits(where); }))
    return false;
  return std::all_of(sets.begin(), sets.end(), [&](const std::set<std::string>& set) {
    return dumb::any_assignment(spec, {set.begin(), set.end()}, hosts, [&](const Where& where) {
      return dumb::rules_kept(spec, where) && dumb::fits(spec, where, 1.0);
    });
  });
}

Spec any_quarrelsome_spec() {
  auto spec = dumb::any_spec(4, 5);
  for (std::size_t r = 0; r < spec.resources.size(); ++r) {
    const auto old = spec.resources[r].name;
    spec.resources[r].name = ResourceName("vm" + std::to_string(r + 1));
    for (auto& rule : spec.rules)
      for (auto& name : rule.resources)
        if (name == old) name = spec.resources[r].name;
  }
  return spec;
}

std::vector<Demand> all_demands(const Spec& spec) {
  std::vector<Demand> all;
  for (std::size_t i = 0; i < spec.rules.size(); ++i) all.push_back({Demand::Kind::rule, i});
  for (std::size_t r = 0; r < spec.resources.size(); ++r) {
    all.push_back({Demand::Kind::only, r});
    all.push_back({Demand::Kind::never, r});
  }
  return all;
}

std::string in_words(const std::vector<Demand>& demands) {
  std::string text;
  for (const auto& d : demands) text += std::to_string(static_cast<int>(d.kind)) + ":" + std::to_string(d.index) + " ";
  return text;
}

RC_GTEST_PROP(Contradictions, AreFoundWhereTryingEverythingFindsNoWay, ()) {
  for (int i = 0; i < kClustersPerRun; ++i) {
    const auto spec = any_quarrelsome_spec();
    const auto found = find_contradictions(spec);
    RC_LOG() << dumb::described(spec) << "found " << found.size() << "\n";
    RC_ASSERT(found.empty() == dumb_can_hold(with_only(spec, all_demands(spec))));
  }
}

RC_GTEST_PROP(Contradictions, NameASetThatCannotHoldAndEachSmallerPartOfItCan, ()) {
  for (int i = 0; i < kClustersPerRun; ++i) {
    const auto spec = any_quarrelsome_spec();
    for (const auto& quarrel : find_contradictions(spec)) {
      RC_LOG() << dumb::described(spec) << "named " << in_words(quarrel.demands) << "\n";
      RC_ASSERT(!quarrel.demands.empty());
      RC_ASSERT(!dumb_can_hold(with_only(spec, quarrel.demands)));
      RC_ASSERT(!can_all_hold(spec, quarrel.demands));
      // Leaving one out suffices: what holds goes on holding with less.
      for (std::size_t out = 0; out < quarrel.demands.size(); ++out) {
        auto part = quarrel.demands;
        part.erase(part.begin() + static_cast<std::ptrdiff_t>(out));
        RC_LOG() << "without " << out << "\n";
        RC_ASSERT(dumb_can_hold(with_only(spec, part)));
        RC_ASSERT(can_all_hold(spec, part));
      }
    }
  }
}

}  // namespace
}  // namespace haven

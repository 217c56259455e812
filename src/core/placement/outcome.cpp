#include "core/placement/outcome.hpp"

#include <algorithm>

#include "core/placement/admission.hpp"
#include "core/placement/room.hpp"

namespace haven {

Repacking::Repacking(const Spec& spec, std::int64_t steps)
    : spec_(spec),
      topology_(spec),
      members_(members_of_rules(spec)),
      rules_(spec.resources.size()),
      full_(steps),
      steps_(steps) {
  for (std::size_t i = 0; i < spec.rules.size(); ++i)
    if (spec.rules[i].strict)
      for (const auto r : members_[i]) rules_[r].push_back(i);
  for (std::size_t r = 0; r < spec.resources.size(); ++r) {
    eligible_.push_back(topology_.eligible(spec.resources[r].hosts));
    if (spec.resources[r].state == DesiredState::started) started_.push_back(r);
  }
  std::sort(started_.begin(), started_.end(), [&](std::size_t a, std::size_t b) {
    const auto& x = spec.resources[a];
    const auto& y = spec.resources[b];
    return x.priority != y.priority ? x.priority > y.priority : x.name < y.name;
  });
  for (const auto r : started_)
    if (spec.resources[r].tolerate_host) {
      counted_.push_back(r);
      counted_eligible_.push_back(eligible_[r]);
    }
}

void Repacking::refill_steps() { steps_ = full_; }

bool Repacking::lost(const Loss& loss, std::size_t host) const {
  return std::binary_search(loss.begin(), loss.end(), topology_.domain(spec_.cluster.reserve_domain, host));
}

// Lost hosts stay, with nothing to give, so that a host has one index everywhere.
std::vector<PackingHost> Repacking::hosts_after(const Loss& loss) const {
  const auto occasion = loss.empty() ? Occasion::start : Occasion::recovery;
  std::vector<PackingHost> hosts;
  for (std::size_t h = 0; h < spec_.hosts.size(); ++h) {
    const auto room = lost(loss, h) ? Room{} : room_of(spec_.hosts[h], spec_.cluster, occasion);
    hosts.push_back({room.memory, room.cpu, topology_.domains_of(h)});
  }
  return hosts;
}

PackingProblem Repacking::problem(const Loss& loss, const std::vector<std::size_t>& resources) const {
  PackingProblem out{hosts_after(loss), {}, {}};
  HostSet left(topology_.hosts());
  for (std::size_t h = 0; h < topology_.hosts(); ++h)
    if (!lost(loss, h)) left.add(h);
  std::vector<std::size_t> item_of(spec_.resources.size(), kNowhere);
  for (const auto r : resources) {
    item_of[r] = out.items.size();
    out.items.push_back({spec_.resources[r].memory, spec_.resources[r].cpu, eligible_[r]});
    out.items.back().allowed.keep_only(left);
  }
  for (std::size_t i = 0; i < spec_.rules.size(); ++i) {
    if (!spec_.rules[i].strict) continue;
    PackingRule rule{spec_.rules[i].kind, spec_.rules[i].domain, {}};
    for (const auto r : members_[i])
      if (item_of[r] != kNowhere) rule.items.push_back(item_of[r]);
    if (rule.items.size() > 1) out.rules.push_back(std::move(rule));
  }
  return out;
}

Packing Repacking::packed(const Loss& loss, const std::vector<std::size_t>& resources) {
  auto packing = exhausted() ? Packing{Fit::unknown, {}} : pack(problem(loss, resources), steps_);
  if (packing.fit == Fit::unknown) exact_ = false;
  return packing;
}

bool Repacking::all_fit(const Loss& loss) { return packed(loss, needed(loss)).fit == Fit::yes; }

Outcome Repacking::after(const Loss& loss) {
  Outcome outcome{loss, {}, {}, std::vector<std::size_t>(spec_.resources.size(), kNowhere), hosts_after(loss)};
  const auto& order = needed(loss);
  keep_longest_prefix(outcome, order);
  for (auto i = outcome.kept.size(); i < order.size(); ++i)
    if (!keep(outcome, order[i])) outcome.down.push_back(order[i]);
  return outcome;
}

// What fits stays fitting when something is left out: the longest prefix is found by halving.
void Repacking::keep_longest_prefix(Outcome& outcome, const std::vector<std::size_t>& order) {
  std::size_t fits = 0;
  auto too_long = order.size() + 1;
  auto length = order.size();
  while (fits + 1 < too_long) {
    std::vector<std::size_t> prefix(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(length));
    const auto packing = packed(outcome.loss, prefix);
    if (packing.fit == Fit::yes) {
      fits = length;
      settle(outcome, std::move(prefix), packing);
    } else {
      too_long = length;
    }
    length = fits + (too_long - fits) / 2;
  }
}

void Repacking::settle(Outcome& outcome, std::vector<std::size_t> kept, const Packing& packing) const {
  outcome.kept = std::move(kept);
  outcome.free = hosts_after(outcome.loss);
  for (std::size_t i = 0; i < outcome.kept.size(); ++i) stand(outcome, outcome.kept[i], packing.host_of[i]);
}

void Repacking::stand(Outcome& outcome, std::size_t resource, std::size_t host) const {
  outcome.host_of[resource] = host;
  outcome.free[host].memory -= spec_.resources[resource].memory;
  outcome.free[host].cpu -= spec_.resources[resource].cpu;
}

bool Repacking::keep(Outcome& outcome, std::size_t resource) {
  if (std::any_of(outcome.down.begin(), outcome.down.end(), [&](std::size_t d) { return as_hard(resource, d); }))
    return false;
  const auto& free = outcome.free;
  const auto& needs = spec_.resources[resource];
  for (std::size_t h = 0; h < free.size(); ++h)
    if (!lost(outcome.loss, h) && eligible_[resource].contains(h) && needs.memory <= free[h].memory &&
        needs.cpu <= free[h].cpu && obstacle(outcome, resource, h).empty()) {
      outcome.kept.push_back(resource);
      stand(outcome, resource, h);
      return true;
    }
  auto more = outcome.kept;
  more.push_back(resource);
  const auto packing = packed(outcome.loss, more);
  if (packing.fit != Fit::yes) return false;
  settle(outcome, std::move(more), packing);
  return true;
}

// Wherever `resource` can stand, `other` can stand in its stead.
bool Repacking::as_hard(std::size_t resource, std::size_t other) const {
  const auto& r = spec_.resources[resource];
  const auto& o = spec_.resources[other];
  return r.memory >= o.memory && r.cpu >= o.cpu && eligible_[resource].within(eligible_[other]) &&
         std::includes(rules_[resource].begin(), rules_[resource].end(), rules_[other].begin(), rules_[other].end());
}

}  // namespace haven

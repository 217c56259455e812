#include "core/placement/losses.hpp"

#include <algorithm>
#include <array>

namespace haven {

// An exchange of two domains of `reserve_domain` moves their hosts with them. It changes nothing for a rule at host
// level or at the very level exchanged; for a rule at any other level the hosts must stand in the same domain there.
Losses::Losses(const Spec& spec, const Topology& topology, const std::vector<HostSet>& eligible) {
  const auto level = spec.cluster.reserve_domain;
  std::vector<FailureDomain> fixed;
  // Where each host is a machine of its own, level host needs no look: its domains are the hosts.
  const bool virtual_ones = topology.domains(FailureDomain::host) < topology.hosts();
  for (const auto other : {FailureDomain::host, FailureDomain::rack, FailureDomain::room, FailureDomain::site})
    if (other != level && (other != FailureDomain::host || virtual_ones) &&
        std::any_of(spec.rules.begin(), spec.rules.end(),
                    [&](const Rule& rule) { return rule.strict && rule.domain == other; }))
      fixed.push_back(other);
  shapes_.resize(topology.domains(level));
  for (std::size_t h = 0; h < topology.hosts(); ++h) {
    const auto capacity = capacity_of(spec.hosts[h], spec.cluster);
    HostShape shape{capacity.memory.count, capacity.cpu, {}, {}};
    for (const auto& set : eligible) shape.eligible.push_back(set.contains(h));
    for (const auto other : fixed) shape.standing.push_back(topology.domain(other, h));
    shapes_[topology.domain(level, h)].hosts.push_back(std::move(shape));
  }
  for (auto& shape : shapes_) std::sort(shape.hosts.begin(), shape.hosts.end());
  alike_.resize(shapes_.size());
  stronger_.resize(shapes_.size());
  for (std::size_t d = 0; d < shapes_.size(); ++d)
    for (std::size_t o = 0; o < shapes_.size(); ++o) {
      if (o == d) continue;
      if (shapes_[o] == shapes_[d]) {
        if (o < d) alike_[d].push_back(o);
      } else if (covers(shapes_[o], shapes_[d])) {
        stronger_[d].push_back(o);
      }
    }
}

// Whatever stands on b's hosts can stand on a's as it is, host for host.
bool Losses::covers(const Shape& a, const Shape& b) {
  if (a.hosts.size() < b.hosts.size()) return false;
  const auto surplus = a.hosts.size() - b.hosts.size();
  for (std::size_t i = 0; i < b.hosts.size(); ++i) {
    const auto& big = a.hosts[surplus + i];
    const auto& small = b.hosts[i];
    if (big.memory_mib < small.memory_mib || big.cpu < small.cpu || big.standing != small.standing) return false;
    for (std::size_t r = 0; r < small.eligible.size(); ++r)
      if (small.eligible[r] && !big.eligible[r]) return false;
  }
  return true;
}

struct Losses::Walk {
  std::size_t count;
  const std::function<bool(const Loss&)>& visit;
  std::vector<std::size_t> order;
  std::vector<std::vector<std::size_t>> before;  // by domain: what must be lost if it is
  std::vector<bool> lost;
  Loss loss;
};

void Losses::each(std::size_t count, Which which, const std::function<bool(const Loss&)>& visit) const {
  if (count > shapes_.size()) return;
  Walk walk{count, visit, {}, alike_, std::vector<bool>(shapes_.size(), false), {}};
  for (std::size_t d = 0; d < shapes_.size(); ++d) walk.order.push_back(d);
  if (which == Which::hardest) {
    // What is stronger than d has fewer stronger ones than d: it comes first.
    std::stable_sort(walk.order.begin(), walk.order.end(),
                     [&](std::size_t a, std::size_t b) { return stronger_[a].size() < stronger_[b].size(); });
    for (std::size_t d = 0; d < shapes_.size(); ++d)
      walk.before[d].insert(walk.before[d].end(), stronger_[d].begin(), stronger_[d].end());
  }
  (void)extend(walk, 0);
}

// False: the visitor has seen enough.
bool Losses::extend(Walk& walk, std::size_t from) {
  if (walk.loss.size() == walk.count) {
    auto ascending = walk.loss;
    std::sort(ascending.begin(), ascending.end());
    return walk.visit(ascending);
  }
  for (auto i = from; i + (walk.count - walk.loss.size()) <= walk.order.size(); ++i) {
    const auto d = walk.order[i];
    const auto& before = walk.before[d];
    if (!std::all_of(before.begin(), before.end(), [&](std::size_t o) { return walk.lost[o]; })) continue;
    walk.loss.push_back(d);
    walk.lost[d] = true;
    const bool more = extend(walk, i + 1);
    walk.lost[d] = false;
    walk.loss.pop_back();
    if (!more) return false;
  }
  return true;
}

}  // namespace haven

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "core/placement/ledger.hpp"

namespace haven {
namespace {

// In all, for one question: some 20 ms.
constexpr std::int64_t kMaxArrangingSteps = 3'000'000;
constexpr int kMaxPackings = 64;
// Hosts times resources: beyond, what one after the other finds is the answer.
constexpr std::size_t kMaxArranged = 100'000;

using Unit = std::vector<std::size_t>;  // of `wanted`: what is bound together

}  // namespace

// One question: by importance, a unit is kept if all kept so far and it fit together.
class Placement::Arranging {
 public:
  Arranging(const Ledger& ledger, const std::vector<Wanted>& wanted) : ledger_(ledger) {
    for (const auto& w : wanted) {
      const auto r = ledger.resource(w.resource);
      resources_.push_back(*r);
      queries_.push_back(ledger.query(*r, w.avoid, w.occasion));
      if (w.occasion == Occasion::start) occasion_ = Occasion::start;
      const auto set = ledger.roster->set_of[*r];
      if (units_.empty() || ledger.roster->set_of[resources_[units_.back().front()]] != set) units_.emplace_back();
      units_.back().push_back(resources_.size() - 1);
    }
  }

  // By place in `wanted`; nullopt: nowhere.
  std::vector<std::optional<std::size_t>> best() {
    std::vector<std::optional<std::size_t>> where(resources_.size());
    std::vector<std::size_t> kept;
    for (std::size_t next = 0; next < units_.size();) {
      // All of what is to come, or half of it, and so on down to one that stays out.
      auto count = units_.size() - next;
      while (count > 0 && !keep(kept, next, count, where)) count = count / 2;
      next += std::max<std::size_t>(count, 1);
    }
    return where;
  }

 private:
  bool keep(std::vector<std::size_t>& kept, std::size_t first, std::size_t count,
            std::vector<std::optional<std::size_t>>& where) {
    if (--packings_ < 0) return false;
    auto more = kept;
    for (auto u = first; u < first + count; ++u) more.insert(more.end(), units_[u].begin(), units_[u].end());
    const auto packing = pack(problem(more), steps_);
    if (packing.fit != Fit::yes) return false;
    kept = std::move(more);
    for (std::size_t i = 0; i < kept.size(); ++i) where[kept[i]] = packing.host_of[i];
    return true;
  }

  [[nodiscard]] PackingProblem problem(const std::vector<std::size_t>& kept) const {
    PackingProblem problem;
    for (std::size_t h = 0; h < ledger_.topology.hosts(); ++h) {
      const auto free = ledger_.free_on(h, occasion_);
      problem.hosts.push_back(
          {std::max(free.memory, MiB{}), std::max(free.cpu, Vcpu{}), ledger_.topology.domains_of(h)});
    }
    std::vector<std::vector<std::size_t>> items(ledger_.members.size());  // by rule
    for (std::size_t i = 0; i < kept.size(); ++i) {
      const auto r = resources_[kept[i]];
      const auto& query = queries_[kept[i]];
      PackingItem item{ledger_.spec.resources[r].memory, ledger_.spec.resources[r].cpu,
                       HostSet(ledger_.topology.hosts())};
      for (std::size_t h = 0; h < ledger_.topology.hosts(); ++h)
        if (ledger_.open_to(query, h) && ledger_.rules_kept(query, h)) item.allowed.add(h);
      problem.items.push_back(std::move(item));
      for (const auto rule : ledger_.rules[r])
        if (ledger_.spec.rules[rule].strict) items[rule].push_back(i);
    }
    for (std::size_t i = 0; i < items.size(); ++i)
      if (items[i].size() > 1)
        problem.rules.push_back({ledger_.spec.rules[i].kind, ledger_.spec.rules[i].domain, std::move(items[i])});
    return problem;
  }

  const Ledger& ledger_;
  std::vector<std::size_t> resources_;
  std::vector<Query> queries_;
  std::vector<Unit> units_;
  Occasion occasion_ = Occasion::recovery;
  std::int64_t steps_ = kMaxArrangingSteps;
  int packings_ = kMaxPackings;
};

std::vector<std::optional<HostName>> Placement::arrange(const std::vector<Wanted>& wanted) {
  std::vector<std::optional<HostName>> chosen;
  for (const auto& w : wanted) {
    chosen.push_back(choose(w.resource, w.avoid, w.occasion).host);
    if (chosen.back()) book(w.resource, *chosen.back());
  }
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (chosen[i]) release(wanted[i].resource, *chosen[i]);
  const auto placed = static_cast<std::size_t>(
      std::count_if(chosen.begin(), chosen.end(), [](const auto& host) { return host.has_value(); }));
  const bool known = std::all_of(wanted.begin(), wanted.end(),
                                 [&](const Wanted& w) { return ledger_->resource(w.resource).has_value(); });
  // Who comes first and finds no host finds none in any arrangement.
  if (placed == 0 || placed == wanted.size() || !known) return chosen;
  if (wanted.size() * ledger_->topology.hosts() > kMaxArranged) return chosen;
  const auto where = Arranging(*ledger_, wanted).best();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (chosen[i].has_value() == where[i].has_value()) continue;
    if (chosen[i]) return chosen;
    std::transform(where.begin(), where.end(), chosen.begin(), [&](const auto& host) {
      return host ? std::optional(ledger_->topology.name(*host)) : std::nullopt;
    });
    return chosen;
  }
  return chosen;
}

}  // namespace haven

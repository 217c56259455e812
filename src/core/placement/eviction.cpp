#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "core/placement/cover.hpp"
#include "core/placement/ledger.hpp"

namespace haven {
namespace {

// Of two ways to make room the one of the lesser price is taken: fewest victims, least important ones, best host.
using Price = std::tuple<std::size_t, std::vector<int>, PlacingScore>;

struct Way {
  std::size_t host = 0;
  std::vector<std::size_t> victims;  // most important first
  std::vector<std::size_t> leaving;
};

bool contains(const std::vector<std::size_t>& list, std::size_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

// One question: who may yield to this resource, and where that is enough.
class Placement::Clearing {
 public:
  Clearing(Ledger& ledger, Query query, const YieldsTo& yields, const std::vector<ResourceName>& ahead)
      : ledger_(ledger), spec_(ledger.spec), query_(std::move(query)), yields_(yields) {
    for (const auto r : query_.idle_set) limit_ = std::min(limit_, spec_.resources[r].priority);
    for (const auto& name : ahead)
      if (const auto a = ledger.resource(name)) ahead_.push_back(*a);
  }

  std::optional<Way> best() {
    std::optional<std::pair<Price, Way>> best;
    for (std::size_t h = 0; h < ledger_.topology.hosts(); ++h) {
      auto way = way_on(h);
      if (!way) continue;
      std::vector<int> priorities;
      for (const auto v : way->victims) priorities.push_back(spec_.resources[v].priority);
      Price price{way->victims.size(), std::move(priorities), ledger_.score(query_, h)};
      if ((!best || price < best->first) && would_do(*way)) best.emplace(std::move(price), std::move(*way));
    }
    if (!best) return std::nullopt;
    return std::move(best->second);
  }

 private:
  [[nodiscard]] bool below(std::size_t r) const { return ledger_.roster->weight[r] < limit_; }

  [[nodiscard]] Yields yields(std::size_t r, std::size_t host) const {
    const auto yields = yields_(spec_.resources[r].name, ledger_.topology.name(host));
    return yields == Yields::if_told && (!below(r) || ledger_.standing[r].size() != 1) ? Yields::never : yields;
  }

  // Not yet whether all of it would do.
  std::optional<Way> way_on(std::size_t h) {
    if (!ledger_.open_to(query_, h)) return std::nullopt;
    Way way{h, {}, {}};
    if (!clear_of_rules(way)) return std::nullopt;
    Freed needed;
    for (const auto r : query_.idle_set) {
      needed.memory_mib += spec_.resources[r].memory.count;
      needed.vcpus += spec_.resources[r].cpu.count;
    }
    // What needs nothing lacks nothing, however full the host.
    const bool no_memory = needed.memory_mib == 0, no_cpu = needed.vcpus == 0;
    const auto free = ledger_.free_for(query_.resource, h, query_.occasion);
    needed.memory_mib -= free.memory.count;
    needed.vcpus -= free.cpu.count;
    const auto free_of = [&](std::size_t r) {
      needed.memory_mib -= spec_.resources[r].memory.count;
      needed.vcpus -= spec_.resources[r].cpu.count;
    };
    std::vector<std::size_t> more;
    for (const auto r : ledger_.residents[h]) {
      const bool gone = contains(way.victims, r) || contains(way.leaving, r);
      const auto y = gone ? Yields::leaving : yields(r, h);
      if (y == Yields::leaving) free_of(r);
      if (y == Yields::leaving && !gone) way.leaving.push_back(r);
      if (y == Yields::if_told) more.push_back(r);
    }
    if (no_memory) needed.memory_mib = 0;
    if (no_cpu) needed.vcpus = 0;
    const auto& rank = ledger_.roster->rank;
    std::sort(more.begin(), more.end(), [&](std::size_t a, std::size_t b) { return rank[a] > rank[b]; });
    std::vector<Freed> freed;
    freed.reserve(more.size());
    for (const auto r : more) freed.push_back({spec_.resources[r].memory.count, spec_.resources[r].cpu.count});
    const auto chosen = fewest_that_free(freed, needed);
    if (!chosen) return std::nullopt;
    for (const auto i : *chosen) way.victims.push_back(more[i]);
    std::sort(way.victims.begin(), way.victims.end(), [&](std::size_t a, std::size_t b) { return rank[a] < rank[b]; });
    return way;
  }

  // Whoever must stand apart from it and stands too near, or together with it and stands elsewhere.
  bool clear_of_rules(Way& way) {
    for (const auto& held : query_.strict) {
      const auto& rule = spec_.rules[held.rule];
      const auto here = ledger_.topology.domain(rule.domain, way.host);
      const bool apart = rule.kind == RuleKind::apart;
      for (const auto other : ledger_.members[held.rule])
        for (const auto at : ledger_.standing[other]) {
          if (other == query_.resource || (ledger_.topology.domain(rule.domain, at) == here) != apart) continue;
          const auto answer = yields(other, at);
          // Nobody is stopped to be stood beside.
          if (answer == Yields::never || (answer == Yields::if_told && !apart)) return false;
          auto& list = answer == Yields::leaving ? way.leaving : way.victims;
          if (!contains(list, other)) list.push_back(other);
        }
    }
    return true;
  }

  // With all of them gone it may stand there, and nobody more important would take the room before it.
  bool would_do(const Way& way) {
    std::vector<std::pair<std::size_t, std::size_t>> gone;
    const auto release = [&](std::size_t r) {
      for (const auto at : std::vector(ledger_.standing[r])) {
        if (contains(way.leaving, r) && yields(r, at) != Yields::leaving) continue;
        gone.emplace_back(r, at);
        ledger_.book(r, at, -1);
      }
    };
    for (const auto r : way.victims) release(r);
    for (const auto r : way.leaving) release(r);
    Query now = ledger_.query(query_.resource, {}, query_.occasion);
    now.avoided = query_.avoided;
    const bool fits = ledger_.refusal(now, way.host).empty();
    const bool taken = std::any_of(ahead_.begin(), ahead_.end(), [&](std::size_t a) {
      return ledger_.refusal(ledger_.query(a, {}, Occasion::recovery), way.host).empty();
    });
    for (const auto& [r, at] : gone) ledger_.book(r, at, 1);
    return fits && !taken;
  }

  Ledger& ledger_;
  const Spec& spec_;
  const Query query_;
  const YieldsTo& yields_;
  std::vector<std::size_t> ahead_;
  int limit_ = std::numeric_limits<int>::max();  // everybody who yields is below this priority
};

std::optional<Eviction> Placement::make_room(const ResourceName& resource, const std::vector<Refusal>& avoid,
                                             Occasion occasion, const YieldsTo& yields,
                                             const std::vector<ResourceName>& ahead) {
  const auto r = ledger_->resource(resource);
  if (!r) return std::nullopt;
  const auto way = Clearing(*ledger_, ledger_->query(*r, avoid, occasion), yields, ahead).best();
  if (!way) return std::nullopt;
  const auto named = [&](const std::vector<std::size_t>& list) {
    std::vector<ResourceName> names;
    names.reserve(list.size());
    for (const auto i : list) names.push_back(ledger_->spec.resources[i].name);
    return names;
  };
  return Eviction{ledger_->topology.name(way->host), named(way->victims), named(way->leaving)};
}

}  // namespace haven

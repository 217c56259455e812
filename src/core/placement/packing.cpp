#include "core/placement/packing.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <tuple>
#include <unordered_set>

#include "core/placement/trial.hpp"

namespace haven {
namespace {

// A search may take this part of what is left: one hopeless search leaves something for all that follow.
constexpr std::int64_t kShareOfSteps = 8;

using Order = std::vector<std::size_t>;

// How much of the whole a block takes: 0 to 2, memory and vCPUs weighted by how scarce each is.
std::vector<double> weights(const Blocks& blocks) {
  std::int64_t memory = 0;
  std::int64_t cpu = 0;
  std::int64_t memory_need = 0;
  std::int64_t cpu_need = 0;
  for (const auto& h : blocks.hosts) {
    memory += h.memory.count;
    cpu += h.cpu.count;
  }
  for (const auto& b : blocks.blocks) {
    memory_need += b.memory_mib;
    cpu_need += b.vcpus;
  }
  const auto scarcity = [](std::int64_t need, std::int64_t room) {
    if (room == 0) return 0.0;
    return static_cast<double>(need) / static_cast<double>(room) / static_cast<double>(room);
  };
  std::vector<double> out;
  for (const auto& b : blocks.blocks)
    out.push_back(static_cast<double>(b.memory_mib) * scarcity(memory_need, memory) +
                  static_cast<double>(b.vcpus) * scarcity(cpu_need, cpu));
  return out;
}

// Hardest first. Blocks that are the same stand side by side, as the search needs it.
template <class Key>
Order ordered_by(const Blocks& blocks, const Key& hardness) {
  Order order(blocks.blocks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) {
    const auto hx = hardness(x);
    const auto hy = hardness(y);
    if (hx != hy) return hx > hy;
    const auto& a = blocks.blocks[x];
    const auto& b = blocks.blocks[y];
    return std::tie(a.memory_mib, a.vcpus, a.rules, a.allowed, x) <
           std::tie(b.memory_mib, b.vcpus, b.rules, b.allowed, y);
  });
  return order;
}

// Bound by rules first, then narrowly allowed for its size.
Order hardest_first(const Blocks& blocks, const std::vector<double>& weight) {
  const auto everywhere = static_cast<double>(blocks.hosts.size());
  std::vector<double> tightness;
  for (std::size_t b = 0; b < weight.size(); ++b)
    tightness.push_back(weight[b] * everywhere / static_cast<double>(blocks.blocks[b].allowed.count()));
  return ordered_by(blocks, [&](std::size_t b) { return std::pair(!blocks.blocks[b].rules.empty(), tightness[b]); });
}

// Each where least is left over. True: `where` holds a packing.
bool pack_greedily(const Blocks& blocks, const Order& order, std::vector<std::size_t>& where, std::int64_t& steps) {
  Trial trial(blocks, Trial::Prints::none);
  for (const auto b : order) {
    auto best = blocks.hosts.size();
    for (std::size_t h = 0; h < blocks.hosts.size(); ++h) {
      if (!trial.may_stand(b, h)) continue;
      if (best == blocks.hosts.size() || trial.free_memory_mib(h) < trial.free_memory_mib(best)) best = h;
    }
    steps -= static_cast<std::int64_t>(blocks.hosts.size());
    if (best == blocks.hosts.size()) return false;
    trial.put(b, best);
    where[b] = best;
  }
  return true;
}

// What the blocks from one place in the order to the end need together.
class Remainder {
 public:
  Remainder(const Blocks& blocks, const Order& order) {
    fill(blocks, order, &Block::memory_mib, memory_);
    fill(blocks, order, &Block::vcpus, cpu_);
  }

  // Of one question, in steps.
  [[nodiscard]] std::int64_t cost(std::size_t hosts) const {
    return static_cast<std::int64_t>(hosts * (2 + memory_.divisors.size() + cpu_.divisors.size()));
  }
  [[nodiscard]] bool excluded(const Trial& trial, std::size_t hosts, std::size_t depth) const {
    return short_of(memory_, hosts, depth, [&](std::size_t h) { return trial.free_memory_mib(h); }) ||
           short_of(cpu_, hosts, depth, [&](std::size_t h) { return trial.free_vcpus(h); });
  }

 private:
  struct Amount {
    std::vector<std::int64_t> divisors;
    std::vector<std::vector<std::int64_t>> parts;  // by depth, then by divisor: sum of floor(size / divisor)
    std::vector<std::int64_t> total, smallest;     // by depth
  };

  static void fill(const Blocks& blocks, const Order& order, std::int64_t Block::*amount, Amount& out) {
    std::vector<std::int64_t> sizes;
    for (const auto b : order) sizes.push_back(blocks.blocks[b].*amount);
    out.divisors = divisors_of(sizes);
    out.parts.assign(order.size() + 1, std::vector<std::int64_t>(out.divisors.size(), 0));
    out.total.assign(order.size() + 1, 0);
    out.smallest.assign(order.size() + 1, 0);
    for (auto d = order.size(); d-- > 0;) {
      out.total[d] = out.total[d + 1] + sizes[d];
      out.smallest[d] = d + 1 == order.size() ? sizes[d] : std::min(sizes[d], out.smallest[d + 1]);
      for (std::size_t i = 0; i < out.divisors.size(); ++i)
        out.parts[d][i] = out.parts[d + 1][i] + sizes[d] / out.divisors[i];
    }
  }

  template <class Free>
  static bool short_of(const Amount& amount, std::size_t hosts, std::size_t depth, const Free& free) {
    // What is too little for the smallest block to come is lost.
    std::int64_t room = 0;
    for (std::size_t h = 0; h < hosts; ++h)
      if (free(h) >= amount.smallest[depth]) room += free(h);
    if (room < amount.total[depth]) return true;
    for (std::size_t i = 0; i < amount.divisors.size(); ++i) {
      auto parts = amount.parts[depth][i];
      for (std::size_t h = 0; h < hosts && parts > 0; ++h) parts -= free(h) / amount.divisors[i];
      if (parts > 0) return true;
    }
    return false;
  }

  Amount memory_, cpu_;
};

class Search {
 public:
  Search(const Blocks& blocks, Order order, std::int64_t steps)
      : blocks_(blocks),
        order_(std::move(order)),
        remainder_(blocks, order_),
        trial_(blocks, Trial::Prints::kept),
        steps_(steps) {
    where_.resize(order_.size());
    repeats_.resize(order_.size(), false);
    for (std::size_t d = 1; d < order_.size(); ++d)
      repeats_[d] = blocks.blocks[order_[d]].same_as(blocks.blocks[order_[d - 1]]);
  }

  Fit run() { return place(0); }
  [[nodiscard]] std::int64_t steps_left() const { return std::max<std::int64_t>(steps_, 0); }
  [[nodiscard]] std::vector<std::size_t> where() const { return where_; }

 private:
  Fit place(std::size_t depth) {
    if (depth == order_.size()) return Fit::yes;
    if (steps_ <= 0) return Fit::unknown;
    // Within a run of same blocks the answer depends on where the last one went: only its start is remembered.
    const auto print = repeats_[depth] ? 0 : trial_.fingerprint() + depth * 0x9e3779b97f4a7c15U;
    if (!repeats_[depth] && hopeless_.contains(print)) return Fit::no;
    steps_ -= remainder_.cost(blocks_.hosts.size());
    if (!remainder_.excluded(trial_, blocks_.hosts.size(), depth))
      for (const auto host : candidates(depth)) {
        trial_.put(order_[depth], host);
        where_[order_[depth]] = host;
        const auto below = place(depth + 1);
        trial_.take(order_[depth], host);
        if (below != Fit::no) return below;
      }
    if (!repeats_[depth]) hopeless_.insert(print);
    return Fit::no;
  }

  // Tightest first; of alike hosts the first only; of same blocks each stands no earlier than the one before it.
  std::vector<std::size_t> candidates(std::size_t depth) {
    const auto block = order_[depth];
    std::vector<std::size_t> hosts;
    for (auto h = repeats_[depth] ? where_[order_[depth - 1]] : 0; h < blocks_.hosts.size(); ++h) {
      --steps_;
      if (!trial_.may_stand(block, h)) continue;
      bool seen = false;
      for (std::size_t e = 0; e < h && !seen; ++e) seen = trial_.alike(e, h);
      if (!seen) hosts.push_back(h);
    }
    std::stable_sort(hosts.begin(), hosts.end(), [&](std::size_t a, std::size_t b) {
      return trial_.free_memory_mib(a) < trial_.free_memory_mib(b);
    });
    return hosts;
  }

  const Blocks& blocks_;
  const Order order_;
  const Remainder remainder_;
  Trial trial_;
  std::int64_t steps_;
  std::vector<std::size_t> where_;  // by block
  std::vector<bool> repeats_;       // by depth: the same as the block before
  std::unordered_set<std::uint64_t> hopeless_;
};

Packing answer(const Blocks& blocks, const std::vector<std::size_t>& where) {
  Packing packing{Fit::yes, {}};
  for (const auto b : blocks.block_of) packing.host_of.push_back(where[b]);
  return packing;
}

}  // namespace

Packing pack(const PackingProblem& problem, std::int64_t& steps) {
  // Preparing costs about as much as this many looks.
  steps -= static_cast<std::int64_t>(16 * (problem.items.size() + problem.hosts.size()));
  const auto merged = merge_into_blocks(problem);
  if (!merged || sums_exclude(*merged)) return {Fit::no, {}};
  const auto& blocks = *merged;
  std::vector<std::size_t> where(blocks.blocks.size());
  const auto greedily = [&](const Order& order) { return pack_greedily(blocks, order, where, steps); };
  const auto weight = weights(blocks);
  if (greedily(ordered_by(blocks, [&](std::size_t b) { return weight[b]; }))) return answer(blocks, where);
  if (bounds_exclude(blocks)) return {Fit::no, {}};
  const auto hardest = hardest_first(blocks, weight);
  if (greedily(hardest) || greedily(ordered_by(blocks, [&](std::size_t b) { return blocks.blocks[b].memory_mib; })) ||
      greedily(ordered_by(blocks, [&](std::size_t b) { return blocks.blocks[b].vcpus; })) ||
      pack_by_filling(blocks, hardest, where, steps))
    return answer(blocks, where);
  const auto granted = std::clamp<std::int64_t>(steps / kShareOfSteps, 0, kMaxPackingSteps);
  Search search(blocks, hardest, granted);
  const auto fit = search.run();
  steps -= granted - search.steps_left();
  if (fit == Fit::yes) return answer(blocks, search.where());
  return {fit, {}};
}

}  // namespace haven

// The exact search (packing.hpp tells the idea).
#include <algorithm>
#include <unordered_set>

#include "core/placement/trial.hpp"

namespace haven {
namespace {

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

}  // namespace

Fit pack_by_search(const Blocks& blocks, const Order& order, std::vector<std::size_t>& where, std::int64_t& steps) {
  Search search(blocks, order, steps);
  const auto fit = search.run();
  steps = search.steps_left();
  if (fit == Fit::yes) where = search.where();
  return fit;
}

}  // namespace haven

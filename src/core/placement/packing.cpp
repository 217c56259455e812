#include "core/placement/packing.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "core/placement/trial.hpp"

namespace haven {
namespace {

// A search may take this part of what is left: one hopeless search leaves something for all that follow.
constexpr std::int64_t kShareOfSteps = 8;

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
  auto granted = std::clamp<std::int64_t>(steps / kShareOfSteps, 0, kMaxPackingSteps);
  steps -= granted;
  const auto fit = pack_by_search(blocks, hardest, where, granted);
  steps += granted;
  if (fit == Fit::yes) return answer(blocks, where);
  return {fit, {}};
}

}  // namespace haven

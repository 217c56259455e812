// A greedy packing for nearly full hosts: one host after the other is filled as full as the blocks at hand can fill
// it, by dynamic programming over the scarcer amount. Where many small blocks must fill the hosts to the last MiB,
// this finds in milliseconds what a search would not meet in its lifetime.
#include <algorithm>
#include <limits>
#include <numeric>

#include "core/placement/trial.hpp"

namespace haven {
namespace {

// Of the table for one host: blocks x units. Beyond that the sizes are too odd for this to be cheap.
constexpr std::size_t kMaxCells = 2'000'000;

using Amount = std::int64_t Block::*;

struct Scarcity {
  Amount scarce, other;
};

Scarcity scarcity_of(const Blocks& blocks) {
  double memory_need = 0;
  double cpu_need = 0;
  double memory = 1;
  double cpu = 1;
  for (const auto& b : blocks.blocks) {
    memory_need += static_cast<double>(b.memory_mib);
    cpu_need += static_cast<double>(b.vcpus);
  }
  for (const auto& h : blocks.hosts) {
    memory += static_cast<double>(h.memory.count);
    cpu += static_cast<double>(h.cpu.count);
  }
  if (memory_need * cpu >= cpu_need * memory) return {&Block::memory_mib, &Block::vcpus};
  return {&Block::vcpus, &Block::memory_mib};
}

std::int64_t free_of(const Trial& trial, std::size_t host, Amount amount) {
  return amount == &Block::memory_mib ? trial.free_memory_mib(host) : trial.free_vcpus(host);
}

// How a host begins to be filled: with nothing, or with a share of large and small alike, so that what is hungry for
// the other amount is not left for the last hosts.
enum class Start { empty, even_share };
constexpr double kEvenShare = 0.9;

class Filling {
 public:
  Filling(const Blocks& blocks, Start start, std::vector<std::size_t>& where, std::int64_t& steps)
      : blocks_(blocks),
        start_(start),
        amounts_(scarcity_of(blocks)),
        trial_(blocks, Trial::Prints::none),
        where_(where),
        steps_(steps) {}

  bool run(const Order& hardest_first);

 private:
  bool put_one(std::size_t block);
  void deal_even_share(std::size_t host);
  bool fill(std::size_t host);
  void put(std::size_t block, std::size_t host) {
    trial_.put(block, host);
    where_[block] = host;
  }
  [[nodiscard]] bool is_free(std::size_t block) const {
    const auto& b = blocks_.blocks[block];
    return b.rules.empty() && b.*amounts_.scarce > 0 && b.allowed.count() == blocks_.hosts.size() - shut_;
  }

  const Blocks& blocks_;
  const Start start_;
  const Scarcity amounts_;
  Trial trial_;
  std::vector<std::size_t>& where_;
  std::int64_t& steps_;
  std::size_t shut_ = 0;            // hosts that no block may stand on
  std::vector<std::size_t> loose_;  // still to be placed, may stand anywhere; largest first
};

// Where least is left, or where most is: what rules keep apart then does not crowd the small hosts.
bool Filling::put_one(std::size_t block) {
  auto best = blocks_.hosts.size();
  for (std::size_t h = 0; h < blocks_.hosts.size(); ++h) {
    if (!trial_.may_stand(block, h)) continue;
    if (best == blocks_.hosts.size()) best = h;
    const auto less = free_of(trial_, best, amounts_.scarce) - free_of(trial_, h, amounts_.scarce);
    if (start_ == Start::empty ? less > 0 : less < 0) best = h;
  }
  steps_ -= static_cast<std::int64_t>(blocks_.hosts.size());
  if (best == blocks_.hosts.size()) return false;
  put(block, best);
  return true;
}

bool Filling::run(const Order& hardest_first) {
  std::vector<std::size_t> hosts;
  for (std::size_t h = 0; h < blocks_.hosts.size(); ++h)
    if (std::any_of(blocks_.blocks.begin(), blocks_.blocks.end(),
                    [&](const Block& b) { return b.allowed.contains(h); }))
      hosts.push_back(h);
  shut_ = blocks_.hosts.size() - hosts.size();
  std::vector<std::size_t> last;
  for (const auto b : hardest_first) {
    if (is_free(b))
      loose_.push_back(b);
    else if (blocks_.blocks[b].*amounts_.scarce == 0 && blocks_.blocks[b].rules.empty())
      last.push_back(b);
    else if (!put_one(b))
      return false;
  }
  std::stable_sort(loose_.begin(), loose_.end(), [&](std::size_t a, std::size_t b) {
    return blocks_.blocks[a].*amounts_.scarce > blocks_.blocks[b].*amounts_.scarce;
  });
  std::stable_sort(hosts.begin(), hosts.end(), [&](std::size_t a, std::size_t b) {
    return free_of(trial_, a, amounts_.scarce) < free_of(trial_, b, amounts_.scarce);
  });
  for (const auto h : hosts)
    if (!loose_.empty() && !fill(h)) return false;
  return loose_.empty() && std::all_of(last.begin(), last.end(), [&](std::size_t b) { return put_one(b); });
}

void Filling::deal_even_share(std::size_t host) {
  std::int64_t need = 0;
  for (const auto b : loose_) need += blocks_.blocks[b].*amounts_.scarce;
  const auto free = free_of(trial_, host, amounts_.scarce);
  const auto least_free = free - static_cast<std::int64_t>(static_cast<double>(free) * kEvenShare);
  const auto stride = static_cast<std::size_t>(need / std::max<std::int64_t>(free, 1) + 1);
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < loose_.size(); ++i) {
    const auto after = free_of(trial_, host, amounts_.scarce) - blocks_.blocks[loose_[i]].*amounts_.scarce;
    if (i % stride == stride / 2 && after >= least_free && trial_.may_stand(loose_[i], host))
      put(loose_[i], host);
    else
      left.push_back(loose_[i]);
  }
  loose_ = std::move(left);
}

// Of all subsets of what is left one that takes most of the scarce amount; of these one of the fewest blocks: small
// ones are kept for later.
bool Filling::fill(std::size_t host) {
  if (start_ == Start::even_share) deal_even_share(host);
  if (loose_.empty()) return true;
  std::int64_t unit = 0;
  for (const auto b : loose_) unit = std::gcd(unit, blocks_.blocks[b].*amounts_.scarce);
  const auto units = static_cast<std::size_t>(free_of(trial_, host, amounts_.scarce) / unit) + 1;
  if (units > kMaxCells / loose_.size()) return false;
  steps_ -= static_cast<std::int64_t>(units * loose_.size());
  constexpr auto kUnreached = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> fewest(units, kUnreached);
  std::vector<std::int64_t> other(units, 0);
  fewest[0] = 0;
  std::vector<std::vector<bool>> taken(loose_.size(), std::vector<bool>(units, false));
  for (std::size_t i = 0; i < loose_.size(); ++i) {
    const auto& block = blocks_.blocks[loose_[i]];
    const auto size = static_cast<std::size_t>(block.*amounts_.scarce / unit);
    for (auto u = units; u-- > size;)
      if (fewest[u - size] != kUnreached && fewest[u - size] + 1 < fewest[u]) {
        fewest[u] = fewest[u - size] + 1;
        other[u] = other[u - size] + block.*amounts_.other;
        taken[i][u] = true;
      }
  }
  auto u = units - 1;
  while (fewest[u] == kUnreached || other[u] > free_of(trial_, host, amounts_.other)) --u;
  std::vector<std::size_t> left;
  for (auto i = loose_.size(); i-- > 0;) {
    if (!taken[i][u]) {
      left.push_back(loose_[i]);
      continue;
    }
    u -= static_cast<std::size_t>(blocks_.blocks[loose_[i]].*amounts_.scarce / unit);
    put(loose_[i], host);
  }
  loose_.assign(left.rbegin(), left.rend());
  return true;
}

}  // namespace

bool pack_by_filling(const Blocks& blocks, const Order& hardest_first, std::vector<std::size_t>& where,
                     std::int64_t& steps) {
  return Filling(blocks, Start::empty, where, steps).run(hardest_first) ||
         Filling(blocks, Start::even_share, where, steps).run(hardest_first);
}

}  // namespace haven

// Proofs that something cannot fit, without a search.
#include <algorithm>
#include <numeric>

#include "core/placement/trial.hpp"

namespace haven {
namespace {

using Amount = std::int64_t Block::*;

std::int64_t free_of(const PackingHost& host, Amount amount) {
  return amount == &Block::memory_mib ? host.memory.count : host.cpu.count;
}

// Do the blocks that may stand nowhere but within `set` fit there, by sums of floor(size / divisor)?
bool overfull(const Blocks& blocks, const HostSet& set, Amount amount) {
  std::vector<std::int64_t> sizes;
  for (const auto& b : blocks.blocks)
    if (b.*amount > 0 && b.allowed.within(set)) sizes.push_back(b.*amount);
  for (const auto d : divisors_of(sizes)) {
    std::int64_t need = 0;
    for (const auto s : sizes) need += s / d;
    std::int64_t room = 0;
    for (std::size_t h = 0; h < blocks.hosts.size(); ++h)
      if (set.contains(h)) room += free_of(blocks.hosts[h], amount) / d;
    if (need > room) return true;
  }
  return false;
}

bool could_stand(const Block& block, const PackingHost& host, std::size_t index) {
  return block.allowed.contains(index) && block.memory_mib <= host.memory.count && block.vcpus <= host.cpu.count;
}

// Domains of a rule's level in which each of its blocks could stand alone: by block, then by domain.
std::vector<std::vector<bool>> domains_open_to(const Blocks& blocks, const BlockRule& rule) {
  std::size_t domains = 0;
  for (const auto& host : blocks.hosts) domains = std::max(domains, host.domain[rule.level] + 1);
  std::vector<std::vector<bool>> open(rule.blocks.size(), std::vector<bool>(domains, false));
  for (std::size_t i = 0; i < rule.blocks.size(); ++i)
    for (std::size_t h = 0; h < blocks.hosts.size(); ++h)
      if (could_stand(blocks.blocks[rule.blocks[i]], blocks.hosts[h], h))
        open[i][blocks.hosts[h].domain[rule.level]] = true;
  return open;
}

constexpr std::size_t kNobody = static_cast<std::size_t>(-1);

// Finds a domain for block i, moving others on where that helps (augmenting path).
bool seat(const std::vector<std::vector<bool>>& open, std::size_t i, std::vector<std::size_t>& holder,
          std::vector<bool>& visited) {
  for (std::size_t d = 0; d < holder.size(); ++d) {
    if (!open[i][d] || visited[d]) continue;
    visited[d] = true;
    if (holder[d] != kNobody && !seat(open, holder[d], holder, visited)) continue;
    holder[d] = i;
    return true;
  }
  return false;
}

bool apart_excludes(const Blocks& blocks, const BlockRule& rule) {
  const auto open = domains_open_to(blocks, rule);
  const auto domains = open.front().size();
  std::vector<std::size_t> holder(domains, kNobody);
  for (std::size_t i = 0; i < open.size(); ++i) {
    std::vector<bool> visited(domains, false);
    if (!seat(open, i, holder, visited)) return true;
  }
  return false;
}

bool together_excludes(const Blocks& blocks, const BlockRule& rule) {
  const auto open = domains_open_to(blocks, rule);
  std::int64_t memory = 0;
  std::int64_t cpu = 0;
  for (const auto b : rule.blocks) {
    memory += blocks.blocks[b].memory_mib;
    cpu += blocks.blocks[b].vcpus;
  }
  for (std::size_t d = 0; d < open.front().size(); ++d) {
    if (!std::all_of(open.begin(), open.end(), [&](const auto& o) { return o[d]; })) continue;
    std::int64_t memory_room = 0;
    std::int64_t cpu_room = 0;
    for (const auto& host : blocks.hosts)
      if (host.domain[rule.level] == d) {
        memory_room += host.memory.count;
        cpu_room += host.cpu.count;
      }
    if (memory <= memory_room && cpu <= cpu_room) return false;
  }
  return true;
}

}  // namespace

std::vector<std::int64_t> divisors_of(std::vector<std::int64_t> sizes) {
  std::erase_if(sizes, [](std::int64_t s) { return s <= 0; });
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  if (sizes.empty()) return {};
  std::int64_t common = 0;
  for (const auto s : sizes) common = std::gcd(common, s);
  std::vector<std::int64_t> divisors{common};
  const auto stride = (sizes.size() + kMaxDivisors - 2) / (kMaxDivisors - 1);
  for (std::size_t i = 0; i < sizes.size(); i += stride)
    if (sizes[i] != common) divisors.push_back(sizes[i]);
  return divisors;
}

bool sums_exclude(const Blocks& blocks) {
  std::int64_t memory = 0;
  std::int64_t cpu = 0;
  for (const auto& host : blocks.hosts) {
    memory += host.memory.count;
    cpu += host.cpu.count;
  }
  for (const auto& b : blocks.blocks) {
    memory -= b.memory_mib;
    cpu -= b.vcpus;
    bool anywhere = false;
    for (std::size_t h = 0; h < blocks.hosts.size() && !anywhere; ++h) anywhere = could_stand(b, blocks.hosts[h], h);
    if (!anywhere) return true;
  }
  return memory < 0 || cpu < 0;
}

bool bounds_exclude(const Blocks& blocks) {
  std::vector<HostSet> sets{HostSet(blocks.hosts.size(), true)};
  for (const auto& b : blocks.blocks) sets.push_back(b.allowed);
  std::sort(sets.begin(), sets.end());
  sets.erase(std::unique(sets.begin(), sets.end()), sets.end());
  for (const auto& set : sets)
    if (overfull(blocks, set, &Block::memory_mib) || overfull(blocks, set, &Block::vcpus)) return true;
  return std::any_of(blocks.rules.begin(), blocks.rules.end(), [&](const BlockRule& rule) {
    return rule.kind == RuleKind::apart ? apart_excludes(blocks, rule) : together_excludes(blocks, rule);
  });
}

}  // namespace haven

#include "core/placement/trial.hpp"

#include <algorithm>
#include <numeric>

namespace haven {
namespace {

constexpr std::size_t kHostLevel = index_of(FailureDomain::host);

// splitmix64's finalizer: every bit of the input moves every bit of the print.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

std::uint64_t rule_print(std::size_t rule, std::size_t domain) { return mix(mix(rule + 1) + domain); }

std::size_t root_of(std::vector<std::size_t>& parent, std::size_t i) {
  while (parent[i] != i) i = parent[i] = parent[parent[i]];
  return i;
}

// Virtual hosts on one machine are one domain `host`, and several hosts.
bool each_its_own(const std::vector<PackingHost>& hosts) {
  std::vector<std::size_t> domains;
  domains.reserve(hosts.size());
  for (const auto& host : hosts) domains.push_back(host.domain[kHostLevel]);
  std::sort(domains.begin(), domains.end());
  return std::adjacent_find(domains.begin(), domains.end()) == domains.end();
}

bool makes_one(const PackingRule& rule) {
  return rule.kind == RuleKind::together && rule.domain == FailureDomain::host;
}

// Which items a host-level together rule makes one: block numbers in the order of first items.
std::vector<std::size_t> blocks_of_items(const PackingProblem& problem, bool lone_hosts) {
  std::vector<std::size_t> parent(problem.items.size());
  std::iota(parent.begin(), parent.end(), std::size_t{0});
  for (const auto& rule : problem.rules)
    if (lone_hosts && makes_one(rule))
      for (const auto item : rule.items) {
        const auto a = root_of(parent, rule.items.front());
        const auto b = root_of(parent, item);
        parent[std::max(a, b)] = std::min(a, b);
      }
  std::vector<std::size_t> block(parent.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < parent.size(); ++i) {
    const auto root = root_of(parent, i);
    block[i] = root == i ? count++ : block[root];
  }
  return block;
}

}  // namespace

std::optional<Blocks> merge_into_blocks(const PackingProblem& problem) {
  const bool lone_hosts = each_its_own(problem.hosts);
  Blocks out{problem.hosts, {}, {}, blocks_of_items(problem, lone_hosts), lone_hosts};
  for (std::size_t i = 0; i < problem.items.size(); ++i) {
    const auto& item = problem.items[i];
    const auto b = out.block_of[i];
    if (b == out.blocks.size()) out.blocks.push_back({0, 0, item.allowed, {}});
    out.blocks[b].memory_mib += item.memory.count;
    out.blocks[b].vcpus += item.cpu.count;
    out.blocks[b].allowed.keep_only(item.allowed);
  }
  for (const auto& rule : problem.rules) {
    if (lone_hosts && makes_one(rule)) continue;
    BlockRule made{rule.kind, index_of(rule.domain), {}};
    for (const auto item : rule.items) made.blocks.push_back(out.block_of[item]);
    std::sort(made.blocks.begin(), made.blocks.end());
    const auto twice = std::unique(made.blocks.begin(), made.blocks.end());
    if (twice != made.blocks.end() && rule.kind == RuleKind::apart) return std::nullopt;
    made.blocks.erase(twice, made.blocks.end());
    if (made.blocks.size() < 2) continue;
    for (const auto b : made.blocks) out.blocks[b].rules.push_back(out.rules.size());
    out.rules.push_back(std::move(made));
  }
  return out;
}

Trial::Trial(const Blocks& blocks, Prints prints) : blocks_(blocks), prints_(prints) {
  std::array<std::size_t, kFailureDomainLevels> domains{};
  for (const auto& host : blocks.hosts) {
    memory_.push_back(host.memory.count);
    cpu_.push_back(host.cpu.count);
    for (std::size_t l = 0; l < domains.size(); ++l) domains[l] = std::max(domains[l], host.domain[l] + 1);
  }
  taken_.assign(blocks.hosts.size(), 0);
  standing_.assign(blocks.rules.size(), 0);
  for (const auto& rule : blocks.rules) held_.emplace_back(domains[rule.level], 0);
  if (prints == Prints::none) return;
  classify();
  for (std::size_t h = 0; h < blocks.hosts.size(); ++h) all_hosts_ += host_print(h);
}

void Trial::classify() {
  std::array<bool, kFailureDomainLevels> matters{};
  for (const auto& rule : blocks_.rules) matters[rule.level] = true;
  if (blocks_.lone_hosts) matters[kHostLevel] = false;
  const auto same = [&](std::size_t a, std::size_t b) {
    for (std::size_t l = 0; l < matters.size(); ++l)
      if (matters[l] && blocks_.hosts[a].domain[l] != blocks_.hosts[b].domain[l]) return false;
    return std::all_of(blocks_.blocks.begin(), blocks_.blocks.end(),
                       [&](const Block& x) { return x.allowed.contains(a) == x.allowed.contains(b); });
  };
  for (std::size_t h = 0; h < blocks_.hosts.size(); ++h) {
    std::size_t first = 0;
    while (first < h && !(class_[first] == first && same(first, h))) ++first;
    class_.push_back(first);
  }
}

bool Trial::may_stand(std::size_t block, std::size_t host) const {
  const auto& b = blocks_.blocks[block];
  if (b.memory_mib > memory_[host] || b.vcpus > cpu_[host] || !b.allowed.contains(host)) return false;
  for (const auto r : b.rules) {
    const auto& rule = blocks_.rules[r];
    const auto held = held_[r][blocks_.hosts[host].domain[rule.level]];
    if (rule.kind == RuleKind::apart ? held > 0 : held < standing_[r]) return false;
  }
  return true;
}

void Trial::put(std::size_t block, std::size_t host) { account(block, host, 1); }
void Trial::take(std::size_t block, std::size_t host) { account(block, host, -1); }

void Trial::account(std::size_t block, std::size_t host, int sign) {
  const auto& b = blocks_.blocks[block];
  if (prints_ == Prints::kept) all_hosts_ -= host_print(host);
  memory_[host] -= sign * b.memory_mib;
  cpu_[host] -= sign * b.vcpus;
  for (const auto r : b.rules) {
    const auto& rule = blocks_.rules[r];
    const auto domain = blocks_.hosts[host].domain[rule.level];
    const auto before = held_[r][domain];
    const auto after = before + static_cast<std::uint32_t>(sign);
    held_[r][domain] = after;
    standing_[r] += static_cast<std::uint32_t>(sign);
    if ((before == 0) == (after == 0)) continue;
    // At host level the host itself must not show: alike hosts are exchanged.
    const bool narrow = blocks_.lone_hosts && rule.level == kHostLevel;
    const auto print = rule_print(r, narrow ? 0 : domain);
    (narrow ? taken_[host] : wide_rules_) += after == 0 ? -print : print;
  }
  if (prints_ == Prints::kept) all_hosts_ += host_print(host);
}

std::uint64_t Trial::host_print(std::size_t host) const {
  std::uint64_t print = mix(class_[host] + 1);
  print = mix(print + static_cast<std::uint64_t>(memory_[host]));
  print = mix(print + static_cast<std::uint64_t>(cpu_[host]));
  return mix(print + taken_[host]);
}

}  // namespace haven

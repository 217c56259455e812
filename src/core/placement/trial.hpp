// The inside of a packing: what must stand together on one host made one block, and the state of a search: who
// stands where, what is free, which domains each rule has taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/placement/packing.hpp"

namespace haven {

struct Block {
  std::int64_t memory_mib = 0;
  std::int64_t vcpus = 0;
  HostSet allowed;
  std::vector<std::size_t> rules;  // ascending

  [[nodiscard]] bool same_as(const Block& o) const {
    return memory_mib == o.memory_mib && vcpus == o.vcpus && rules == o.rules && allowed == o.allowed;
  }
};

using Order = std::vector<std::size_t>;  // of blocks

struct BlockRule {
  RuleKind kind = RuleKind::apart;
  std::size_t level = 0;
  std::vector<std::size_t> blocks;  // at least two
};

struct Blocks {
  std::vector<PackingHost> hosts;
  std::vector<Block> blocks;
  std::vector<BlockRule> rules;
  std::vector<std::size_t> block_of;  // of each item
  bool lone_hosts = true;             // each is a domain `host` of its own: none is virtual, beside another
};

// nullopt: the rules contradict one another.
[[nodiscard]] std::optional<Blocks> merge_into_blocks(const PackingProblem& problem);

// True: these blocks cannot all stand there, whatever the arrangement. False says nothing.
[[nodiscard]] bool sums_exclude(const Blocks& blocks);
[[nodiscard]] bool bounds_exclude(const Blocks& blocks);

// Sizes s for which floor(size / s), summed over what stands on a host, cannot exceed floor(free / s): where sizes
// divide one another (1, 2, 4, 8 GiB) these sums alone tell exactly what fits.
inline constexpr std::size_t kMaxDivisors = 12;
[[nodiscard]] std::vector<std::int64_t> divisors_of(std::vector<std::int64_t> sizes);

// True: `where`, by block, holds a packing that takes care to fill each host. False says nothing.
[[nodiscard]] bool pack_by_filling(const Blocks& blocks, const Order& hardest_first, std::vector<std::size_t>& where,
                                   std::int64_t& steps);

// Exact, in any order of all blocks; fast where the hardest stand first and the same ones side by side.
[[nodiscard]] Fit pack_by_search(const Blocks& blocks, const Order& order, std::vector<std::size_t>& where,
                                 std::int64_t& steps);

class Trial {
 public:
  // Without prints, alike() and fingerprint() mean nothing, and everything else is faster.
  enum class Prints { none, kept };
  // `blocks` must outlive this.
  Trial(const Blocks& blocks, Prints prints);

  [[nodiscard]] bool may_stand(std::size_t block, std::size_t host) const;
  void put(std::size_t block, std::size_t host);
  void take(std::size_t block, std::size_t host);

  [[nodiscard]] std::int64_t free_memory_mib(std::size_t host) const { return memory_[host]; }
  [[nodiscard]] std::int64_t free_vcpus(std::size_t host) const { return cpu_[host]; }
  // Exchanging everything still to come between the two hosts changes nothing.
  [[nodiscard]] bool alike(std::size_t a, std::size_t b) const {
    return class_[a] == class_[b] && memory_[a] == memory_[b] && cpu_[a] == cpu_[b] && taken_[a] == taken_[b];
  }
  // The same for situations that differ only by an exchange of alike hosts.
  [[nodiscard]] std::uint64_t fingerprint() const { return all_hosts_ + wide_rules_; }

 private:
  [[nodiscard]] std::uint64_t host_print(std::size_t host) const;
  void account(std::size_t block, std::size_t host, int sign);
  void classify();

  const Blocks& blocks_;
  const Prints prints_;
  std::vector<std::int64_t> memory_, cpu_;
  std::vector<std::size_t> class_;                // hosts of one class differ in what is free and taken, only
  std::vector<std::uint64_t> taken_;              // per host: sum of the prints of the host-level rules taken there
  std::vector<std::vector<std::uint32_t>> held_;  // per rule and domain: how many of its blocks stand there
  std::vector<std::uint32_t> standing_;           // per rule: how many of its blocks stand anywhere
  std::uint64_t all_hosts_ = 0;                   // sum over the hosts' prints: order does not matter
  std::uint64_t wide_rules_ = 0;                  // sum over rules of levels above host
};

}  // namespace haven

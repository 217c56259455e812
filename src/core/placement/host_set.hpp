// A set of hosts by their index in the file: small, ordered, of any size.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace haven {

class HostSet {
 public:
  HostSet() = default;
  // Room for hosts 0 to hosts-1. Sets are compared and combined with sets of the same room only.
  explicit HostSet(std::size_t hosts, bool full = false)
      : words_((hosts + 63) / 64, full ? ~std::uint64_t{0} : std::uint64_t{0}) {
    if (full && hosts % 64 != 0) words_.back() = bit(hosts) - 1;
  }
  void add(std::size_t host) { words_[host / 64] |= bit(host); }
  void remove(std::size_t host) { words_[host / 64] &= ~bit(host); }
  [[nodiscard]] bool contains(std::size_t host) const { return (words_[host / 64] & bit(host)) != 0; }
  [[nodiscard]] std::size_t count() const {
    std::size_t sum = 0;
    for (const auto w : words_) sum += static_cast<std::size_t>(std::popcount(w));
    return sum;
  }
  [[nodiscard]] bool within(const HostSet& other) const {
    for (std::size_t i = 0; i < words_.size(); ++i)
      if ((words_[i] & ~other.words_[i]) != 0) return false;
    return true;
  }
  void keep_only(const HostSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
  }
  friend auto operator<=>(const HostSet&, const HostSet&) = default;

 private:
  static std::uint64_t bit(std::size_t host) { return std::uint64_t{1} << (host % 64); }
  std::vector<std::uint64_t> words_;
};

}  // namespace haven

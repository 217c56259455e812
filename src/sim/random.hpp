// The simulator's own randomness: splitmix64, the same numbers for the same seed on every machine and library.
#pragma once

#include <cstdint>
#include <string>

namespace haven::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
  }
  // Evenly from 0 to `below` - 1; `below` must not be 0.
  std::uint64_t below(std::uint64_t below) { return next() % below; }
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(most - least) + 1));
  }
  bool once_in(std::uint64_t n) { return below(n) == 0; }
  // 32 hex digits.
  std::string hex32() {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (int half = 0; half < 2; ++half) {
      std::uint64_t bits = next();
      for (int i = 0; i < 16; ++i, bits >>= 4U) text += kDigits[bits & 15U];
    }
    return text;
  }

 private:
  std::uint64_t state_;
};

}  // namespace haven::sim

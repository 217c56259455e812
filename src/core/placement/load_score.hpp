// The arithmetic of balance.hpp: hosts with what they use and what they have, the sum of the squares of their loads,
// and what a guest's move does to it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace haven::balancing {

// Of what is shared out: CPU in thousandths of one, memory in MiB.
enum Kind : std::size_t { cpu, memory };
using Amounts = std::array<std::int64_t, 2>;
inline constexpr std::array<Kind, 2> kKinds{cpu, memory};

// Exact up to 2^53.
[[nodiscard]] inline double number(std::int64_t count) { return static_cast<double>(count); }

struct LoadedHost {
  Amounts used{}, size{};
  Amounts all{};  // its size; under pressure what it used when that was measured
  std::array<bool, 2> pressed{};
  bool measured = false;  // the figures count; then size and all are more than 0
  [[nodiscard]] double share(Kind kind) const { return all[kind] > 0 ? number(used[kind]) / number(all[kind]) : 0; }
};

// Over the measured hosts. Moves between these change neither.
struct LoadMeans {
  std::array<double, 2> share{}, size{1, 1};
};
[[nodiscard]] LoadMeans means_of(const std::vector<LoadedHost>& hosts);

// The same to the last bit in whatever order the hosts stand.
[[nodiscard]] double load_score(const std::vector<LoadedHost>& hosts, const LoadMeans& means);

// What the score loses when something that uses so much goes from one to the other.
[[nodiscard]] double gain_of(const Amounts& moved, const LoadedHost& from, const LoadedHost& to,
                             const LoadMeans& means);

// What the score gains while a guest is copied: one CPU on either end, QEMU's migration thread.
[[nodiscard]] double copying_load(const LoadedHost& from, const LoadedHost& to, const LoadMeans& means);

}  // namespace haven::balancing

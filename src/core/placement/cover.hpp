// Which of these make enough room: as few as possible, and of equally few the least important.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace haven {

struct Freed {
  std::int64_t memory_mib = 0;
  std::int64_t vcpus = 0;
};

// After this many looks the search for the fewest ends, and what is enough is taken from the least important up, less
// whoever turns out not to be needed.
inline constexpr int kMaxCoverSteps = 20'000;

// `freed`: what each would free, the least important first. Indexes into it, ascending; nullopt: all are not enough.
[[nodiscard]] std::optional<std::vector<std::size_t>> fewest_that_free(const std::vector<Freed>& freed, Freed needed);

}  // namespace haven

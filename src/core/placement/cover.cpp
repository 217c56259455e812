#include "core/placement/cover.hpp"

#include <algorithm>

namespace haven {
namespace {

bool met(const Freed& needed) { return needed.memory_mib <= 0 && needed.vcpus <= 0; }
Freed less(const Freed& needed, const Freed& freed) {
  return {needed.memory_mib - freed.memory_mib, needed.vcpus - freed.vcpus};
}

class Search {
 public:
  explicit Search(const std::vector<Freed>& freed) : freed_(freed) {}

  [[nodiscard]] bool gave_up() const { return steps_ <= 0; }
  [[nodiscard]] const std::vector<std::size_t>& chosen() const { return chosen_; }

  // `count` of the first `among`, the most important of them as unimportant as can be, and so on down.
  bool choose(std::size_t count, std::size_t among, const Freed& needed) {
    if (count == 0) return met(needed);
    for (auto last = count; last <= among && steps_ > 0; ++last) {
      --steps_;
      if (!may_meet(count, last, needed)) continue;
      chosen_.push_back(last - 1);
      if (choose(count - 1, last - 1, less(needed, freed_[last - 1]))) return true;
      chosen_.pop_back();
    }
    return false;
  }

 private:
  // Even the largest of the first `among` would not do, were each size free to choose its own: then none do.
  bool may_meet(std::size_t count, std::size_t among, const Freed& needed) {
    return most(count, among, &Freed::memory_mib) >= needed.memory_mib &&
           most(count, among, &Freed::vcpus) >= needed.vcpus;
  }
  std::int64_t most(std::size_t count, std::size_t among, std::int64_t Freed::*size) {
    sizes_.clear();
    for (std::size_t i = 0; i < among; ++i) sizes_.push_back(freed_[i].*size);
    std::nth_element(sizes_.begin(), sizes_.begin() + static_cast<std::ptrdiff_t>(count - 1), sizes_.end(),
                     std::greater<>());
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += sizes_[i];
    return sum;
  }

  const std::vector<Freed>& freed_;
  std::vector<std::size_t> chosen_;
  std::vector<std::int64_t> sizes_;
  int steps_ = kMaxCoverSteps;
};

std::vector<std::size_t> enough(const std::vector<Freed>& freed, Freed needed) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < freed.size() && !met(needed); ++i) {
    chosen.push_back(i);
    needed = less(needed, freed[i]);
  }
  for (auto k = chosen.size(); k-- > 0;) {
    const auto& f = freed[chosen[k]];
    const Freed without{needed.memory_mib + f.memory_mib, needed.vcpus + f.vcpus};
    if (!met(without)) continue;
    needed = without;
    chosen.erase(chosen.begin() + static_cast<std::ptrdiff_t>(k));
  }
  return chosen;
}

}  // namespace

std::optional<std::vector<std::size_t>> fewest_that_free(const std::vector<Freed>& freed, Freed needed) {
  Freed left = needed;
  for (const auto& f : freed) left = less(left, f);
  if (!met(left)) return std::nullopt;
  Search search(freed);
  for (std::size_t count = 0; count <= freed.size() && !search.gave_up(); ++count) {
    if (!search.choose(count, freed.size(), needed)) continue;
    auto chosen = search.chosen();
    std::sort(chosen.begin(), chosen.end());
    return chosen;
  }
  return enough(freed, needed);
}

}  // namespace haven

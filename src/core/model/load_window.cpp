#include "core/model/load_window.hpp"

#include <algorithm>
#include <vector>

namespace haven {

void LoadWindow::sample(std::int64_t value, Instant at) {
  if (!fresh(at)) {
    samples_.clear();
    since_ = at;
  }
  samples_.emplace_back(at, value);
  while (samples_.size() > kMostSamples || at - samples_.front().first > kLoadStands) samples_.pop_front();
}

std::optional<std::int64_t> LoadWindow::median(Instant now) const {
  if (!fresh(now)) return std::nullopt;
  std::vector<std::int64_t> values;
  values.reserve(samples_.size());
  for (const auto& [at, value] : samples_) values.push_back(value);
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Duration LoadWindow::stood(Instant now) const { return fresh(now) ? samples_.back().first - since_ : Duration{}; }

}  // namespace haven

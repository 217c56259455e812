// Holds a run against what its scenario expects (FORMATS, `expect`). `on` asks where the process is, paused or not;
// `running` asks whether one runs; `stopped` and `failed` ask what Haven says.
#pragma once

#include <vector>

#include "sim/scenario.hpp"
#include "sim/world.hpp"

namespace haven::sim {

class Expectations {
 public:
  Expectations(const std::vector<Expectation>& expected, World& world);
  // Something happened, or time passed: those with `by` may be met now.
  void look();
  // Some `by` waits for what Haven says, which only asking finds out.
  [[nodiscard]] bool wants_polling() const;
  // At the end: the texts of those that were not met, in the file's order.
  [[nodiscard]] std::vector<std::string> unmet();

 private:
  [[nodiscard]] bool holds(const Expectation& e) const;
  [[nodiscard]] bool open(std::size_t i) const;

  const std::vector<Expectation>& expected_;
  World& world_;
  std::vector<bool> met_;
};

// Proved after an intent, by any level.
[[nodiscard]] std::vector<HostName> fenced_hosts(const std::vector<TimelineEvent>& events);

}  // namespace haven::sim

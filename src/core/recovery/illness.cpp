#include "core/recovery/illness.hpp"

#include <algorithm>
#include <chrono>
#include <string>

namespace haven {
namespace {

// Clocks of two hosts are no further apart than this: what lies further ahead was written before the clock was set
// back, and nobody is to wait for that time to come again.
constexpr Duration kClocksApart = 5min;
constexpr Duration kLongAgo = 100'000h;

// What is left of `within`, as of that treatment; zero or less: it does not count any more.
Duration left_of(const Treatment& treatment, Duration within, Duration wall) {
  return within - since(treatment.at, wall);
}

}  // namespace

Duration since(WallTime at, Duration wall) {
  const Duration passed = wall - std::chrono::milliseconds(at.unix_ms);
  return passed < -kClocksApart ? kLongAgo : std::max(Duration::zero(), passed);
}

const Repair* step_of(const Resource& resource, int step) {
  if (step < 1 || step > static_cast<int>(resource.repairs.size())) return nullptr;
  return &resource.repairs[static_cast<std::size_t>(step - 1)];
}

int next_remedy(const Resource& resource, const HealthNote& note, Duration wall, Pass& pass) {
  for (int step = 1; step <= static_cast<int>(resource.repairs.size()); ++step) {
    const Repair& repair = *step_of(resource, step);
    const bool asks_guest = repair.remedy == Remedy::command || repair.remedy == Remedy::application;
    if (repair.limit == 0 || (note.hung && asks_guest)) continue;
    std::vector<Duration> left;
    for (const Treatment& treatment : note.treatments) {
      const Duration more = left_of(treatment, repair.within, wall);
      if (treatment.step == step && more > Duration::zero()) left.push_back(more);
    }
    if (static_cast<int>(left.size()) < repair.limit) return step;
    // It has something left once enough of them do not count any more.
    std::sort(left.begin(), left.end());
    (void)pass.due(pass.now().mono + left[left.size() - static_cast<std::size_t>(repair.limit)]);
  }
  return 0;
}

std::vector<Treatment> standing_treatments(const Resource& resource, const HealthNote& note, Duration wall) {
  std::vector<Treatment> standing;
  for (const Treatment& treatment : note.treatments) {
    const Repair* repair = step_of(resource, treatment.step);
    if (repair != nullptr && left_of(treatment, repair->within, wall) > Duration::zero()) standing.push_back(treatment);
  }
  return standing;
}

Duration longest_grace(const Resource& resource) {
  Duration longest = resource.checks.empty() ? kCallUpGrace : Duration::zero();
  for (const GuestCheck& check : resource.checks) longest = std::max(longest, check.grace);
  return longest;
}

bool is_ready(const Resource& resource, const HealthNote& note) {
  if (!note.called_up) return false;
  return resource.checks.empty() ? note.state != Health::ill : note.state == Health::well;
}

std::string unready_words(const Resource& resource, const HealthNote& note) {
  if (note.state == Health::ill) return "it is ill: " + note.why;
  return !note.called_up && is_called_up(resource) ? "it is not called up yet" : "its checks have not all passed yet";
}

}  // namespace haven

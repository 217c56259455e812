#include "core/liveness/fencing.hpp"

#include <algorithm>
#include <set>

namespace haven {
namespace {

std::vector<std::size_t> devices_of_level(const Host& host, std::size_t level) {
  const auto levels = levels_of(host);
  std::vector<std::size_t> devices;
  if (level >= levels.size()) return devices;
  for (std::size_t i = 0; i < host.fence.size(); ++i)
    if (host.fence[i].level == levels[level]) devices.push_back(i);
  return devices;
}

AgentVerb verb_of(FencePhase phase) {
  switch (phase) {
    case FencePhase::off:
      return AgentVerb::off;
    case FencePhase::power_on:
      return AgentVerb::on;
    case FencePhase::first_status:
    case FencePhase::second_status:
    case FencePhase::proved:
    case FencePhase::exhausted:
    case FencePhase::finished:
      break;
  }
  return AgentVerb::status;
}

void next_round(FenceRun& run, FencePhase phase, Instant from) {
  run.phase = phase;
  run.round += 1;
  run.answers.clear();
  run.round_from = from;
}

void next_level(FenceRun& run, const Host& host, Instant now) {
  run.level += 1;
  run.level_began = now;
  next_round(run, FencePhase::off, now);
  if (run.level >= levels_of(host).size()) {
    run.phase = FencePhase::exhausted;
    run.ended = now;
  }
}

bool all_are(const FenceRun& run, AgentResult wanted) {
  return std::all_of(run.answers.begin(), run.answers.end(), [&](const auto& a) { return a.second == wanted; });
}

// All devices of a status round answered, none failed.
void fold_status_round(FenceRun& run, const Host& host, Instant now) {
  if (!all_are(run, AgentResult::is_off)) {
    if (now >= run.level_began + kLevelPatience)
      next_level(run, host, now);
    else
      next_round(run, FencePhase::first_status, now + kStatusPause);
  } else if (run.phase == FencePhase::first_status) {
    next_round(run, FencePhase::second_status, now);
  } else {
    run.phase = FencePhase::proved;
  }
}

}  // namespace

std::vector<int> levels_of(const Host& host) {
  std::set<int> levels;
  for (const auto& device : host.fence) levels.insert(device.level);
  return {levels.begin(), levels.end()};
}

FenceRun begin_fence(const Host& host, Instant now) {
  FenceRun run;
  run.devices = host.fence;
  run.level_began = run.round_from = run.ended = now;
  if (host.fence.empty()) run.phase = FencePhase::exhausted;
  return run;
}

std::vector<RunAgent> wanted_calls(const FenceRun& run, const Host& host, const Incarnation& incarnation) {
  std::vector<RunAgent> calls;
  switch (run.phase) {
    case FencePhase::proved:
    case FencePhase::exhausted:
    case FencePhase::finished:
      return calls;
    case FencePhase::off:
    case FencePhase::first_status:
    case FencePhase::second_status:
    case FencePhase::power_on:
      break;
  }
  for (const std::size_t device : devices_of_level(host, run.level))
    if (!run.answers.contains(device))
      calls.push_back({host.name, incarnation, device, verb_of(run.phase), run.round, kAgentTimeout});
  return calls;
}

void fold_answer(FenceRun& run, const Host& host, const AgentEnded& ended, Instant now) {
  if (ended.run.round != run.round || ended.run.verb != verb_of(run.phase)) return;
  run.answers[ended.run.device] = ended.result;
  const auto devices = devices_of_level(host, run.level);
  if (run.phase == FencePhase::power_on) {
    if (run.answers.size() >= devices.size()) run.phase = FencePhase::finished;
    return;
  }
  // One device that fails spoils the level: what it feeds may still be on.
  const bool usable =
      ended.result == AgentResult::done || ended.result == AgentResult::is_on || ended.result == AgentResult::is_off;
  if (!usable) return next_level(run, host, now);
  if (run.answers.size() < devices.size()) return;
  if (run.phase == FencePhase::off)
    next_round(run, FencePhase::first_status, now);
  else
    fold_status_round(run, host, now);
}

void begin_power_on(FenceRun& run, Instant now) { next_round(run, FencePhase::power_on, now); }

}  // namespace haven

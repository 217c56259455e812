#include "core/liveness/fencing.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "core/mutation.hpp"

namespace haven {
namespace {

std::vector<std::size_t> devices_of_level(const Host& host, std::size_t level) {
  const auto levels = levels_of(host);
  std::vector<std::size_t> devices;
  if (level >= levels.size()) return devices;
  for (std::size_t i = 0; i < host.fence.size(); ++i)
    if (host.fence[i].level == levels[level] && !(mutation::one_supply && !devices.empty())) devices.push_back(i);
  return devices;
}

AgentVerb verb_of(FencePhase phase) {
  switch (phase) {
    case FencePhase::off:
      return AgentVerb::off;
    case FencePhase::power_on:
      return AgentVerb::on;
    case FencePhase::destroying:
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

void exhaust(FenceRun& run, Instant now) {
  run.phase = FencePhase::exhausted;
  run.ended = now;
}

// To this level, or the first one after it that may be tried.
void enter_level(FenceRun& run, const Host& host, std::size_t level, Instant now) {
  const auto levels = levels_of(host);
  while (level < levels.size() && run.blocked.contains(levels[level])) ++level;
  if (level >= levels.size()) return exhaust(run, now);
  run.level = level;
  run.level_began = now;
  next_round(run, FencePhase::off, now);
}

void next_level(FenceRun& run, const Host& host, Instant now) {
  if (!run.only_one) return enter_level(run, host, run.level + 1, now);
  next_round(run, FencePhase::exhausted, now);  // what still runs of this round is ended
  exhaust(run, now);
}

bool all_are(const FenceRun& run, AgentResult wanted) {
  if (mutation::any_of_level)
    return std::any_of(run.answers.begin(), run.answers.end(), [&](const auto& a) { return a.second == wanted; });
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
    run.ended = now;
  }
}

}  // namespace

std::string device_id(const FenceDevice& device) {
  std::string id = device.agent;
  for (const auto& [key, value] : device.options) id += " " + key + "=" + value;
  return id;
}

std::string devices_id(const Host& host, int level) {
  std::string id;
  for (const auto& device : host.fence)
    if (device.level == level) id += (id.empty() ? "" : "; ") + device_id(device);
  return id;
}

std::vector<int> levels_of(const Host& host) {
  std::set<int> levels;
  for (const auto& device : host.fence) levels.insert(device.level);
  return {levels.begin(), levels.end()};
}

FenceRun begin_fence(const Host& host, Instant now, std::set<int> blocked) {
  FenceRun run;
  run.devices = host.fence;
  run.blocked = std::move(blocked);
  run.level_began = run.round_from = run.ended = now;
  enter_level(run, host, 0, now);
  return run;
}

FenceRun begin_test(const Host& host, int level, Instant now) {
  FenceRun run;
  run.devices = host.fence;
  run.only_one = true;
  run.level_began = run.round_from = run.ended = now;
  const auto levels = levels_of(host);
  const auto found = std::find(levels.begin(), levels.end(), level);
  enter_level(run, host, static_cast<std::size_t>(found - levels.begin()), now);
  return run;
}

FenceRun begin_destroying(Instant now) {
  FenceRun run;
  run.phase = FencePhase::destroying;
  run.level_began = run.round_from = run.ended = now;
  return run;
}

void block_levels(FenceRun& run, const Host& host, std::set<int> blocked, Instant now) {
  run.blocked = std::move(blocked);
  const auto levels = levels_of(host);
  if (run.phase == FencePhase::off && run.level < levels.size() && run.blocked.contains(levels[run.level]))
    next_level(run, host, now);
}

std::vector<RunAgent> wanted_calls(const FenceRun& run, const Host& host, const Incarnation& incarnation) {
  std::vector<RunAgent> calls;
  switch (run.phase) {
    case FencePhase::destroying:
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
  if (!usable) {
    run.trouble = host.fence.at(ended.run.device).agent + ": " +
                  (ended.message.empty() ? "it did not answer in time" : ended.message);
    return next_level(run, host, now);
  }
  if (run.answers.size() < devices.size()) return;
  if (run.phase == FencePhase::off)
    next_round(run, FencePhase::first_status, now);
  else
    fold_status_round(run, host, now);
}

void begin_power_on(FenceRun& run, Instant now) { next_round(run, FencePhase::power_on, now); }

}  // namespace haven

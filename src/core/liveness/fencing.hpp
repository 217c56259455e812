// The course of one fence: all devices of a level off, then two full rounds of status, the second begun after the first
// ended; only status is proof (F2). A failure of any device ends the level, the next one is tried; after the last the
// round is exhausted and proves nothing.
//
// A device may take seconds until the power is gone: a status of `on` after a good `off` is asked again until the
// level's patience ends. Taking the first `off` status as proof was rejected: some devices answer from a cache.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/decision.hpp"
#include "core/model/ids.hpp"
#include "core/model/spec.hpp"
#include "core/model/units.hpp"

namespace haven {

// How long an agent may take for one verb. fence_ipmilan with a wrong password takes 14 s (measured).
inline constexpr Duration kAgentTimeout = 20s;
// How long a level may go on saying `on` after its devices took the `off`.
inline constexpr Duration kLevelPatience = 10s;
// Between two rounds of status while it says `on`.
inline constexpr Duration kStatusPause = 100ms;

enum class FencePhase {
  destroying,  // a virtual host: its hypervisors end its domain (F3), no agent is called
  off,
  first_status,
  second_status,
  proved,
  exhausted,
  power_on,  // after the proof, once (F9); after a test that failed
  finished,
};

struct FenceRun {
  std::vector<FenceDevice> devices;  // as the spec had them when it began
  FencePhase phase = FencePhase::off;
  std::size_t level = 0;                       // index into levels_of()
  int round = 0;                               // counts calls of one device, so that two of them are told apart
  std::map<std::size_t, AgentResult> answers;  // of this round, by device
  Instant level_began;
  Instant round_from;     // the round's calls may begin then
  Instant ended;          // when it was exhausted, or its devices were all found off
  std::set<int> blocked;  // levels that may not be switched off now (F4), or whose devices prove nothing (F5)
  bool only_one = false;  // a test: no other level is tried
  std::string trouble;    // what the last device that failed said
};

// The distinct levels of a host's devices, lowest first. Empty: no power fencing.
[[nodiscard]] std::vector<int> levels_of(const Host& host);

// What tells this device from others, and from itself with other options. Shows no secret.
[[nodiscard]] std::string device_id(const FenceDevice& device);
// The same of all devices of a level.
[[nodiscard]] std::string devices_id(const Host& host, int level);

[[nodiscard]] FenceRun begin_fence(const Host& host, Instant now, std::set<int> blocked = {});
// Of one level alone, which the host must have.
[[nodiscard]] FenceRun begin_test(const Host& host, int level, Instant now);
[[nodiscard]] FenceRun begin_destroying(Instant now);
// Judged again as long as the level's devices have not all taken the `off`: a level that is blocked now is given up.
void block_levels(FenceRun& run, const Host& host, std::set<int> blocked, Instant now);
// The calls of this round that have no answer yet; those under way are known to the node and not begun twice.
[[nodiscard]] std::vector<RunAgent> wanted_calls(const FenceRun& run, const Host& host, const Incarnation& incarnation);
// Takes one answer; calls of an earlier round are ignored.
void fold_answer(FenceRun& run, const Host& host, const AgentEnded& ended, Instant now);
// Begins `on` for the level that the run has come to.
void begin_power_on(FenceRun& run, Instant now);

}  // namespace haven

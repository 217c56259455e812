// What a simulated run came to: what truly happened, what was decided, and whether it was as it should be
// (FORMATS, "Scenarios").
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/record.hpp"

namespace haven::sim {

enum class EventKind {
  halt,
  run,
  host_up,
  host_down,
  self_fence,
  intent,
  fenced,
  proved,
  recover,
  restart,
  repair,
  migrate,
  stop,
  place_failed,
  freeze,
  alarm,
  linked,  // its network links went up where it runs, or down
  unlinked,
  replace,
};
[[nodiscard]] const char* word(EventKind kind);

// Fields that say nothing about this kind are empty.
struct TimelineEvent {
  std::int64_t at_ms = 0;
  EventKind kind = EventKind::alarm;
  ResourceName resource;
  HostName host;
  HostName from;
  std::string why;
  std::string level;
  std::vector<JournalReason> reasons;
};

struct FinalState {
  std::string state;
  std::optional<HostName> host;  // where its process is; none: there is none
};

struct Violation {
  std::int64_t at_ms = 0;
  std::string rule;
  ResourceName resource;
  std::vector<HostName> hosts;
  std::string text;
};

struct Outcome {
  std::vector<TimelineEvent> events;  // by time; halts first within a millisecond
  std::map<ResourceName, FinalState> final;
  std::vector<HostName> fenced;
  std::vector<Violation> violations;
  std::vector<std::string> unmet;
  std::uint64_t seed = 0;
  [[nodiscard]] bool good() const { return violations.empty() && unmet.empty(); }
};

}  // namespace haven::sim

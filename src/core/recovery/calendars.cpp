#include "core/recovery/calendars.hpp"

#include <algorithm>

#include "core/controller.hpp"
#include "core/placement/roster.hpp"

namespace haven {
namespace {

// Two checks less than a claim's batch needs, and one operation each.
constexpr std::size_t kMostAtOnce = 100;

Duration apart(const Now& a, const Now& b) {
  const Duration wall = std::chrono::milliseconds(b.wall.unix_ms - a.wall.unix_ms);
  const Duration mono = b.mono - a.mono;
  return wall > mono ? wall - mono : mono - wall;
}

bool has_calendar(const View& view, const ResourceName& name) {
  const Resource* resource = view.roster().resource(name);
  return resource != nullptr && resource->when.has_value();
}

}  // namespace

bool observe_clock(WallClock& clock, Now now) {
  if (!clock.last) clock.trusted_from = now.mono + kClockSettles;
  const bool was_set = clock.last && apart(*clock.last, now) > kClockJump;
  if (was_set) clock.trusted_from = std::max(*clock.trusted_from, now.mono + kClockTrusted);
  clock.last = now;
  return was_set;
}

void decide_calendars(const WallClock& clock, const View& view, Pass& pass) {
  Commit commit;
  for (const auto& path : {path::kLeader, path::kSpec, path::kFreeze})
    commit.checks.push_back({path, view.mod_of(path)});
  const auto write = [&](const ResourceName& name, std::optional<Record> value) {
    if (commit.writes.size() >= kMostAtOnce) return;
    const std::string path = path::calendar(name);
    commit.checks.push_back({path, view.mod_of(path)});
    commit.writes.push_back({path, std::move(value), {}});
  };
  for (const auto& [name, stored] : view.calendars)
    if (!has_calendar(view, name)) write(name, std::nullopt);
  const Now now = pass.now();
  for (const Resource& resource : view.spec()->resources) {
    if (!resource.when || left_alone(view, resource.name) || view.unreadable(path::calendar(resource.name))) continue;
    const bool open = is_open(*resource.when, now.wall);
    if (const auto change = next_change(*resource.when, now.wall))
      (void)pass.due(now.mono + std::chrono::milliseconds(change->unix_ms - now.wall.unix_ms));
    const auto said = view.calendars.find(resource.name);
    const bool known = said != view.calendars.end();
    if (known && said->second.value.open == open) continue;
    // What does not run is not stopped by the first word.
    const bool stops = !open && (known || !claim_closed(view, resource.name));
    if (stops && (!clock.trusted_from || !pass.due(*clock.trusted_from))) continue;
    write(resource.name, CalendarRecord{open, now.wall});
  }
  if (commit.writes.empty()) return;
  commit.lane = "calendars";
  commit.timeout = kCommitTimeout;
  pass.act(std::move(commit));
}

}  // namespace haven

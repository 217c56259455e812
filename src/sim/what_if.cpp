#include "sim/what_if.hpp"

#include <algorithm>
#include <iomanip>
#include <map>
#include <sstream>
#include <vector>

namespace haven::sim {
namespace {

std::string seconds_after(std::int64_t at_ms) {
  std::ostringstream text;
  const std::int64_t killed = kKilledAt / std::chrono::milliseconds(1);
  text << std::fixed << std::setprecision(1) << static_cast<double>(at_ms - killed) / 1000.0 << " s";
  return text.str();
}

std::string listed(const std::vector<ResourceName>& names) {
  std::string text;
  for (const ResourceName& name : names) text += (text.empty() ? "" : ", ") + name.str();
  return text.empty() ? "nothing" : text;
}

std::string reasons_of(const TimelineEvent& event) {
  std::string text = event.why;
  for (const JournalReason& reason : event.reasons) {
    text += (text.empty() ? "" : "; ") + reason.host.str() + ": " + reason.reason;
  }
  return text.empty() ? "no reason was given" : text;
}

// What ran there when it died, and the last reason given for each that could not be placed.
struct Story {
  std::vector<ResourceName> lost;
  std::map<ResourceName, std::string> refused;
  bool proved = false;
  std::ostringstream course;
};

void tell(Story& story, const TimelineEvent& event, const HostName& host) {
  const std::int64_t killed = kKilledAt / std::chrono::milliseconds(1);
  if (event.at_ms < killed) return;
  const auto line = [&](const std::string& words) {
    story.course << "  after " << seconds_after(event.at_ms) << "  " << words << "\n";
  };
  const bool about_host = event.host == host;
  switch (event.kind) {
    case EventKind::halt:
      if (about_host) story.lost.push_back(event.resource);
      return;
    case EventKind::intent:
      if (about_host) line("its loss is noticed, and it is accused");
      return;
    case EventKind::fenced:
      story.proved = story.proved || about_host;
      if (about_host) line("it is proved dead (fence level " + event.level + ")");
      return;
    case EventKind::run:
      return line(event.resource.str() + " runs on " + event.host.str());
    case EventKind::place_failed:
      story.refused[event.resource] = reasons_of(event);
      return;
    case EventKind::alarm:
      return line("ALARM: " + event.why);
    case EventKind::host_up:
    case EventKind::host_down:
    case EventKind::self_fence:
    case EventKind::proved:
    case EventKind::recover:
    case EventKind::restart:
    case EventKind::migrate:
    case EventKind::stop:
    case EventKind::freeze:
      return;
  }
}

}  // namespace

Scenario killing(const HostName& host) {
  Scenario scenario;
  scenario.statements.push_back({kKilledAt, SetPower{host, false}, {}, "power " + host.str() + " off"});
  scenario.end = kKilledAt + kRunOn;
  return scenario;
}

std::string answer_in_words(const Spec& spec, const HostName& host, const Outcome& outcome) {
  Story story;
  for (const TimelineEvent& event : outcome.events) tell(story, event, host);
  std::ostringstream text;
  text << "If the power of " << host.str() << " goes: it takes " << listed(story.lost) << " with it.\n"
       << story.course.str();
  std::vector<ResourceName> down;
  for (const auto& [name, state] : outcome.final) {
    const Resource* resource = spec.resource(name);
    const bool wanted = resource != nullptr && resource->state == DesiredState::started;
    if (wanted && state.state != "running") down.push_back(name);
  }
  if (down.empty()) text << "Everything runs again.\n";
  for (const ResourceName& name : down) {
    const auto refused = story.refused.find(name);
    std::string why = "no host was found for it";
    if (refused != story.refused.end()) why = refused->second;
    const bool lost = std::ranges::find(story.lost, name) != story.lost.end();
    if (lost && !story.proved) why = host.str() + " cannot be proved dead: say haven fence confirm " + host.str();
    text << name.str() << " stays down: " << why << "\n";
  }
  for (const Violation& v : outcome.violations) text << "VIOLATION of " << v.rule << ": " << v.text << "\n";
  return text.str();
}

}  // namespace haven::sim

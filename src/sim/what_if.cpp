#include "sim/what_if.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "core/model/wording.hpp"
#include "core/recovery/importance.hpp"
#include "sim/simulate.hpp"

namespace haven::sim {
namespace {

constexpr std::int64_t kKilled_ms = kKilledAt / std::chrono::milliseconds(1);

std::string seconds(std::int64_t after_ms) { return tenths(after_ms) + " s"; }

std::string confirm(const HostName& host) {
  return host.str() + " cannot be proved dead: once it is off, say: haven fence confirm " + host.str();
}

// The last word of the run about each resource.
struct Course {
  std::set<ResourceName> lost;
  std::map<ResourceName, WhatIf::Recovered> last_run;
  std::vector<ResourceName> order;  // of the first run after the death
  std::map<ResourceName, TimelineEvent> refused;
};

void follow(const TimelineEvent& event, const HostName& host, Course& course, WhatIf& answer) {
  const std::int64_t after = event.at_ms - kKilled_ms;
  if (after < 0) return;
  const bool about_host = event.host == host;
  switch (event.kind) {
    case EventKind::halt:
      if (about_host && after == 0) course.lost.insert(event.resource);
      return;
    case EventKind::intent:
      if (about_host && !answer.accused_ms) answer.accused_ms = after;
      return;
    case EventKind::fenced:
      if (!about_host || answer.proved_ms) return;
      answer.proved_ms = after;
      answer.proof = event.level;
      return;
    case EventKind::run:
      if (!course.last_run.contains(event.resource)) course.order.push_back(event.resource);
      course.last_run[event.resource] = {event.resource, event.host, after};
      return;
    case EventKind::place_failed:
      course.refused[event.resource] = event;
      return;
    case EventKind::alarm:
    case EventKind::host_up:
    case EventKind::host_down:
    case EventKind::self_fence:
    case EventKind::proved:
    case EventKind::recover:
    case EventKind::restart:
    case EventKind::repair:
    case EventKind::migrate:
    case EventKind::stop:
    case EventKind::freeze:
    case EventKind::linked:
    case EventKind::unlinked:
    case EventKind::replace:
      return;
  }
}

WhatIf::Down down_with_reason(const Resource& resource, const HostName& host, const Course& course,
                              const WhatIf& answer) {
  WhatIf::Down down{resource.name, "no host was found for it", {}, course.lost.contains(resource.name)};
  if (down.was_lost && !answer.proved_ms) {
    down.why = confirm(host);
    return down;
  }
  if (const auto refused = course.refused.find(resource.name); refused != course.refused.end()) {
    down.reasons = refused->second.reasons;
    down.why = refused->second.why.empty() ? "no host can take it" : refused->second.why;
  } else if (!resource.after.empty()) {
    down.why = "it starts after " + with_commas(texts_of(resource.after));
  }
  return down;
}

}  // namespace

Scenario killing(const HostName& host) {
  Scenario scenario;
  scenario.statements.push_back({kKilledAt, SetPower{host, false}, {}, "power " + host.str() + " off"});
  scenario.end = kKilledAt + kRunOn;
  return scenario;
}

WhatIf what_if(const Spec& spec, const HostName& host, const Outcome& outcome) {
  WhatIf answer;
  Course course;
  for (const TimelineEvent& event : outcome.events) follow(event, host, course, answer);
  for (const ResourceName& name : course.order) answer.recovered.push_back(course.last_run.at(name));
  for (const Resource* resource : by_importance(spec)) {
    if (course.lost.contains(resource->name)) answer.lost.push_back(resource->name);
    const auto state = outcome.final.find(resource->name);
    const bool runs = state != outcome.final.end() && state->second.state == "running";
    if (resource->state == DesiredState::started && !runs)
      answer.down.push_back(down_with_reason(*resource, host, course, answer));
  }
  return answer;
}

std::string answer_in_words(const Spec& spec, const HostName& host, const Outcome& outcome) {
  const WhatIf answer = what_if(spec, host, outcome);
  std::ostringstream text;
  text << "If the power of " << host.str() << " goes: it takes "
       << (answer.lost.empty() ? "nothing" : with_commas(texts_of(answer.lost))) << " with it.\n";
  if (answer.accused_ms) text << "  after " << seconds(*answer.accused_ms) << "  its silence is noticed\n";
  if (answer.proved_ms) {
    const bool number = !answer.proof.empty() && answer.proof.find_first_not_of("0123456789") == std::string::npos;
    text << "  after " << seconds(*answer.proved_ms) << "  it is proved dead ("
         << (number ? "fence level " + answer.proof : answer.proof) << ")\n";
  } else if (!answer.lost.empty()) {
    text << "  " << confirm(host) << "\n";
  }
  for (const auto& one : answer.recovered)
    text << "  after " << seconds(one.after_ms) << "  " << one.resource.str() << " runs on " << one.to.str() << "\n";
  for (const TimelineEvent& event : outcome.events)
    if (event.kind == EventKind::alarm && event.at_ms >= kKilled_ms)
      text << "  after " << seconds(event.at_ms - kKilled_ms) << "  ALARM: " << event.why << "\n";
  if (answer.down.empty() && answer.recovered.empty()) {
    text << "Everything runs on.\n";
  } else if (answer.down.empty()) {
    text << "Everything runs again. The last of it does after " << seconds(answer.recovered.back().after_ms) << ".\n";
  }
  for (const auto& down : answer.down) {
    text << down.resource.str() << (down.was_lost ? " stays down: " : " does not run: ") << down.why << "\n";
    for (const JournalReason& reason : down.reasons) text << "  " << reason.host.str() << ": " << reason.reason << "\n";
  }
  for (const Violation& v : outcome.violations) text << "VIOLATION of " << v.rule << ": " << v.text << "\n";
  return text.str();
}

std::string answer_in_json(const Spec& spec, const HostName& host, const Outcome& outcome) {
  using Json = nlohmann::ordered_json;
  const WhatIf answer = what_if(spec, host, outcome);
  Json json = Json::parse(to_json(outcome));
  const auto or_null = [](const std::optional<std::int64_t>& ms) { return ms ? Json(*ms) : Json(nullptr); };
  Json lost = Json::array();
  for (const ResourceName& name : answer.lost) lost.push_back(name.str());
  Json recovered = Json::array();
  for (const auto& one : answer.recovered)
    recovered.push_back({{"resource", one.resource.str()}, {"host", one.to.str()}, {"after_ms", one.after_ms}});
  Json down = Json::array();
  for (const auto& one : answer.down) {
    Json reasons = Json::array();
    for (const JournalReason& reason : one.reasons)
      reasons.push_back({{"host", reason.host.str()}, {"reason", reason.reason}});
    down.push_back({{"resource", one.resource.str()}, {"why", one.why}, {"lost", one.was_lost}, {"reasons", reasons}});
  }
  json["killed"] = host.str();
  json["accused_ms"] = or_null(answer.accused_ms);
  json["proved_ms"] = or_null(answer.proved_ms);
  json["lost"] = lost;
  json["recovered"] = recovered;
  json["down"] = down;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace haven::sim

#include "sim/simulate.hpp"

#include <algorithm>

#include "sim/expectations.hpp"
#include "sim/world.hpp"

namespace haven::sim {
namespace {

constexpr Duration kPoll = 500ms;

const char* word_of_report(const World& world, const std::optional<Report>& report, const ResourceName& resource) {
  if (!report) return "waiting";
  const auto found = std::ranges::find_if(report->resources, [&](const auto& r) { return r.name == resource; });
  const auto spec = world.spec();
  const bool in_file = spec->resource(resource) != nullptr;
  if (found == report->resources.end()) return in_file ? "waiting" : "stopped";
  switch (found->condition) {
    case ResourceCondition::stopped:
    case ResourceCondition::ignored:
      return "stopped";
    case ResourceCondition::failed:
      return "failed";
    case ResourceCondition::running:
    case ResourceCondition::paused:
    case ResourceCondition::starting:
    case ResourceCondition::stopping:
    case ResourceCondition::waiting:
    case ResourceCondition::unreadable:
      break;
  }
  return "waiting";
}

std::map<ResourceName, FinalState> final_states(const World& world) {
  std::map<ResourceName, FinalState> final;
  const auto report = world.report();
  for (const auto& [name, resource] : world.resources()) {
    const auto hosts = world.hosts_of(name);
    if (hosts.empty()) {
      final[name] = {word_of_report(world, report, name), std::nullopt};
    } else {
      final[name] = {world.running(name) ? "running" : "paused", hosts.front()};
    }
  }
  return final;
}

}  // namespace

Outcome simulate(const Spec& spec, const Scenario& scenario, std::uint64_t seed) {
  World world(spec, seed);
  world.warm_up(scenario.runs);
  Expectations expectations(scenario.expectations, world);
  expectations.look();
  const auto checked = std::move(world.timeline().added);
  world.timeline().added = [&](const TimelineEvent& event) {
    checked(event);
    expectations.look();
  };
  auto next = scenario.statements.begin();
  Duration at{};
  while (true) {
    Duration until = next == scenario.statements.end() ? scenario.end : next->at;
    if (expectations.wants_polling()) until = std::min(until, at + kPoll);
    world.run_until(until);
    at = until;
    while (next != scenario.statements.end() && next->at <= at) world.perform((next++)->deed);
    expectations.look();
    if (at >= scenario.end) break;
  }
  // What the last statements did at the very end still counts.
  world.run_until(scenario.end);
  Outcome outcome;
  outcome.unmet = expectations.unmet();
  outcome.final = final_states(world);
  outcome.violations = world.checker().violations();
  outcome.seed = seed;
  outcome.events = world.timeline().events();
  outcome.fenced = fenced_hosts(outcome.events);
  std::ranges::stable_sort(outcome.events, [](const TimelineEvent& a, const TimelineEvent& b) {
    const auto rank = [](const TimelineEvent& e) { return e.kind == EventKind::halt ? 0 : 1; };
    return a.at_ms != b.at_ms ? a.at_ms < b.at_ms : rank(a) < rank(b);
  });
  return outcome;
}

}  // namespace haven::sim

#include "sim/expectations.hpp"

#include <algorithm>
#include <set>

namespace haven::sim {
namespace {

bool says(const World& world, const ResourceName& resource, ResourceCondition wanted) {
  const auto report = world.report();
  if (!report) return false;
  return std::ranges::any_of(report->resources,
                             [&](const ResourceReport& r) { return r.name == resource && r.condition == wanted; });
}

bool needs_report(const Expectation& e) {
  return e.what == Claimed::stopped || e.what == Claimed::failed || e.what == Claimed::advised ||
         e.what == Claimed::held || e.what == Claimed::free || e.what == Claimed::well || e.what == Claimed::ill ||
         e.what == Claimed::linked || e.what == Claimed::unlinked;
}

bool is_advised(const World& world, const ResourceName& resource, const HostName& to) {
  const auto report = world.report();
  return report && report->balance && std::ranges::any_of(report->balance->moves, [&](const AdvisedMove& move) {
           return move.guest == resource && move.to == to;
         });
}

bool is_of_health(const World& world, const ResourceName& resource, Health wanted) {
  const auto report = world.report();
  return report && std::ranges::any_of(report->resources, [&](const ResourceReport& r) {
           return r.name == resource && r.health == wanted;
         });
}

EventKind counted_by(Claimed what) {
  if (what == Claimed::fences) return EventKind::intent;
  if (what == Claimed::restarts) return EventKind::restart;
  if (what == Claimed::repairs) return EventKind::repair;
  return what == Claimed::alarms ? EventKind::alarm : EventKind::migrate;
}

}  // namespace

std::vector<HostName> fenced_hosts(const std::vector<TimelineEvent>& events) {
  std::set<HostName> fenced;
  for (const TimelineEvent& event : events) {
    if (event.kind == EventKind::fenced && event.at_ms >= 0) fenced.insert(event.host);
  }
  return {fenced.begin(), fenced.end()};
}

Expectations::Expectations(const std::vector<Expectation>& expected, World& world)
    : expected_(expected), world_(world), met_(expected.size(), false) {}

bool Expectations::open(std::size_t i) const { return expected_[i].by && !met_[i] && world_.now() <= *expected_[i].by; }

bool Expectations::holds(const Expectation& e) const {
  const auto& events = world_.timeline().events();
  switch (e.what) {
    case Claimed::on_host: {
      const auto hosts = world_.hosts_of(e.resource);
      return std::ranges::find(hosts, e.host) != hosts.end();
    }
    case Claimed::running:
      return world_.running(e.resource);
    case Claimed::stopped:
      return says(world_, e.resource, ResourceCondition::stopped);
    case Claimed::failed:
      return says(world_, e.resource, ResourceCondition::failed);
    case Claimed::advised:
      return is_advised(world_, e.resource, e.host);
    case Claimed::held:
      return world_.held(e.resource);
    case Claimed::free:
      return world_.running(e.resource) && !world_.held(e.resource);
    case Claimed::well:
      return is_of_health(world_, e.resource, Health::well);
    case Claimed::ill:
      return is_of_health(world_, e.resource, Health::ill);
    case Claimed::linked:
      return world_.running(e.resource) && !world_.linked_on(e.resource).empty();
    case Claimed::unlinked:
      return world_.running(e.resource) && world_.linked_on(e.resource).empty();
    case Claimed::fenced:
    case Claimed::not_fenced: {
      const auto fenced = fenced_hosts(events);
      const bool is = std::ranges::find(fenced, e.host) != fenced.end();
      return is == (e.what == Claimed::fenced);
    }
    case Claimed::fences:
    case Claimed::alarms:
    case Claimed::migrations:
    case Claimed::restarts:
    case Claimed::repairs: {
      const EventKind counted = counted_by(e.what);
      return std::ranges::count_if(events, [&](const TimelineEvent& event) {
               return event.kind == counted && event.at_ms >= 0;
             }) == e.count;
    }
  }
  return false;
}

void Expectations::look() {
  for (std::size_t i = 0; i < expected_.size(); ++i) {
    if (open(i) && holds(expected_[i])) met_[i] = true;
  }
}

bool Expectations::wants_polling() const {
  for (std::size_t i = 0; i < expected_.size(); ++i) {
    if (open(i) && needs_report(expected_[i])) return true;
  }
  return false;
}

std::vector<std::string> Expectations::unmet() {
  look();
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < expected_.size(); ++i) {
    const bool met = expected_[i].by ? met_[i] : holds(expected_[i]);
    if (!met) texts.push_back(expected_[i].text);
  }
  return texts;
}

}  // namespace haven::sim

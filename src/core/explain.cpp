#include "core/explain.hpp"

#include <algorithm>
#include <map>

#include "core/controller.hpp"
#include "core/liveness/promise.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/illness.hpp"
#include "core/recovery/importance.hpp"
#include "core/recovery/lifecycle.hpp"
#include "core/recovery/preemption.hpp"

namespace haven {
namespace {

// What a fence agent takes where it answers as it should: off, and two rounds of status (F2). The simulator's figure.
constexpr Duration kFencedIn = 1s;
constexpr Duration kPromiseMargin = 2s;

std::string ordinal(int n) {
  if (n == 1) return "1st";
  if (n == 2) return "2nd";
  if (n == 3) return "3rd";
  return std::to_string(n) + "th";
}

std::string preference_of(const Placement& placement, const Resource& resource, const HostName& host) {
  if (resource.hosts.prefer.empty()) return "";
  const auto rank = placement.preference(resource.name, host);
  if (!rank) return "";
  if (*rank >= static_cast<int>(resource.hosts.prefer.size())) return "allowed, not preferred";
  return "preferred, " + ordinal(*rank + 1);
}

std::string refusal_of(const Choice& choice, const HostName& host) {
  for (const auto& refusal : choice.refusals)
    if (refusal.host == host) return refusal.reason;
  return "";
}

std::string placed_by(const JournalRecord& record) {
  switch (record.kind) {
    case JournalKind::place:
      return "placed on " + record.host.str();
    case JournalKind::recover:
      return "recovered from " + record.from.str() + " to " + record.host.str();
    case JournalKind::relocate:
      return "moved from " + record.from.str() + " to " + record.host.str();
    case JournalKind::migrate:
      return "moved live from " + record.from.str() + " to " + record.host.str();
    case JournalKind::intent:
    case JournalKind::fenced:
    case JournalKind::proved:
    case JournalKind::withdrawn:
    case JournalKind::tested:
    case JournalKind::restart:
    case JournalKind::stop:
    case JournalKind::place_failed:
    case JournalKind::failed:
    case JournalKind::freeze:
    case JournalKind::engine:
    case JournalKind::applied:
    case JournalKind::replace:
    case JournalKind::alarm:
    case JournalKind::cleared:
    case JournalKind::stayed:
    case JournalKind::capped:
    case JournalKind::uncapped:
    case JournalKind::repair:
    case JournalKind::maintenance:
      return "";
  }
  return "";
}

// The last word of the journal about how it came to this host.
const JournalRecord* came_by(const View& view, const ResourceName& resource, const HostName& host) {
  for (auto it = view.journal.rbegin(); it != view.journal.rend(); ++it)
    if (it->second.resource == resource && it->second.host == host && !placed_by(it->second).empty())
      return &it->second;
  return nullptr;
}

// What its checks say, and how much of its ladder is used up.
void say_health(const View& view, const Resource& resource, Explanation& out) {
  const auto run = view.runs.find(resource.name);
  if (!out.report.health || run == view.runs.end()) return;
  const HealthNote& note = run->second.value.health;
  out.why_here.push_back(is_ready(resource, note) ? "all its checks pass" : unready_words(resource, note));
  std::map<int, int> taken;
  for (const Treatment& treatment : note.treatments) ++taken[treatment.step];
  for (const auto& [number, times] : taken)
    if (const Repair* step = step_of(resource, number))
      out.why_here.push_back("step " + std::to_string(number) + " of its ladder (" + word(step->remedy) +
                             ") was taken " + std::to_string(times) + " of " + std::to_string(step->limit) +
                             " times lately");
}

void say_why_here(const View& view, const Placement& placement, const Resource& resource, Explanation& out) {
  const auto calendar = view.calendars.find(resource.name);
  if (resource.when && calendar != view.calendars.end())
    out.why_here.push_back("by its calendar (" + resource.when->text + ") it is " +
                           (calendar->second.value.open ? "needed now" : "not needed now"));
  if (!out.report.host) {
    out.why_here.push_back(out.report.why.empty() ? std::string("no host holds it") : out.report.why);
    return;
  }
  say_health(view, resource, out);
  const HostName& here = *out.report.host;
  if (const JournalRecord* came = came_by(view, resource.name, here))
    out.why_here.push_back(placed_by(*came) + (came->why.empty() ? "" : ": " + came->why));
  if (const auto preference = preference_of(placement, resource, here); !preference.empty())
    out.why_here.push_back(here.str() + " is " + preference);
  for (const auto& sentence : placement.broken_rules(resource.name, here))
    out.why_here.push_back("a rule is broken: " + sentence);
  if (left_alone(view, resource.name)) out.why_here.push_back("it is frozen: nothing moves it");
  if (!out.today)
    out.why_here.push_back("it is not placed anew: no host would take it now, so it stays");
  else if (*out.today == here)
    out.why_here.push_back("placed anew now, it would be placed here again");
  else
    out.why_here.push_back("placed anew now, it would go to " + out.today->str() +
                           "; it stays, for nothing is moved without a need");
}

void say_by_what(const View& view, const Host& host, DeathExplained& out) {
  out.noticed = view.spec()->cluster.suspect;
  const auto promise = view.promises.find(host.name);
  const bool promised = promise != view.promises.end();
  if (fenced_on_hypervisors(*view.spec(), host)) {
    out.proof = "its domain is destroyed on " + host.runs_on + " and its kind";
    out.proved = out.noticed + kGrace + kFencedIn;
  } else if (!host.fence.empty()) {
    out.proof = "its fence devices switch it off";
    if (promised) out.proof += ", else its promise runs out";
    out.proved = out.noticed + kGrace + kFencedIn;
  } else if (promised) {
    out.proof = "its promise runs out";
    out.proved = out.noticed + kGrace + promise->second.value.deadline + kPromiseMargin;
  } else {
    out.proof = "nothing: it has no fence device and makes no promise; once it is off, say: haven fence confirm " +
                host.name.str();
    out.proved_by_itself = false;
  }
}

}  // namespace

namespace {

// As the controller places them (ClaimDesk): all that fell side by side, and lesser ones stop for whoever may ask that.
void place_fallen(const View& view, Placement& placement, const std::vector<Wanted>& wanted, DeathExplained& out) {
  const auto hosts = placement.arrange(wanted);
  PassSoFar so_far;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Wanted& w = wanted[i];
    const Resource& resource = *view.roster().resource(w.resource);
    Fallen one;
    one.resource = w.resource;
    one.to = hosts[i];
    one.after = resource.after;
    if (!one.to && resource.preempt) {
      auto room = placement.make_room(w.resource, w.avoid, w.occasion, yields_by(view, so_far), so_far.ahead);
      if (room) {
        one.to = room->host;
        one.stops = std::move(room->victims);
        so_far.evicted.insert(one.stops.begin(), one.stops.end());
      }
    }
    if (one.to) {
      placement.book(w.resource, *one.to);
    } else {
      one.refusals = placement.choose(w.resource, w.avoid, w.occasion).refusals;
      one.remedy = placement.remedy(w.resource, w.avoid, w.occasion);
      so_far.ahead.push_back(w.resource);
    }
    out.fallen.push_back(std::move(one));
  }
}

}  // namespace

DeathExplained explain_death(const View& view, const Host& dead) {
  DeathExplained out;
  out.host = dead.name;
  say_by_what(view, dead, out);
  const Spec& spec = *view.spec();
  // What stands on a virtual host dies with its machine.
  const auto dies = [&](const HostName& name) {
    const Host* host = view.roster().host(name);
    return name == dead.name || (host != nullptr && host->runs_on == dead.name.str());
  };
  std::vector<HostView> hosts;
  for (const Host& host : spec.hosts)
    hosts.push_back(
        {host.name, dies(host.name) ? "has died" : placing_refusal(view, host), others_on(view, host.name)});
  Placement placement(view.shared_roster(), hosts);
  std::vector<Wanted> fallen;
  for (const Resource* resource : by_importance(spec)) {
    const auto claim = view.claims.find(resource->name);
    const bool holds = !claim_closed(view, resource->name) && dies(claim->second.value.host);
    if (holds && desired_state(view, *resource) == DesiredState::started)
      fallen.push_back({resource->name, path_refusals(view, resource->name), Occasion::recovery});
    for (const HostName& host : bookings_of(view, resource->name))
      if (!dies(host)) placement.book(resource->name, host);
  }
  place_fallen(view, placement, fallen, out);
  return out;
}

std::optional<Explanation> explain(const View& view, const ResourceName& name) {
  const Resource* resource = view.spec() == nullptr ? nullptr : view.roster().resource(name);
  if (resource == nullptr) return std::nullopt;
  Explanation out;
  const Report report = report_of(view);
  const auto own = std::find_if(report.resources.begin(), report.resources.end(),
                                [&](const ResourceReport& one) { return one.name == name; });
  if (own != report.resources.end()) out.report = *own;
  const Placement placement = book_view(view);
  const Choice choice = placement.choose(name, path_refusals(view, name));
  out.today = choice.host;
  for (const Host& host : view.spec()->hosts) {
    HostExplained one;
    one.host = host.name;
    one.holds = out.report.host == host.name;
    one.refusal = refusal_of(choice, host.name);
    one.remark = preference_of(placement, *resource, host.name);
    if (choice.host == host.name && !one.holds)
      one.remark += one.remark.empty() ? "the best of all that are left" : "; the best of all that are left";
    out.hosts.push_back(std::move(one));
  }
  say_why_here(view, placement, *resource, out);
  if (out.report.host)
    if (const Host* host = view.roster().host(*out.report.host)) out.death = explain_death(view, *host);
  return out;
}

}  // namespace haven

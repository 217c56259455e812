#include "core/operator.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/liveness/device_test.hpp"
#include "core/liveness/fence_writes.hpp"
#include "core/model/wording.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/lifecycle.hpp"
#include "core/recovery/maintenance.hpp"
#include "core/recovery/succession.hpp"

namespace haven {
namespace {

using Result = tl::expected<Commit, std::string>;

OrderRecord order_of(const View& view, const ResourceName& name) {
  const auto it = view.orders.find(name);
  return it == view.orders.end() ? OrderRecord{} : it->second.value;
}

Result order_commit(const View& view, const ResourceName& name, const OrderRecord& order) {
  const std::string path = path::order(name);
  Commit commit;
  commit.checks.push_back({path, view.mod_of(path)});
  commit.checks.push_back({path::kSpec, view.mod_of(path::kSpec)});
  commit.writes.push_back(order_write(name, order));
  return commit;
}

// Empty: it can be tried.
std::string migrate_refusal(const View& view, const Resource& resource, const HostName& to) {
  const std::string& name = resource.name.str();
  if (view.roster().host(to) == nullptr) return "there is no host " + to.str();
  if (desired_state(view, resource) != DesiredState::started) return name + " is not to run: haven start " + name;
  const std::string instead = ": haven relocate " + name + " " + to.str() + " stops it and starts it there";
  if (resource.container) return name + " is a container, and those are not moved live" + instead;
  if (!resource.live_migration) return name + " has live_migration = false in the file" + instead;
  const auto claim = view.claims.find(resource.name);
  if (claim == view.claims.end() || claim_closed(view, resource.name)) return name + " does not run";
  const ClaimRecord& standing = claim->second.value;
  if (standing.migrating_to && standing.migrating_to->host != to)
    return name + " is being moved to " + standing.migrating_to->host.str() + ": haven migrate " + name +
           " --abort keeps it where it is";
  return "";
}

// Empty: a replacement has nothing against it.
std::string replacement_refuses(const View& view, const OperatorAsked& asked) {
  const auto r = replacement_of(view, asked.resource);
  if (!r) return "";
  const std::string end = ": haven replace " + r->predecessor.name.str() + " --back or --finish ends that";
  if (asked.verb == OperatorVerb::ignore)
    return r->successor.name.str() + " is replacing " + r->predecessor.name.str() +
           ", and what is ignored could be linked by anybody" + end;
  if (asked.verb == OperatorVerb::start && stopped_by_replacement(view, asked.resource))
    return asked.resource.str() + " is kept stopped while " + r->successor.name.str() + " replaces " +
           r->predecessor.name.str() + end;
  return "";
}

Result order_resource(const View& view, const OperatorAsked& asked) {
  const Resource* resource = view.roster().resource(asked.resource);
  if (resource == nullptr) return tl::unexpected("there is no resource " + asked.resource.str());
  if (std::string refusal = replacement_refuses(view, asked); !refusal.empty()) return tl::unexpected(refusal);
  OrderRecord order = order_of(view, asked.resource);
  const auto override_with = [&](DesiredState state) {
    // What follows a calendar is not what the file's `state` alone says.
    order.state = state == resource->state && !resource->when ? std::nullopt : std::optional(state);
  };
  switch (asked.verb) {
    case OperatorVerb::start:
      override_with(DesiredState::started);
      order.clear = true;
      break;
    case OperatorVerb::stop:
    case OperatorVerb::disable:
      override_with(DesiredState::stopped);
      order.clear = false;
      order.relocate_to.reset();
      order.migrate_to.reset();
      break;
    case OperatorVerb::ignore:
      override_with(DesiredState::ignored);
      break;
    case OperatorVerb::clear:
      order.clear = true;
      if (resource->when) order.state.reset();  // back to its calendar
      break;
    case OperatorVerb::relocate:
      if (view.roster().host(asked.host) == nullptr) return tl::unexpected("there is no host " + asked.host.str());
      if (desired_state(view, *resource) != DesiredState::started)
        return tl::unexpected(asked.resource.str() + " is not to run: haven start " + asked.resource.str());
      order.relocate_to = asked.host;
      order.migrate_to.reset();
      break;
    case OperatorVerb::migrate:
      if (const std::string refusal = migrate_refusal(view, *resource, asked.host); !refusal.empty())
        return tl::unexpected(refusal);
      order.migrate_to = asked.host;
      order.relocate_to.reset();
      order.stay = false;
      break;
    case OperatorVerb::stay:
      if (open_migration(view, asked.resource) == nullptr && !order.migrate_to)
        return tl::unexpected(asked.resource.str() + " is not being moved");
      order.migrate_to.reset();
      order.stay = open_migration(view, asked.resource) != nullptr;
      break;
    case OperatorVerb::freeze:
    case OperatorVerb::thaw:
    case OperatorVerb::maintain:
    case OperatorVerb::resume:
    case OperatorVerb::fence_confirm:
    case OperatorVerb::fence_test:
    case OperatorVerb::hand_back:
    case OperatorVerb::hand_finish:
      break;
  }
  Result commit = order_commit(view, asked.resource, order);
  const bool sent = asked.verb == OperatorVerb::relocate || asked.verb == OperatorVerb::migrate;
  if (sent && commit) forget_return(view, asked.resource, *commit);
  return commit;
}

// A host whose losses are forgiven by a person who mended it.
Result clear_host(const View& view, const HostName& host) {
  const std::string path = path::quarantine(host);
  if (view.mod_of(path) == Revision{}) return Commit{};
  Commit commit;
  commit.checks.push_back({path, view.mod_of(path)});
  commit.writes.push_back({path, std::nullopt, {}});
  return commit;
}

// What is frozen with this word obeyed. Unreadable counts as nothing: whoever says something about it mends it.
FreezeRecord freeze_with(const FreezeRecord& before, const OperatorAsked& asked, bool on) {
  FreezeRecord next = before;
  if (asked.name.empty()) {
    next.cluster = on;
    next.by = on ? asked.by : "";
  } else if (on) {
    next.names.emplace(asked.name, asked.by);
  } else {
    next.names.erase(asked.name);
  }
  return next;
}

Result freeze(const View& view, const OperatorAsked& asked, const SelfView& self, Now now) {
  const bool on = asked.verb == OperatorVerb::freeze;
  const HostName host(asked.name);
  const ResourceName resource(asked.name);
  const bool is_host = view.spec()->host(host) != nullptr;
  const bool is_resource = view.spec()->resource(resource) != nullptr;
  const FreezeRecord before = view.freeze ? view.freeze->value : FreezeRecord{{}, false, {}};
  // What left the file while it was frozen can still be let go.
  const bool known = asked.name.empty() || is_host || is_resource || (!on && before.names.contains(asked.name));
  if (!known) return tl::unexpected("there is no host or resource " + asked.name);
  const FreezeRecord next = freeze_with(before, asked, on);
  const bool so_already =
      next.cluster == before.cluster && next.names == before.names && !view.unreadable(path::kFreeze);
  Commit commit;
  commit.checks.push_back({path::kFreeze, view.mod_of(path::kFreeze)});
  // Written all the same, so that no order from before comes to pass after this one was accepted (record.hpp).
  commit.writes.push_back({path::kFreeze, so_already ? before : next, {}});
  if (so_already) return commit;
  JournalRecord journal;
  journal.at = now.wall;
  journal.by = self.host;
  journal.kind = JournalKind::freeze;
  if (is_host) journal.host = host;
  if (is_resource) journal.resource = resource;
  journal.why = (on ? "on, by " : "off, by ") + asked.by;
  commit.writes.push_back({path::kNewJournal, journal, {}});
  return commit;
}

// Every boot of the host that something waits for. One that never joined has none: its absence is what is confirmed.
std::vector<Incarnation> boots_to_confirm(const View& view, const HostName& host) {
  std::vector<Incarnation> boots;
  const auto add = [&](const Incarnation& boot) {
    if (!holds_member_key(view, host, boot) && !proved_dead(view, host, boot) &&
        std::find(boots.begin(), boots.end(), boot) == boots.end())
      boots.push_back(boot);
  };
  for (const auto& open : open_boots(view, host)) add(open.second);
  const auto status = view.status.find(host);
  add(status == view.status.end() ? kNeverJoined : status->second.value.incarnation);
  return boots;
}

// In the file, or named by something that waits for its death.
bool known_host(const View& view, const HostName& host) {
  const auto claims_it = [&](const auto& claim) { return claim.second.value.host == host; };
  return view.roster().host(host) != nullptr || view.status.contains(host) ||
         std::any_of(view.claims.begin(), view.claims.end(), claims_it);
}

Result confirm(const View& view, const OperatorAsked& asked, const Heard& heard, const SelfView& self, Now now) {
  const auto boots = boots_to_confirm(view, asked.host);
  if (!known_host(view, asked.host)) return tl::unexpected("there is no host " + asked.host.str());
  const auto away = view.away.find(asked.host);
  if (away != view.away.end() && away->second.value.kind == AwayKind::restarting && !asked.force)
    return tl::unexpected("havend on " + asked.host.str() +
                          " was stopped as planned, and its resources run on: if it is dead all the same, add --force");
  const bool speaks = heard && std::any_of(boots.begin(), boots.end(),
                                           [&](const Incarnation& boot) { return heard(asked.host, boot); });
  if (speaks && !asked.force)
    return tl::unexpected("heartbeats of " + asked.host.str() +
                          " are still heard: it is alive. If you know better, add --force");
  if (boots.empty() && member_of(view, asked.host) != nullptr)
    return tl::unexpected(asked.host.str() + " holds a lease: it is alive, and nothing waits for its death");
  if (boots.empty()) return Commit{};
  Commit commit;
  check_as_seen(commit, view, path::member(asked.host));
  for (const auto& boot : boots) {
    check_as_seen(commit, view, path::fence(asked.host, boot));
    FenceRecord proof;
    if (const auto known = view.fences.find({asked.host, boot}); known != view.fences.end())
      proof = known->second.value;
    proof.late_shots |= proof.state == FenceState::shooting;
    proof.state = FenceState::proved;
    proof.proof = ProofKind::operator_word;
    proof.by = asked.by;
    add_fence(commit, {asked.host, boot}, proof, now);
  }
  JournalRecord journal = fence_entry(
      self, now, JournalKind::fenced, asked.host,
      "confirmed by " + asked.by + (asked.force ? " by force" : "") + ": incarnation " + with_commas(texts_of(boots)));
  journal.level = "operator";
  add_journal(commit, std::move(journal));
  return commit;
}

}  // namespace

tl::expected<Obeyed, std::string> operator_commit(const View& view, const OperatorAsked& asked, const Heard& heard,
                                                  const SelfView& self, Now now) {
  if (!view.listed()) return tl::unexpected(std::string("the engine is not within reach"));
  if (view.spec() == nullptr) return tl::unexpected(std::string("nothing is applied yet: haven apply FILE"));
  Result result;
  std::vector<std::string> warnings;
  // Names are unique over hosts and resources.
  const HostName host{asked.resource.empty() ? asked.host.str() : asked.resource.str()};
  const bool clears_host = asked.verb == OperatorVerb::clear && view.spec()->host(host) != nullptr;
  switch (asked.verb) {
    case OperatorVerb::freeze:
    case OperatorVerb::thaw:
      result = freeze(view, asked, self, now);
      break;
    case OperatorVerb::fence_confirm:
      result = confirm(view, asked, heard, self, now);
      break;
    case OperatorVerb::maintain:
    case OperatorVerb::resume:
      result = maintenance_commit(view, asked, self, now, warnings);
      break;
    case OperatorVerb::fence_test:
      result = test_commit(view, asked, self, now);
      break;
    case OperatorVerb::hand_back:
    case OperatorVerb::hand_finish:
      result = replacement_commit(view, asked, self, now);
      break;
    case OperatorVerb::start:
    case OperatorVerb::stop:
    case OperatorVerb::disable:
    case OperatorVerb::ignore:
    case OperatorVerb::clear:
    case OperatorVerb::relocate:
    case OperatorVerb::migrate:
    case OperatorVerb::stay:
      result = clears_host ? clear_host(view, host) : order_resource(view, asked);
      break;
  }
  if (!result) return tl::unexpected(result.error());
  result->lane = "operator/" + std::to_string(asked.question.count);
  result->timeout = kCommitTimeout;
  return Obeyed{std::move(*result), std::move(warnings)};
}

}  // namespace haven

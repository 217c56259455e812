#include "sim/checker.hpp"

#include <algorithm>

#include "core/controller.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/maintenance.hpp"
#include "core/recovery/succession.hpp"

namespace haven::sim {
namespace {

// What a lease loss, its hearing and the answer to an intent may take beyond lease and grace: messages and elections.
constexpr Duration kSlack = 1s;

bool stands(const View& view, const Order& order) {
  if (order.verb == OperatorVerb::freeze || order.verb == OperatorVerb::thaw) {
    if (view.unreadable(path::kFreeze)) return true;
    const FreezeRecord now = view.freeze ? view.freeze->value : FreezeRecord{{}, false, {}};
    const bool is_on = order.name.empty() ? now.cluster : now.names.contains(order.name);
    return is_on == (order.verb == OperatorVerb::freeze);
  }
  if (order.verb == OperatorVerb::maintain || order.verb == OperatorVerb::resume)
    return in_maintenance(view, order.host) == (order.verb == OperatorVerb::maintain);
  const Resource* resource = view.spec() == nullptr ? nullptr : view.spec()->resource(order.resource);
  if (resource == nullptr || stopped_by_replacement(view, order.resource)) return true;
  const DesiredState ordered = order.verb == OperatorVerb::start    ? DesiredState::started
                               : order.verb == OperatorVerb::ignore ? DesiredState::ignored
                                                                    : DesiredState::stopped;
  return desired_state(view, *resource) == ordered;
}

}  // namespace

void Checker::violated(std::string rule, const ResourceName& resource, std::vector<HostName> hosts, std::string text) {
  const bool said = std::ranges::any_of(
      violations_, [&](const Violation& v) { return v.rule == rule && v.resource == resource && v.hosts == hosts; });
  if (said) return;
  violations_.push_back({timeline_.now_ms(), std::move(rule), resource, std::move(hosts), std::move(text)});
}

void Checker::committed(const EngineChanged& commit) {
  for (Breach& breach : breaches_of_commit(view_, commit)) {
    violated(std::move(breach.rule), breach.resource, std::move(breach.hosts), std::move(breach.text));
  }
  for (const EntryChange& change : commit.changes) {
    const auto* fence = change.value ? std::get_if<FenceRecord>(&*change.value) : nullptr;
    if (fence == nullptr) continue;
    const path::Parts parts = path::split(change.path);
    const HostBoot boot{HostName{parts.first}, Incarnation{parts.second}};
    const auto before = view_.fences.find(boot);
    judge_fence(boot, *fence, before == view_.fences.end() ? nullptr : &before->second.value);
  }
  const auto placed = newly_placed(view_, commit);
  view_.take(commit);
  for (Breach& breach : breaches_of_placement(view_, placed)) {
    violated(std::move(breach.rule), breach.resource, std::move(breach.hosts), std::move(breach.text));
  }
  judge_orders(commit);
}

void Checker::judge_orders(const EngineChanged& commit) {
  const bool concerned = std::ranges::any_of(commit.changes, [](const EntryChange& change) {
    const std::string kind = path::split(change.path).kind;
    return change.path == path::kFreeze || kind == "spec/order" || kind == "maintenance";
  });
  if (!concerned || !facts_.orders) return;
  for (const Order& order : facts_.orders())
    if (!stands(view_, order))
      violated("acknowledged", order.resource, {},
               "what was ordered last of " + order.resource.str() + order.host.str() + order.name +
                   " was accepted, and is not so any more");
}

void Checker::judge_fence(const HostBoot& boot, const FenceRecord& fence, const FenceRecord* before) {
  if (before != nullptr && before->state == fence.state) return;
  if (fence.state == FenceState::shooting) shot_.insert(boot);
  if (fence.state == FenceState::proved) {
    for (const ResourceName& resource : facts_.running_on(boot.first, boot.second)) {
      violated("F6", resource, {boot.first}, resource.str() + " runs on a boot that was proved dead");
    }
  }
  if (fence.state != FenceState::shooting || !answerable(fence.reason)) return;
  const Duration lease = view_.spec() == nullptr ? Duration{} : view_.spec()->cluster.lease;
  const auto healthy = facts_.healthy_for(boot.first, boot.second);
  if (healthy && *healthy > lease + kGrace + kSlack) {
    violated("needless-fence", {}, {boot.first}, boot.first.str() + " is about to be shot and was well all the time");
  }
}

void Checker::agent_called(const HostName& host, const Incarnation& boot) {
  if (shot_.contains({host, boot})) return;
  violated("F1", {}, {host},
           "an agent was called against " + host.str() + ", and no intent against it outlasted its grace");
}

void Checker::shot_landed(const HostName& host, std::optional<Duration> well_for) {
  const bool held_back = std::ranges::any_of(view_.fences, [&](const auto& fence) {
    const FenceRecord& record = fence.second.value;
    return fence.first.first == host && (record.state != FenceState::proved || record.late_shots);
  });
  const Duration lease = view_.spec() == nullptr ? Duration{} : view_.spec()->cluster.lease;
  if (held_back || !well_for || *well_for <= lease + kGrace + kSlack) return;
  violated("F7", {}, {host}, host.str() + " was well, and let in, and a fence agent switched it off");
}

void Checker::died_beside(const HostName& host, const HostName& fenced, std::optional<Duration> well_for) {
  const Duration lease = view_.spec() == nullptr ? Duration{} : view_.spec()->cluster.lease;
  if (!well_for || *well_for <= lease + kGrace + kSlack) return;
  violated("F4", {}, {host, fenced}, host.str() + " was well and lost its power as " + fenced.str() + " was fenced");
}

void Checker::judge_copies(const ResourceName& resource, const HostName& host) {
  const auto claim = view_.claims.find(resource);
  if (claim == view_.claims.end() || claim->second.value.order == ClaimOrder::let_go) return;
  const ClaimRecord& standing = claim->second.value;
  for (const HostName& copy : facts_.copies_of(resource)) {
    const bool known = standing.host == host && standing.migrating_to && standing.migrating_to->host == copy;
    if (copy == host || known) continue;
    violated("M3", resource, {host, copy},
             resource.str() + " runs, and " + copy.str() + " still has what came in of it");
  }
}

void Checker::links_changed(const ResourceName& resource) {
  if (view_.spec() == nullptr || !facts_.linked_on) return;
  const Roster& roster = view_.roster();
  const auto index = roster.index(resource);
  if (!index || roster.partner[*index] == *index) return;
  const ResourceName& other = roster.spec->resources[roster.partner[*index]].name;
  std::vector<HostName> hosts = facts_.linked_on(resource);
  const std::vector<HostName> others = facts_.linked_on(other);
  if (hosts.empty() || others.empty()) return;
  hosts.insert(hosts.end(), others.begin(), others.end());
  violated("one-address", resource, std::move(hosts),
           "the links of " + resource.str() + " and of " + other.str() + " are up at the same time");
}

void Checker::process_runs(const ResourceName& resource, const HostName& host) {
  std::vector<HostName> hosts = facts_.hosts_of(resource);
  if (hosts.size() > 1) {
    std::string text = resource.str() + " runs on";
    for (const HostName& name : hosts) text += " " + name.str();
    violated("never-twice", resource, std::move(hosts), std::move(text));
  }
  judge_copies(resource, host);
  links_changed(resource);
  if (proved_dead(view_, host, facts_.boot_of(host))) {
    violated("F6", resource, {host}, resource.str() + " was started on a boot that was proved dead");
  }
}

}  // namespace haven::sim

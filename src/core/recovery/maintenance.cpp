#include "core/recovery/maintenance.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/liveness/charge.hpp"
#include "core/liveness/fence_writes.hpp"
#include "core/placement/placement.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/lifecycle.hpp"
#include "core/recovery/sets.hpp"

namespace haven {
namespace {

using Result = tl::expected<Commit, std::string>;

// Most important first.
std::vector<const Resource*> standing_on(const View& view, const HostName& host) {
  std::vector<const Resource*> standing;
  for (const Resource* resource : view.roster().order) {
    const auto claim = view.claims.find(resource->name);
    if (claim != view.claims.end() && claim->second.value.host == host && !claim_closed(view, resource->name))
      standing.push_back(resource);
  }
  return standing;
}

std::string reasons_of(const Choice& choice, const HostName& leaving) {
  std::string text;
  for (const Refusal& refusal : choice.refusals)
    if (refusal.host != leaving) text += (text.empty() ? "" : "; ") + refusal.host.str() + ": " + refusal.reason;
  return text;
}

// What runs there and fits nowhere else, each with the reasons; empty: everything finds a place.
std::string stranded(const View& view, const HostName& host) {
  Placement placement = book_view(view);
  placement.set_refusal(host, "is in maintenance");
  const auto standing = standing_on(view, host);
  for (const Resource* resource : standing) placement.release(resource->name, host);
  std::string text;
  for (const Resource* resource : standing) {
    const Choice choice = placement.choose(resource->name, path_refusals(view, resource->name));
    if (choice.host)
      placement.book(resource->name, *choice.host);
    else
      text += (text.empty() ? "" : "; ") + resource->name.str() + " (" + reasons_of(choice, host) + ")";
  }
  return text;
}

std::string refusal(const View& view, const HostName& host) {
  const auto& hosts = view.spec()->hosts;
  const bool anybody = std::any_of(hosts.begin(), hosts.end(), [&](const Host& other) {
    return other.name != host && placing_refusal(view, other).empty();
  });
  if (!anybody) return "there is no other host that could take anything";
  if (const MemberRecord* member = member_of(view, host);
      member != nullptr && !engine_outlives(view, {host, member->incarnation}))
    return "if it went down the engine would have no majority of its voters: bring the others back first";
  const std::string text = stranded(view, host);
  return text.empty() ? "" : "this can run nowhere else: " + text;
}

void write_maintenance(Commit& commit, const View& view, const HostName& host, MaintenanceRecord next) {
  check_as_seen(commit, view, path::maintenance(host));
  commit.writes.push_back({path::maintenance(host), std::move(next), {}});
}

void merge_in(std::vector<ResourceName>& names, const std::vector<const Resource*>& more) {
  for (const Resource* resource : more) names.push_back(resource->name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
}

bool is_to_return(const View& view, const HostName& host, const ResourceName& name) {
  const Resource* resource = view.roster().resource(name);
  if (resource == nullptr || desired_state(view, *resource) != DesiredState::started) return false;
  const auto claim = view.claims.find(name);
  return claim == view.claims.end() || claim->second.value.host != host || claim_closed(view, name);
}

const MaintenanceRecord* maintenance_of(const View& view, const HostName& host) {
  const auto found = view.maintenance.find(host);
  return found == view.maintenance.end() ? nullptr : &found->second.value;
}

}  // namespace

bool in_maintenance(const View& view, const HostName& host) {
  const MaintenanceRecord* record = maintenance_of(view, host);
  return record != nullptr && record->on;
}

bool out_of_service(const View& view, const HostName& host) {
  return in_maintenance(view, host) && std::none_of(view.claims.begin(), view.claims.end(), [&](const auto& claim) {
           const Migration* comes = open_migration(view, claim.first);
           return (claim.second.value.host == host && may_still_run(view, claim.first)) ||
                  (comes != nullptr && comes->host == host);
         });
}

std::optional<HostName> returns_to(const View& view, const ResourceName& resource) {
  for (const auto& [host, record] : view.maintenance) {
    const auto& moved = record.value.moved;
    if (!record.value.on && std::binary_search(moved.begin(), moved.end(), resource)) return host;
  }
  return std::nullopt;
}

Result maintenance_commit(const View& view, const OperatorAsked& asked, const SelfView& self, Now now) {
  const HostName& host = asked.host;
  const bool on = asked.verb == OperatorVerb::maintain;
  const MaintenanceRecord* before = maintenance_of(view, host);
  if (view.spec()->host(host) == nullptr && (on || before == nullptr))
    return tl::unexpected("there is no host " + host.str());
  const bool so_already = on == in_maintenance(view, host) && !view.unreadable(path::maintenance(host));
  if (const std::string why = on && !so_already && !asked.force ? refusal(view, host) : ""; !why.empty())
    return tl::unexpected(host.str() + " stays in service: " + why + " (--force: as far as it goes)");
  MaintenanceRecord next = before == nullptr ? MaintenanceRecord{false, "", {}} : *before;
  Commit commit;
  check_as_seen(commit, view, path::kSpec);
  if (so_already) {
    write_maintenance(commit, view, host, std::move(next));
    return commit;
  }
  next.on = on;
  next.by = asked.by;
  if (on) merge_in(next.moved, standing_on(view, host));
  write_maintenance(commit, view, host, std::move(next));
  add_journal(commit, fence_entry(self, now, JournalKind::maintenance, host, (on ? "on, by " : "off, by ") + asked.by));
  return commit;
}

void forget_return(const View& view, const ResourceName& resource, Commit& order) {
  const auto home = returns_to(view, resource);
  if (!home) return;
  MaintenanceRecord next = *maintenance_of(view, *home);
  std::erase(next.moved, resource);
  write_maintenance(order, view, *home, std::move(next));
}

void tidy_maintenance(const View& view, Commit& commit) {
  for (const auto& [host, record] : view.maintenance) {
    if (commit.writes.size() >= kMaxWrites) return;  // the rest in the next one (E1)
    if (view.roster().host(host) == nullptr) {
      check_as_seen(commit, view, path::maintenance(host));
      commit.writes.push_back({path::maintenance(host), std::nullopt, {}});
      continue;
    }
    if (record.value.on) continue;
    MaintenanceRecord next = record.value;
    std::erase_if(next.moved,
                  [&, &where = host](const ResourceName& name) { return !is_to_return(view, where, name); });
    if (next != record.value) write_maintenance(commit, view, host, std::move(next));
  }
}

std::optional<MaintenanceReport> report_maintenance(const View& view, const HostName& host) {
  const MaintenanceRecord* record = maintenance_of(view, host);
  if (record == nullptr || (!record->on && record->moved.empty())) return std::nullopt;
  MaintenanceReport report{record->on, record->by, record->moved};
  if (!record->on) return report;
  report.left.clear();
  for (const Resource* resource : standing_on(view, host)) report.left.push_back(resource->name);
  return report;
}

}  // namespace haven

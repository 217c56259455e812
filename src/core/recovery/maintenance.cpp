#include "core/recovery/maintenance.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/liveness/charge.hpp"
#include "core/liveness/fence_writes.hpp"
#include "core/placement/placement.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/lifecycle.hpp"
#include "core/recovery/reserve.hpp"
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

std::string reasons_of(const MoveForeseen& move) {
  std::string text;
  for (const Refusal& refusal : move.refusals)
    text += (text.empty() ? "" : "; ") + refusal.host.str() + ": " + refusal.reason;
  return text;
}

// Where what runs on these hosts would go, as it would be placed one after the other.
std::vector<MoveForeseen> moves_from(const View& view, const std::set<HostName>& leaving) {
  Placement placement = book_view(view);
  std::vector<MoveForeseen> moves;
  for (const HostName& host : leaving) {
    placement.set_refusal(host, "is in maintenance");
    for (const Resource* resource : standing_on(view, host)) {
      placement.release(resource->name, host);
      moves.push_back({resource->name, host, std::nullopt, can_move_live(*resource), {}});
    }
  }
  const Roster& roster = view.roster();
  std::stable_sort(moves.begin(), moves.end(), [&](const MoveForeseen& a, const MoveForeseen& b) {
    return roster.rank[*roster.index(a.resource)] < roster.rank[*roster.index(b.resource)];
  });
  for (MoveForeseen& move : moves) {
    Choice choice = placement.choose(move.resource, path_refusals(view, move.resource));
    move.to = choice.host;
    if (choice.host) placement.book(move.resource, *choice.host);
    std::erase_if(choice.refusals, [&](const Refusal& refusal) { return leaving.contains(refusal.host); });
    if (!choice.host) move.refusals = std::move(choice.refusals);
  }
  return moves;
}

// What fits nowhere else, each with the reasons; empty: everything finds a place.
std::string stranded(const std::vector<MoveForeseen>& moves) {
  std::string text;
  for (const MoveForeseen& move : moves)
    if (!move.to) text += (text.empty() ? "" : "; ") + move.resource.str() + " (" + reasons_of(move) + ")";
  return text;
}

// Whoever is in maintenance already may be off at any moment, as whoever goes into it with this one.
std::set<HostName> off_duty(const View& view, const std::set<HostName>& leaving) {
  std::set<HostName> off = leaving;
  for (const auto& [host, record] : view.maintenance)
    if (record.value.on) off.insert(host);
  return off;
}

std::string refusal(const View& view, const std::set<HostName>& leaving, const std::vector<MoveForeseen>& moves) {
  const auto& hosts = view.spec()->hosts;
  const bool anybody = std::any_of(hosts.begin(), hosts.end(), [&](const Host& other) {
    return !leaving.contains(other.name) && placing_refusal(view, other).empty();
  });
  if (!anybody) return "there is no other host that could take anything";
  const auto off = off_duty(view, leaving);
  for (const HostName& host : leaving)
    if (const MemberRecord* member = member_of(view, host);
        member != nullptr && !engine_outlives(view, {host, member->incarnation}, off))
      return "if it went down the engine would have no majority of its voters: bring the others back first";
  const std::string text = stranded(moves);
  return text.empty() ? "" : "this can run nowhere else: " + text;
}

MaintenanceForeseen foresee_moves(const View& view, const std::set<HostName>& hosts) {
  MaintenanceForeseen foreseen;
  foreseen.moves = moves_from(view, hosts);
  foreseen.refused = refusal(view, hosts, foreseen.moves);
  return foreseen;
}

void foresee_reserve(const View& view, const std::set<HostName>& hosts, MaintenanceForeseen& foreseen) {
  ReserveWithout reserve = reserve_without(view, hosts);
  foreseen.exposed = std::move(reserve.exposed);
  foreseen.reserve = std::move(reserve.words);
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

MaintenanceForeseen foresee_maintenance(const View& view, const std::set<HostName>& hosts) {
  MaintenanceForeseen foreseen = foresee_moves(view, hosts);
  foresee_reserve(view, hosts, foreseen);
  return foreseen;
}

Result maintenance_commit(const View& view, const OperatorAsked& asked, const SelfView& self, Now now,
                          std::vector<std::string>& warnings) {
  const HostName& host = asked.host;
  const bool on = asked.verb == OperatorVerb::maintain;
  const MaintenanceRecord* before = maintenance_of(view, host);
  if (view.spec()->host(host) == nullptr && (on || before == nullptr))
    return tl::unexpected("there is no host " + host.str());
  const bool so_already = on == in_maintenance(view, host) && !view.unreadable(path::maintenance(host));
  MaintenanceForeseen foreseen;
  if (on && !so_already) foreseen = foresee_moves(view, {host});
  if (!foreseen.refused.empty() && !asked.force)
    return tl::unexpected(host.str() + " stays in service: " + foreseen.refused + " (--force: as far as it goes)");
  if (on && !so_already) foresee_reserve(view, {host}, foreseen);
  if (!foreseen.exposed.empty() && !asked.force && !asked.unprotected)
    return tl::unexpected(host.str() + " stays in service: " + foreseen.reserve +
                          " (--unprotected: accepted until it is back)");
  for (const std::string* warning : {&foreseen.refused, &foreseen.reserve})
    if (!warning->empty()) warnings.push_back(*warning);
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
  // Two who go out at once must not each be judged as the only one; of more hosts than fit, the file's first.
  for (const Host& other : view.spec()->hosts)
    if (on && other.name != host && commit.checks.size() + 1 < kMaxChecks)
      check_as_seen(commit, view, path::maintenance(other.name));
  write_maintenance(commit, view, host, std::move(next));
  std::string why = (on ? "on, by " : "off, by ") + asked.by;
  if (!foreseen.exposed.empty()) why += ", who accepted that meanwhile " + foreseen.reserve;
  add_journal(commit, fence_entry(self, now, JournalKind::maintenance, host, std::move(why)));
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

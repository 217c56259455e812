// Who may take resources, and who already has which.
#include <algorithm>

#include "core/liveness/quarantine.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/home.hpp"
#include "core/recovery/lifecycle.hpp"
#include "core/recovery/maintenance.hpp"
#include "core/recovery/uplink.hpp"

namespace haven {
namespace {

bool is_open_fence(const FenceRecord& fence) { return fence.state != FenceState::proved; }

// An older boot of this host that may still own something: nothing new goes there until it is proved dead (F8).
bool older_boot_open(const View& view, const HostName& host, const Incarnation& current) {
  for (const auto& [boot, fence] : view.fences)
    if (boot.first == host && boot.second != current && is_open_fence(fence.value)) return true;
  for (const auto& [resource, claim] : view.claims)
    if (claim.value.host == host && claim.value.incarnation != current && may_still_run(view, resource)) return true;
  for (const auto& [resource, claim] : view.claims)
    if (const Migration* m = open_migration(view, resource);
        m != nullptr && m->host == host && m->incarnation != current)
      return true;
  return false;
}

// An older boot was shot at, and the shot may come yet: it would hit this one (F7, F8).
bool late_shots(const View& view, const HostName& host) {
  return std::any_of(view.fences.begin(), view.fences.end(),
                     [&](const auto& fence) { return fence.first.first == host && fence.second.value.late_shots; });
}

std::string absence(const View& view, const HostName& host) {
  const auto status = view.status.find(host);
  if (status == view.status.end()) return "has never joined";
  const Incarnation& last = status->second.value.incarnation;
  if (proved_dead(view, host, last)) return "is down, proved";
  if (view.fences.contains(HostBootRef{host, last})) return "is being fenced";
  const auto away = view.away.find(host);
  if (away != view.away.end() && away->second.value.incarnation == last) return "is away, as planned";
  return "has lost its lease";
}

// Empty: all can be read.
std::string unreadable_key(const View& view, const HostName& host) {
  if (view.unreadables().empty()) return "";
  for (const auto& path : {path::member(host), path::status(host), path::machine(host)})
    if (view.unreadable(path)) return path;
  return "";
}

}  // namespace

std::string host_refusal(const View& view, const Host& host) {
  const MemberRecord* member = member_of(view, host.name);
  if (member == nullptr) return absence(view, host.name);
  if (const std::string path = unreadable_key(view, host.name); !path.empty())
    return "its record " + path + " cannot be read";
  if (view.fences.contains(HostBootRef{host.name, member->incarnation})) return "is being fenced";
  const auto away = view.away.find(host.name);
  if (away != view.away.end() && away->second.value.incarnation == member->incarnation) return "is leaving, as planned";
  if (older_boot_open(view, host.name, member->incarnation)) return "its last boot is not proved dead yet";
  if (late_shots(view, host.name)) return "a fence agent that was sent against its last boot may still hit it";
  const auto status = view.status.find(host.name);
  if (status != view.status.end() && !status->second.value.hypervisor) return "its libvirt does not answer";
  return quarantine_refusal(view, host.name);
}

std::string placing_refusal(const View& view, const Host& host) {
  std::string refusal = host_refusal(view, host);
  if (refusal.empty() && in_maintenance(view, host.name)) refusal = "is in maintenance";
  if (refusal.empty() && frozen_host(view, host.name)) refusal = "is frozen";
  return refusal;
}

std::vector<Refusal> storage_refusals(const View& view, const ResourceName& resource) {
  std::vector<Refusal> refusals;
  for (const auto& [host, status] : view.status) {
    const auto& lost = status.value.storage_lost;
    if (std::find(lost.begin(), lost.end(), resource) != lost.end())
      refusals.push_back({host, "it cannot read the disk"});
  }
  return refusals;
}

Footprint others_on(const View& view, const HostName& host) {
  const auto status = view.status.find(host);
  const bool current = status != view.status.end() && holds_member_key(view, host, status->second.value.incarnation);
  return current ? status->second.value.others : Footprint{};
}

std::vector<Refusal> fit_refusals(const View& view, const ResourceName& resource) {
  const Resource* wanted = view.roster().resource(resource);
  if (view.fits.empty() || wanted == nullptr) return {};
  const auto entry_of = [&](const FitRecord& fit) {
    return std::find_if(fit.unfit.begin(), fit.unfit.end(), [&](const Unfit& u) { return u.resource == resource; });
  };
  const auto eligible = view.roster().topology.eligible(wanted->hosts);
  // Somebody where it may run has all of it, and with it what it keeps on that host's disk.
  const bool has_a_home = std::any_of(view.fits.begin(), view.fits.end(), [&](const auto& fit) {
    const auto host = view.roster().topology.find(fit.first);
    return host && eligible.contains(*host) && entry_of(fit.second.value) == fit.second.value.unfit.end();
  });
  std::vector<Refusal> refusals;
  for (const auto& [host, fit] : view.fits) {
    const auto entry = entry_of(fit.value);
    if (entry == fit.value.unfit.end() || (entry->state && !has_a_home)) continue;
    refusals.push_back({host, "cannot run here: " + entry->why});
  }
  return refusals;
}

std::vector<Refusal> path_refusals(const View& view, const ResourceName& resource) {
  std::vector<Refusal> refusals = storage_refusals(view, resource);
  for (auto& refusal : fit_refusals(view, resource)) refusals.push_back(std::move(refusal));
  for (auto& refusal : uplink_refusals(view, resource)) refusals.push_back(std::move(refusal));
  return refusals;
}

std::vector<HostName> bookings_of(const View& view, const ResourceName& resource) {
  std::vector<HostName> hosts;
  if (const Migration* m = open_migration(view, resource)) hosts.push_back(m->host);
  if (!claim_closed(view, resource)) {
    const ClaimRecord& claim = view.claims.at(resource).value;
    hosts.push_back(claim.host);
    // What is being moved needs its room at both ends.
    if (claim.move_to && *claim.move_to != claim.host) hosts.push_back(*claim.move_to);
    return hosts;
  }
  if (!hosts.empty()) return hosts;
  // What is frozen with its host keeps its room there.
  if (const auto home = home_of(view, resource); home && home->frozen) hosts.push_back(home->host);
  for (const auto& [host, status] : view.status) {
    const auto& found = status.value.found;
    if (std::find(found.begin(), found.end(), resource) == found.end()) continue;
    if (holds_member_key(view, host, status.value.incarnation)) hosts.push_back(host);
  }
  return hosts;
}

Placement book_view(const View& view) {
  const Spec& spec = *view.spec();
  std::vector<HostView> hosts;
  hosts.reserve(spec.hosts.size());
  for (const auto& host : spec.hosts)
    hosts.push_back({host.name, placing_refusal(view, host), others_on(view, host.name)});
  Placement placement(view.shared_roster(), hosts);
  for (const auto& resource : spec.resources)
    for (const auto& host : bookings_of(view, resource.name)) placement.book(resource.name, host);
  return placement;
}

std::string missing_report(const View& view, const ResourceName& resource) {
  const Revision basis = report_basis(view);
  // A host that left the file cannot report any more.
  const auto claim = view.claims.find(resource);
  if (claim != view.claims.end()) {
    const ClaimRecord& last = claim->second.value;
    if (view.roster().host(last.host) == nullptr && !proved_dead(view, last.host, last.incarnation))
      return "it was left on " + last.host.str() + ", which is not in the file any more and not proved dead";
    // A later boot of that name cannot speak for the one that it was left to.
    const auto report = view.status.find(last.host);
    const bool another = report != view.status.end() && report->second.value.incarnation != last.incarnation;
    const auto gone = view.away.find(last.host);
    const bool off = gone != view.away.end() && gone->second.value.kind == AwayKind::down;
    if (may_still_run(view, resource) && (another || off))
      return "it was left to a boot of " + last.host.str() + " that is not proved dead";
  }
  for (const auto& host : view.spec()->hosts) {
    const auto status = view.status.find(host.name);
    const MemberRecord* member = member_of(view, host.name);
    if (status == view.status.end()) {
      if (!proved_dead(view, host.name, kNeverJoined))
        return host.name.str() + " has never joined, so nobody knows whether it runs there";
      continue;
    }
    const StatusRecord& report = status->second.value;
    if (proved_dead(view, host.name, report.incarnation)) continue;
    if (member != nullptr && report.incarnation == member->incarnation && report.spec >= basis && report.hypervisor)
      continue;
    const auto away = view.away.find(host.name);
    const bool left = away != view.away.end() && away->second.value.kind == AwayKind::down &&
                      away->second.value.incarnation == report.incarnation;
    if (left) continue;
    return host.name.str() + " has not reported yet what runs there";
  }
  return "";
}

}  // namespace haven

// Who may take resources, and who already has which.
#include <algorithm>

#include "core/liveness/quarantine.hpp"
#include "core/recovery/home.hpp"
#include "core/recovery/lifecycle.hpp"
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
  return false;
}

std::string absence(const View& view, const HostName& host) {
  const auto status = view.status.find(host);
  if (status == view.status.end()) return "has never joined";
  const Incarnation& last = status->second.value.incarnation;
  if (proved_dead(view, host, last)) return "is down, proved";
  if (view.fences.contains({host, last})) return "is being fenced";
  const auto away = view.away.find(host);
  if (away != view.away.end() && away->second.value.incarnation == last) return "is away, as planned";
  return "has lost its lease";
}

}  // namespace

std::string host_refusal(const View& view, const Host& host) {
  const MemberRecord* member = member_of(view, host.name);
  if (member == nullptr) return absence(view, host.name);
  for (const auto& path : {path::member(host.name), path::status(host.name), path::machine(host.name)})
    if (view.unreadable(path)) return "its record " + path + " cannot be read";
  if (view.fences.contains({host.name, member->incarnation})) return "is being fenced";
  const auto away = view.away.find(host.name);
  if (away != view.away.end() && away->second.value.incarnation == member->incarnation) return "is leaving, as planned";
  if (older_boot_open(view, host.name, member->incarnation)) return "its last boot is not proved dead yet";
  const auto status = view.status.find(host.name);
  if (status != view.status.end() && !status->second.value.hypervisor) return "its libvirt does not answer";
  return quarantine_refusal(view, host.name);
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

std::vector<Refusal> path_refusals(const View& view, const ResourceName& resource) {
  std::vector<Refusal> refusals = storage_refusals(view, resource);
  for (auto& refusal : uplink_refusals(view, resource)) refusals.push_back(std::move(refusal));
  return refusals;
}

Placement book_view(const View& view) {
  const Spec& spec = *view.spec();
  std::vector<HostView> hosts;
  hosts.reserve(spec.hosts.size());
  for (const auto& host : spec.hosts) {
    std::string refusal = host_refusal(view, host);
    if (refusal.empty() && frozen_host(view, host.name)) refusal = "is frozen";
    hosts.push_back({host.name, std::move(refusal)});
  }
  Placement placement(spec, hosts);
  for (const auto& [resource, claim] : view.claims) {
    if (spec.resource(resource) == nullptr) continue;
    if (claim_closed(view, resource)) {
      // What is frozen with its host keeps its room there.
      if (const auto home = home_of(view, resource); home && home->frozen) placement.book(resource, home->host);
      continue;
    }
    placement.book(resource, claim.value.host);
    // What is being moved needs its room at both ends.
    if (claim.value.move_to && *claim.value.move_to != claim.value.host) placement.book(resource, *claim.value.move_to);
  }
  for (const auto& [host, status] : view.status) {
    const MemberRecord* member = member_of(view, host);
    if (member == nullptr || member->incarnation != status.value.incarnation) continue;
    for (const auto& resource : status.value.found)
      if (spec.resource(resource) != nullptr && claim_closed(view, resource)) placement.book(resource, host);
  }
  return placement;
}

std::string missing_report(const View& view, const ResourceName& resource) {
  const Revision basis = report_basis(view);
  // A host that left the file cannot report any more.
  const auto claim = view.claims.find(resource);
  if (claim != view.claims.end()) {
    const ClaimRecord& last = claim->second.value;
    if (view.spec()->host(last.host) == nullptr && !proved_dead(view, last.host, last.incarnation))
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

#include "core/liveness/storage_loss.hpp"

#include <algorithm>
#include <vector>

#include "core/placement/roster.hpp"
#include "core/recovery/lifecycle.hpp"

namespace haven {
namespace {

std::vector<ResourceName> claimed_by(const View& view, const HostName& host, const Incarnation& incarnation) {
  std::vector<ResourceName> names;
  for (const auto& [name, claim] : view.claims)
    if (claim.value.host == host && claim.value.incarnation == incarnation && !claim_closed(view, name))
      names.push_back(name);
  return names;
}

// The list of the boot that holds the member key; nullptr: nobody is there, or it has not reported.
const std::vector<ResourceName>* reported(const View& view, const HostName& host) {
  const MemberRecord* member = member_of(view, host);
  const auto status = view.status.find(host);
  if (member == nullptr || status == view.status.end() || status->second.value.incarnation != member->incarnation)
    return nullptr;
  return &status->second.value.storage_lost;
}

bool lists(const std::vector<ResourceName>& names, const ResourceName& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool runs_elsewhere(const View& view, Placement& placement, const ResourceName& name, const HostName& host) {
  const Resource* resource = view.roster().resource(name);
  if (resource == nullptr || desired_state(view, *resource) != DesiredState::started) return false;
  std::vector<Refusal> avoid = storage_refusals(view, name);
  avoid.push_back({host, "its storage path is gone"});
  return placement.choose(name, avoid, Occasion::recovery).host.has_value();
}

// Something that this boot of the host has claimed is out of its reach.
bool storage_lost(const View& view, const HostName& host) {
  const auto* lost = reported(view, host);
  if (lost == nullptr || lost->empty()) return false;
  const auto claimed = claimed_by(view, host, member_of(view, host)->incarnation);
  return std::any_of(claimed.begin(), claimed.end(), [&](const ResourceName& name) { return lists(*lost, name); });
}

}  // namespace

std::string storage_charge(const View& view, const HostName& host) {
  if (!storage_lost(view, host)) return "";
  const auto& lost = *reported(view, host);
  const auto claimed = claimed_by(view, host, member_of(view, host)->incarnation);
  const bool all = std::all_of(claimed.begin(), claimed.end(), [&](const auto& name) { return lists(lost, name); });
  if (!all) return "";
  const auto& hosts = view.spec()->hosts;
  const auto ill =
      std::count_if(hosts.begin(), hosts.end(), [&](const Host& other) { return storage_lost(view, other.name); });
  if (ill > std::max(1, view.spec()->cluster.reserve)) return "";
  Placement placement = book_view(view);
  for (const auto& name : claimed) placement.release(name, host);
  for (const auto& name : claimed)
    if (runs_elsewhere(view, placement, name, host))
      return "it cannot read the disk of " + name.str() + ", which another host reads";
  return "";
}

}  // namespace haven

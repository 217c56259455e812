#include "core/liveness/hypervisors.hpp"

#include <algorithm>

#include "core/mutation.hpp"

namespace haven {
namespace {

bool kept_away_by(const StatusRecord& status, const HostBoot& boot, Revision fence) {
  return std::any_of(status.kept_away.begin(), status.kept_away.end(), [&](const KeptAway& kept) {
    return kept.host == boot.first && kept.incarnation == boot.second && kept.fence == fence;
  });
}

// This physical host cannot hold the boot's domain any more.
bool is_clear(const View& view, const HostName& hypervisor, const HostBoot& boot, Revision fence) {
  if (view.unreadable(path::status(hypervisor)) || view.unreadable(path::member(hypervisor))) return false;
  const auto status = view.status.find(hypervisor);
  if (status == view.status.end()) return proved_dead(view, hypervisor, kNeverJoined);
  const MemberRecord* member = member_of(view, hypervisor);
  if (member == nullptr) return proved_dead(view, hypervisor, status->second.value.incarnation);
  return status->second.value.incarnation == member->incarnation && kept_away_by(status->second.value, boot, fence);
}

}  // namespace

std::string domain_uuid(const View& view, const HostName& host) {
  const auto machine = view.machines.find(host);
  return machine == view.machines.end() ? std::string() : machine->second.value.domain;
}

std::vector<HostName> may_hold(const View& view, const HostBoot& boot) {
  std::vector<HostName> found;
  const Host* virtual_host = view.spec()->host(boot.first);
  const Revision fence = view.mod_of(path::fence(boot.first, boot.second));
  for (const auto& host : view.spec()->hosts) {
    if (!host.runs_on.empty()) continue;
    if (mutation::named_hypervisor_only && virtual_host != nullptr && host.name.str() != virtual_host->runs_on)
      continue;
    if (!is_clear(view, host.name, boot, fence)) found.push_back(host.name);
  }
  return found;
}

bool domain_gone(const View& view, const HostBoot& boot) {
  return !domain_uuid(view, boot.first).empty() && may_hold(view, boot).empty();
}

// One for each: its report names its boot, and a proof outlives the report that names it.
std::vector<Check> destruction_checks(const View& view) {
  std::vector<Check> checks;
  for (const auto& host : view.spec()->hosts)
    if (host.runs_on.empty()) checks.push_back({path::status(host.name), view.mod_of(path::status(host.name))});
  return checks;
}

std::optional<std::string> reported_domain(const View& view, const HostName& host) {
  std::optional<std::string> found;
  if (member_of(view, host) == nullptr) return std::nullopt;
  for (const auto& [name, status] : view.status) {
    if (!holds_member_key(view, name, status.value.incarnation)) continue;
    for (const auto& held : status.value.holds) {
      if (held.host != host || held.uuid == found) continue;
      if (found) return std::nullopt;
      found = held.uuid;
    }
  }
  return found;
}

}  // namespace haven

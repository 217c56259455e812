#include "core/recovery/uplink.hpp"

#include <algorithm>

namespace haven {

bool uplink_lost(const View& view, const HostName& host, const ResourceName& resource) {
  const MemberRecord* member = member_of(view, host);
  const auto status = view.status.find(host);
  if (member == nullptr || status == view.status.end()) return false;
  const StatusRecord& report = status->second.value;
  return report.incarnation == member->incarnation &&
         std::find(report.uplink_lost.begin(), report.uplink_lost.end(), resource) != report.uplink_lost.end();
}

bool any_uplink_lost(const View& view) {
  return std::any_of(view.status.begin(), view.status.end(),
                     [](const auto& status) { return !status.second.value.uplink_lost.empty(); });
}

std::vector<Refusal> uplink_refusals(const View& view, const ResourceName& resource) {
  std::vector<Refusal> refusals;
  for (const auto& [host, member] : view.members)
    if (uplink_lost(view, host, resource)) refusals.push_back({host, "its network has no uplink there"});
  if (refusals.size() == view.members.size()) return {};
  return refusals;
}

}  // namespace haven

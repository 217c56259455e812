#include "core/liveness/blast.hpp"

#include <algorithm>

#include "core/liveness/fencing.hpp"
#include "core/liveness/silence.hpp"
#include "core/mutation.hpp"

namespace haven {
namespace {

bool same_device(const FenceDevice& a, const FenceDevice& b) { return a.agent == b.agent && a.options == b.options; }

bool names(const std::vector<HostName>& list, const HostName& host) {
  return std::find(list.begin(), list.end(), host) != list.end();
}

std::vector<FenceDevice> devices_at(const Host& host, int level) {
  std::vector<FenceDevice> devices;
  for (const auto& device : host.fence)
    if (device.level == level) devices.push_back(device);
  return devices;
}

bool among(const std::vector<FenceDevice>& devices, const FenceDevice& wanted) {
  return std::any_of(devices.begin(), devices.end(), [&](const auto& d) { return same_device(d, wanted); });
}

bool lives(const View& view, const HostName& host) {
  if (const MemberRecord* member = member_of(view, host)) return !proved_dead(view, host, member->incarnation);
  // Its lease is gone, and somebody hears it: it lives, and does not reach the engine (S3).
  const auto status = view.status.find(host);
  if (status == view.status.end()) return false;
  const Incarnation& last = status->second.value.incarnation;
  return !proved_dead(view, host, last) && heard_by_anybody(view, host, last);
}

bool has_foreign_device(const View& view, const Host& host, int level) {
  const auto known = view.devices.find(host.name);
  if (known == view.devices.end()) return false;
  const auto devices = devices_at(host, level);
  return std::any_of(devices.begin(), devices.end(), [&](const FenceDevice& device) {
    return std::any_of(known->second.value.devices.begin(), known->second.value.devices.end(),
                       [&](const ProbedDevice& p) { return p.foreign && p.device == device_id(device); });
  });
}

// All devices of one of its levels are among these.
bool owns_only(const Host& host, const std::vector<FenceDevice>& devices) {
  const auto levels = levels_of(host);
  return std::any_of(levels.begin(), levels.end(), [&](int level) {
    const auto own = devices_at(host, level);
    return std::all_of(own.begin(), own.end(), [&](const FenceDevice& device) { return among(devices, device); });
  });
}

bool cut_by_all(const Host& host, const std::vector<FenceDevice>& devices) {
  const bool lists_one = std::any_of(host.fence.begin(), host.fence.end(),
                                     [&](const FenceDevice& device) { return among(devices, device); });
  return !lists_one && !devices.empty() && std::all_of(devices.begin(), devices.end(), [&](const FenceDevice& device) {
    return names(device.cuts, host.name);
  });
}

}  // namespace

std::vector<HostName> machines_under(const View& view, const Host& host) {
  if (host.runs_on.empty()) return {host.name};
  std::vector<HostName> now, last;
  for (const auto& [name, status] : view.status) {
    const auto& held = status.value.holds;
    if (std::none_of(held.begin(), held.end(), [&](const HeldHost& h) { return h.host == host.name; })) continue;
    const bool registered = holds_member_key(view, name, status.value.incarnation);
    if (registered || !proved_dead(view, name, status.value.incarnation)) (registered ? now : last).push_back(name);
  }
  if (!now.empty()) return now;
  if (last.empty()) last.emplace_back(host.runs_on);
  return last;
}

std::vector<HostName> inside(const View& view, const Host& host, int level) {
  std::vector<HostName> machines{host.name};
  for (const auto& device : devices_at(host, level))
    for (const auto& cut : device.cuts)
      if (!names(machines, cut)) machines.push_back(cut);
  std::vector<HostName> found;
  for (const auto& other : view.spec()->hosts) {
    const auto under = machines_under(view, other);
    const bool goes_along = names(machines, other.name) ||
                            std::any_of(under.begin(), under.end(), [&](const auto& m) { return names(machines, m); });
    if (other.name != host.name && goes_along) found.push_back(other.name);
  }
  return found;
}

std::vector<HostName> living_inside(const View& view, const Host& host, int level) {
  auto living = inside(view, host, level);
  if (mutation::blind_blast) return {};
  std::erase_if(living, [&](const HostName& other) { return !lives(view, other); });
  return living;
}

std::set<int> blocked_levels(const View& view, const Host& host) {
  std::set<int> blocked;
  for (const int level : levels_of(host))
    if (!living_inside(view, host, level).empty() || has_foreign_device(view, host, level)) blocked.insert(level);
  return blocked;
}

bool cannot_be_switched(const View& view, const Host& host) {
  return !host.fence.empty() && blocked_levels(view, host).size() == levels_of(host).size();
}

std::vector<HostName> off_together(const Spec& spec, const Host& host, int level) {
  const auto devices = devices_at(host, level);
  std::vector<HostName> found;
  for (const auto& other : spec.hosts)
    if (other.name != host.name && (owns_only(other, devices) || cut_by_all(other, devices)))
      found.push_back(other.name);
  return found;
}

}  // namespace haven

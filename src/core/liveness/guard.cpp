#include "core/liveness/guard.hpp"

#include <algorithm>

#include "core/liveness/hypervisors.hpp"

namespace haven {
namespace {

// Accused, and neither proved nor withdrawn.
bool is_open(const FenceRecord& fence) { return fence.state != FenceState::proved; }

bool is_guarded(const View& view, const HostBoot& boot) {
  const Host* host = view.spec()->host(boot.first);
  return host != nullptr && fenced_on_hypervisors(*view.spec(), *host);
}

// The virtual host whose domain this uuid is; nullptr: nobody's.
const Host* host_of(const View& view, const std::string& uuid) {
  if (view.spec() == nullptr || uuid.empty()) return nullptr;
  for (const auto& host : view.spec()->hosts) {
    if (host.runs_on.empty()) continue;
    if (domain_uuid(view, host.name) == uuid) return &host;
    const MemberRecord* member = member_of(view, host.name);
    if (member != nullptr && (member->machine.firmware_uuid == uuid || member->machine.dmi_uuid == uuid)) return &host;
  }
  return nullptr;
}

// What an inspection may not have seen yet has shown by then.
Instant shown_from(const Guard& guard, const std::string& uuid) {
  Instant from = guard.began ? *guard.began + kAllowedStartAppears : kNever;
  const auto allowed = guard.allowed.find(uuid);
  if (allowed != guard.allowed.end()) from = std::max(from, allowed->second + kAllowedStartAppears);
  return from;
}

}  // namespace

void observe_accused(Guard& guard, const View& view, const HostName& self, Moment& moment, Instant now) {
  if (!guard.began) guard.began = now;
  if (view.spec() == nullptr) return;
  const Host* own = view.spec()->host(self);
  const bool hypervisor = own != nullptr && own->runs_on.empty();
  std::erase_if(guard.boots, [&](const auto& entry) {
    const auto fence = view.fences.find(entry.first);
    return !hypervisor || fence == view.fences.end() || !is_open(fence->second.value) || !is_guarded(view, entry.first);
  });
  if (!hypervisor) return;
  for (const auto& [boot, fence] : view.fences) {
    if (!is_open(fence.value) || !is_guarded(view, boot)) continue;
    GuardedBoot& guarded = guard.boots[boot];
    if (guarded.fence == fence.mod) continue;
    guarded.fence = fence.mod;
    guarded.touched = ++moment;
    guarded.end_sent.reset();
    guarded.kill_sent.reset();
    guarded.end_refused = false;
  }
}

void observe_others(Guard& guard, const std::vector<std::string>& others) {
  guard.others = {others.begin(), others.end()};
  // What was allowed and is here has shown: from now on an end ends it.
  std::erase_if(guard.allowed, [&](const auto& entry) { return guard.others.contains(entry.first); });
}

void observe_allowed(Guard& guard, const View& view, const std::string& uuid, Instant now) {
  if (host_of(view, uuid) != nullptr) guard.allowed[uuid] = now;
}

void observe_end_issued(Guard& guard, const EndVirtualHost& end, Moment& moment, Instant now) {
  for (auto& [boot, guarded] : guard.boots) {
    if (boot.first != end.host) continue;
    guarded.touched = ++moment;
    (end.by_pid ? guarded.kill_sent : guarded.end_sent) = now;
  }
}

void observe_end_done(Guard& guard, const EndVirtualHost& end, CallResult result, Moment& moment) {
  for (auto& [boot, guarded] : guard.boots) {
    if (boot.first != end.host) continue;
    guarded.touched = ++moment;
    if (!end.by_pid) guarded.end_refused = result != CallResult::done;
  }
}

Moment guard_touched(const Guard& guard) {
  Moment touched = 0;
  for (const auto& [boot, guarded] : guard.boots) touched = std::max(touched, guarded.touched);
  return touched;
}

bool may_appear(const Guard& guard, Pass& pass) {
  return std::any_of(guard.allowed.begin(), guard.allowed.end(),
                     [&](const auto& entry) { return !pass.due(entry.second + kAllowedStartAppears); });
}

std::string guard_refusal(const View& view, const std::string& uuid, bool has_room) {
  const Host* host = host_of(view, uuid);
  if (host == nullptr) return "";
  for (const auto& [boot, fence] : view.fences)
    if (boot.first == host->name && is_open(fence.value) && is_guarded(view, boot))
      return host->name.str() + " is being fenced: its domain neither starts nor moves until that has ended";
  if (!has_room)
    return "this machine is out of touch and may have to reset itself to keep its promise (P3), " + host->name.str() +
           " with it: once it is in touch again, or on another machine";
  return "";
}

std::vector<std::string> guarded_uuids(const View& view) {
  std::set<std::string> uuids;
  for (const auto& [boot, fence] : view.fences)
    if (is_open(fence.value) && is_guarded(view, boot))
      if (const std::string uuid = domain_uuid(view, boot.first); !uuid.empty()) uuids.insert(uuid);
  return {uuids.begin(), uuids.end()};
}

std::vector<HeldHost> held_hosts(const Guard& guard, const View& view) {
  std::vector<HeldHost> held;
  for (const auto& uuid : guard.others)
    if (const Host* host = host_of(view, uuid)) held.push_back({host->name, uuid});
  std::sort(held.begin(), held.end(), [](const auto& a, const auto& b) { return a.host < b.host; });
  return held;
}

std::vector<KeptAway> kept_away(const Guard& guard, const View& view, Moment inspected, Instant now) {
  std::vector<KeptAway> kept;
  for (const auto& [boot, guarded] : guard.boots) {
    const std::string uuid = domain_uuid(view, boot.first);
    const auto fence = view.fences.find(boot);
    const bool shot = fence != view.fences.end() && fence->second.value.state == FenceState::shooting;
    if (!shot || uuid.empty() || guard.others.contains(uuid)) continue;
    if (inspected < guarded.touched || now < shown_from(guard, uuid)) continue;
    kept.push_back({boot.first, boot.second, guarded.fence});
  }
  return kept;
}

void keep_guard(const Guard& guard, const View& view, Moment inspected, Pass& pass) {
  for (const auto& [boot, guarded] : guard.boots) {
    const std::string uuid = domain_uuid(view, boot.first);
    const auto fence = view.fences.find(boot);
    if (uuid.empty() || fence == view.fences.end() || fence->second.value.state != FenceState::shooting) continue;
    (void)pass.due(shown_from(guard, uuid));  // the report changes then
    if (inspected < guarded.touched || !guard.others.contains(uuid)) continue;
    if (!guarded.end_sent) {
      pass.act(EndVirtualHost{boot.first, uuid, false, kEndTimeout});
    } else if (guarded.end_refused || pass.due(*guarded.end_sent + kEndTimeout)) {
      if (!guarded.kill_sent || pass.due(*guarded.kill_sent + kEndTimeout))
        pass.act(EndVirtualHost{boot.first, uuid, true, kEndTimeout});
    }
  }
}

}  // namespace haven

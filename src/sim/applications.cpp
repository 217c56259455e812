#include "sim/applications.hpp"

#include <algorithm>

namespace haven::sim {
namespace {

// Shares of one processor, percent.
constexpr int kIdleShare = 2, kBusyNow = 90;
constexpr MiB kLeft{512}, kLeaked{4};

}  // namespace

void Applications::hurt(const HurtApp& deed, const HostName& host) {
  if (deed.fault == AppFault::heal) {
    hurts_.erase(deed.resource);
  } else {
    hurts_[deed.resource] = {deed.fault, deed.mended_by, host};
  }
}

void Applications::mend(const ResourceName& resource, Remedy remedy) {
  const auto found = hurts_.find(resource);
  if (found == hurts_.end() || !found->second.mended_by || *found->second.mended_by > remedy) return;
  // What is damaged on the disk is so wherever the guest starts.
  if (found->second.fault == AppFault::damage && remedy != Remedy::command) return;
  hurts_.erase(found);
}

void Applications::starts(const ResourceName& resource, const HostName& host, Instant now) {
  work_[resource] = {now, {}, now};
  const auto found = hurts_.find(resource);
  if (found == hurts_.end()) return;
  mend(resource, found->second.host == host ? Remedy::restart : Remedy::failover);
}

GuestPulse Applications::counted(const ResourceName& resource, GuestTruth truth, Instant now) {
  Work& work = work_[resource];
  const auto found = hurts_.find(resource);
  const AppFault* fault = found == hurts_.end() ? nullptr : &found->second.fault;
  const bool stalled = fault != nullptr && *fault == AppFault::stall;
  const int share = fault != nullptr && *fault == AppFault::slow ? kBusyNow : kIdleShare;
  if (!truth.hung) {
    work.pulse.cpu += std::max(Duration::zero(), now - work.counted) * share / 100;
    if (!stalled && share == kBusyNow) ++work.pulse.requests;
  }
  work.counted = now;
  work.pulse.pending = stalled || truth.hung;
  work.pulse.available = fault != nullptr && *fault == AppFault::leak ? kLeaked : kLeft;
  return work.pulse;
}

CheckAnswer Applications::check(const ResourceName& resource, const GuestCheck& check, GuestTruth truth, Instant now) {
  if (!truth.runs) return {false, true, "the guest does not run"};
  CheckAnswer answer{true, false, {}, counted(resource, truth, now)};
  const auto found = hurts_.find(resource);
  const AppFault* fault = found == hurts_.end() ? nullptr : &found->second.fault;
  const bool mute = truth.hung || (by_network(check.kind) && !truth.uplink) ||
                    (fault != nullptr && *fault == AppFault::slow && check.kind != CheckKind::disk_io);
  const bool booting = now - work_[resource].began < kAppUp;
  const bool broken = fault != nullptr && (*fault == AppFault::fail || *fault == AppFault::damage);
  if (mute) {
    answer = {false, true, "no answer in time", answer.pulse};
    if (truth.hung) answer.pulse->available.reset();
  } else if (booting || (broken && check.kind != CheckKind::guest_agent)) {
    answer.passed = false;
    answer.said = booting ? "refused" : "it fails";
  }
  return answer;
}

Applications::Treated Applications::treat(const TreatGuest& treat, bool verifies, GuestTruth truth, Instant now) {
  const bool up = truth.runs && !truth.hung && now - work_[treat.resource].began >= kAppUp;
  if (!up) return {CallResult::unknown, "its agent does not answer"};
  const auto found = hurts_.find(treat.resource);
  const bool damaged = found != hurts_.end() && found->second.fault == AppFault::damage;
  if (treat.calls_up && verifies && damaged) return {CallResult::failed, "exit status 1: it is damaged"};
  mend(treat.resource, treat.calls_up ? Remedy::application : Remedy::command);
  return {};
}

}  // namespace haven::sim

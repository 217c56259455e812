// The simulated libvirt's part in live migrations: both ends are one of these.
#include "sim/hypervisor.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace haven::sim {

using port::CallResult;
using port::DomainState;
using port::LifecycleKind;

namespace {

// How often a destination makes sure that its source is still there.
constexpr Duration kStillSent = 5s;
// What a guest is taken to have: nobody decides by it.
constexpr std::uint64_t kSentBytes = std::uint64_t{1} << 30U;

}  // namespace

void HypervisorState::carry_out_migrate(CallId id, const Call& call, Instant at) {
  Guest* guest = find(call.uuid);
  if (guest == nullptr || guest->pid == 0)
    return answer(id, CallResult::failed, "libvirt has no active domain " + call.uuid);
  if (!guest->to.empty() || guest->incoming) return answer(id, CallResult::failed, "it is being migrated already");
  guest->to = call.xml;
  guest->sent_by = id;
  bool in = false;
  const port::Domain domain = guest->domain;
  const bool reached =
      world_.reach && world_.reach(call.xml, [&](HypervisorState& other) { in = other.let_in(domain, at); });
  guest = find(call.uuid);
  if (guest == nullptr) return;
  if (!reached || !in)
    return stay(*guest, reached ? "the destination refuses it" : "the destination does not answer", at);
  guest->domain.migrating = true;
  guest->sent_since = at;
  if (connected_) outcome_.events.emplace_back(port::Sending{.uuid = call.uuid});
  put(at + times_.migrate, {Due::switched, id, call.uuid, guest->life, {}});
  put(at + port::kSendingTold, {Due::sending, id, call.uuid, guest->life, {}});
}

void HypervisorState::tell_sending(const Item& item, Instant at) {
  const Duration elapsed = at - find(item.uuid)->sent_since;
  const double part = std::min(1.0, static_cast<double>(elapsed.count()) / static_cast<double>(times_.migrate.count()));
  const auto sent = static_cast<std::uint64_t>(part * static_cast<double>(kSentBytes));
  if (connected_)
    outcome_.events.emplace_back(port::Sending{item.uuid, kSentBytes, kSentBytes - sent, sent,
                                               sent * 1'000'000'000U / static_cast<std::uint64_t>(elapsed.count()), 0,
                                               1, elapsed});
  put(at + port::kSendingTold, item);
}

// The guest stops here, the rest goes over, the other side says that it has all, and it ends here.
void HypervisorState::switch_over(const std::string& uuid, Instant at) {
  Guest* guest = find(uuid);
  const std::string to = guest->to;
  const CallId call = guest->sent_by;
  bool arrived = false;
  const bool broken = fails(Verb::migrate, uuid);
  const bool reached = !broken && world_.reach &&
                       world_.reach(to, [&](HypervisorState& other) { arrived = other.has_arrived(uuid, at); });
  guest = find(uuid);
  if (!reached || !arrived)
    return stay(*guest, broken ? "the simulation breaks this migration" : "the connection broke", at);
  if (fails(Verb::resume, uuid)) {
    guest->to.clear();
    guest->domain.migrating = false;
    (void)world_.reach(to, [&](HypervisorState& other) { other.outrun(uuid); });
    return answer(call, CallResult::failed, "the destination's last word was lost");
  }
  end(uuid, LifecycleKind::migrated, ProcessChange::Why::migrated, at);
  answer(call, CallResult::done);
}

void HypervisorState::stay(Guest& guest, const std::string& why, Instant at) {
  const std::string uuid = guest.domain.uuid;
  const std::string to = std::exchange(guest.to, {});
  guest.domain.migrating = false;
  if (world_.reach) (void)world_.reach(to, [&](HypervisorState& other) { other.drop(uuid, at); });
  answer(guest.sent_by, CallResult::failed, why);
}

bool HypervisorState::let_in(const port::Domain& domain, Instant now) {
  const bool name_taken =
      std::ranges::any_of(guests_, [&](const auto& other) { return other.second.domain.name == domain.name; });
  if (libvirt_ != Libvirt::alive || name_taken) return false;
  const bool refused = world_.hook && !world_.hook(domain.uuid, true, domain.linked == false);
  if (refused || !may_start(domain)) return false;
  Guest& guest = guests_[domain.uuid] = {domain, ++last_pid_, ++last_life_, true, true, false, {}, {}};
  guest.domain.state = DomainState::in_migration;
  guest.domain.migrating = false;
  change(now, guest, ProcessChange::Kind::comes_in, ProcessChange::Why::started);
  tell({domain.uuid, domain.name, LifecycleKind::paused});
  put(now + kStillSent, {Due::still_sent, {}, domain.uuid, guest.life, {}});
  return true;
}

void HypervisorState::look_for_source(const Item& item, Instant at) {
  if (find(item.uuid)->domain.state != DomainState::in_migration) return;
  if (!world_.is_sent_here || world_.is_sent_here(item.uuid)) return put(at + kStillSent, item);
  drop(item.uuid, at);
}

// libvirtd is gone: what it sent stays.
void HypervisorState::break_migrations(Instant now) {
  for (auto& [uuid, guest] : guests_)
    if (!guest.to.empty()) stay(guest, "libvirtd closed the connection", now);
  // What was coming in does not survive the libvirtd that let it in.
  std::vector<std::string> incoming;
  for (const auto& [uuid, guest] : guests_)
    if (guest.incoming && guest.domain.state == DomainState::in_migration) incoming.push_back(uuid);
  for (const auto& uuid : incoming) end(uuid, LifecycleKind::failed, ProcessChange::Why::crashed, now);
}

bool HypervisorState::has_arrived(const std::string& uuid, Instant) {
  Guest* guest = find(uuid);
  if (libvirt_ != Libvirt::alive || guest == nullptr || !guest->incoming) return false;
  guest->domain.state = DomainState::paused;
  tell({uuid, guest->domain.name, LifecycleKind::paused});
  return true;
}

void HypervisorState::drop(const std::string& uuid, Instant now) {
  const Guest* guest = find(uuid);
  if (guest == nullptr || !guest->incoming || guest->domain.state != DomainState::in_migration) return;
  if (libvirt_ == Libvirt::alive) end(uuid, LifecycleKind::failed, ProcessChange::Why::crashed, now);
}

void HypervisorState::outrun(const std::string& uuid) {
  if (Guest* guest = find(uuid); guest != nullptr && guest->incoming) guest->stale = true;
}

bool HypervisorState::is_sending(const std::string& uuid, const std::string& to) const {
  const auto found = guests_.find(uuid);
  return libvirt_ == Libvirt::alive && found != guests_.end() && found->second.to == to;
}

}  // namespace haven::sim

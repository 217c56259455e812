#include "sim/hypervisor.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace haven::sim {
namespace {

using port::CallResult;
using port::DomainState;
using port::LifecycleKind;

std::string text_of(std::string_view xml, const std::string& element) {
  const std::string open = "<" + element + ">";
  const auto begin = xml.find(open);
  const auto end = xml.find("</" + element + ">");
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin + open.size()) return {};
  return std::string(xml.substr(begin + open.size(), end - begin - open.size()));
}

// Without a uuid: the XML is broken.
port::Domain read_domain(const std::string& xml) {
  port::Domain domain{text_of(xml, "uuid"), text_of(xml, "name"), port::Driver::qemu, DomainState::running};
  if (xml.find("</domain>") == std::string::npos || domain.name.empty()) domain.uuid.clear();
  domain.linked = xml.find("<link state='down'/>") == std::string::npos;
  if (xml.find("type='lxc'") != std::string::npos) domain.driver = port::Driver::lxc;
  return domain;
}

}  // namespace

void HypervisorState::start(CallId call, const std::string& xml, Duration timeout, Instant now) {
  order(Verb::start, call, read_domain(xml).uuid, xml, timeout, now);
}
void HypervisorState::shutdown(CallId call, const std::string& uuid, Duration timeout, Instant now) {
  order(Verb::shutdown, call, uuid, {}, timeout, now);
}
void HypervisorState::destroy(CallId call, const std::string& uuid, Duration timeout, Instant now) {
  order(Verb::destroy, call, uuid, {}, timeout, now);
}
void HypervisorState::resume(CallId call, const std::string& uuid, Duration timeout, Instant now) {
  order(Verb::resume, call, uuid, {}, timeout, now);
}
void HypervisorState::migrate(CallId call, const std::string& uuid, const std::string& to, Duration timeout,
                              Instant now) {
  order(Verb::migrate, call, uuid, to, timeout, now);
}
void HypervisorState::abort_migration(CallId call, const std::string& uuid, Duration timeout, Instant now) {
  order(Verb::abort, call, uuid, {}, timeout, now);
}
void HypervisorState::cap(CallId call, const std::string& uuid, std::optional<MilliCpu> cap, Duration timeout,
                          Instant now) {
  order(Verb::cap, call, uuid, {}, timeout, now);
  calls_[call].cap = cap;
}
void HypervisorState::set_links(CallId call, const std::string& uuid, bool up, Duration timeout, Instant now) {
  order(Verb::links, call, uuid, {}, timeout, now);
  calls_[call].up = up;
}
void HypervisorState::inspect(CallId call, Duration timeout, Instant now, const std::vector<std::string>& links) {
  order(Verb::inspect, call, {}, {}, timeout, now);
  calls_[call].links = links;
}
void HypervisorState::kill(CallId call, const std::string& uuid, const std::string&, Duration timeout, Instant now) {
  calls_[call] = {Verb::kill, uuid, {}, true, true, {}};
  put(now + timeout, {Due::deadline, call, {}, 0, {}});
  const Guest* guest = find(uuid);
  if (fails(Verb::kill, uuid)) return;  // it hangs in the kernel: no answer but the deadline's
  // A start on its way has no process yet: nothing is ended, and it goes on.
  const auto life = guest != nullptr && guest->pid != 0 ? guest->life : 0;
  put(now + times_.kill, {Due::gone, call, uuid, life, LifecycleKind::failed});
}

void HypervisorState::order(Verb verb, CallId call, std::string uuid, std::string xml, Duration timeout, Instant now) {
  const Duration queued = verb == Verb::start ? times_.queued : Duration::zero();
  put(now + times_.call + queued, {Due::arrival, call, {}, 0, {}});
  put(now + timeout, {Due::deadline, call, {}, 0, {}});
  calls_[call] = {verb, std::move(uuid), std::move(xml), false, true, {now + timeout, last_item_}};
}

void HypervisorState::put(Instant at, Item item) { agenda_.emplace(std::pair{at, ++last_item_}, std::move(item)); }

Instant HypervisorState::next_due() const {
  if (!outcome_.events.empty() || !outcome_.changes.empty()) return Instant{};
  return agenda_.empty() ? kNever : agenda_.begin()->first.first;
}

HypervisorState::Outcome HypervisorState::advance(Instant now) {
  while (!agenda_.empty() && agenda_.begin()->first.first <= now) {
    const auto item = agenda_.extract(agenda_.begin());
    happen(item.key().first, item.mapped());
  }
  return std::exchange(outcome_, {});
}

void HypervisorState::happen(Instant at, const Item& item) {
  const bool of_libvirt = item.due == Due::appearance || item.due == Due::started || item.due == Due::destroyed ||
                          item.due == Due::switched || item.due == Due::still_sent || item.due == Due::sending;
  if (libvirt_ == Libvirt::hung && of_libvirt) {
    stalled_.push_back(item);
    return;
  }
  Guest* guest = find(item.uuid);
  const bool same_run = guest != nullptr && guest->life == item.life;
  switch (item.due) {
    case Due::arrival:
      carry_out(item.call, at);
      return;
    case Due::deadline:
      give_up(item.call);
      return;
    case Due::appearance:
      if (same_run) appear(*guest, at);
      return;
    case Due::switched:
      if (same_run && !guest->to.empty()) switch_over(item.uuid, at);
      return;
    case Due::still_sent:
      if (same_run) look_for_source(item, at);
      return;
    case Due::sending:
      if (same_run && !guest->to.empty() && guest->sent_by == item.call) tell_sending(item, at);
      return;
    case Due::started:
      answer(item.call, same_run ? CallResult::done : CallResult::failed, same_run ? "" : "it ended while it started");
      return;
    case Due::off:
      if (same_run && guest->obeys) end(item.uuid, LifecycleKind::powered_off, ProcessChange::Why::powered_off, at);
      return;
    case Due::destroyed:
    case Due::gone:
      if (same_run) end(item.uuid, item.kind, ProcessChange::Why::ended_by_order, at);
      answer(item.call, CallResult::done);
      return;
    case Due::keepalive:
      if (libvirt_ != Libvirt::hung || item.life != hang_ || !connected_) return;
      connected_ = false;
      untold_.clear();
      outcome_.events.emplace_back(port::ConnectionLost{"libvirtd does not answer"});
      return;
  }
}

void HypervisorState::carry_out(CallId id, Instant at) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  if (libvirt_ == Libvirt::down) {
    if (found->second.verb == Verb::inspect) return answer_inspect(id, false);
    return answer(id, CallResult::failed, "not sent: libvirtd is not there");
  }
  found->second.arrived = true;
  if (libvirt_ == Libvirt::hung) {
    held_.push_back(id);
    return;
  }
  const Call call = found->second;
  Guest* guest = find(call.uuid);
  switch (call.verb) {
    case Verb::start:
      return carry_out_start(id, call, at);
    case Verb::inspect:
      answer_inspect(id, true);
      return forget(id);
    case Verb::kill:
      return;
    case Verb::shutdown:
      if (guest == nullptr) return answer(id, CallResult::failed, "libvirt has no active domain " + call.uuid);
      if (fails(Verb::shutdown, call.uuid))
        return answer(id, CallResult::failed, "the simulation refuses this shutdown");
      put(at + times_.stop, {Due::off, id, call.uuid, guest->life, {}});
      return answer(id, CallResult::done);
    case Verb::resume:
      if (guest == nullptr) return answer(id, CallResult::failed, "libvirt has no active domain " + call.uuid);
      resume_guest(call.uuid, at);
      return answer(id, CallResult::done);
    case Verb::cap:
      if (guest == nullptr) return answer(id, CallResult::failed, "libvirt has no active domain " + call.uuid);
      guest->domain.cap = call.cap;
      return answer(id, CallResult::done);
    case Verb::links:
      if (guest == nullptr) return answer(id, CallResult::failed, "libvirt has no active domain " + call.uuid);
      if (!guest->to.empty() || guest->incoming)
        return answer(id, CallResult::failed, "it is being migrated: libvirt changes nothing of it meanwhile");
      guest->domain.linked = call.up;
      if (guest->pid != 0) change(at, *guest, ProcessChange::Kind::links, ProcessChange::Why::started);
      return answer(id, CallResult::done);
    case Verb::migrate:
      return carry_out_migrate(id, call, at);
    case Verb::abort:
      if (guest == nullptr || guest->to.empty()) return answer(id, CallResult::failed, "no migration is under way");
      stay(*guest, "the migration was called off", at);
      return answer(id, CallResult::done);
    case Verb::destroy:
      if (guest == nullptr) return answer(id, CallResult::done);
      if (fails(Verb::destroy, call.uuid)) return answer(id, CallResult::failed, "the simulation refuses this destroy");
      return put(at + times_.destroy, {Due::destroyed, id, call.uuid, guest->life, LifecycleKind::destroyed});
  }
}

// libvirt asks twice: `prepare`, then `start`.
bool HypervisorState::may_start(const port::Domain& domain) const {
  const bool unlinked = domain.linked == false;
  return !world_.hook || (world_.hook(domain.uuid, false, unlinked) && world_.hook(domain.uuid, false, unlinked));
}

void HypervisorState::carry_out_start(CallId id, const Call& call, Instant at) {
  const auto domain = read_domain(call.xml);
  if (domain.uuid.empty()) return answer(id, CallResult::failed, "domain XML: its name, uuid or end is missing");
  const bool name_taken =
      std::ranges::any_of(guests_, [&](const auto& other) { return other.second.domain.name == domain.name; });
  if (guests_.contains(domain.uuid) || name_taken)
    return answer(id, CallResult::failed, "domain " + domain.name + " is already active");
  if (!may_start(domain)) return answer(id, CallResult::failed, "the hook refused this start");
  if (fails(Verb::start, domain.uuid)) return answer(id, CallResult::failed, "the simulation refuses this start");
  const auto life = ++last_life_;
  guests_[domain.uuid] = {domain, 0, life, true, false, false, {}, {}};
  put(at + std::min(times_.appear, times_.start), {Due::appearance, id, domain.uuid, life, {}});
  put(at + times_.start, {Due::started, id, domain.uuid, life, {}});
}

void HypervisorState::give_up(CallId id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  if (!found->second.open) {
    calls_.erase(found);
    return;
  }
  if (found->second.verb == Verb::inspect) {
    answer_inspect(id, false);
  } else {
    answer(id, CallResult::unknown,
           found->second.verb == Verb::kill ? "its processes do not end" : "libvirt did not answer in time");
  }
  // What hangs may still be carried out, when libvirt goes on.
  if (std::ranges::find(held_, id) == held_.end()) calls_.erase(id);
}

// It is answered, and nothing else is to come of it.
void HypervisorState::forget(CallId id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  agenda_.erase(found->second.deadline);
  calls_.erase(found);
}

void HypervisorState::answer(CallId id, CallResult result, std::string message) {
  const auto found = calls_.find(id);
  if (found == calls_.end() || !std::exchange(found->second.open, false)) return;
  outcome_.events.push_back(port::CallDone{id, result, std::move(message)});
}

void HypervisorState::answer_inspect(CallId id, bool reached) {
  const auto found = calls_.find(id);
  if (found == calls_.end() || !std::exchange(found->second.open, false)) return;
  port::Inspected inspected{id, reached, {}, processes()};
  for (const auto& [uuid, guest] : guests_) {
    if (!reached) break;
    inspected.domains.push_back(guest.domain);
    if (std::ranges::find(found->second.links, uuid) == found->second.links.end())
      inspected.domains.back().linked.reset();
  }
  outcome_.events.push_back(std::move(inspected));
}

void HypervisorState::tell(port::Lifecycle event) {
  if (libvirt_ == Libvirt::alive) {
    outcome_.events.push_back(std::move(event));
  } else if (libvirt_ == Libvirt::hung && connected_) {
    untold_.push_back(std::move(event));
  }
}

void HypervisorState::change(Instant at, const Guest& guest, ProcessChange::Kind kind, ProcessChange::Why why) {
  outcome_.changes.push_back({at, guest.domain.uuid, guest.domain.name, kind, why, guest.stale});
}

void HypervisorState::appear(Guest& guest, Instant at) {
  guest.pid = ++last_pid_;
  change(at, guest, ProcessChange::Kind::runs, ProcessChange::Why::started);
  tell({guest.domain.uuid, guest.domain.name, LifecycleKind::started});
  if (storage_lost_) set_paused(guest, true, at);
}

void HypervisorState::end(const std::string& uuid, LifecycleKind kind, ProcessChange::Why why, Instant at) {
  const auto guest = guests_.extract(uuid);
  if (guest.empty()) return;
  const auto halts = guest.mapped().incoming ? ProcessChange::Kind::goes : ProcessChange::Kind::halts;
  if (guest.mapped().pid != 0) change(at, guest.mapped(), halts, why);
  const auto to = guest.mapped().to;
  if (!to.empty() && why != ProcessChange::Why::migrated && world_.reach)
    (void)world_.reach(to, [&](HypervisorState& other) { other.drop(uuid, at); });
  if (!to.empty() && why != ProcessChange::Why::migrated)
    answer(guest.mapped().sent_by, CallResult::failed, "it ended while it was sent");
  tell({uuid, guest.mapped().domain.name, kind});
}

void HypervisorState::set_paused(Guest& guest, bool io_error, Instant at) {
  if (guest.domain.state != DomainState::running || guest.pid == 0) return;
  guest.domain.state = io_error ? DomainState::paused_io_error : DomainState::paused;
  change(at, guest, ProcessChange::Kind::pauses, ProcessChange::Why::paused);
  tell({guest.domain.uuid, guest.domain.name, io_error ? LifecycleKind::paused_io_error : LifecycleKind::paused});
}

bool HypervisorState::world_fails(Verb verb, const std::string& uuid) const {
  if (!world_.fails) return false;
  switch (verb) {
    case Verb::start:
      return world_.fails(Deed::start, uuid);
    case Verb::shutdown:
      return world_.fails(Deed::shutdown, uuid);
    case Verb::destroy:
      return world_.fails(Deed::destroy, uuid);
    case Verb::kill:
      return world_.fails(Deed::kill, uuid);
    case Verb::migrate:
      return world_.fails(Deed::migrate, uuid);
    case Verb::resume:
      return world_.fails(Deed::migrate_reply, uuid);
    case Verb::cap:
    case Verb::links:
    case Verb::abort:
    case Verb::inspect:
      return false;
  }
  return false;
}

bool HypervisorState::fails(Verb verb, const std::string& uuid) {
  if (world_fails(verb, uuid)) return true;
  const auto found = failing_.find({verb, uuid});
  if (found == failing_.end() || found->second <= 0) return false;
  --found->second;
  return true;
}

HypervisorState::Guest* HypervisorState::find(const std::string& uuid) {
  const auto found = guests_.find(uuid);
  return found == guests_.end() ? nullptr : &found->second;
}

void HypervisorState::hang(Instant now) {
  if (libvirt_ != Libvirt::alive) return;
  libvirt_ = Libvirt::hung;
  put(now + times_.keepalive, {Due::keepalive, {}, {}, ++hang_, {}});
}

void HypervisorState::go_on(Instant now) {
  if (libvirt_ != Libvirt::hung) return;
  libvirt_ = Libvirt::alive;
  if (!std::exchange(connected_, true)) outcome_.events.emplace_back(std::in_place_type<port::ConnectionBack>);
  for (auto& event : std::exchange(untold_, {})) outcome_.events.push_back(std::move(event));
  for (auto& item : std::exchange(stalled_, {})) put(now, std::move(item));
  for (const CallId id : std::exchange(held_, {})) {
    carry_out(id, now);
    const auto call = calls_.find(id);
    if (call != calls_.end() && !call->second.open) calls_.erase(call);
  }
}

void HypervisorState::crash(Instant now) {
  if (libvirt_ == Libvirt::down) return;
  libvirt_ = Libvirt::down;
  if (std::exchange(connected_, false))
    outcome_.events.emplace_back(port::ConnectionLost{"libvirtd closed the connection"});
  untold_.clear();
  held_.clear();
  stalled_.clear();
  std::erase_if(guests_, [](const auto& guest) { return guest.second.pid == 0; });  // its start dies with libvirtd
  for (auto& [id, call] : calls_)
    if (call.arrived && call.verb != Verb::kill && std::exchange(call.open, false))
      outcome_.events.push_back(port::CallDone{id, CallResult::unknown, "libvirtd closed the connection"});
  // What libvirtd had begun to end, it no longer ends.
  std::erase_if(agenda_,
                [](const auto& item) { return item.second.due == Due::destroyed || item.second.due == Due::switched; });
  break_migrations(now);
}

void HypervisorState::come_back(Instant) {
  if (libvirt_ != Libvirt::down) return;
  libvirt_ = Libvirt::alive;
  connected_ = true;
  outcome_.events.emplace_back(std::in_place_type<port::ConnectionBack>);
}

void HypervisorState::run_guest(const std::string& xml, Instant now) {
  const auto domain = read_domain(xml);
  if (domain.uuid.empty() || guests_.contains(domain.uuid)) return;
  auto& guest = guests_[domain.uuid] = {domain, 0, ++last_life_, true, false, false, {}, {}};
  appear(guest, now);
}

void HypervisorState::crash_guest(const std::string& uuid, Instant now) {
  end(uuid, LifecycleKind::crashed, ProcessChange::Why::crashed, now);
}
void HypervisorState::power_off_guest(const std::string& uuid, Instant now) {
  end(uuid, LifecycleKind::powered_off, ProcessChange::Why::powered_off, now);
}
void HypervisorState::end_process(const std::string& uuid, Instant now) {
  end(uuid, LifecycleKind::failed, ProcessChange::Why::crashed, now);
}
void HypervisorState::hang_guest(const std::string& uuid) {
  if (Guest* guest = find(uuid)) guest->obeys = false;
}
void HypervisorState::go_on_guests() {
  for (auto& [uuid, guest] : guests_) guest.obeys = true;
}
void HypervisorState::pause_guest(const std::string& uuid, bool io_error, Instant now) {
  if (Guest* guest = find(uuid)) set_paused(*guest, io_error, now);
}
void HypervisorState::resume_guest(const std::string& uuid, Instant now) {
  Guest* guest = find(uuid);
  if (guest == nullptr || guest->domain.state == DomainState::running) return;
  guest->domain.state = DomainState::running;
  const bool first = std::exchange(guest->incoming, false);
  change(now, *guest, first ? ProcessChange::Kind::runs : ProcessChange::Kind::resumes, ProcessChange::Why::started);
  tell({uuid, guest->domain.name, LifecycleKind::resumed});
  if (storage_lost_) set_paused(*guest, true, now);
}

void HypervisorState::lose_storage(bool lost, Instant now) {
  storage_lost_ = lost;
  for (auto& [uuid, guest] : guests_)
    if (lost) set_paused(guest, true, now);
}

void HypervisorState::power_off_host(Instant now) {
  for (const auto& [uuid, guest] : guests_)
    if (guest.pid != 0)
      change(now, guest, guest.incoming ? ProcessChange::Kind::goes : ProcessChange::Kind::halts,
             ProcessChange::Why::host_down);
  outcome_.events.clear();
  guests_.clear();
  calls_.clear();
  held_.clear();
  stalled_.clear();
  untold_.clear();
  agenda_.clear();
  libvirt_ = Libvirt::alive;
  connected_ = true;
}

std::vector<port::VmProcess> HypervisorState::processes() const {
  std::vector<port::VmProcess> result;
  for (const auto& [uuid, guest] : guests_)
    if (guest.pid != 0) result.push_back({uuid, guest.domain.name, guest.pid});
  return result;
}

std::optional<MilliCpu> HypervisorState::cap_of(const std::string& uuid) const {
  const auto found = guests_.find(uuid);
  return found == guests_.end() ? std::nullopt : found->second.domain.cap;
}

bool HypervisorState::hangs(const std::string& uuid) const {
  const auto found = guests_.find(uuid);
  return found != guests_.end() && !found->second.obeys;
}

bool HypervisorState::linked(const std::string& uuid) const {
  const auto found = guests_.find(uuid);
  return found != guests_.end() && found->second.domain.linked != false;
}

DomainState HypervisorState::state_of(const std::string& uuid) const {
  const auto found = guests_.find(uuid);
  return found == guests_.end() ? DomainState::absent : found->second.domain.state;
}

}  // namespace haven::sim

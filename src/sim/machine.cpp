#include "sim/machine.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "core/liveness/fencing.hpp"

namespace haven::sim {
namespace {

constexpr std::int64_t kWallAtStart = 1'700'000'000'000;

// All that the simulated libvirt wants to know of a domain.
std::string xml_of(const std::string& name) {
  return "<domain><name>" + name + "</name><uuid>" + name + "</uuid></domain>";
}

const char* word(ProcessChange::Why why) {
  switch (why) {
    case ProcessChange::Why::crashed:
      return "crashed";
    case ProcessChange::Why::paused:
      return "paused";
    case ProcessChange::Why::host_down:
      return "host-down";
    case ProcessChange::Why::migrated:
      return "migrated";
    case ProcessChange::Why::started:
    case ProcessChange::Why::ended_by_order:
    case ProcessChange::Why::powered_off:
      return "stopped";
  }
  return "stopped";
}

}  // namespace

Machine::Machine(Queue& queue, Random& random, Timeline& timeline, MachineIndex index, HostName name, const Host* host,
                 HypervisorTimes times)
    : queue_(queue),
      random_(random),
      timeline_(timeline),
      index_(index),
      name_(std::move(name)),
      is_host_(host != nullptr),
      times_(times),
      libvirt_(times) {
  identity_ = {random_.hex32(), random_.hex32(), {}};
  if (host != nullptr) {
    if (!host->runs_on.empty()) identity_.dmi_uuid = "/domain/" + identity_.dmi_uuid;
    for (const auto& device : host->fence) {
      plugs_.push_back(device_id(device));
      outlets_[plugs_.back()] = {device.level, true};
    }
    modes_.resize(plugs_.size(), DeviceMode::working);
  }
  new_life();
}

void Machine::set_callbacks(Callbacks callbacks) {
  callbacks_ = std::move(callbacks);
  libvirt_.set_world({[this](const std::string& uuid, bool migration, bool unlinked) {
                        return callbacks_.hook(ResourceName{uuid}, migration, unlinked);
                      },
                      [this](const std::string& to, const std::function<void(HypervisorState&)>& deed) {
                        return callbacks_.reach(HostName{to}, deed);
                      },
                      [this](const std::string& uuid) { return callbacks_.is_sent_here(ResourceName{uuid}); },
                      [this](HypervisorState::Deed deed, const std::string& uuid) {
                        return callbacks_.deed_fails(deed, ResourceName{uuid});
                      }});
}

void Machine::new_life() {
  booted_at_ = queue_.now();
  clock_ahead_ = std::chrono::milliseconds(random_.between(1'000, 1'000'000));
  incarnation_ = Incarnation{random_.hex32()};
  notes.clear();
  promise_note.reset();
}

Now Machine::clock() const {
  const Duration since = queue_.now() - booted_at_;
  return {Instant{since + clock_ahead_},
          WallTime{kWallAtStart + (queue_.now().since_boot + wall_ahead_) / std::chrono::milliseconds(1)}};
}

Instant Machine::to_world(Instant here) const {
  if (here == kNever) return kNever;
  return booted_at_ + (here.since_boot - clock_ahead_);
}

// ---- power ----

bool Machine::fed() const {
  if (!cable_) return false;
  if (below_ != nullptr) return below_->on();
  std::set<int> levels, live;
  for (const auto& [name, outlet] : outlets_) {
    levels.insert(outlet.level);
    if (outlet.on) live.insert(outlet.level);
  }
  return levels == live;
}

void Machine::lose_power() {
  if (power_ == Power::off) return;
  const bool was_on = power_ == Power::on;
  ++boot_;
  power_ = Power::off;
  hung_ = shutting_down_ = false;
  frozen_.clear();
  armed_ = kNever;
  if (below_ != nullptr) below_->drop(*this);
  autostart_.clear();
  watchdog_ = {};
  bite_watched_ = kNever;
  libvirt_.power_off_host(queue_.now());
  for (const ProcessChange& change : libvirt_.advance(queue_.now()).changes) take(change);
  if (!was_on) return;
  if (is_host_) timeline_.host(EventKind::host_down, name_);
  callbacks_.went_down();
  callbacks_.changed();
}

void Machine::boot() {
  if (power_ != Power::off || !fed()) return;
  if (below_ != nullptr) {
    if (!callbacks_.may_boot()) return;
    below_->carry(*this);
  }
  power_ = Power::booting;
  queue_.after(kBoot, [this, boot = ++boot_] {
    if (boot != boot_) return;
    power_ = Power::on;
    new_life();
    if (is_host_) timeline_.host(EventKind::host_up, name_);
    callbacks_.changed();
    callbacks_.booted();
    for (Machine* guest : std::exchange(autostart_, {})) guest->boot();
  });
}

void Machine::pull_cable() {
  cable_ = false;
  lose_power();
  end_left_behind();
}

void Machine::switch_on() {
  cable_ = true;
  for (auto& [name, outlet] : outlets_) outlet.on = true;
  boot();
}

void Machine::go_down(bool reboot) {
  lose_power();
  if (reboot) boot();
}

void Machine::begin_shutdown(bool reboot) {
  if (shutting_down_) return;
  shutting_down_ = true;
  reboot_after_ = reboot;
  after(kShutdownPatience, [this] { finish_shutdown(); });
}

void Machine::set_hung(bool hung) {
  if (on()) stand_still(hung_, hung);
}

void Machine::stand_still(bool& reason, bool value) {
  const bool before = hung();
  reason = value;
  if (hung() == before) return;
  if (hung()) {
    watchdog_alone();
  } else {
    watchdog_.regain_petter(queue_.now());
  }
  callbacks_.changed();
  for (Machine* guest : std::vector(carried_)) guest->stand_still(guest->paused_, hung());
  if (hung()) return;
  const auto boot = boot_;
  for (Task& task : std::exchange(frozen_, {})) {
    if (boot != boot_) return;
    task();
  }
}

// ---- a virtual host, seen from the machine below ----

void Machine::run_on(Machine& below) {
  if (below_ != nullptr) below_->drop(*this);
  below_ = &below;
  if (power_ != Power::off) below.carry(*this);
}

void Machine::carry(Machine& guest) {
  carried_.push_back(&guest);
  if (libvirt_.state_of(guest.domain()) == port::DomainState::absent)
    libvirt_.run_guest(xml_of(guest.domain()), queue_.now());
  guest.stand_still(guest.paused_, hung());
  fetch();
}

void Machine::drop(Machine& guest) {
  std::erase(carried_, &guest);
  guest.stand_still(guest.paused_, false);
  libvirt_.power_off_guest(guest.domain(), queue_.now());
  if (on()) fetch();
}

Machine* Machine::carried(const std::string& domain) const {
  const auto found = std::ranges::find_if(carried_, [&](const Machine* guest) { return guest->domain() == domain; });
  return found == carried_.end() ? nullptr : *found;
}

void Machine::take_domain(Machine& guest, const ProcessChange& change) {
  switch (change.kind) {
    case ProcessChange::Kind::runs:
    case ProcessChange::Kind::comes_in:
    case ProcessChange::Kind::goes:
    case ProcessChange::Kind::links:
      return;
    case ProcessChange::Kind::pauses:
      return guest.stand_still(guest.paused_, true);
    case ProcessChange::Kind::resumes:
      return guest.stand_still(guest.paused_, hung());
    case ProcessChange::Kind::halts:
      if (change.why == ProcessChange::Why::host_down) autostart_.push_back(&guest);
      return guest.lose_power();
  }
}

// ---- another machine under this name ----

void Machine::reinstall() {
  if (!on() || below_ != nullptr) return;
  std::set<ResourceName> left;
  for (const auto& [resource, paused] : processes_) {
    left.insert(resource);
    if (linked(resource)) left_linked_.insert(resource);
  }
  left_behind_.insert(left.begin(), left.end());
  // The machine that is left behind pets its own watchdog as long as its havend was allowed to, and no longer (P3).
  if (watchdog_.armed()) queue_.at(watchdog_.bites_at(), [this, left = std::move(left)] { end_left_behind(left); });
  lose_power();
  identity_ = {random_.hex32(), random_.hex32(), {}};
  boot();
}

void Machine::end_left_behind() { end_left_behind(std::set(left_behind_)); }

void Machine::end_left_behind(const std::set<ResourceName>& left) {
  for (const ResourceName& resource : left) left_linked_.erase(resource);
  for (const ResourceName& resource : left)
    if (left_behind_.erase(resource) != 0) timeline_.process(EventKind::halt, resource, name_, "host-down");
}

// ---- fence devices ----

void Machine::set_device_mode(std::optional<std::size_t> device, DeviceMode mode) {
  for (std::size_t i = 0; i < modes_.size(); ++i)
    if (!device || *device == i) modes_[i] = mode;
}

void Machine::add_outlet(const std::string& outlet) {
  // A level of its own: nothing else feeds the machine in its place.
  outlets_.try_emplace(outlet, Outlet{-1 - static_cast<int>(outlets_.size()), true});
}

void Machine::switch_outlet(const std::string& outlet, bool on) {
  outlets_.at(outlet).on = on;
  if (on) return boot();
  if (fed()) return;
  lose_power();
  end_left_behind();
}

bool Machine::device_says_off(std::size_t device) const {
  return (power_ == Power::off && left_behind_.empty()) || !outlets_.at(plugs_.at(device)).on;
}

// ---- the watchdog ----

void Machine::set_watchdog_broken(bool broken) {
  watchdog_broken_ = broken;
  if (!broken || !watchdog_.armed()) return;
  watchdog_.disarm();
  callbacks_.watchdog_broke();
}

bool Machine::arm_watchdog(Duration bites_after) {
  if (watchdog_broken_) return false;
  watchdog_.arm(bites_after, queue_.now());
  watch_bite();
  return true;
}

void Machine::pet_watchdog(Instant until_here) {
  watchdog_.pet_until(to_world(until_here), queue_.now());
  watch_bite();
}

void Machine::watchdog_alone() {
  watchdog_.lose_petter(queue_.now());
  watch_bite();
}

// One look at the moment at which it would bite as things stand; a later one is found out then.
void Machine::watch_bite() {
  const Instant bite = watchdog_.bites_at();
  if (bite >= bite_watched_) return;
  bite_watched_ = bite;
  queue_.at(std::max(bite, queue_.now()), [this, boot = boot_, bite] {
    if (boot != boot_ || bite != bite_watched_) return;
    bite_watched_ = kNever;
    if (queue_.now() < watchdog_.bites_at()) return watch_bite();
    timeline_.host(EventKind::self_fence, name_);
    lose_power();
  });
}

// ---- VMs ----

void Machine::set_storage(bool reached) {
  storage_ = reached;
  with_libvirt([reached](HypervisorState& libvirt, Instant now) { libvirt.lose_storage(!reached, now); });
}

void Machine::start_by_hand(const ResourceName& resource) {
  constexpr Duration kPatience = 120s;
  with_libvirt(
      [&](HypervisorState& libvirt, Instant now) { libvirt.start(CallId{}, xml_of(resource.str()), kPatience, now); });
}

void Machine::put_guest(const ResourceName& resource) {
  libvirt_.run_guest(xml_of(resource.str()), queue_.now());
  fetch();
}

void Machine::kill_guests() {
  for (const auto& [resource, paused] : std::map(processes_)) libvirt_.end_process(resource.str(), queue_.now());
  for (const ProcessChange& change : libvirt_.advance(queue_.now()).changes) take(change);
}

void Machine::slow_libvirt(Duration more, bool queued) {
  HypervisorTimes times = times_;
  (queued ? times.queued : times.start) += more;
  if (!queued) times.appear += more;
  times.stop += more;
  times.destroy += more / 10;
  times.migrate += more;
  libvirt_.set_times(times);
}

void Machine::arm() {
  const Instant next = libvirt_.next_due();
  if (next >= armed_) return;
  armed_ = next;
  after(std::max(next, queue_.now()) - queue_.now(), [this] { fetch(); });
}

void Machine::fetch() {
  armed_ = kNever;
  const auto boot = boot_;
  auto outcome = libvirt_.advance(queue_.now());
  for (const ProcessChange& change : outcome.changes) take(change);
  for (const port::HypervisorEvent& event : outcome.events) {
    if (boot != boot_) return;
    callbacks_.libvirt_tells(event);
  }
  arm();
}

void Machine::take(const ProcessChange& change) {
  if (is_domain(change.uuid)) {
    if (Machine* guest = carried(change.uuid)) take_domain(*guest, change);
    return;
  }
  const ResourceName resource{change.uuid};
  switch (change.kind) {
    case ProcessChange::Kind::comes_in:
      copies_.insert(resource);
      return;
    case ProcessChange::Kind::goes:
      copies_.erase(resource);
      return callbacks_.copy_gone(resource);
    case ProcessChange::Kind::runs:
    case ProcessChange::Kind::resumes: {
      const bool came_alive = copies_.erase(resource) > 0 || change.kind == ProcessChange::Kind::resumes;
      if (!came_alive) callbacks_.guest_starts(resource);
      callbacks_.goes_on(resource, change.stale);
      processes_[resource] = false;
      return timeline_.process(EventKind::run, resource, name_);
    }
    case ProcessChange::Kind::links:
      timeline_.process(linked(resource) ? EventKind::linked : EventKind::unlinked, resource, name_);
      return callbacks_.links_changed(resource);
    case ProcessChange::Kind::pauses:
      processes_[resource] = true;
      return timeline_.process(EventKind::halt, resource, name_, "paused");
    case ProcessChange::Kind::halts:
      processes_.erase(resource);
      if (change.why == ProcessChange::Why::migrated) return callbacks_.moved_off(resource);
      if (left_behind_.contains(resource)) return;
      return timeline_.process(EventKind::halt, resource, name_, word(change.why));
  }
}

}  // namespace haven::sim

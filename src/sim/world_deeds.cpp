// What a scenario or a random fault does to the world.
#include <algorithm>
#include <utility>

#include "core/gauges.hpp"
#include "core/recovery/succession.hpp"
#include "sim/world.hpp"

namespace haven::sim {

void World::perform(const Deed& deed) {
  std::visit([this](const auto& one) { act(one); }, deed);
}

void World::act(const SetPower& deed) {
  if (deed.on) {
    machine(deed.machine).switch_on();
  } else {
    machine(deed.machine).pull_cable();
  }
}

void World::act(const SetNetwork& deed) {
  network_.set_network(index_.at(deed.host), deed.on);
  machine(deed.host).set_uplink(deed.on);
  network_changed();
}

void World::act(const SetHang& deed) { machine(deed.host).set_hung(deed.hung); }

void World::act(const ShutDown& deed) {
  Machine& host = machine(deed.host);
  if (!host.on()) return;
  // Whatever the machine was doing, it hears of its shutdown when it turns again.
  host.after(Duration::zero(), [this, &host, reboot = deed.reboot] {
    if (host.shutting_down()) return;
    host.begin_shutdown(reboot);
    update_health();
    Havend& there = havend(host.name());
    if (there.alive()) {
      there.tell(ShutdownAsked{reboot ? ShutdownKind::reboot : ShutdownKind::power_off});
    } else {
      host.finish_shutdown();
    }
  });
}

void World::act(const SetCut& deed) {
  const MachineIndex a = index_.at(deed.a);
  const MachineIndex b = index_.at(deed.b);
  network_.set_way(a, b, !deed.cut);
  if (!deed.one_way) network_.set_way(b, a, !deed.cut);
  network_changed();
}

void World::act(const SetLink& deed) {
  network_.set_link(index_.at(deed.host), deed.link - 1, !deed.cut);
  network_changed();
}

void World::act(const SetStore& deed) {
  engine_->set_full(deed.full);
  engine_->set_open(deed.on);
}

void World::act(const SetUplink& deed) { machine(deed.host).set_uplink(deed.on); }

void World::act(const SetStorage& deed) {
  for (const auto& machine : machines_) {
    if (!machine->is_host() || (deed.host && machine->name() != *deed.host)) continue;
    machine->set_storage(deed.on);
  }
}

void World::act(const SetFenceDevice& deed) { machine(deed.host).set_device_mode(deed.device, deed.mode); }
void World::act(const Reinstall& deed) { machine(deed.host).reinstall(); }
void World::act(const SetWatchdog& deed) { machine(deed.host).set_watchdog_broken(deed.broken); }

void World::act(const HurtGuest& deed) {
  for (const HostName& host : hosts_of(deed.resource)) {
    machine(host).with_libvirt([&](HypervisorState& libvirt, Instant now) {
      switch (deed.fault) {
        case GuestFault::crash:
          return libvirt.crash_guest(deed.resource.str(), now);
        case GuestFault::hang:
          return libvirt.hang_guest(deed.resource.str());
        case GuestFault::poweroff:
          return libvirt.power_off_guest(deed.resource.str(), now);
      }
    });
  }
}

void World::act(const HurtApp& deed) {
  const auto hosts = hosts_of(deed.resource);
  applications_.hurt(deed, hosts.empty() ? HostName{} : hosts.front());
}

void World::act(const HurtLibvirt& deed) {
  Machine& host = machine(deed.host);
  if (!host.on()) return;
  host.with_libvirt([&](HypervisorState& libvirt, Instant now) {
    switch (deed.fault) {
      case LibvirtFault::hang:
        return libvirt.hang(now);
      case LibvirtFault::resume:
        return libvirt.go_on(now);
      case LibvirtFault::crash:
        return libvirt.crash(now);
    }
  });
  if (deed.fault != LibvirtFault::crash) return;
  host.after(kLibvirtBack,
             [&host] { host.with_libvirt([](HypervisorState& libvirt, Instant now) { libvirt.come_back(now); }); });
}

void World::act(const CrashHavend& deed) { havend(deed.host).crash(); }

void World::act(const LetFail& deed) { failing_.push_back({deed.deed, deed.resource, deed.host, deed.count}); }

void World::act(const Order& deed) { desk_->order(deed); }

void World::act(const Remove& deed) {
  desk_->change_spec([this, name = deed.resource](const Spec& before) {
    if (replacement_of(checker_.view(), name)) return before;  // `haven apply` refuses that
    Spec spec = before;
    std::erase_if(spec.resources, [&](const Resource& r) { return r.name == name; });
    for (Resource& resource : spec.resources) std::erase(resource.after, name);
    for (Rule& rule : spec.rules) std::erase(rule.resources, name);
    std::erase_if(spec.rules, [](const Rule& rule) { return rule.resources.size() < 2; });
    return spec;
  });
}

void World::act(const Add& deed) {
  resources_[deed.resource.name] = deed.resource;
  desk_->change_spec([this, resource = deed.resource](const Spec& before) {
    if (replacement_of(checker_.view(), resource.name)) return before;
    Spec spec = before;
    std::erase_if(spec.resources, [&](const Resource& r) { return r.name == resource.name; });
    spec.resources.push_back(resource);
    // What it waited for may have left the file meanwhile.
    std::erase_if(spec.resources.back().after,
                  [&](const ResourceName& name) { return spec.resource(name) == nullptr; });
    return spec;
  });
}

void World::act(const Replace& deed) {
  desk_->change_spec([this, deed](const Spec& before) {
    const View& view = checker_.view();
    const ResourceName& old = deed.succession.predecessor;
    if (before.resource(deed.successor) != nullptr || !replace_refusal(view, old).empty()) return before;
    Resource successor = *before.resource(old);
    successor.name = deed.successor;
    successor.succession = deed.succession;
    successor.succession->asked = WallTime{timeline_.now_ms()};
    resources_[successor.name] = successor;
    return spec_with_successor(before, std::move(successor));
  });
  if (!std::exchange(replaces_, true)) tidy_replacements();
}

// Whoever waits for the end of a replacement takes the one out of the file that is stopped for good.
void World::tidy_replacements() {
  constexpr Duration kLooks = 1s;
  const auto spec = this->spec();
  for (const Resource& resource : spec->resources) {
    if (!resource.succession || !spec_after(checker_.view(), *spec, resource.name)) continue;
    desk_->change_spec([this, name = resource.name](const Spec& before) {
      return spec_after(checker_.view(), before, name).value_or(before);
    });
  }
  queue_.after(kLooks, [this] { tidy_replacements(); });
}

void World::act(const SetLoad& deed) {
  const bool measured = loads_.any();
  if (deed.host.empty()) {
    loads_.want(deed.resource, deed.cpu);
  } else {
    loads_.want(deed.host, deed.cpu);
  }
  if (!measured) measure();
}

// Whoever stands still measures nothing, and goes on when he is asked the next time.
void World::measure() {
  for (const auto& havend : havends_) {
    const Machine& machine = havend->machine();
    if (!machine.runs() || !havend->alive()) continue;
    std::vector<Loads::Running> guests;
    for (const auto& [name, paused] : machine.processes())
      if (const auto known = resources_.find(name); known != resources_.end() && !paused)
        guests.push_back({&known->second, machine.cap_of(name)});
    havend->measured(loads_.measure(file_.hosts[machine.index()], guests));
  }
  queue_.after(kLoadSampled, [this] { measure(); });
}

// start-fails counts starts, stop-fails orderly stops. kill-fails counts kills by pid; while it lasts, libvirt's
// destroy fails too: a process that SIGKILL does not end is not ended by libvirt's either.
bool World::deed_fails(HypervisorState::Deed deed, const ResourceName& resource, const HostName& host) {
  const bool starts = deed == HypervisorState::Deed::start;
  if (starts && !machine(host).storage()) return true;
  FailingDeed wanted = FailingDeed::kill;
  if (starts) wanted = FailingDeed::start;
  if (deed == HypervisorState::Deed::shutdown) wanted = FailingDeed::stop;
  if (deed == HypervisorState::Deed::migrate) wanted = FailingDeed::migrate;
  if (deed == HypervisorState::Deed::migrate_reply) wanted = FailingDeed::migrate_reply;
  for (Failing& failing : failing_) {
    const bool here = !failing.host || *failing.host == host;
    if (failing.deed != wanted || failing.resource != resource || !here || failing.left <= 0) continue;
    if (deed != HypervisorState::Deed::destroy) --failing.left;
    return true;
  }
  return false;
}

void World::heal() {
  network_.heal_all();
  engine_->heal();
  failing_.clear();
  applications_.heal_all();
  for (const auto& machine : machines_) {
    machine->set_device_mode(std::nullopt, DeviceMode::working);
    machine->set_watchdog_broken(false);
    machine->set_hung(false);
    if (machine->is_host()) {
      if (!machine->storage()) machine->set_storage(true);
      machine->set_uplink(true);
      machine->slow_libvirt(Duration::zero());
      machine->with_libvirt([](HypervisorState& libvirt, Instant now) {
        libvirt.go_on(now);
        libvirt.go_on_guests();
      });
      havend(machine->name()).set_trouble({});
    }
    if (machine->below() == nullptr) machine->switch_on();
  }
  for (const auto& machine : machines_)
    if (machine->below() != nullptr) machine->switch_on();
  network_changed();
}

}  // namespace haven::sim

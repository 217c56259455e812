// Who feeds whom in the simulated world: shared outlets, virtual hosts, and what fence agents do to them.
#include <algorithm>

#include "core/liveness/fencing.hpp"
#include "sim/world.hpp"

namespace haven::sim {
namespace {

// From the order until the guest has changed its machine.
constexpr Duration kMoveTime = 1s;

std::vector<HostName> cut_by(const Host& host, const FenceDevice& device) {
  return device.cuts.empty() ? std::vector{host.name} : device.cuts;
}

}  // namespace

void World::lay_outlets() {
  for (const Host& host : file_.hosts) {
    for (const FenceDevice& device : host.fence)
      for (const HostName& fed : cut_by(host, device))
        if (fed != host.name) machine(fed).add_outlet(device_id(device));
    const auto below = host.runs_on.empty() ? index_.end() : index_.find(HostName{host.runs_on});
    if (below == index_.end()) continue;
    machine(host.name).run_on(*machines_[below->second]);
    network_.set_carrier(index_.at(host.name), below->second);
  }
}

void World::switch_device(const RunAgent& run, bool on) {
  const Host& host = *file_.host(run.host);
  const std::string outlet = machine(run.host).outlet_of(run.device);
  // Whoever loses power beside the one that is meant, virtual hosts included.
  struct Witness {
    const Machine* machine;
    std::optional<Duration> well_for;
  };
  std::vector<Witness> witnesses;
  for (const Host& other : file_.hosts) {
    const Machine& there = machine(other.name);
    if (other.name != run.host && there.on())
      witnesses.push_back({&there, checker_.well_for(other.name, there.incarnation())});
  }
  const Machine& target = machine(run.host);
  const auto well_for = target.on() ? checker_.well_for(run.host, target.incarnation()) : std::nullopt;
  for (const HostName& fed : cut_by(host, host.fence.at(run.device))) machine(fed).switch_outlet(outlet, on);
  if (!target.on()) checker_.shot_landed(run.host, well_for);
  for (const Witness& witness : witnesses)
    if (!witness.machine->on()) checker_.died_beside(witness.machine->name(), run.host, witness.well_for);
}

void World::move_virtual_host(const HostName& host, const HostName& to) {
  Machine& guest = machine(host);
  Machine& there = machine(to);
  // To a hypervisor that can say what came to it; where nobody can, F4 cannot hold (docs/failure-model.md).
  const auto tells = [this, &there] { return healthy_since_.at(there.index()).has_value(); };
  if (!guest.on() || guest.below() == nullptr || guest.below() == &there || !there.runs() || !tells()) return;
  if (!guest.below()->runs() || !havend(to).hook_domain(guest.domain(), true)) return;
  const std::string domain = guest.domain();
  there.with_libvirt([&](HypervisorState& libvirt, Instant now) {
    libvirt.run_guest("<domain><name>" + domain + "</name><uuid>" + domain + "</uuid></domain>", now);
    libvirt.pause_guest(domain, false, now);
  });
  queue_.after(kMoveTime, [this, &guest, &there, tells, from = guest.below(), boot = guest.incarnation(), domain] {
    const auto there_still = [&](HypervisorState& libvirt) { return libvirt.state_of(domain); };
    port::DomainState incoming = port::DomainState::absent;
    there.with_libvirt([&](HypervisorState& libvirt, Instant) { incoming = there_still(libvirt); });
    const bool arrives = guest.on() && guest.incarnation() == boot && guest.below() == from && from->runs() &&
                         there.runs() && tells() && incoming != port::DomainState::absent;
    there.with_libvirt([&](HypervisorState& libvirt, Instant now) {
      if (arrives) {
        libvirt.resume_guest(domain, now);
      } else if (guest.below() != &there) {
        libvirt.end_process(domain, now);
      }
    });
    if (!arrives) return;
    guest.run_on(there);
    network_.set_carrier(guest.index(), there.index());
    network_changed();
  });
}

}  // namespace haven::sim

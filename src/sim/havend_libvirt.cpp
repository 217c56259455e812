// libvirt as one havend sees it. A VM's uuid is its resource's name in this world.
#include <set>
#include <utility>

#include "port/to_event.hpp"
#include "sim/havend.hpp"

namespace haven::sim {
namespace {

// The node counts its calls anew at each start, libvirt goes on: this keeps two lives of one havend apart.
constexpr unsigned kLifeShift = 40;

}  // namespace

CallId Havend::outside(CallId call) const { return {(life_ << kLifeShift) + call.count}; }

void Havend::perform_one(CallId call, StartDomain& action) {
  const std::string name = action.resource.str();
  const std::string links = action.unlinked ? "<link state='down'/>" : "";
  const std::string xml = "<domain><name>" + name + "</name><uuid>" + name + "</uuid>" + links + "</domain>";
  machine_.with_libvirt(
      [&](HypervisorState& libvirt, Instant now) { libvirt.start(outside(call), xml, action.timeout, now); });
}

void Havend::perform_one(CallId call, ShutdownDomain& action) {
  machine_.with_libvirt([&](HypervisorState& libvirt, Instant now) {
    libvirt.shutdown(outside(call), action.resource.str(), action.timeout, now);
  });
}

void Havend::perform_one(CallId call, DestroyDomain& action) {
  machine_.with_libvirt([&](HypervisorState& libvirt, Instant now) {
    libvirt.destroy(outside(call), action.resource.str(), action.timeout, now);
  });
}

void Havend::perform_one(CallId call, KillDomain& action) {
  machine_.with_libvirt([&](HypervisorState& libvirt, Instant now) {
    libvirt.kill(outside(call), action.resource.str(), action.resource.str(), action.timeout, now);
  });
}

void Havend::perform_one(CallId call, ResumeDomain& action) {
  // QEMU tries its disk first: the guest stays paused for a path that is still lost.
  if (!machine_.storage()) {
    return later(kMessage, [this, call] { tell(CallDone{call, CallResult::failed, "its disk does not answer"}); });
  }
  machine_.with_libvirt([&](HypervisorState& libvirt, Instant now) {
    libvirt.resume(outside(call), action.resource.str(), action.timeout, now);
  });
}

void Havend::perform_one(CallId call, MigrateDomain& action) {
  machine_.with_libvirt([&](HypervisorState& libvirt, Instant now) {
    libvirt.migrate(outside(call), action.resource.str(), action.to.str(), action.timeout, now);
  });
}

void Havend::perform_one(CallId call, CapDomain& action) {
  machine_.with_libvirt([&](HypervisorState& libvirt, Instant now) {
    libvirt.cap(outside(call), action.resource.str(), action.cap, action.timeout, now);
  });
}

void Havend::perform_one(CallId call, SetLinks& action) {
  machine_.with_libvirt([&](HypervisorState& libvirt, Instant now) {
    libvirt.set_links(outside(call), action.resource.str(), action.up, action.timeout, now);
  });
}

void Havend::perform_one(CallId call, AbortMigration& action) {
  machine_.with_libvirt([&](HypervisorState& libvirt, Instant now) {
    libvirt.abort_migration(outside(call), action.resource.str(), action.timeout, now);
  });
}

void Havend::perform_one(CallId call, EndVirtualHost& action) {
  machine_.with_libvirt([&](HypervisorState& libvirt, Instant now) {
    if (action.by_pid) {
      libvirt.kill(outside(call), action.uuid, action.uuid, action.timeout, now);
    } else {
      libvirt.destroy(outside(call), action.uuid, action.timeout, now);
    }
  });
}

void Havend::perform_one(CallId call, Inspect& action) {
  std::vector<std::string> links;
  for (const ResourceName& name : action.links) links.push_back(name.str());
  machine_.with_libvirt(
      [&](HypervisorState& libvirt, Instant now) { libvirt.inspect(outside(call), action.timeout, now, links); });
}

// Its service manager ends it, hung or not, and starts another.
void Havend::perform_one(CallId call, RestartHypervisor&) {
  machine_.with_libvirt([](HypervisorState& libvirt, Instant now) { libvirt.crash(now); });
  machine_.after(kLibvirtBack, [this] {
    machine_.with_libvirt([](HypervisorState& libvirt, Instant now) { libvirt.come_back(now); });
  });
  later(kLibvirtBack, [this, call] { tell(CallDone{call, CallResult::done, ""}); });
}

void Havend::measured(const port::Measured& measured) {
  if (!alive()) return;
  const auto spec = node_->view().shared_spec();
  LoadsMeasured told{measured.host, {}};
  for (const port::MeasuredGuest& guest : measured.guests)
    if (spec && spec->resource(ResourceName{guest.uuid}) != nullptr)
      told.guests.push_back({ResourceName{guest.uuid}, guest.cpu, guest.waiting, guest.memory});
  tell(told);
}

void Havend::libvirt_tells(const port::HypervisorEvent& event) {
  if (!alive()) return;
  const auto ours = [this](CallId call) { return call.count >> kLifeShift == life_; };
  const auto inside = [this](CallId call) { return CallId{call.count - (life_ << kLifeShift)}; };
  if (const auto* done = std::get_if<port::CallDone>(&event)) {
    if (ours(done->call)) tell(CallDone{inside(done->call), to_event(done->result), done->message});
  } else if (const auto* seen = std::get_if<port::Inspected>(&event)) {
    if (!ours(seen->call)) return;
    Inspected inspected{inside(seen->call), seen->reached, {}, {}, {}, {}};
    if (node_->view().spec() != nullptr)
      for (const auto& resource : node_->view().spec()->resources) {
        if (!machine_.storage()) inspected.storage_lost.push_back(resource.name);
        if (!machine_.uplink()) inspected.uplink_lost.push_back(resource.name);
      }
    std::set<std::string> others;
    for (const auto& domain : seen->domains) {
      if (Machine::is_domain(domain.uuid)) {
        others.insert(domain.uuid);
      } else if (const auto condition = to_event(domain.state)) {
        inspected.domains.push_back(
            {ResourceName{domain.uuid}, *condition, domain.migrating, domain.cap, domain.linked});
      }
    }
    for (const auto& process : seen->processes) {
      if (Machine::is_domain(process.uuid)) {
        others.insert(process.uuid);
      } else {
        inspected.processes.emplace_back(process.uuid);
      }
    }
    inspected.others.assign(others.begin(), others.end());
    tell(std::move(inspected));
  } else if (const auto* lifecycle = std::get_if<port::Lifecycle>(&event)) {
    if (!Machine::is_domain(lifecycle->uuid))
      tell(DomainHint{ResourceName{lifecycle->uuid}, to_event(lifecycle->kind)});
  } else if (const auto* lost = std::get_if<port::ConnectionLost>(&event)) {
    tell(HypervisorLost{lost->message});
  } else if (std::holds_alternative<port::ConnectionBack>(event)) {
    tell(HypervisorBack{});
  }
}

}  // namespace haven::sim

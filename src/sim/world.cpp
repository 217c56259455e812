#include "sim/world.hpp"

#include <algorithm>
#include <utility>

namespace haven::sim {
namespace {

const HostName kSilentWitness{"/witness"};  // of a two-host file that names none; no operator can name it either

HostName witness_of(const Spec& spec) {
  if (!spec.cluster.witness.empty()) return HostName{spec.cluster.witness};
  return spec.hosts.size() == 2 ? kSilentWitness : HostName{};
}

std::vector<HostName> voters_of(const Spec& spec) {
  constexpr std::size_t kManyHosts = 7;
  std::vector<HostName> voters = spec.cluster.voters;
  const std::size_t wanted = spec.hosts.size() >= kManyHosts ? 5 : 3;
  for (std::size_t i = 0; spec.cluster.voters.empty() && i < std::min(wanted, spec.hosts.size()); ++i) {
    voters.push_back(spec.hosts[i].name);
  }
  const HostName witness = witness_of(spec);
  if (!witness.empty() && std::ranges::find(voters, witness) == voters.end()) voters.push_back(witness);
  return voters;
}

std::vector<std::size_t> links_of(const Spec& spec) {
  std::vector<std::size_t> links;
  for (const Host& host : spec.hosts) links.push_back(std::max<std::size_t>(1, host.links.size()));
  if (!witness_of(spec).empty()) links.push_back(links.empty() ? 1 : std::ranges::max(links));
  return links;
}

// A process may be there long before libvirt says that it started.
HypervisorTimes times_of(World::Pace pace, Random& random) {
  HypervisorTimes times;
  if (pace == World::Pace::exact) return times;
  times.start = std::chrono::milliseconds(random.between(300, 8'000));
  times.appear = std::chrono::milliseconds(random.between(1, times.start / std::chrono::milliseconds(1)));
  times.stop = std::chrono::milliseconds(random.between(100, 20'000));
  times.migrate = times.start + times.stop / 2;
  return times;
}

}  // namespace

World::World(const Spec& spec, std::uint64_t seed, Pace pace)
    : file_(spec), random_(seed), network_(links_of(spec)), checker_(timeline_, facts()) {
  for (const Host& host : spec.hosts) {
    index_[host.name] = machines_.size();
    machines_.push_back(std::make_unique<Machine>(queue_, random_, timeline_, machines_.size(), host.name,
                                                  &file_.hosts[machines_.size()], times_of(pace, random_)));
  }
  if (const HostName witness = witness_of(spec); !witness.empty()) {
    index_[witness] = machines_.size();
    machines_.push_back(std::make_unique<Machine>(queue_, random_, timeline_, machines_.size(), witness, nullptr));
  }
  std::vector<MachineIndex> voters;
  for (const HostName& voter : voters_of(spec)) voters.push_back(index_.at(voter));
  engine_ = std::make_unique<EngineRoom>(
      queue_, random_, std::move(voters),
      EngineRoom::Surroundings{[this](MachineIndex m) { return machines_[m]->runs(); },
                               [this](MachineIndex a, MachineIndex b) { return network_.talk(a, b); },
                               [this] { engine_committed(); },
                               [this] {
                                 update_health();
                                 for (const auto& havend : havends_) havend->engine_reach_changed();
                               }});
  for (const Host& host : file_.hosts) {
    Havend::Callbacks callbacks{
        [this](const HostName& name) -> Machine& { return machine(name); },
        [this](const RunAgent& run) { checker_.agent_called(run.host, run.incarnation); },
        [this](const RunAgent& run, bool on) { switch_device(run, on); },
        [this](CallId question, bool ok, const std::string& text) { desk_->answered(question, ok, text); },
        [this] { pulse_->stir(); },
        [this] { update_health(); },
        [this, name = host.name](const std::string& rule, const std::string& text) {
          checker_.breach(rule, name, text);
        },
        [this, name = host.name](const ResourceName& resource, const GuestCheck& check) {
          return applications_.check(resource, check, truth_of(resource, name), queue_.now());
        },
        [this, name = host.name](const TreatGuest& treat) {
          const auto known = resources_.find(treat.resource);
          const bool verifies = known != resources_.end() && !known->second.before_serve.empty();
          return applications_.treat(treat, verifies, truth_of(treat.resource, name), queue_.now());
        },
        [this](std::string words) { checker_.differs(std::move(words)); }};
    havends_.push_back(
        std::make_unique<Havend>(queue_, random_, timeline_, machine(host.name), *engine_, host, std::move(callbacks)));
    if (pace == Pace::varied) havends_.back()->set_message_time(std::chrono::milliseconds(random_.between(1, 20)));
  }
  healthy_since_.resize(machines_.size());
  desk_ = std::make_unique<OperatorDesk>(queue_, *engine_, havends_);
  std::vector<Machine*> machines;
  std::vector<Havend*> havends;
  for (const auto& machine : machines_)
    if (machine->is_host() || !spec.cluster.witness.empty()) machines.push_back(machine.get());
  for (const auto& havend : havends_) havends.push_back(havend.get());
  pulse_ = std::make_unique<Pulse>(queue_, network_, std::move(machines), std::move(havends),
                                   [this] { return this->spec(); });
  for (const auto& machine : machines_) wire(*machine);
  lay_outlets();
  for (const Resource& resource : spec.resources) resources_[resource.name] = resource;
  timeline_.added = [this](const TimelineEvent& event) {
    if (event.kind == EventKind::run) checker_.process_runs(event.resource, event.host);
  };
}

void World::wire(Machine& machine) {
  const MachineIndex m = machine.index();
  Machine::Callbacks callbacks;
  callbacks.changed = [this] { network_changed(); };
  callbacks.booted = [] {};
  callbacks.went_down = [] {};
  callbacks.libvirt_tells = [](const port::HypervisorEvent&) {};
  callbacks.hook = [](const ResourceName&, bool, bool) { return false; };
  callbacks.links_changed = [this](const ResourceName& resource) { checker_.links_changed(resource); };
  wire_migration(callbacks, m);
  callbacks.may_boot = [this, m] {
    Machine& booting = *machines_[m];
    const Machine& below = *booting.below();
    return !below.hung() && havends_[below.index()]->hook_domain(booting.domain(), false);
  };
  callbacks.watchdog_broke = [] {};
  callbacks.deed_fails = [this, m](HypervisorState::Deed deed, const ResourceName& resource) {
    return deed_fails(deed, resource, machines_[m]->name());
  };
  if (machine.is_host()) {
    Havend* havend = havends_[m].get();
    callbacks.booted = [havend] { havend->start(); };
    callbacks.went_down = [havend] { havend->end(); };
    callbacks.watchdog_broke = [havend] { havend->tell(WatchdogBroke{"its watchdog takes no pet"}); };
    callbacks.libvirt_tells = [havend](const port::HypervisorEvent& event) { havend->libvirt_tells(event); };
    callbacks.hook = [havend](const ResourceName& resource, bool migration, bool unlinked) {
      return havend->hook(resource, migration, unlinked);
    };
  }
  machine.set_callbacks(std::move(callbacks));
}

// One libvirt talks to another over the hosts' own links, and each hears it when the other is gone.
void World::wire_migration(Machine::Callbacks& callbacks, MachineIndex m) {
  const auto reaches = [this, m](const Machine& other) {
    return other.runs() && machines_[m]->runs() && network_.talk(m, other.index());
  };
  callbacks.reach = [this, reaches](const HostName& to, const std::function<void(HypervisorState&)>& deed) {
    const auto found = index_.find(to);
    if (found == index_.end() || !reaches(*machines_[found->second])) return false;
    machines_[found->second]->with_libvirt([&](HypervisorState& libvirt, Instant) { deed(libvirt); });
    return true;
  };
  callbacks.is_sent_here = [this, m, reaches](const ResourceName& resource) {
    return std::ranges::any_of(machines_, [&](const auto& other) {
      return other->index() != m && reaches(*other) && other->is_sending(resource, machines_[m]->name());
    });
  };
  callbacks.guest_starts = [this, m](const ResourceName& resource) {
    applications_.starts(resource, machines_[m]->name(), queue_.now());
  };
  callbacks.moved_off = [this, m](const ResourceName& resource) { in_transit_[resource] = machines_[m]->name(); };
  callbacks.goes_on = [this, m](const ResourceName& resource, bool stale) {
    end_transit(resource);
    const HostName& host = machines_[m]->name();
    if (stale) checker_.breach("M2", host, resource.str() + " goes on with a memory that its source went beyond");
  };
  callbacks.copy_gone = [this](const ResourceName& resource) {
    if (copies_of(resource).empty()) end_transit(resource);
  };
}

// In a live move the run here ends as the one there begins; what is lost in between ends with the copy.
void World::end_transit(const ResourceName& resource) {
  if (const auto left = in_transit_.extract(resource); !left.empty())
    timeline_.process(EventKind::halt, resource, left.mapped(), "migrated");
}

GuestTruth World::truth_of(const ResourceName& resource, const HostName& host) const {
  const Machine& there = machine(host);
  const auto process = there.processes().find(resource);
  return {process != there.processes().end() && !process->second, there.guest_hangs(resource), there.uplink()};
}

void World::network_changed() {
  engine_->look();
  pulse_->stir();
}

void World::drop_heartbeats(bool drop) {
  network_.set_heartbeats(!drop);
  pulse_->stir();
}

// ---- what is committed, and what follows ----

void World::engine_committed() {
  EngineChanged commit;
  commit.revision = engine_->store().revision();
  const bool whole = engine_->store().changes_since(checked_, "", [&](const RecordStore::Change& change) {
    commit.changes.push_back({change.key, change.value, change.mod});
  });
  checked_ = commit.revision;
  if (!whole) return;  // cannot be: each commit is looked at before the next
  checker_.committed(commit);
  for (const EntryChange& change : commit.changes) {
    const auto* record = change.value ? std::get_if<JournalRecord>(&*change.value) : nullptr;
    if (record != nullptr) journal(*record);
  }
  for (const auto& havend : havends_) havend->engine_committed();
  const bool file = std::ranges::any_of(commit.changes, [](const auto& change) { return change.path == path::kSpec; });
  if (file) pulse_->stir();
}

void World::journal(const JournalRecord& record) {
  TimelineEvent event;
  event.resource = record.resource;
  event.host = record.host;
  event.why = record.why;
  switch (record.kind) {
    case JournalKind::intent:
      event.kind = EventKind::intent;
      break;
    case JournalKind::fenced:
      event.kind = EventKind::fenced;
      event.level = record.level;
      break;
    case JournalKind::proved:
      event.kind = EventKind::proved;
      break;
    case JournalKind::recover:
      event.kind = EventKind::recover;
      event.from = record.from;
      break;
    case JournalKind::restart:
      event.kind = EventKind::restart;
      break;
    case JournalKind::repair:
      event.kind = EventKind::repair;
      event.level = record.level;
      break;
    case JournalKind::migrate:
      event.kind = EventKind::migrate;
      event.from = record.from;
      break;
    case JournalKind::relocate:
      // By stop and start: the stop is here, the run follows.
      event.kind = EventKind::stop;
      event.host = record.from;
      break;
    case JournalKind::stop:
      event.kind = EventKind::stop;
      break;
    case JournalKind::place_failed:
      event.kind = EventKind::place_failed;
      event.reasons = record.reasons;
      break;
    case JournalKind::freeze:
      event.kind = EventKind::freeze;
      break;
    case JournalKind::alarm:
      event.kind = EventKind::alarm;
      break;
    case JournalKind::replace:
      event.kind = EventKind::replace;
      break;
    case JournalKind::tested:
    case JournalKind::withdrawn:
    case JournalKind::stayed:
    case JournalKind::capped:
    case JournalKind::uncapped:
    case JournalKind::place:
    case JournalKind::failed:
    case JournalKind::maintenance:
    case JournalKind::engine:
    case JournalKind::applied:
    case JournalKind::cleared:
      return;  // no word of FORMATS' list
  }
  timeline_.add(std::move(event));
}

void World::update_health() {
  for (MachineIndex m = 0; m < havends_.size() && m < healthy_since_.size(); ++m) {
    const bool well = machines_[m]->runs() && !machines_[m]->shutting_down() && havends_[m]->alive() &&
                      !havends_[m]->troubled() && engine_->serves(m);
    if (!well) {
      healthy_since_[m].reset();
    } else if (!healthy_since_[m]) {
      healthy_since_[m] = queue_.now();
    }
  }
}

Checker::Facts World::facts() const {
  Checker::Facts facts;
  facts.hosts_of = [this](const ResourceName& resource) { return hosts_of(resource); };
  facts.copies_of = [this](const ResourceName& resource) { return copies_of(resource); };
  facts.linked_on = [this](const ResourceName& resource) { return linked_on(resource); };
  facts.running_on = [this](const HostName& host, const Incarnation& boot) {
    std::vector<ResourceName> running;
    if (machine(host).incarnation() != boot) return running;
    for (const auto& [resource, paused] : machine(host).processes()) running.push_back(resource);
    return running;
  };
  facts.healthy_for = [this](const HostName& host, const Incarnation& boot) -> std::optional<Duration> {
    const auto& since = healthy_since_.at(index_.at(host));
    if (!since || machine(host).incarnation() != boot) return std::nullopt;
    return queue_.now() - *since;
  };
  facts.boot_of = [this](const HostName& host) { return machine(host).incarnation(); };
  facts.orders = [this] { return desk_ ? desk_->standing() : std::vector<Order>{}; };
  return facts;
}

std::vector<HostName> World::hosts_of(const ResourceName& resource) const {
  std::vector<HostName> hosts;
  for (const auto& machine : machines_) {
    if (machine->processes().contains(resource)) hosts.push_back(machine->name());
    if (machine->left_behind().contains(resource)) hosts.push_back(machine->name());
  }
  return hosts;
}

std::vector<HostName> World::linked_on(const ResourceName& resource) const {
  std::vector<HostName> hosts;
  for (const auto& machine : machines_)
    if (machine->linked(resource)) hosts.push_back(machine->name());
  return hosts;
}

std::vector<HostName> World::copies_of(const ResourceName& resource) const {
  std::vector<HostName> hosts;
  for (const auto& machine : machines_)
    if (machine->copies().contains(resource)) hosts.push_back(machine->name());
  return hosts;
}

bool World::held(const ResourceName& resource) const {
  return std::ranges::any_of(machines_, [&](const auto& machine) {
    return machine->processes().contains(resource) && machine->cap_of(resource).has_value();
  });
}

bool World::running(const ResourceName& resource) const {
  return std::ranges::any_of(machines_, [&](const auto& machine) {
    const auto process = machine->processes().find(resource);
    return process != machine->processes().end() && !process->second;
  });
}

bool World::serves(const ResourceName& resource) const {
  return running(resource) && !applications_.is_hurt(resource) &&
         std::ranges::none_of(machines_, [&](const auto& machine) { return machine->guest_hangs(resource); });
}

const Havend* World::speaker() const {
  const Havend* any = nullptr;
  const Havend* joined = nullptr;
  for (const auto& havend : havends_) {
    if (!havend->alive() || !havend->machine().runs()) continue;
    any = havend.get();
    if (!engine_->serves(havend->machine().index())) continue;
    joined = havend.get();
    if (havend->node()->leads()) return joined;
  }
  return joined != nullptr ? joined : any;
}

std::optional<Report> World::report() const {
  const Havend* havend = speaker();
  if (havend == nullptr) return std::nullopt;
  return havend->node()->report();
}

std::shared_ptr<const Spec> World::spec() const {
  const auto* entry = engine_->store().find(path::kSpec);
  const auto* record = entry == nullptr ? nullptr : std::get_if<SpecRecord>(&entry->value);
  return record == nullptr ? std::make_shared<const Spec>(file_) : record->spec;
}

}  // namespace haven::sim

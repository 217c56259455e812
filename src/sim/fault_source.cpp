#include "sim/fault_source.hpp"

#include <algorithm>
#include <array>

#include "core/recovery/lifecycle.hpp"
#include "core/recovery/succession.hpp"

namespace haven::sim {
namespace {

constexpr Duration kSoonest = 1s;
constexpr Duration kLatest = 120s;
// A person looks after the machines this often, and switches on what is off.
constexpr Duration kRounds = 300s;

}  // namespace

FaultSource::FaultSource(World& world, const Spec& spec, std::uint64_t seed, std::function<void(std::string)> note,
                         bool replaces)
    : world_(world),
      random_(seed ^ 0x5bd1e995ULL),
      swaying_(seed ^ 0x2545f491ULL),
      replacing_(seed ^ 0x9e3779b9ULL),
      sways_(spec.cluster.balance == Balance::automatic),
      ailing_(seed ^ 0x369dea0fULL),
      replaces_(replaces),
      note_(std::move(note)) {
  for (const Host& host : spec.hosts) {
    hosts_.push_back(host.name);
    links_.push_back(std::max<std::size_t>(1, host.links.size()));
    if (host.self_fence) promising_.insert(host.name);
  }
  machines_ = hosts_;
  if (!spec.cluster.witness.empty()) machines_.emplace_back(spec.cluster.witness);
  for (const Resource& resource : spec.resources) {
    resources_.push_back(resource.name);
    if (!resource.checks.empty()) checked_.push_back(resource.name);
    as_written_[resource.name] = resource;
  }
  Random apart(seed);
  if (apart.once_in(3)) blackout_after_ = std::chrono::seconds(apart.between(60, 3000));
}

Duration FaultSource::span(Duration least, Duration most) {
  const auto ms = [](Duration d) { return d / std::chrono::milliseconds(1); };
  return std::chrono::milliseconds(random_.between(ms(least), ms(most)));
}

const HostName& FaultSource::some_host() { return hosts_[random_.below(hosts_.size())]; }
const ResourceName& FaultSource::some_resource() { return resources_[random_.below(resources_.size())]; }

void FaultSource::begin() {
  next();
  later(kRounds, [this] { person_passes(); });
  if (blackout_after_) later(*blackout_after_, [this] { blackout(); });
  if (sways_) sway();
  if (!checked_.empty()) ail();
  if (replaces_) replacements();
}

// Faults come in bursts: half of them follow the last one closely, for it is the second one that hurts.
void FaultSource::next() {
  later(random_.once_in(2) ? span(1ms, 5s) : span(kSoonest, kLatest), [this] {
    strike();
    next();
  });
}

void FaultSource::later(Duration delay, std::function<void()> repair) {
  world_.queue().after(delay, [this, repair = std::move(repair)] {
    if (!stopped_) repair();
  });
}

void FaultSource::deed(const Deed& deed, const std::string& words) {
  if (note_) note_(words);
  world_.perform(deed);
}

void FaultSource::strike() {
  struct Kind {
    const char* name;
    void (FaultSource::*strike)();
  };
  static constexpr std::array kKinds{
      Kind{"power", &FaultSource::power},
      Kind{"hang", &FaultSource::hang},
      Kind{"isolated host", &FaultSource::isolate},
      Kind{"partition", &FaultSource::partition},
      Kind{"cut way", &FaultSource::cut},
      Kind{"cut link", &FaultSource::link},
      Kind{"engine outage", &FaultSource::store},
      Kind{"engine process", &FaultSource::voter},
      Kind{"slow engine", &FaultSource::slow_engine},
      Kind{"full engine", &FaultSource::full_disk},
      Kind{"havend", &FaultSource::havend},
      Kind{"havend in a step", &FaultSource::crash_in_a_step},
      Kind{"fence device", &FaultSource::fence_device},
      Kind{"libvirt", &FaultSource::libvirt},
      Kind{"slow libvirt", &FaultSource::slow_libvirt},
      Kind{"stranger's start", &FaultSource::stranger},
      Kind{"guest", &FaultSource::guest},
      Kind{"storage", &FaultSource::storage},
      Kind{"failing calls", &FaultSource::failures},
      Kind{"operator", &FaultSource::operators},
      Kind{"clean shutdown", &FaultSource::shutdown},
      Kind{"watch", &FaultSource::watch},
      Kind{"lost replies", &FaultSource::replies},
      Kind{"late commits", &FaultSource::late_commits},
      Kind{"wall clock", &FaultSource::clock},
      Kind{"cluster file", &FaultSource::files},
      Kind{"stall", &FaultSource::stall},
      Kind{"all heartbeats dropped", &FaultSource::deafness},
      Kind{"fence test", &FaultSource::device_test},
      Kind{"moved virtual host", &FaultSource::move},
      Kind{"another machine", &FaultSource::reinstall},
      Kind{"watchdog", &FaultSource::watchdog},
      Kind{"stale leader", &FaultSource::stale_leader},
      Kind{"uplink", &FaultSource::uplink},
      Kind{"migration", &FaultSource::migration},
  };
  const Kind& kind = kKinds[random_.below(kKinds.size())];
  ++struck_[kind.name];
  (this->*kind.strike)();
}

void FaultSource::person_passes() {
  for (const HostName& host : hosts_) {
    if (!world_.machine(host).on()) deed(SetPower{host, true}, "power " + host.str() + " on");
  }
  later(kRounds, [this] { person_passes(); });
}

void FaultSource::power() {
  const HostName host = some_host();
  deed(SetPower{host, false}, "power " + host.str() + " off");
  const bool takes_its_bmc_along = random_.once_in(3);
  if (takes_its_bmc_along) break_devices(host, DeviceMode::broken, "broken", span(60s, 300s));
  if (random_.once_in(4)) {
    deed(Order{OperatorVerb::fence_confirm, {}, host}, "fence-confirm " + host.str());
  }
  later(span(1s, 300s), [this, host] { deed(SetPower{host, true}, "power " + host.str() + " on"); });
}

// No fault, but what makes the balancer move guests between all that goes wrong.
void FaultSource::sway() {
  ++struck_["load"];
  const bool of_host = resources_.empty() || swaying_.once_in(3);
  SetLoad load;
  std::string name;
  if (of_host) {
    load.host = hosts_[swaying_.below(hosts_.size())];
    name = load.host.str();
  } else {
    load.resource = resources_[swaying_.below(resources_.size())];
    name = load.resource.str();
  }
  load.cpu = {swaying_.once_in(3) ? 0 : swaying_.between(0, 8000)};
  deed(load, "load " + name + " " + std::to_string(load.cpu.count));
  later(std::chrono::seconds(swaying_.between(5, 60)), [this] { sway(); });
}

// An application fails, until a step of its ladder mends it, or somebody does.
void FaultSource::ail() {
  ++struck_["application"];
  static const std::array<std::pair<AppFault, const char*>, 5> kFaults{{{AppFault::fail, "fail"},
                                                                        {AppFault::slow, "slow"},
                                                                        {AppFault::damage, "damage"},
                                                                        {AppFault::leak, "leak"},
                                                                        {AppFault::stall, "stall"}}};
  const auto& [fault, name] = kFaults[ailing_.below(kFaults.size())];
  HurtApp hurt{checked_[ailing_.below(checked_.size())], fault, std::nullopt};
  if (!ailing_.once_in(3)) hurt.mended_by = static_cast<Remedy>(ailing_.below(4));
  deed(hurt, "app " + hurt.resource.str() + " " + name);
  later(std::chrono::seconds(ailing_.between(5, 400)), [this, resource = hurt.resource] {
    deed(HurtApp{resource, AppFault::heal, std::nullopt}, "app " + resource.str() + " heal");
  });
  later(std::chrono::seconds(ailing_.between(5, 120)), [this] { ail(); });
}

// The whole cluster at once; its machines do not boot equally fast (B3).
void FaultSource::blackout() {
  ++struck_["blackout"];
  for (const HostName& host : hosts_) deed(SetPower{host, false}, "power " + host.str() + " off");
  for (const HostName& host : hosts_)
    later(span(1s, 150s), [this, host] { deed(SetPower{host, true}, "power " + host.str() + " on"); });
}

void FaultSource::hang() {
  const HostName host = some_host();
  // A watchdog that was petted visibly bites: that much is trusted. It breaks on hosts that can still say so.
  if (unwatched_.contains(host)) return;
  deed(SetHang{host, true}, "hang " + host.str());
  later(random_.once_in(2) ? span(100ms, 8s) : span(8s, 90s), [this, host] {
    deed(SetHang{host, false}, "resume " + host.str());
  });
}

void FaultSource::break_devices(const HostName& host, DeviceMode mode, const char* word, Duration until) {
  const std::size_t devices = world_.machine(host).devices();
  if (devices == 0) return;
  std::optional<std::size_t> device;
  if (devices > 1 && random_.once_in(2)) device = random_.below(devices);
  const std::string which = host.str() + (device ? " device " + std::to_string(*device + 1) : "");
  deed(SetFenceDevice{host, mode, device}, "fence-device " + which + " " + word);
  later(until, [this, host, device, which] {
    deed(SetFenceDevice{host, DeviceMode::working, device}, "fence-device " + which + " working");
  });
}

void FaultSource::clock() {
  const HostName host = some_host();
  const Duration ahead = random_.once_in(3) ? Duration::zero() : span(-2h, 2h);
  if (note_) note_("the wall clock of " + host.str() + " jumps");
  world_.machine(host).set_wall_clock_ahead(ahead);
}

// What libvirt was told to do takes longer than Haven waits for it, and happens all the same.
void FaultSource::slow_libvirt() {
  const HostName host = some_host();
  if (note_) note_("libvirt of " + host.str() + " is slow");
  const bool queued = random_.once_in(2);  // one draw after the other: compilers differ in the order of arguments
  world_.machine(host).slow_libvirt(span(5s, 180s), queued);
  later(span(10s, 120s), [this, host] { world_.machine(host).slow_libvirt(Duration::zero()); });
}

// virsh, libvirt-guests or an autostart: whoever starts a protected domain beside Haven (C5). What it let go of once
// may run by others' will, and be taken up again before every host has heard of it: that is between them.
void FaultSource::stranger() {
  if (resources_.empty()) return;
  const HostName host = some_host();
  const ResourceName& resource = some_resource();
  Machine& machine = world_.machine(host);
  if (!machine.runs() || let_go_.contains(resource) || world_.spec()->resource(resource) == nullptr) return;
  // Of a replacement one of the two leaves the file in the end.
  if (replacement_of(world_.checker().view(), resource)) return;
  if (note_) note_("somebody starts " + resource.str() + " on " + host.str());
  started_by_hand_[resource] = world_.now();
  machine.start_by_hand(resource);
}

// A start by a stranger may still be under way in a slow libvirt: what is let go meanwhile nobody keeps it from.
bool FaultSource::may_be_let_go(const ResourceName& resource) const {
  constexpr Duration kSlowest = 10min;
  const auto started = started_by_hand_.find(resource);
  return started == started_by_hand_.end() || world_.now() > started->second + kSlowest;
}

void FaultSource::crash_in_a_step() {
  const HostName host = some_host();
  if (note_) note_("havend " + host.str() + " is about to crash in the middle of a step");
  world_.havend(host).crash_after(static_cast<unsigned>(random_.below(12)));
}

void FaultSource::fence_device() {
  static const std::array<std::pair<DeviceMode, const char*>, 4> kModes{{{DeviceMode::broken, "broken"},
                                                                         {DeviceMode::hanging, "hanging"},
                                                                         {DeviceMode::lying, "lying"},
                                                                         {DeviceMode::slow, "slow"}}};
  const auto& [mode, word] = kModes[random_.below(kModes.size())];
  const HostName host = some_host();
  break_devices(host, mode, word, span(1s, 300s));
}

// The operator tries a host's fence devices, whatever runs there.
void FaultSource::device_test() {
  const HostName host = some_host();
  deed(Order{OperatorVerb::fence_test, {}, host}, "fence-test " + host.str());
}

// A virtual host goes to another physical machine while it runs.
void FaultSource::move() {
  std::vector<HostName> guests, machines;
  for (const HostName& host : hosts_) (world_.machine(host).below() != nullptr ? guests : machines).push_back(host);
  if (guests.empty() || machines.size() < 2) return;
  const HostName guest = guests[random_.below(guests.size())];
  const HostName to = machines[random_.below(machines.size())];
  if (note_) note_("move " + guest.str() + " to " + to.str());
  world_.move_virtual_host(guest, to);
}

// Another machine comes up under a host's name; a person finds the old one, ends what runs there, and says so.
void FaultSource::reinstall() {
  const HostName host = some_host();
  // That an armed watchdog bites in the old machine is trusted.
  if (unwatched_.contains(host)) return;
  deed(Reinstall{host}, "reinstall " + host.str());
  later(span(100s, 300s), [this, host] {
    if (note_) note_("the old machine of " + host.str() + " is found and switched off");
    world_.machine(host).end_left_behind();
    confirm_the_dead();
  });
}

void FaultSource::havend() {
  const HostName host = some_host();
  if (random_.once_in(2)) {
    deed(CrashHavend{host}, "havend " + host.str() + " crash");
    return;
  }
  if (note_) note_("havend " + host.str() + " planned restart");
  Havend& havend = world_.havend(host);
  havend.machine().after(Duration::zero(), [&havend] { havend.tell(ShutdownAsked{ShutdownKind::restart}); });
}

void FaultSource::libvirt() {
  const HostName host = some_host();
  if (random_.once_in(2)) {
    deed(HurtLibvirt{host, LibvirtFault::crash}, "libvirt " + host.str() + " crash");
    return;
  }
  deed(HurtLibvirt{host, LibvirtFault::hang}, "libvirt " + host.str() + " hang");
  later(span(100ms, 180s), [this, host] {
    deed(HurtLibvirt{host, LibvirtFault::resume}, "libvirt " + host.str() + " resume");
  });
}

void FaultSource::guest() {
  if (resources_.empty()) return;
  const ResourceName& resource = some_resource();
  static const std::array<std::pair<GuestFault, const char*>, 3> kFaults{
      {{GuestFault::crash, "crash"}, {GuestFault::hang, "hang"}, {GuestFault::poweroff, "poweroff"}}};
  const auto& [fault, word] = kFaults[random_.below(kFaults.size())];
  deed(HurtGuest{resource, fault}, "guest " + resource.str() + " " + word);
}

void FaultSource::storage() {
  std::optional<HostName> host;
  if (!random_.once_in(4)) host = some_host();
  const std::string words = "storage " + (host ? host->str() : std::string("all"));
  deed(SetStorage{host, false}, words + " off");
  later(span(1s, 60s), [this, host, words] { deed(SetStorage{host, true}, words + " on"); });
}

void FaultSource::failures() {
  if (resources_.empty()) return;
  static const std::array<std::pair<FailingDeed, const char*>, 5> kDeeds{
      {{FailingDeed::start, "start-fails"},
       {FailingDeed::stop, "stop-fails"},
       {FailingDeed::kill, "kill-fails"},
       {FailingDeed::migrate, "migrate-fails"},
       {FailingDeed::migrate_reply, "migrate-reply-lost"}}};
  const auto& [failing, word] = kDeeds[random_.below(kDeeds.size())];
  std::optional<HostName> host;
  if (!random_.once_in(3)) host = some_host();
  const ResourceName& resource = some_resource();
  const int count = static_cast<int>(random_.between(1, 3));
  deed(LetFail{failing, resource, host, count}, std::string(word) + " " + resource.str() + " " +
                                                    (host ? host->str() : std::string("any")) + " " +
                                                    std::to_string(count));
}

void FaultSource::operators() {
  if (resources_.empty()) return;
  const ResourceName resource = some_resource();
  switch (random_.below(6)) {
    case 4:
      return take_out_of_service(some_host());
    case 0:
      deed(Order{random_.once_in(2) ? OperatorVerb::stop : OperatorVerb::disable, resource, {}},
           "stop " + resource.str());
      later(span(100ms, 120s), [this, resource] {
        deed(Order{OperatorVerb::start, resource, {}}, "start " + resource.str());
      });
      return;
    case 1: {
      const HostName host = some_host();
      deed(Order{OperatorVerb::relocate, resource, host}, "relocate " + resource.str() + " " + host.str());
      return;
    }
    case 2: {
      const std::vector<std::string> scopes{"", some_host().str(), resource.str()};
      const std::string& name = scopes[random_.below(scopes.size())];
      deed(Order{OperatorVerb::freeze, {}, {}, name}, "freeze on " + name);
      later(span(100ms, 60s), [this, name] { deed(Order{OperatorVerb::thaw, {}, {}, name}, "freeze off " + name); });
      return;
    }
    case 3:
      deed(Order{OperatorVerb::clear, resource, {}}, "clear " + resource.str());
      return;
    default:
      if (!may_be_let_go(resource)) return;
      let_go_.insert(resource);
      deed(Order{OperatorVerb::ignore, resource, {}}, "ignore " + resource.str());
      later(span(100ms, 120s), [this, resource] {
        deed(Order{OperatorVerb::start, resource, {}}, "start " + resource.str());
      });
      return;
  }
}

void FaultSource::take_out_of_service(const HostName& host) {
  deed(Order{OperatorVerb::maintain, {}, host}, "maintenance " + host.str() + " on");
  // The work itself: off and on without a word.
  if (random_.once_in(2))
    later(span(10s, 60s), [this, host] { deed(SetPower{host, false}, "power " + host.str() + " off"); });
  later(span(60s, 180s), [this, host] {
    deed(SetPower{host, true}, "power " + host.str() + " on");
    deed(Order{OperatorVerb::resume, {}, host}, "maintenance " + host.str() + " off");
  });
}

// A resource leaves the file while it runs, and comes back to it.
void FaultSource::files() {
  if (resources_.empty()) return;
  const Resource resource = as_written_.at(some_resource());
  if (!may_be_let_go(resource.name)) return;
  let_go_.insert(resource.name);
  deed(Remove{resource.name}, "remove " + resource.name.str());
  later(span(100ms, 60s), [this, resource] { deed(Add{resource}, "add " + resource.name.str()); });
}

void FaultSource::shutdown() {
  const HostName host = some_host();
  const bool reboot = random_.once_in(2);
  deed(ShutDown{host, reboot}, (reboot ? "reboot " : "shutdown ") + host.str());
}

// Too short for a lease, long enough for heartbeats: one host, or all at once.
void FaultSource::stall() {
  const bool all = random_.once_in(4);
  for (std::size_t i = 0; i < (all ? hosts_.size() : 1); ++i) {
    const HostName host = all ? hosts_[i] : some_host();
    deed(SetHang{host, true}, "hang " + host.str());
    later(span(20ms, 900ms), [this, host] { deed(SetHang{host, false}, "resume " + host.str()); });
  }
}

// The alarms name the command: what has not returned as the same machine needs somebody who looked.
void FaultSource::confirm_the_dead() {
  const View& view = world_.checker().view();
  if (view.spec() == nullptr) return;
  for (const Host& host : view.spec()->hosts) {
    const MemberRecord* member = member_of(view, host.name);
    const Machine& machine = world_.machine(host.name);
    const bool waits = member != nullptr && member->incarnation == machine.incarnation() &&
                       host_refusal(view, host) == "its last boot is not proved dead yet";
    if (waits && machine.left_behind().empty())
      deed(Order{OperatorVerb::fence_confirm, {}, host.name}, "fence-confirm " + host.name.str());
  }
}

void FaultSource::watchdog() {
  const HostName host = some_host();
  const Machine& machine = world_.machine(host);
  if (!promising_.contains(host) || !machine.runs() || !world_.engine().serves(machine.index())) return;
  deed(SetWatchdog{host, true}, "watchdog " + host.str() + " broken");
  unwatched_.insert(host);
  later(span(1s, 300s), [this, host] {
    deed(SetWatchdog{host, false}, "watchdog " + host.str() + " working");
    unwatched_.erase(host);
  });
}

// What ended while its disk was lost is settled once its host was off; here nothing else switches it off.
void FaultSource::settle_last_writes() {
  const View& view = world_.checker().view();
  std::set<HostName> hosts;
  for (const auto& [resource, run] : view.runs)
    if (run.value.unsettled && !claim_closed(view, resource)) hosts.insert(run.value.host);
  for (const HostName& host : hosts) {
    deed(SetPower{host, false}, "power " + host.str() + " off");
    world_.queue().after(10s, [this, host] { deed(SetPower{host, true}, "power " + host.str() + " on"); });
  }
}

void FaultSource::take_back_orders() {
  for (const HostName& host : hosts_) world_.machine(host).end_left_behind();
  confirm_the_dead();
  settle_last_writes();
  deed(Order{OperatorVerb::thaw, {}, {}}, "freeze off");
  for (const HostName& host : hosts_) deed(Order{OperatorVerb::thaw, {}, {}, host.str()}, "freeze off " + host.str());
  for (const HostName& host : hosts_) deed(Order{OperatorVerb::resume, {}, host}, "maintenance " + host.str() + " off");
  for (const ResourceName& resource : resources_)
    deed(Order{OperatorVerb::thaw, {}, {}, resource.str()}, "freeze off " + resource.str());
  for (const ResourceName& resource : resources_) {
    deed(Order{OperatorVerb::start, resource, {}}, "start " + resource.str());
  }
  take_back_replacements();
}

}  // namespace haven::sim

#include "sim/random_faults.hpp"

#include <algorithm>
#include <memory>

#include "core/placement/placement.hpp"
#include "core/recovery/succession.hpp"
#include "sim/fault_source.hpp"

namespace haven::sim {
namespace {

constexpr std::size_t kLinesShown = 60;
// Safety is looked at this often for the sake of stopping at the first violation.
constexpr Duration kLook = 10s;
// After the healing every machine is up by then: a clean shutdown's patience, and a boot.
constexpr Duration kBootsWithin = 200s;

// What runs is where it is; what does not run, fits if Placement finds it a host beside that.
std::vector<Violation> dead_ones(World& world) {
  std::vector<Violation> dead;
  const auto spec = world.spec();
  std::vector<HostView> hosts;
  for (const Host& host : spec->hosts) hosts.push_back({host.name, ""});
  Placement placement(*spec, hosts);
  for (const Resource& resource : spec->resources) {
    for (const HostName& host : world.hosts_of(resource.name)) placement.book(resource.name, host);
  }
  for (const Resource& resource : spec->resources) {
    const bool wanted =
        resource.state == DesiredState::started && resource.retry && resource.on_poweroff == OnPoweroff::restart;
    if (!wanted || world.running(resource.name)) continue;
    if (stopped_by_replacement(world.checker().view(), resource.name)) continue;
    // It waits for one that does not run, and that is judged by itself.
    const bool waits = std::ranges::any_of(resource.after, [&](const auto& name) { return !world.running(name); });
    if (waits) continue;
    const auto where = world.hosts_of(resource.name);
    if (where.empty() && !placement.choose(resource.name).host) continue;
    dead.push_back({world.timeline().now_ms(), "liveness", resource.name, where,
                    resource.name.str() + " fits and does not run after everything was healed"});
  }
  return dead;
}

// A cap that nothing stands for any more: it travelled, or was forgotten.
std::vector<Violation> held_for_nothing(World& world) {
  std::vector<Violation> held;
  const auto report = world.report();
  for (const Resource& resource : world.spec()->resources) {
    const auto is_told = [&](const ResourceReport& one) {
      return one.name == resource.name && one.held_to.has_value();
    };
    if (!world.held(resource.name) || (report && std::ranges::any_of(report->resources, is_told))) continue;
    held.push_back({world.timeline().now_ms(), "caps", resource.name, world.hosts_of(resource.name),
                    resource.name.str() + " is held to a share of the CPUs that nobody speaks of"});
  }
  return held;
}

// What has checks, runs, and is not found well by them.
std::vector<Violation> ill_ones(World& world) {
  std::vector<Violation> ill;
  const auto report = world.report();
  if (!report) return ill;
  for (const ResourceReport& one : report->resources) {
    const bool checked = one.health && world.running(one.name);
    if (!checked || *one.health == Health::well) continue;
    ill.push_back({world.timeline().now_ms(), "health", one.name, world.hosts_of(one.name),
                   one.name.str() + " is not found well after everything was healed: " + one.why});
  }
  return ill;
}

Tally tally_of(const std::vector<TimelineEvent>& events) {
  const auto count = [&](EventKind kind) {
    return std::ranges::count_if(events, [&](const TimelineEvent& event) { return event.kind == kind; });
  };
  return {count(EventKind::run),
          count(EventKind::intent),
          count(EventKind::fenced),
          count(EventKind::proved),
          count(EventKind::recover),
          count(EventKind::restart),
          count(EventKind::repair),
          std::ranges::count_if(events,
                                [](const TimelineEvent& event) {
                                  return event.kind == EventKind::migrate && event.why.starts_with("balance: ");
                                }),
          {}};
}

// Whoever of the two is to serve has no links, or nobody ever took the other one out of the file.
std::vector<Violation> unlinked_ones(World& world) {
  std::vector<Violation> found;
  const View& view = world.checker().view();
  for (const Resource& resource : world.spec()->resources) {
    const auto r = replacement_of(view, resource.name);
    // Taken back, or, where there is no room to start the old one for that, the new one's for good or until there is.
    const bool serves = r && (r->record.phase == HandoverPhase::settling || r->record.phase == HandoverPhase::kept);
    if (r && r->successor.name == resource.name && !serves)
      found.push_back({world.timeline().now_ms(),
                       "liveness",
                       resource.name,
                       {},
                       "the replacement by " + resource.name.str() + " was taken back, and does not end"});
    if (!links_wanted(view, resource.name) || !world.running(resource.name)) continue;
    if (!world.linked_on(resource.name).empty()) continue;
    found.push_back({world.timeline().now_ms(), "liveness", resource.name, world.hosts_of(resource.name),
                     resource.name.str() + " runs and serves nobody: its network links are down"});
  }
  return found;
}

std::vector<Violation> not_well(World& world) {
  std::vector<Violation> all = dead_ones(world);
  for (Violation& unlinked : unlinked_ones(world)) all.push_back(std::move(unlinked));
  for (Violation& held : held_for_nothing(world)) all.push_back(std::move(held));
  for (Violation& ill : ill_ones(world)) all.push_back(std::move(ill));
  return all;
}

class Run {
 public:
  Run(const Spec& spec, std::uint64_t seed, bool recording, bool replaces)
      : world_(spec, seed, World::Pace::varied), faults_(world_, spec, seed, recording ? note() : nullptr, replaces) {
    if (!recording) return;
    auto checked = std::move(world_.timeline().added);
    world_.timeline().added = [this, checked](const TimelineEvent& event) {
      checked(event);
      if (world_.checker().violations().empty()) say(words_of(event));
    };
  }

  RandomRun run(double hours) {
    world_.warm_up({});
    faults_.begin();
    const auto until = std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::ratio<3600>>(hours));
    while (world_.now() < until && safe()) world_.run_until(std::min(until, world_.now() + kLook));
    faults_.stop();
    say("-- everything is healed --");
    const Duration healed = world_.now();
    const Duration limit = healed + kLiveWithin;
    bool ordered = false, alive = false;
    while (safe() && !alive && world_.now() < limit) {
      world_.heal();  // again: what was on its way down goes down yet
      if (!ordered && world_.now() >= healed + kBootsWithin) {
        faults_.take_back_orders();
        ordered = true;
      }
      world_.run_until(std::min(limit, world_.now() + kLook));
      if (ordered) faults_.confirm_the_dead();
      alive = ordered && not_well(world_).empty();
    }
    RandomRun result;
    result.violations = world_.checker().violations();
    if (safe() && !alive) result.violations = not_well(world_);
    result.timeline = std::move(lines_);
    result.tally = tally_of(world_.timeline().events());
    result.tally.faults = faults_.struck();
    return result;
  }

 private:
  [[nodiscard]] bool safe() const { return world_.checker().violations().empty(); }
  std::function<void(std::string)> note() {
    recording_ = true;
    return [this](std::string words) {
      if (world_.checker().violations().empty()) say(std::move(words));
    };
  }
  void say(std::string words) {
    if (!recording_) return;
    lines_.push_back(std::to_string(world_.timeline().now_ms()) + " ms  " + std::move(words));
    if (lines_.size() > kLinesShown) lines_.erase(lines_.begin());
  }
  static std::string words_of(const TimelineEvent& event) {
    std::string words = std::string("  ") + word(event.kind);
    if (!event.resource.empty()) words += " " + event.resource.str();
    if (!event.host.empty()) words += " " + event.host.str();
    if (!event.why.empty()) words += ": " + event.why;
    return words;
  }

  bool recording_ = false;
  std::vector<std::string> lines_;
  World world_;
  FaultSource faults_;
};

}  // namespace

Tally& Tally::operator+=(const Tally& other) {
  starts += other.starts;
  intents += other.intents;
  fences += other.fences;
  returns += other.returns;
  failovers += other.failovers;
  restarts += other.restarts;
  repairs += other.repairs;
  balanced += other.balanced;
  for (const auto& [kind, count] : other.faults) faults[kind] += count;
  return *this;
}

RandomRun random_run(const Spec& spec, std::uint64_t seed, double hours, bool replaces) {
  RandomRun result = Run(spec, seed, false, replaces).run(hours);
  // The same once more, written down: words cost time, and most runs need none.
  if (!result.good()) result.timeline = Run(spec, seed, true, replaces).run(hours).timeline;
  result.seed = seed;
  return result;
}

}  // namespace haven::sim

// What the operator wants: the cluster file after validation (FORMATS, "The cluster file"), with defaults filled in.
// A Spec is immutable once committed; its text form lives in src/file, its engine form in src/daemon/codec.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/calendar.hpp"
#include "core/model/health.hpp"
#include "core/model/ids.hpp"
#include "core/model/units.hpp"

namespace haven {

// What fails together, smallest first. A host without a name for a level is a domain of its own at that level.
enum class FailureDomain { host, rack, room, site };

enum class AfterFence { off, on };
// What a clean shutdown of a host means for its resources. They are stopped in good order whatever it says.
enum class ShutdownPolicy {
  migrate,      // they go to other hosts: live where that can be, else by stop and start
  failover,     // stopped here, started elsewhere
  stop,         // they stay stopped until the host is back
  freeze,       // they stay this host's, and start there again
  conditional,  // freeze where the host reboots, failover where it is switched off
};
enum class DesiredState { started, stopped, ignored };
enum class OnStopFail { hold, fence };
enum class OnPoweroff { restart, stop };
enum class Failback { off, migrate, restart };
enum class RuleKind { apart, together };
// What becomes of load that stays uneven.
enum class Balance {
  off,        // nothing is measured
  advise,     // it is said which guests to move
  automatic,  // and they are moved
};
// What becomes of a guest that starves others.
enum class Hogs {
  tell,  // it is named
  cap,   // and held to its share, as long as that helps anybody
};

// One configured power switch. All devices of one level must be off at the same time (PROTOCOL F2).
struct FenceDevice {
  std::string agent;                           // fence_ipmilan
  std::map<std::string, std::string> options;  // as configured: secrets only as X_file = path
  int level = 1;
  std::vector<HostName> cuts{};  // everything that it switches off; empty: the host that it stands under
  friend bool operator==(const FenceDevice&, const FenceDevice&) = default;
};

struct Host {
  HostName name;
  std::string address;
  Vcpu cpu;    // physical CPUs
  MiB memory;  // physical memory
  Vcpu keep_cpu;
  MiB keep_memory;
  std::vector<std::string> links;  // heartbeat paths; [address] unless given
  std::string site, room, rack;    // empty: none
  std::vector<FenceDevice> fence;  // empty: no power fencing
  std::string runs_on{};           // of a virtual host: its physical machine, a host of the file or not; else empty
  bool self_fence = false;         // it makes a promise, kept by its watchdog (PROTOCOL P)
  Duration promise = 30s;          // the promise's deadline
  bool watchdog_accept_soft = false;
  friend bool operator==(const Host&, const Host&) = default;
};

// hosts = { only, prefer, never }. Hosts in no list are allowed, after the preferred ones.
struct HostRules {
  std::vector<HostName> only;                 // empty: all
  std::vector<std::vector<HostName>> prefer;  // best first; an inner list is a tie
  std::vector<HostName> never;
  friend bool operator==(const HostRules&, const HostRules&) = default;
};

// At most `limit` restarts in place within any `within` (sliding).
struct RestartBudget {
  int limit = 1;
  Duration within = 10min;
  friend bool operator==(const RestartBudget&, const RestartBudget&) = default;
};

// It is to take another resource's place (docs/decisions/0007-replacement.md): it runs with its network links down
// until it has proved itself, then the links change hands. Not in the file: `haven replace` says it.
struct Succession {
  ResourceName predecessor;
  Duration prove = 30s;      // it runs for so long without ending
  Duration settle = 10min;   // with the links; until then it is taken back by itself if it fails
  Duration timeout = 10min;  // by then it has proved itself, or it never does
  WallTime asked;            // tells two replacements of the same names apart
  friend bool operator==(const Succession&, const Succession&) = default;
};

struct Resource {
  ResourceName name;
  std::string uuid;        // of its domain; empty in the simulator
  std::string xml;         // its domain XML; empty in the simulator
  bool container = false;  // LXC: has no power button, its processes are found by name
  Vcpu cpu;
  MiB memory;
  DesiredState state = DesiredState::started;
  int priority = 100;    // higher first
  bool preempt = false;  // fits it nowhere, running ones of lower priority are stopped for it
  HostRules hosts;
  Failback failback = Failback::migrate;
  bool live_migration = true;  // false: it is moved by stop and start
  RestartBudget restarts;
  int relocations = 2;
  bool retry = true;
  OnStopFail on_stop_fail = OnStopFail::hold;
  OnPoweroff on_poweroff = OnPoweroff::restart;
  std::vector<ResourceName> after;  // started once these pass their checks (run, where they have none)
  bool tolerate_host = true;        // tolerate = "guest": not counted after a host's loss, restarted all the same
  // Accepted when the file was applied, not in the file: it may stay down after the losses that `reserve` speaks of.
  bool unprotected = false;
  bool cap = true;                 // false: it is never held to its share, though it starve others
  std::optional<Calendar> when{};  // needed at these times only; none: always
  std::vector<GuestCheck> checks{};
  std::vector<Repair> repairs{};  // the ladder; empty: it is never treated
  // After each start of the guest, in this order, before its checks count: the first must succeed for the second.
  GuestCommand before_serve{}, serve{};
  Duration after_timeout = 10min;  // so long `after` is waited for; 0: for ever
  AfterTimeout on_after_timeout = AfterTimeout::hold;
  std::optional<Succession> succession{};
  ResourceName replaced{};  // it took this one's place for good, and the file did not say so yet; empty: nobody's
  friend bool operator==(const Resource&, const Resource&) = default;
};
// Something must be done in it after each start, before it counts as there.
[[nodiscard]] inline bool is_called_up(const Resource& resource) {
  return !resource.before_serve.empty() || !resource.serve.empty();
}
[[nodiscard]] inline bool can_move_live(const Resource& resource) {
  return resource.live_migration && !resource.container;
}

struct Rule {
  RuleKind kind = RuleKind::apart;
  std::vector<ResourceName> resources;
  FailureDomain domain = FailureDomain::host;
  bool strict = true;  // false: a preference
  friend bool operator==(const Rule&, const Rule&) = default;
};

struct Cluster {
  std::string name;
  int reserve = 1;
  FailureDomain reserve_domain = FailureDomain::host;
  Duration lease = 3s;
  std::vector<HostName> voters;  // filled in by default (DESIGN 4)
  std::string witness;           // empty: none
  double cpu_overcommit = 4.0;
  double overbook = 1.0;
  Duration heartbeat = 100ms;  // between two packets
  Duration suspect = 500ms;    // of silence
  AfterFence after_fence = AfterFence::off;
  bool voters_named = false;  // by the file: nobody else comes to vote
  ShutdownPolicy shutdown_policy = ShutdownPolicy::migrate;
  Balance balance = Balance::advise;
  Hogs hogs = Hogs::tell;
  friend bool operator==(const Cluster&, const Cluster&) = default;
};

// Hosts, resources and rules keep the file's order.
struct Spec {
  Cluster cluster;
  std::vector<Host> hosts;
  std::vector<Resource> resources;
  std::vector<Rule> rules;
  friend bool operator==(const Spec&, const Spec&) = default;

  // nullptr: no such name. O(n): the controller keeps indexes of its own where it matters.
  [[nodiscard]] const Host* host(const HostName& name) const;
  [[nodiscard]] const Resource* resource(const ResourceName& name) const;
};

// A virtual host whose physical machine is in the file: it is fenced there, by destroying its domain (F3).
[[nodiscard]] bool fenced_on_hypervisors(const Spec& spec, const Host& host);

// The failure domain of `level` that this host stands in; its own where it has none at that level. A virtual host
// stands in the domain `host` of its physical machine, and in that machine's own of any level that names none.
[[nodiscard]] std::string domain_of(const Host& host, FailureDomain level);

// What a host has for resources: (cpu - keep) x overcommit, memory - keep (FORMATS, "haven check").
struct Capacity {
  double cpu = 0;
  MiB memory;
};
[[nodiscard]] Capacity capacity_of(const Host& host, const Cluster& cluster);

}  // namespace haven

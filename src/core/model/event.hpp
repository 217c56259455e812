// What the core is told. Each event is a fact with the moment it was seen; the core asks nobody.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/liveness/heartbeat.hpp"
#include "core/model/ids.hpp"
#include "core/model/load.hpp"
#include "core/model/record.hpp"
#include "core/model/units.hpp"

namespace haven {

// ---- engine ----
struct Entry {
  std::string path;
  Record value;
  Revision mod;
};
struct EntryChange {
  std::string path;
  std::optional<Record> value;  // nullopt: deleted at `mod`
  Revision mod;
};
// Everything, as of `revision`; what was known before is forgotten (R4).
struct EngineListed {
  std::vector<Entry> entries;
  Revision revision;
};
// Whole commits in order, nothing left out up to `revision`.
struct EngineChanged {
  std::vector<EntryChange> changes;
  Revision revision;
};
struct EngineLost {
  std::string why;
};                     // the watch broke: what is known grows old
struct EngineBack {};  // it goes on without a gap
enum class CommitOutcome { committed, conflict, refused, unknown };
struct CommitDone {
  CallId call;
  CommitOutcome outcome = CommitOutcome::unknown;
  Revision revision;
  std::string message;
};
struct LeaseGranted {
  CallId call;
  LeaseId lease;
};  // 0: not granted
struct LeaseAnswer {
  CallId call;
  LeaseId lease;
  bool reached = false;
  bool alive = false;
};

// What a linearizable read of a host's member key found.
struct MemberRead {
  CallId call;
  bool reached = false;  // false: the rest means nothing; so it is where the value cannot be read
  std::optional<Incarnation> found;
  Revision mod;            // of the key; 0: absent
  std::uint64_t term = 0;  // the engine's raft term, as of the answer
};
enum class VoterWord {
  silent,       // no answer
  led,          // it names a leader
  leaderless,   // it runs and names none
  not_running,  // its host says so
};
struct VoterAnswer {
  std::string voter;
  VoterWord word = VoterWord::silent;
  VoterList voters;        // all that it knows of; empty where it does not run
  std::uint64_t term = 0;  // of its leader
  friend bool operator==(const VoterAnswer&, const VoterAnswer&) = default;
};
struct VotersAnswered {
  CallId call;
  std::vector<VoterAnswer> answers;
};

// ---- hypervisor ----
enum class DomainCondition {
  running,
  starting,  // libvirt has begun to start it, or to let it in
  paused,
  paused_io_error,
  crashed,
  in_migration,  // libvirt stopped it for a migration: here from the switch on, or not all of it has come in yet
};
struct DomainSeen {
  ResourceName resource;
  DomainCondition condition = DomainCondition::running;
  bool migrating = false;  // libvirt is sending it to another host
  // By which Haven holds it now, wherever that was begun; 0: it is not held as it was meant to be.
  std::optional<MilliCpu> cap{};
  // Any of its network links is up; nullopt: that was not asked, or libvirt did not tell.
  std::optional<bool> linked{};
  friend bool operator==(const DomainSeen&, const DomainSeen&) = default;
};
// What libvirt and /proc say about the resources of the spec. reached=false: libvirt did not answer, `domains` is empty
// and means nothing; `processes` is then all that is known.
// `storage_lost`: whose disks could not be read from here, tried after the inspection was asked for; whatever libvirt
// says. A disk that does not answer in time counts as lost.
struct Inspected {
  CallId call;
  bool reached = false;
  std::vector<DomainSeen> domains;
  std::vector<ResourceName> processes;
  std::vector<ResourceName> storage_lost;
  std::vector<std::string> others{};        // uuids of what runs here besides, by libvirt's word or by a process
  std::vector<ResourceName> uplink_lost{};  // whose network has lost its way out of this host
  Footprint others_taken{};                 // what those others take, as far as libvirt tells
};
enum class CallResult { done, failed, unknown };
struct CallDone {
  CallId call;
  CallResult result = CallResult::unknown;
  std::string message;
};
// A hint to look. `powered_off` is the only word that an inspection cannot find out: the guest switched itself off.
// `migrated`: it ended because all of it had gone to another host.
enum class HintKind { changed, powered_off, crashed, migrated };
struct DomainHint {
  ResourceName resource;
  HintKind kind = HintKind::changed;
};
struct HypervisorLost {
  std::string why;
};
struct HypervisorBack {};

// ---- fence agents ----
enum class AgentResult { done, is_on, is_off, failed, timed_out, killed };
struct AgentDone {
  CallId call;
  AgentResult result = AgentResult::failed;
  std::string message;
};
// A device's status, and the GUID of the BMC behind it where it tells one (F5).
struct DeviceProbed {
  CallId call;
  AgentResult result = AgentResult::failed;
  std::string guid;
  std::string message;
};

// ---- watchdog ----
struct WatchdogArmed {
  CallId call;
  bool armed = false;
  std::string message;  // why not
};
// It cannot be petted any more.
struct WatchdogBroke {
  std::string why;
};

// What else hurts on this host, found out by havend itself: sentences for its status. Each takes the place of the last.
struct HostProblems {
  std::vector<std::string> problems;
};

// What this host and its guests use now. Sent each kLoadSampled by whoever measures, while he can.
struct LoadsMeasured {
  HostFigures host;
  std::vector<GuestFigures> guests;  // of the spec's, all that run here; each once
};

// What the checks of a guest of this host say now, and did not say before (AttendGuest).
struct HealthSeen {
  ResourceName resource;
  std::uint64_t life = 0;
  Health state = Health::unknown;
  bool hung = false;
  bool by_network = false;  // ill, and only by checks that ask by the network
  std::string why{};
};

// ---- this host ----
// libvirt is about to start a domain, or to let one migrate in, and asks whether it may (C5, F3).
struct HookAsked {
  CallId question;
  ResourceName resource;  // empty: the domain is no resource of the spec
  bool migration = false;
  std::string uuid{};     // of the domain; empty in the simulator where it is a resource
  bool unlinked = false;  // its network links are down, as libvirt has it
};

enum class OperatorVerb {
  start,
  stop,
  disable,
  ignore,
  clear,
  relocate,
  migrate,
  stay,
  freeze,
  thaw,
  maintain,  // a host is taken out of service
  resume,    // and back into it
  fence_confirm,
  fence_test,
  hand_back,   // a replacement is taken back: the resource is either of the two
  hand_finish  // it is for good
};
struct OperatorAsked {
  CallId question;  // answered by AnswerOperator
  OperatorVerb verb = OperatorVerb::start;
  ResourceName resource;  // empty where the verb is about a host
  HostName host;          // relocate, migrate: where to; maintain, resume, fence_confirm, fence_test: whom
  std::string by;         // the user who said it
  bool force = false;
  int level = 0;             // fence_test: of its devices; 0: the first
  std::string name = {};     // freeze, thaw: a host or a resource; empty: the whole cluster
  bool unprotected = false;  // maintain: accepted that fewer losses are survived meanwhile than `reserve` promises
};
enum class ShutdownKind {
  restart,    // havend stops or is upgraded; guests run on (S6)
  leave,      // it leaves the cluster: its resources stop here and start elsewhere
  reboot,     // the machine shuts down and comes back: its resources stop here; the rest is shutdown_policy's
  power_off,  // likewise, and stays off
};
struct ShutdownAsked {
  ShutdownKind kind = ShutdownKind::restart;
};

// ---- heartbeats (PROTOCOL S) ----
// Whether a peer hears another one. Of those that it never heard it says nothing.
struct PeerOpinion {
  HostName about;
  BootDigest boot;
  bool heard = false;
  friend bool operator==(const PeerOpinion&, const PeerOpinion&) = default;
};
struct PeerHeard {
  HostName host;
  BootDigest boot;     // the last one that was heard; none: it never was
  LinkSet links = 0;   // it is heard on these now
  std::size_t of = 0;  // how many links there are between the two
  bool shut = false;   // not heard, but its machine answers that nobody listens: havend is gone, the host lives
  Instant last;        // as of when it was last heard, if it ever was
  Brain brain;         // as it said last
  std::vector<PeerOpinion> opinions;  // empty while it is not heard
  friend bool operator==(const PeerHeard&, const PeerHeard&) = default;
};
// Whom this host hears: all others of the roster, the witness included. Sent when it changes.
struct PeersHeard {
  std::vector<PeerHeard> peers;
};

// Time passed and nothing else.
struct Tick {};

using Event = std::variant<Tick, EngineListed, EngineChanged, EngineLost, EngineBack, CommitDone, LeaseGranted,
                           LeaseAnswer, MemberRead, VotersAnswered, WatchdogArmed, WatchdogBroke, Inspected, CallDone,
                           DomainHint, HypervisorLost, HypervisorBack, AgentDone, DeviceProbed, HookAsked, HostProblems,
                           OperatorAsked, ShutdownAsked, PeersHeard, LoadsMeasured, HealthSeen>;

}  // namespace haven

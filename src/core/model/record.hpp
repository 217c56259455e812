// What stands in the engine, as values (DESIGN 4 lists the keys, PROTOCOL who may write which).
// Paths are relative to /haven/<cluster>/. The text form of each record is src/daemon/codec's business.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/model/balance_record.hpp"
#include "core/model/health.hpp"
#include "core/model/ids.hpp"
#include "core/model/spec.hpp"
#include "core/model/units.hpp"

namespace haven {

// spec/current: what the operator wants. Shared, because it is large and never changes once committed.
struct SpecRecord {
  std::shared_ptr<const Spec> spec;
  friend bool operator==(const SpecRecord& a, const SpecRecord& b) {
    return a.spec == b.spec || (a.spec && b.spec && *a.spec == *b.spec);
  }
};

// spec/freeze: what is left as it is. One record for all of it, so that one compare covers every decision that rests
// on it. No record: nothing is frozen.
struct FreezeRecord {
  std::string by;                                 // who froze the whole cluster
  bool cluster = true;                            // nothing may be decided at all
  std::map<std::string, std::string> names = {};  // hosts and resources, each with who froze it
  friend bool operator==(const FreezeRecord&, const FreezeRecord&) = default;
};

// epoch: absent until the engine is first recovered or restored (E3).
struct EpochRecord {
  Epoch epoch;
  friend bool operator==(const EpochRecord&, const EpochRecord&) = default;
};

// spec/order/<resource>: what the operator said about one resource since the file was applied. `state` overrides the
// file's until it is taken back; the controller strikes the rest out once it has acted on it.
//
// Each accepted order writes it, and it stays while its resource stands in the file, if only to say nothing: an order
// whose answer was lost may be carried out seconds later. It compares the revision that it saw, and that one is never
// there again; where the key could be absent twice, a late `stop` would undo the `start` that followed it.
struct OrderRecord {
  std::optional<DesiredState> state;
  bool clear = false;                   // forget past failures, try again now
  std::optional<HostName> relocate_to;  // by stop and start
  std::optional<HostName> migrate_to;   // live
  bool stay = false;                    // a migration under way is to end where it began
  friend bool operator==(const OrderRecord&, const OrderRecord&) = default;
};

// leader: lease-bound (R1). Its mod revision is what every write of this reign compares (R2).
struct LeaderRecord {
  Reign reign;
  HostName host;
  Incarnation incarnation;
  friend bool operator==(const LeaderRecord&, const LeaderRecord&) = default;
};

// By what a machine is known again after a reboot (F8). Blank fields prove nothing.
struct MachineIdentity {
  std::string machine_id;       // /etc/machine-id
  std::string dmi_uuid;         // libvirt's host UUID, else the firmware's
  std::string firmware_uuid{};  // DMI product UUID; empty: there is none. A BMC's GUID is held against it (F5)
  friend bool operator==(const MachineIdentity&, const MachineIdentity&) = default;
  [[nodiscard]] bool complete() const { return !machine_id.empty() && !dmi_uuid.empty(); }
};

// member/<host>: lease-bound; this incarnation is up and its brain turns.
struct MemberRecord {
  Incarnation incarnation;
  MachineIdentity machine;
  bool found_none = false;  // at its first look this incarnation found no process of a protected resource (F8)
  Vcpu cpu;                 // what libvirt says; fills in what the file leaves out
  MiB memory;
  Epoch epoch{};  // of the engine in which it registered (E3)
  friend bool operator==(const MemberRecord&, const MemberRecord&) = default;
};

// machine/<host>: the identity it first registered with; a controller writes it.
struct MachineRecord {
  MachineIdentity machine;
  std::string
      domain{};  // of a virtual host: the uuid under which a hypervisor host saw it run (F3); empty: none did yet
  friend bool operator==(const MachineRecord&, const MachineRecord&) = default;
};

// away/<host>: durable; a planned absence of this incarnation (S6).
enum class AwayKind {
  restarting,  // havend is stopped or upgraded; its resources run on
  leaving,     // the host shuts down: its resources are being stopped, nothing more may go there
  down,        // it shut down with everything released
};
struct AwayRecord {
  Incarnation incarnation;
  AwayKind kind = AwayKind::restarting;
  friend bool operator==(const AwayRecord&, const AwayRecord&) = default;
};

// A virtual host whose domain is active on the reporting host.
struct HeldHost {
  HostName host;
  std::string uuid;
  friend bool operator==(const HeldHost&, const HeldHost&) = default;
};
// The domain of an accused virtual host is shut off or absent on the reporting host, looked at after the fence record
// of this mod revision was seen, and is kept from coming back until that record is gone or a proof (F3).
struct KeptAway {
  HostName host;
  Incarnation incarnation;
  Revision fence;
  friend bool operator==(const KeptAway&, const KeptAway&) = default;
};

// status/<host>: durable; what this incarnation reported last. Written when it changes (E2).
struct StatusRecord {
  Incarnation incarnation;
  Revision spec;                    // report_basis(): what this report is about
  bool hypervisor = true;           // libvirt answers: resources can be started here
  std::vector<ResourceName> found;  // protected resources that run here without a claim that names this incarnation
  std::vector<ResourceName> storage_lost;  // whose disks this host cannot read (B1, C7)
  std::vector<std::string> problems;       // sentences for a person: what hurts on this host
  std::vector<HeldHost> holds{};
  std::vector<KeptAway> kept_away{};
  std::vector<ResourceName> uplink_lost{};  // whose network does not reach beyond this host
  Footprint others{};                       // what runs here besides and is no resource
  friend bool operator==(const StatusRecord&, const StatusRecord&) = default;
};

// calendar/<resource>: what the controller last took its calendar to say. The word of one moment: `open` changes the
// desired state, nothing else does.
struct CalendarRecord {
  bool open = true;
  WallTime at;
  friend bool operator==(const CalendarRecord&, const CalendarRecord&) = default;
};

// What a host must have for some resources to run there: a network, a path, a kind of machine.
struct Need {
  std::string kind;  // as src/adapter/libvirt/portability.hpp spells it
  std::string name;
  std::vector<ResourceName> resources;  // that need it
  friend bool operator==(const Need&, const Need&) = default;
};
// question/portability: `haven apply` asks every host before it stores a file.
struct QuestionRecord {
  std::string id;
  std::vector<Need> needs;
  friend bool operator==(const QuestionRecord&, const QuestionRecord&) = default;
};
struct Unfit {
  ResourceName resource;
  std::string why;  // what is missing, as clauses
  // Nothing but state of its own that is kept on a host's disk (UEFI variables, a TPM): only where another host has it
  // is this host out; where nobody has it yet, any may begin it.
  bool state = false;
  friend bool operator==(const Unfit&, const Unfit&) = default;
};
// fit/<host>: what cannot run there, of the file that counts, and of the one that was asked about last.
struct FitRecord {
  Incarnation incarnation;
  std::vector<Unfit> unfit;
  std::string answered;  // the id of a question; empty: none
  std::vector<Unfit> answer;
  friend bool operator==(const FitRecord&, const FitRecord&) = default;
};

// answer/<host>/<incarnation>: the accused is alive and saw the intent of this mod revision (F1).
struct AnswerRecord {
  Revision intent;
  friend bool operator==(const AnswerRecord&, const AnswerRecord&) = default;
};

enum class FenceState {
  intent,    // committed; the accused may still answer
  shooting,  // the grace ended without an answer: agents may be called
  failed,    // all levels ended without proof; tried again later
  proved,    // this incarnation is dead for ever (F6)
};
enum class FenceReason {
  lost_lease,
  silent,        // no heartbeat is heard by a majority, while its lease lives (S3)
  stop_failed,   // B2: on_stop_fail = "fence"; the accused lives, its answer changes nothing
  storage_lost,  // C7: its guests stand still for a disk that another host reads; as above
  test,          // F5: `haven fence test`; the accused lives and is switched on again
};
// The accused may be alive and well, and its answer ends the accusation.
[[nodiscard]] constexpr bool answerable(FenceReason reason) {
  return reason == FenceReason::lost_lease || reason == FenceReason::silent;
}
enum class ProofKind { none, level, operator_word, returned, clean_leave, promise };

// quarantine/<host>: the controller writes it. Forgiven, it is deleted.
struct QuarantineRecord {
  int losses = 0;       // intents against a silent boot of it since its last good time
  bool closed = false;  // nothing is placed there
  friend bool operator==(const QuarantineRecord&, const QuarantineRecord&) = default;
};

// maintenance/<host>: the operator's word. While `on`, nothing is placed there, and what runs there moves away.
// Afterwards what is listed goes back; the controller strikes out what is back or wanted no more. It stays while its
// host stands in the file, as orders do.
struct MaintenanceRecord {
  bool on = true;
  std::string by;                   // the user who said it
  std::vector<ResourceName> moved;  // what was to run there when it began, in the order of names
  friend bool operator==(const MaintenanceRecord&, const MaintenanceRecord&) = default;
};

// dawn: the cluster began anew, nobody lived when this boot came (B3). Hosts whose last report is older may
// still be booting. Deleted once they have had their time, or when a boot registers that was there before.
struct DawnRecord {
  HostName by;
  Incarnation incarnation;
  friend bool operator==(const DawnRecord&, const DawnRecord&) = default;
};

// fence/<host>/<incarnation> (F1).
struct FenceRecord {
  Reign reign;  // whose agents run
  FenceState state = FenceState::intent;
  FenceReason reason = FenceReason::lost_lease;
  ProofKind proof = ProofKind::none;
  int level = 0;          // of the proof; of a test: the level that is tried
  int attempts = 0;       // rounds over all levels that ended without proof
  std::string by;         // who confirmed, for the operator's word
  WallTime at;            // of the last change
  bool power_on = false;  // its devices are still to be switched on, once (F9, F5)
  // Agents were called against it of which nobody will hear, and what they began may still come (F7).
  bool late_shots = false;
  friend bool operator==(const FenceRecord&, const FenceRecord&) = default;
};

// One fence device as it answered last.
struct ProbedDevice {
  std::string device;    // its agent and options, see device_id()
  std::string problem;   // why it does not answer; empty: it does
  std::string guid;      // of the BMC behind it; empty: it tells none
  bool foreign = false;  // that GUID belongs to another machine: what this device says proves nothing (F5)
  friend bool operator==(const ProbedDevice&, const ProbedDevice&) = default;
};
// One try of a whole level: off, status, on.
struct DeviceTest {
  int level = 1;
  std::string devices;     // device_id() of each, as they were
  std::string machine_id;  // of the machine that went down with them
  bool passed = false;
  std::string why;  // of a failure
  std::string by;   // who asked for it
  WallTime at;
  friend bool operator==(const DeviceTest&, const DeviceTest&) = default;
};
// device/<host>: what is known of the fence devices of this host (F5).
struct DevicesRecord {
  std::vector<ProbedDevice> devices;
  std::vector<DeviceTest> tests;  // the last one of each level
  friend bool operator==(const DevicesRecord&, const DevicesRecord&) = default;
};

// Voters of the engine, by its own ids (etcd: 16 hex digits), in bytewise order.
using VoterList = std::vector<std::string>;

// promise/<host>: durable (P1). While it stands, nothing protected of this boot runs later than `deadline` after its
// last good. The host writes it; its successor waits until the controller has buried that of a dead boot.
struct PromiseRecord {
  Incarnation incarnation;
  Duration deadline{};
  Duration watchdog{};            // bites this long after a pet, at the latest
  std::vector<VoterList> voters;  // a waiver needs a majority of each (P4); empty: it never waives
  friend bool operator==(const PromiseRecord&, const PromiseRecord&) = default;
};

// voters: those of the engine, or those that are about to vote. Whoever changes them writes it first, then waits until
// every promise names `next` as well (P4). It stays, so that each promise can rest on its revision.
struct VotersRecord {
  VoterList next;
  friend bool operator==(const VotersRecord&, const VotersRecord&) = default;
};

// What the owner of a claim is to do.
enum class ClaimOrder {
  run,
  stop,    // stop it, then release this generation
  let_go,  // leave it as it is: nobody's; the next claim adopts it where it runs
};

// Failed starts since the last good run (FORMATS: relocations).
struct Attempts {
  std::vector<HostName> tried;  // where it failed, in order
  bool failed = false;          // given up until a retry, an order or a clear
  int retries = 0;              // how often `failed` was tried again: the delay grows with it
  friend bool operator==(const Attempts&, const Attempts&) = default;
};

// A live migration under way (M1). Until the source has released its generation, or is proved dead, the destination may
// only be destroyed.
struct Migration {
  HostName host;  // the destination
  Incarnation incarnation;
  Generation generation;   // under which it goes on there; higher than any that was ever given out
  bool cancelled = false;  // the guest stays: the destination is to destroy what it has of it
  friend bool operator==(const Migration&, const Migration&) = default;
};

// Whether the network links of a resource are up. Only the two of a replacement ever bear an order about it.
struct Links {
  bool up = true;
  std::int64_t turn = 0;  // counts the orders; 0: there was none, and its links are as its XML says
  friend bool operator==(const Links&, const Links&) = default;
};

// claim/<resource>: which incarnation may run it (C1). Controllers write it.
struct ClaimRecord {
  HostName host;
  Incarnation incarnation;
  Generation generation;
  ClaimOrder order = ClaimOrder::run;
  std::optional<HostName> move_to;  // with `stop`: where it is to run next
  Attempts attempts;
  Epoch epoch{};  // of the engine in which it was made (E3)
  std::optional<Migration> migrating_to{};
  Generation spent{};  // of a migration that came to nothing: never given out again
  // It arrived here by migration, and its source said that it ended nowhere but in that: what stands here paused is
  // whole and may go on. Else whatever a migration left here is destroyed.
  bool resume = false;
  Links links{};
  friend bool operator==(const ClaimRecord&, const ClaimRecord&) = default;
};

// arrival/<resource>: what the destination of a migration says about it. That host's executor writes it.
enum class ArrivalState {
  ready,  // libvirt may let it in here
  gone,   // nothing of it is here, and nothing comes in any more for this generation
};
struct ArrivalRecord {
  HostName host;
  Incarnation incarnation;
  Generation generation;  // of the migration
  ArrivalState state = ArrivalState::ready;
  std::string detail{};  // why it does not come, for a person
  friend bool operator==(const ArrivalRecord&, const ArrivalRecord&) = default;
};

// How far the links of a predecessor and its successor have changed hands.
enum class HandoverPhase {
  proving,    // the successor runs without links
  handing,    // the predecessor's links go down, then the successor's up
  settling,   // the successor serves, the predecessor runs on without links
  kept,       // it has settled: the predecessor is stopped, for a way back
  recalling,  // the predecessor starts again without links, for the way back
  returning,  // the successor's links go down, then the predecessor's up
  over,       // the predecessor serves; the successor is stopped, and to be taken out of the file
  finishing,  // the successor serves for good; the predecessor is stopped, and to be taken out
};
// handover/<successor>: the controller writes it, and the operator who wants the way back or the end. Absent, or about
// another replacement than the file's: `proving`.
struct HandoverRecord {
  ResourceName predecessor;
  WallTime asked;  // as the file's succession says
  HandoverPhase phase = HandoverPhase::proving;
  std::string why{};  // a clause: why it goes back
  friend bool operator==(const HandoverRecord&, const HandoverRecord&) = default;
};

enum class RunState { starting, running, released };
enum class EndReason {
  none,
  stopped,       // by order
  host_leaving,  // its host shuts down
  start_failed,
  crashed,            // once too often for the budget
  powered_off,        // by the guest itself, and on_poweroff = "stop"
  storage_lost,       // it was not started: its disk is out of reach there; costs no budget (B1)
  stopped_with_host,  // its host shuts down, and it waits until that is back (shutdown_policy = "stop")
  frozen_with_host,   // likewise, and it is that host's ("freeze")
  migrated,           // libvirt ended it because all of it had gone over, and it did not run since the switch
};

// It was stopped because its host shuts down, whatever is to become of it.
[[nodiscard]] constexpr bool left_with_host(EndReason end) {
  return end == EndReason::host_leaving || end == EndReason::stopped_with_host || end == EndReason::frozen_with_host;
}

// run/<resource>: what the claim's owner does about it (C2, C3). Executors write it.
struct RunRecord {
  HostName host;
  Incarnation incarnation;
  Generation generation;
  RunState state = RunState::starting;
  EndReason end = EndReason::none;  // with `released`
  std::string detail;               // libvirt's words, for a person
  bool paused = false;              // with `running`: its processors stand still
  bool stop_failed = false;         // ordered to stop, and even its processes cannot be killed (B2)
  bool unsettled = false;           // it ended while its disk was out of reach: only proof releases it (C7)
  std::vector<WallTime> restarts;   // in place, within the budget's window; outlives a failover
  Generation stayed{};              // the migration to that generation is over, and it is here still
  HealthNote health{};              // what its checks say of it, and what is done about that
  std::int64_t links_turn = 0;      // its links were seen as that turn of its claim says, and start so from then on
  friend bool operator==(const RunRecord&, const RunRecord&) = default;
};

enum class JournalKind {
  intent,
  fenced,
  proved,
  withdrawn,
  tested,
  recover,
  place,
  restart,
  relocate,
  migrate,
  stayed,  // a migration came to nothing
  capped,  // it starves others, and is held to its share
  uncapped,
  repair,  // its checks fail, and a step of its ladder is taken
  stop,
  place_failed,
  failed,
  freeze,
  maintenance,
  engine,   // who holds the engine, and who votes in it, has changed
  applied,  // a file that keeps less than it promises was accepted by choice
  replace,  // a replacement went a step further
  alarm,
  cleared
};
struct JournalReason {
  HostName host;
  std::string reason;
  friend bool operator==(const JournalReason&, const JournalReason&) = default;
};
// journal/<time>-<host>-<count>: what was decided and why; in the same transaction as the decision.
struct JournalRecord {
  WallTime at;
  HostName by;  // whose havend decided
  JournalKind kind = JournalKind::alarm;
  ResourceName resource;               // empty: not about one
  HostName host;                       // where it goes, or whom it is about
  HostName from;                       // recover, relocate, migrate: where it ran before
  std::string level;                   // fenced: "1", "promise", "operator"; engine: "init", "joined", "learner"…
  std::string why;                     // a sentence
  std::vector<JournalReason> reasons;  // place_failed
  friend bool operator==(const JournalRecord&, const JournalRecord&) = default;
};

// A value that did not parse: what it concerns is left as it is, with an alarm.
struct UnreadableRecord {
  std::string problem;
  friend bool operator==(const UnreadableRecord&, const UnreadableRecord&) = default;
};

using Record =
    std::variant<UnreadableRecord, SpecRecord, FreezeRecord, OrderRecord, LeaderRecord, MemberRecord, MachineRecord,
                 AwayRecord, StatusRecord, AnswerRecord, QuarantineRecord, MaintenanceRecord, DawnRecord, FenceRecord,
                 DevicesRecord, PromiseRecord, VotersRecord, ClaimRecord, RunRecord, JournalRecord, EpochRecord,
                 QuestionRecord, FitRecord, CalendarRecord, ArrivalRecord, LoadRecord, BalanceRecord, HandoverRecord>;

namespace path {
inline const std::string kSpec = "spec/current";
inline const std::string kFreeze = "spec/freeze";
inline const std::string kLeader = "leader";
inline const std::string kEpoch = "epoch";
inline const std::string kVoters = "voters";
inline const std::string kDawn = "dawn";
inline const std::string kBalance = "balance";
inline const std::string kQuestion = "question/portability";
[[nodiscard]] std::string order(const ResourceName& r);
[[nodiscard]] std::string member(const HostName& h);
[[nodiscard]] std::string machine(const HostName& h);
[[nodiscard]] std::string away(const HostName& h);
[[nodiscard]] std::string status(const HostName& h);
[[nodiscard]] std::string quarantine(const HostName& h);
[[nodiscard]] std::string maintenance(const HostName& h);
[[nodiscard]] std::string answer(const HostName& h, const Incarnation& i);
[[nodiscard]] std::string fence(const HostName& h, const Incarnation& i);
[[nodiscard]] std::string device(const HostName& h);
[[nodiscard]] std::string promise(const HostName& h);
[[nodiscard]] std::string fit(const HostName& h);
[[nodiscard]] std::string load(const HostName& h);
[[nodiscard]] std::string claim(const ResourceName& r);
[[nodiscard]] std::string run(const ResourceName& r);
[[nodiscard]] std::string calendar(const ResourceName& r);
[[nodiscard]] std::string arrival(const ResourceName& r);
[[nodiscard]] std::string handover(const ResourceName& successor);
// Where a journal record is to go: the node that issues the commit puts journal() in its place.
inline const std::string kNewJournal = "journal/";
// Sorts by time; unique as long as `by` does not reuse a count within one millisecond.
[[nodiscard]] std::string journal(WallTime at, const HostName& by, std::uint32_t count);

// A path split into its kind and names: {"fence", "h1", "4f…"}; missing parts are empty.
struct Parts {
  std::string kind, first, second;
};
[[nodiscard]] Parts split(std::string_view path);
}  // namespace path

}  // namespace haven

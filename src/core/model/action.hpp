// What the core wants done. Actions are values, safe to repeat, and derived again until an observation confirms them.
// The node gives each a CallId; whoever performs it (src/daemon/runtime, src/sim/world) performs a batch in its order
// and answers each call with one event that bears the id, at the call's timeout at the latest.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/load.hpp"
#include "core/model/record.hpp"
#include "core/model/units.hpp"

namespace haven {

// ---- engine ----
struct Check {
  std::string path;
  Revision mod;  // 0: absent
  friend bool operator==(const Check&, const Check&) = default;
};
struct Write {
  std::string path;
  std::optional<Record> value;  // nullopt: delete
  LeaseId lease;                // 0: durable
  friend bool operator==(const Write&, const Write&) = default;
};
// One transaction. `lane` names what it is about ("leader", "fence/h1", "claims"): one lane has one commit in flight.
// Answered by CommitDone.
struct Commit {
  std::string lane;
  std::vector<Check> checks;
  std::vector<Write> writes;
  Duration timeout{};
};
// Answered by LeaseGranted; LeaseAnswer.
struct GrantLease {
  Duration ttl{};
  Duration timeout{};
};
struct KeepAlive {
  LeaseId lease;
  Duration timeout{};
};

// A linearizable read of member/<host>; answered by MemberRead. Asks every voter by itself whom it follows; answered by
// VotersAnswered.
struct ReadMember {
  HostName host;
  Duration timeout{};
};
struct AskVoters {
  Duration timeout{};
};

// ---- this host's watchdog (P1, P3) ----
// Answered by WatchdogArmed. Armed already: it goes on, with this time.
struct ArmWatchdog {
  Duration bites_after{};
  bool accept_soft = false;
  Duration timeout{};
};
// It is petted again and again before this moment, and not from then on; whatever was said before is void. No answer;
// a pet that fails is told by WatchdogBroke.
struct PetWatchdog {
  Instant until;
};
struct DisarmWatchdog {};

// ---- this host's hypervisor; all but Inspect are answered by CallDone ----
struct StartDomain {
  ResourceName resource;
  Generation generation;
  Duration timeout{};
  bool unlinked = false;  // its network links are down from the first moment on
};
struct ShutdownDomain {
  ResourceName resource;
  Duration timeout{};
};
struct DestroyDomain {
  ResourceName resource;
  Duration timeout{};
};
struct KillDomain {
  ResourceName resource;
  Duration timeout{};
};  // by pid, without libvirt
struct ResumeDomain {
  ResourceName resource;
  Duration timeout{};
};
// To the host of that name, paused there. Done: all of it is there, and libvirt did not let it run there.
struct MigrateDomain {
  ResourceName resource;
  HostName to;
  Generation generation;
  Duration timeout{};
};
// Its vCPUs have no more than this from now on, all together; none: what Haven held it by is taken off, and nothing
// else. It lasts as long as its process, and shows in inspections.
struct CapDomain {
  ResourceName resource;
  std::optional<MilliCpu> cap;
  Duration timeout{};
};
// Runs these in the guest, one after the other, as its agent can; the first that does not succeed ends it. failed: one
// said no, and the message is what it said; unknown: nobody knows, or there is nobody in the guest who could.
struct TreatGuest {
  ResourceName resource;
  std::vector<GuestCommand> commands;
  bool calls_up = false;  // afterwards what it is there for is up
  Duration timeout{};     // of all of them
};
// Its checks are run from now on, until another one says otherwise. A new `life` forgets what was found before. No
// answer; what they find is told by HealthSeen when it changes.
enum class Attendance {
  none,
  without_network,  // those that ask by the network stand still, and say nothing
  full,
};
struct AttendGuest {
  ResourceName resource;
  std::uint64_t life = 0;
  Attendance how = Attendance::none;
};
// All its network links, as it runs now: they go along in a migration, and a start says anew how they are.
struct SetLinks {
  ResourceName resource;
  bool up = true;
  Duration timeout{};
};
// Libvirt is to end the migration under way; done: it was told to.
struct AbortMigration {
  ResourceName resource;
  Duration timeout{};
};
struct Inspect {
  Duration timeout{};
  std::vector<ResourceName> links{};  // whose links are to be looked at too
};                                    // answered by Inspected
// Ends the domain of an accused virtual host on this hypervisor host (F3): by libvirt, or by pid without it.
struct EndVirtualHost {
  HostName host;
  std::string uuid;
  bool by_pid = false;
  Duration timeout{};
};
// Its service is restarted; VMs run on, and are adopted by the new one.
struct RestartHypervisor {
  Duration timeout{};
};

// ---- fence agents; RunAgent is answered by AgentDone ----
enum class AgentVerb { off, on, status };
struct RunAgent {
  HostName host;
  Incarnation incarnation;
  std::size_t device = 0;  // index into the host's fence devices in the spec
  AgentVerb verb = AgentVerb::status;
  int round = 0;  // tells two calls of one verb apart
  Duration timeout{};
};
// Asks a device for its status, and the BMC behind it who it is (F5). Answered by DeviceProbed.
struct ProbeDevice {
  HostName host;
  std::size_t device = 0;  // as in RunAgent
  Duration timeout{};
};
// Kills a running agent (F7, F8). Its AgentDone still comes.
struct KillAgent {
  CallId running;
};

// ---- this host; no answer. A note that cannot be written is fatal to havend: rather crash than twice. ----
// Under /run, before the release of this generation is sent (C4); dies with the boot, as the incarnation does.
struct NoteRelease {
  ResourceName resource;
  Generation generation;
};
// Under /run: what this boot is bound to, so that a restarted havend inherits it (P2). deadline 0: nothing.
struct NotePromise {
  Duration deadline{};
  Instant last_good;
  friend bool operator==(const NotePromise&, const NotePromise&) = default;
};
// The list of protected domains that the hook reads while havend is down (C5): all of the spec's, here or elsewhere.
struct PublishProtected {
  std::vector<ResourceName> resources;
  std::vector<std::string> uuids{};  // of virtual hosts that must not come back now (F3)
};
struct AnswerHook {
  CallId question;
  bool allow = false;
  std::string reason;
};
struct AnswerOperator {
  CallId question;
  bool ok = false;
  std::string text;
  std::vector<std::string> warnings{};  // sentences: what the operator should know although it is done
};
// Kills every VM of the spec by pid, then reboots the machine without further ado (F6).
struct KillAllAndReboot {
  std::string why;
};
// The planned stop is complete: havend may exit. left: this boot has left for good (F8), its incarnation is not to be
// taken up again.
struct Exit {
  bool left = false;
};
// One line of log per decision.
struct Say {
  std::string text;
};

using Action = std::variant<Commit, GrantLease, KeepAlive, ReadMember, AskVoters, ArmWatchdog, PetWatchdog,
                            DisarmWatchdog, StartDomain, ShutdownDomain, DestroyDomain, KillDomain, ResumeDomain,
                            MigrateDomain, CapDomain, SetLinks, TreatGuest, AttendGuest, AbortMigration, Inspect,
                            EndVirtualHost, RestartHypervisor, RunAgent, ProbeDevice, KillAgent, NoteRelease,
                            NotePromise, PublishProtected, AnswerHook, AnswerOperator, KillAllAndReboot, Exit, Say>;
using Actions = std::vector<Action>;

// An action on its way, as the node hands it out. call is 0 for what is not answered.
struct Issued {
  CallId call;
  Action action;
};

}  // namespace haven

// The part of every havend that starts, stops and watches resources on its host: observes the hypervisor, acts under
// the claims that name this incarnation, and under nothing else (C1 to C7).
//
// What is present is what an inspection found that began after the last thing that could have changed it; a call's
// return code only says that it is time to look. Nothing is released before libvirt has answered, the domain is
// absent and no process of it exists (C4).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/agenda.hpp"
#include "core/controller.hpp"
#include "core/decision.hpp"
#include "core/gauges.hpp"
#include "core/liveness/guard.hpp"
#include "core/liveness/keeping.hpp"
#include "core/model/ids.hpp"
#include "core/model/view.hpp"
#include "core/recovery/hypervisor_care.hpp"

namespace haven {

// Starts under way on one host at a time: more only make each other slow.
inline constexpr int kParallelStarts = 4;
inline constexpr Duration kStartTimeout = 120s;     // huge memory and slow storage take their time
inline constexpr Duration kShutdownTimeout = 10s;   // to be asked, not to be gone
inline constexpr Duration kShutdownPatience = 60s;  // for the guest to switch itself off
inline constexpr Duration kDestroyTimeout = 20s;
inline constexpr Duration kKillTimeout = 10s;
inline constexpr Duration kStuckRetry = 10s;  // a VM that even SIGKILL does not end is tried again
inline constexpr Duration kInspectTimeout = 5s;
inline constexpr Duration kInspectInterval = 5s;  // without any hint
inline constexpr Duration kInspectRetry = 1s;     // while libvirt does not answer
inline constexpr Duration kResumeInterval = 5s;   // of a guest that stopped itself for its disk
// Only a bound: what does not come to an end is called off long before, for one of its ends or its engine is lost.
inline constexpr Duration kMigrateTimeout = 30min;
// A host that shuts down waits so long for the controller's word on a guest, and so long for guests to go over live.
// What is left has the rest of kHostShutdownPatience to stop, and systemd's own limit is beyond that.
inline constexpr Duration kEvacuationWord = 10s;
inline constexpr Duration kEvacuationPatience = 60s;
inline constexpr Duration kAbortTimeout = 10s;
inline constexpr Duration kAbortInterval = 5s;
inline constexpr Duration kCapTimeout = 10s;
inline constexpr Duration kCapRetry = 30s;  // what libvirt refused, or somebody else has changed
inline constexpr Duration kLinksTimeout = 10s;
inline constexpr Duration kLinksRetry = 5s;
// An order to libvirt that was given up, or that an earlier havend gave, is carried out within this or never: libvirt
// itself gives up a domain that is busy after 30 s.
inline constexpr Duration kLinksOrderLasts = 40s;
// What came in by migration and cannot be resumed after so many tries is started anew.
inline constexpr int kResumesOfArrival = 6;
// Restarts in place while the engine is out of reach cost no budget (B1): they come ever more slowly instead.
inline constexpr Duration kRestartDelay = 5s;
inline constexpr Duration kRestartDelayLimit = 10min;
// How long the reason of an end may come after the end itself was seen.
inline constexpr Duration kHintPatience = 300ms;

// A Moment counts what this host was told and what it sent, so that two of them are never at the same one.

// One resource as this host has it. All of it dies with havend and is found again, but for the notes under /run.
struct Local {
  std::optional<DomainCondition> domain;  // as last inspected; nullopt: absent
  bool process = false;
  bool uplink_lost = false;
  bool vanished = false;         // libvirt does not answer, and the process that was there is gone
  Moment touched = 0;            // inspections begun before say nothing any more
  std::optional<HintKind> hint;  // since it was last seen running
  std::optional<Instant> gone_since;
  // The start call.
  bool start_in_flight = false;
  Revision start_for;                      // the run record that it was sent for
  std::optional<CallResult> start_result;  // of that call
  std::string start_message;
  int unrecorded = 0;                // restarts in place since the engine is out of reach
  std::optional<Instant> restarted;  // the last of them
  bool storage_lost = false;         // as last inspected
  bool unsettled = false;            // its disk was lost under it, and it was not seen running since (C7)
  // The source's part of a migration.
  bool migrating = false;  // as last inspected: libvirt is sending it
  bool migrate_in_flight = false;
  Generation migrate_for;                    // of the last call
  std::optional<CallResult> migrate_result;  // of that call
  std::string migrate_message;
  std::optional<Instant> abort_sent;
  // By which it is held to its share of the CPUs.
  std::optional<MilliCpu> cap;  // as last inspected
  std::optional<Instant> cap_sent;
  std::optional<MilliCpu> cap_asked;  // then
  bool cap_in_flight = false;
  std::string cap_trouble;  // why libvirt did not do it the last time
  bool left = false;        // libvirt's word that all of it went over; not seen running since
  // Its checks (executor_health.cpp).
  Attendance attended = Attendance::none;
  std::uint64_t life = 0;             // of the last AttendGuest
  std::optional<HealthSeen> health;   // of that life
  bool fresh = false;                 // started since it was last called up, as far as this havend knows
  std::optional<Instant> here_since;  // seen running, without a break
  bool treat_in_flight = false;
  Revision treat_for;                      // the run record that the last TreatGuest was sent for
  std::optional<CallResult> treat_result;  // of that call
  std::string treat_message;
  Instant treat_ended;
  // Its network links, of those that take part in a replacement.
  std::optional<bool> linked;  // as last inspected; nullopt: not known
  bool links_in_flight = false;
  std::optional<Instant> links_sent;
  bool links_asked = true;                  // then
  std::optional<Instant> links_unanswered;  // when an order to put them up was sent of which nobody knows the end
  // The destination's part.
  std::optional<Instant> admitted_at;  // when libvirt was last allowed to let it in
  int admissions = 0;                  // of the questions that belong to that and may still come
  bool arrival_seen = false;           // it was here since
  int resumes = 0;
  // The course of a stop.
  std::optional<Instant> shutdown_sent, destroy_sent, kill_sent, resume_sent;
  bool shutdown_refused = false, destroy_refused = false;
  bool yielded = false;  // stopped or killed for the host's promise, and not started since: no fault of its own
};

struct HostState {
  bool looked = false;     // an inspection was answered by libvirt at least once
  bool hypervisor = true;  // libvirt answers
  HypervisorCare care;
  Duration wall_ahead{};         // of the clock that counts since boot; read anew only where the wall clock was set
  Moment moment = 0;             // the latest
  Moment inspected = 0;          // when the last answered inspection began
  Moment inspecting = 0;         // when the one under way began
  std::optional<Instant> asked;  // when an inspection was last sent
  Moment touched = 0;            // all resources: libvirt came back, the spec changed
  std::map<ResourceName, Local> locals;
  std::optional<Instant> began;                 // this havend: what an earlier one asked of libvirt may still come
  std::map<ResourceName, Generation> released;  // the notes under /run
  bool found_none = false;                      // at the first look of this boot (F8)
  std::optional<ShutdownKind> leaving;          // the host shuts down: everything is to leave or to stop
  Instant leaving_since;                        // since it, or its havend alone, is to go
  bool rebooting = false;
  std::vector<std::string> problems;    // what havend found out beside the hypervisor
  Inspected seen;                       // what the last inspection found
  Footprint others;                     // what runs besides, by the last one that libvirt answered
  std::uint64_t published_edition = 0;  // the spec of the last PublishProtected
  std::vector<ResourceName> published;  // its list
  Guard guard;                          // of virtual hosts that run here
  Keeping keeping;                      // this host's promise
  Gauges gauges;
};

// When what an inspection would find was last called into question.
[[nodiscard]] Moment last_touched(const HostState& host);
// False: it found what was known, and nothing had been waiting for it.
bool observe_inspection(HostState& host, const View& view, const Inspected& seen, Instant now);
void observe_hint(HostState& host, const DomainHint& hint);
// The hypervisor's state or the spec changed: what was seen before is to be seen again.
void observe_disturbance(HostState& host, bool hypervisor_answers);
// The resource whose domain this is about; nullptr: none.
[[nodiscard]] const ResourceName* resource_of(const Action& action);
// An action left for its adapter, and came back.
void observe_issued(HostState& host, const View& view, const Action& action, Now now);
void observe_call(HostState& host, const Action& action, const CallDone& done, Instant now);
// False: it is about a life that is over.
bool observe_health(HostState& host, const HealthSeen& seen);
// The engine answers again: what it cost to be without it is forgotten (B1).
// Those that need not wait any more.
std::vector<ResourceName> observe_engine_back(HostState& host);

// libvirt asks whether it may start this domain, or let it migrate in (C5, F3). Empty: yes; else why not.
[[nodiscard]] std::string hook_refusal(const HostState& host, const View& view, const SelfView& self,
                                       const HookAsked& asked, Instant now);
// It was told yes.
void observe_admitted(HostState& host, const HookAsked& asked, Instant now);

// What this host reports of itself (status/<host>).
[[nodiscard]] StatusRecord report_of_host(const HostState& host, const View& view, const SelfView& self, Instant now);
// Nothing that is claimed for this incarnation is present here, by an inspection that is fresh.
[[nodiscard]] bool runs_nothing(const HostState& host, const View& view, const SelfView& self);

// By a fresh look nothing protected is present here, whoever claims it, and no start is under way (P3).
[[nodiscard]] bool idle(const HostState& host, const View& view, Pass& pass);

// The orders for this host: for the resources on the agenda, and for its own affairs.
void act(const HostState& host, const View& view, const SelfView& self, Agenda& agenda, Pass& pass);
// When to look at the hypervisor.
void look(const HostState& host, const View& view, const SelfView& self, Pass& pass);

}  // namespace haven

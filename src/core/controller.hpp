// The elected brain: observes the cluster, decides for it (DESIGN 3). It alone writes claims and fences; every write
// compares the mod revision of `leader` and of each key the decision rests on (R2), so that a decision from an old view
// fails instead of winning. It acts on nothing but the view and its own short memory, and what it has ordered it
// derives again until the engine shows it done.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/decision.hpp"
#include "core/liveness/dawn.hpp"
#include "core/liveness/fencing.hpp"
#include "core/liveness/promise_count.hpp"
#include "core/liveness/quarantine.hpp"
#include "core/liveness/silence.hpp"
#include "core/liveness/suspicion.hpp"
#include "core/model/ids.hpp"
#include "core/model/view.hpp"
#include "core/recovery/calendars.hpp"
#include "core/report.hpp"

namespace haven {

// Between an intent and the first agent call, for the accused to answer (F1).
inline constexpr Duration kGrace = 100ms;
// The write that ends the grace counts only if it committed this fast: a slow engine may have kept an answer waiting.
inline constexpr Duration kGraceWriteLimit = 50ms;
// A controller deposed twice within kDeposedWindow leaves the office to others for kDeposedPause (R3) ...
inline constexpr Duration kDeposedWindow = 60s;
inline constexpr Duration kDeposedPause = 5min;
// ... but a key absent for this long anyone takes.
inline constexpr Duration kOfficeVacant = 5s;
inline constexpr Duration kCommitTimeout = 2s;
// Rounds over all fence levels that proved nothing are repeated after this, doubled each time up to the limit.
inline constexpr Duration kFenceRetry = 5s;
inline constexpr Duration kFenceRetryLimit = 60s;
// `failed` resources are tried again after this, doubled each time up to the limit (B1).
inline constexpr Duration kStartRetry = 10s;
inline constexpr Duration kStartRetryLimit = 10min;
// A better-preferred host must have been well for this long before a resource goes back to it.
inline constexpr Duration kFailbackWell = 60s;
// What Haven moved live by itself, in vain, is not tried again before this.
inline constexpr Duration kMigrateAgain = 5min;
// An alarm that is gone for less has not ended: a havend that restarts says nothing for a moment.
inline constexpr Duration kAlarmEnded = 10s;
// The journal keeps this many entries; pruned in steps, so that not every decision deletes one.
inline constexpr std::size_t kJournalKept = 1000;
inline constexpr std::size_t kJournalStep = 100;
inline constexpr Duration kProofKept = 30 * 24h;

struct SelfView {
  HostName host;
  Incarnation incarnation;
  LeaseId lease;            // 0: none
  Instant lease_until;      // last keep-alive that was answered, by its send time, plus the lease time
  bool registered = false;  // our member key stands under our lease
  bool watching = false;    // the watch stands: the view is as new as the network allows
  Revision own_last;        // of this host's last transaction: an older view judges nobody (C6)
  bool waivers = true;      // as NodeConfig has it
  bool outdated = false;    // a higher epoch is known than the engine's own: what it says is not acted on (E3)
};

// An alarm that stands in the journal without its end.
struct SaidAlarm {
  JournalRecord entry;
  std::optional<Instant> gone_since;  // it does not stand any more
};

using LostLinks = std::map<std::pair<HostName, std::size_t>, Instant>;  // of a peer, counted from 0

// The file's witness, and since when this host does not hear it.
struct SilentWitness {
  HostName name;
  Instant since;
};

// What a controller remembers between two passes; all of it can be lost without harm.
struct ControllerState {
  std::optional<Reign> reign;  // ours, while `leader` names it
  Instant reign_since;         // when its key was committed
  Losses losses;
  Sightings seen;
  Silences silences;
  LostLinks lost_links;
  std::optional<SilentWitness> silent_witness;
  std::vector<Alarm> hearing_alarms;  // as this host hears it, at the latest pass
  std::optional<DawnSeen> dawn;
  Calms calms;
  std::map<HostBoot, Instant> accused;  // when our intent was first seen committed
  std::set<HostBoot> unheard;  // the engine refused the end of the grace: it may have refused the answer as well
  std::map<HostBoot, Instant> exhausted;  // when our last round was recorded as failed
  std::map<HostBoot, FenceRun> fences;    // agents of this reign
  std::map<HostName, int> agents;         // that this node called against a host and that have not ended; not 0
  std::map<HostBoot, Instant> cut_short;  // our agent was to switch it off, and its time was over or it was killed then
  PromiseCounts promise_counts;           // of this reign (P5)
  std::map<HostName, Instant> member_read;  // when a read of a host's member key last ended
  std::map<ResourceName, Instant> failed_since;
  std::map<ResourceName, Instant> running_since;
  std::map<ResourceName, Instant> unready_since;  // somebody comes after them, and they are not ready
  std::map<ResourceName, std::pair<HandoverPhase, Instant>> handover_since;  // by successor: since when in that phase
  std::map<HostName, Instant> up_since;
  std::map<HostName, Instant> storage_charged_since;
  // The boot whose loads stand in the engine, and since when without a break, as far as this node saw.
  std::map<HostName, std::pair<Incarnation, Instant>> loads_since;
  std::map<ResourceName, Instant> uplink_lost_since;                    // where it runs, and not everywhere
  std::map<ResourceName, std::pair<Generation, Instant>> stayed_since;  // the last migration that came to nothing
  std::map<ResourceName, std::string> said_waiting;                     // the place-failed last journaled
  std::map<std::string, SaidAlarm> said_alarms;  // by key; taken over from the journal with the office
  std::optional<Instant> vacant_since;           // `leader` absent
  WallClock clock;                               // of this host, for calendars
  std::vector<Instant> deposed;                  // within the window
};

// The view changed, as `touched` says: bring the memory up to date.
void observe_view(ControllerState& state, const View& view, const SelfView& self, const Touched& touched, Now now);
// The loads in it changed, and perhaps nothing else.
void observe_loads(ControllerState& state, const View& view, Instant now);
// What this host's ears find wrong now.
void observe_hearing(ControllerState& state, const View& view, std::vector<Alarm> alarms, Instant now);
// Whether decide() could come out differently for this.
[[nodiscard]] bool concerns_controller(const ControllerState& state, const View& view, const SelfView& self,
                                       const Touched& touched);
void observe_commit(ControllerState& state, const View& view, const SelfView& self, const CommitEnded& ended, Now now);
void observe_agent(ControllerState& state, const View& view, const AgentEnded& ended, Now now);

// True while this node may act as the controller: it holds the key, and its lease cannot have run out.
[[nodiscard]] bool reigns(const ControllerState& state, const View& view, const SelfView& self, Now now);

class ClaimDesk;
// The orders for the cluster. `new_reign`: a fresh random id, used if this pass takes over. `desk`: follows the view.
void decide(const ControllerState& state, const View& view, const SelfView& self, ClaimDesk& desk,
            const Reign& new_reign, Pass& pass);

}  // namespace haven

// How a host keeps its promise (PROTOCOL P1 to P4, P6): the watchdog is armed, then the promise is recorded; the own
// member key is read again and again, and each read that finds it moves the deadlines on; while none does, the voters
// are asked why. The permit tells the edge up to when it may pet: the edge pets by itself, so nothing turns for it.
//
// What may stand in the engine binds: from the moment a promise is sent, and until its withdrawal is known to be
// committed. That, and the last good, is noted under /run before it matters.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/decision.hpp"
#include "core/liveness/promise.hpp"
#include "core/liveness/waiver.hpp"
#include "core/model/view.hpp"

namespace haven {

struct SelfView;

inline constexpr Duration kArmTimeout = 5s;
inline constexpr Duration kArmRetry = 10s;
// The voters of a healthy engine are looked up this often, and this soon again where nobody could say.
inline constexpr Duration kVotersInterval = 60s;
inline constexpr Duration kVotersRetry = 1s;
// A process that is to end for the promise is killed again after this.
inline constexpr Duration kPromiseKillRetry = 1s;
inline constexpr Duration kPromiseKillTimeout = 2s;

struct Keeping {
  Duration bound{};                  // the shortest deadline that may stand in the engine; 0: none
  std::optional<Instant> last_good;  // P2
  std::optional<Instant> last_read;  // the same by a read of this havend's own, no waiver counted
  std::optional<NotePromise> noted;  // under /run
  // What promises of unknown fate compared, the latest and an earlier one: while all of it holds they may yet arrive.
  std::vector<Check> unsure, earlier;
  std::vector<VoterList> sent_voters;  // that promises sent since the last committed one named: they may stand
  Duration armed{};                    // the watchdog bites this long after a pet; 0: not armed
  std::string trouble;                 // why no promise is made, for a person
  Instant permit;                      // the watchdog was told to be petted until then
  std::optional<Instant> arm_asked, read_asked, voters_asked, round_ended;
  VoterRounds rounds;
  VoterList voters;  // as last agreed; empty: never
};

// What binds this host; nullopt: nothing does.
[[nodiscard]] std::optional<PromiseClock> clock_of(const Keeping& keeping);
// There is room by a read: a waiver says nothing of the member key, and what was marked before a proof must not start.
[[nodiscard]] bool may_start(const Keeping& keeping, Instant now);

// What the promise asks of everything that runs here.
enum class Strain { none, stop, kill };
[[nodiscard]] Strain strain_of(const Keeping& keeping, Instant now);

// An action left for its adapter.
void observe_keeping_issued(Keeping& keeping, const SelfView& self, const Action& action, Now now);
void observe_keeping_commit(Keeping& keeping, const SelfView& self, const CommitEnded& ended);
// True: starts have become possible again.
bool observe_own_read(Keeping& keeping, const SelfView& self, const MemberRead& read, Instant sent, Instant now);
// True: nothing needs to stop any more.
bool observe_voters(Keeping& keeping, const View& view, const SelfView& self, const VotersAnswered& answered,
                    Instant sent, Instant now);
void observe_armed(Keeping& keeping, const ArmWatchdog& asked, const WatchdogArmed& armed);
void observe_watchdog_broke(Keeping& keeping, const std::string& why);

// The own promise as the engine holds it; nullptr: none of this boot.
[[nodiscard]] const PromiseRecord* own_promise(const View& view, const SelfView& self);
// Withdraws it together with what else is committed, where there is one.
void add_withdrawal(Commit& commit, const View& view, const SelfView& self);

// `idle`: by a fresh look nothing runs here and no start is under way. Pure.
void keep_promise(const Keeping& keeping, const View& view, const SelfView& self, bool idle, bool leaving, Pass& pass);

}  // namespace haven

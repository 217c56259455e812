// Everything the engine holds, as this node knows it: what the operator wants and what was durably promised.
// Folds listings, changes and this node's own commits; newer mod revisions win, older news is ignored.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/model/action.hpp"
#include "core/model/event.hpp"
#include "core/model/ids.hpp"
#include "core/model/record.hpp"

namespace haven {

template <class R>
struct Stored {
  R value;
  Revision mod;
};

// Stands for the boots of a host that never joined, where the operator gives his word about it (F8).
inline const Incarnation kNeverJoined{"never-joined"};

using HostBoot = std::pair<HostName, Incarnation>;
// The same without a copy of the names, to look one up.
struct HostBootRef {
  const HostName& host;
  const Incarnation& incarnation;
  friend bool operator<(const HostBoot& a, const HostBootRef& b) {
    return a.first != b.host ? a.first < b.host : a.second < b.incarnation;
  }
  friend bool operator<(const HostBootRef& a, const HostBoot& b) {
    return a.host != b.first ? a.host < b.first : a.incarnation < b.second;
  }
};

// What changed in a view, for those who derive something from it and keep it.
struct Touched {
  bool all = false;  // a listing, the spec, the freeze, an order; whatever is not named below
  bool leader = false;
  bool journal = false;
  std::vector<ResourceName> resources;  // their claim, run or arrival; perhaps more than once
  std::vector<HostName> hosts;  // their member, machine, away, status, answer, fence, device, promise or quarantine
  bool loads = false;           // decides nothing by itself: whoever reads them asks when it is time
  [[nodiscard]] bool nothing() const { return !all && !leader && !journal && resources.empty() && hosts.empty(); }
};

struct Roster;

class View {
 public:
  // Forgets everything of the engine and takes the listing (R4).
  void take(const EngineListed& listed);
  void take(const EngineChanged& changed);
  // This node's own commit: known at once, before the watch brings it.
  void take_own(const Commit& commit, Revision at);

  // Nothing may be decided before the first listing, and not while a gap may stand in it.
  [[nodiscard]] bool listed() const { return listed_; }
  // The watch has brought everything up to here (own commits may be newer).
  [[nodiscard]] Revision revision() const { return revision_; }
  // 0: no such key. Unreadable values have theirs.
  [[nodiscard]] Revision mod_of(const std::string& path) const;
  [[nodiscard]] bool unreadable(const std::string& path) const { return unreadable_.contains(path); }
  // Any of its claim, run, arrival and order, or how far its replacement is.
  [[nodiscard]] bool unreadable(const ResourceName& resource) const;
  [[nodiscard]] const std::map<std::string, std::string>& unreadables() const { return unreadable_; }

  // With the capacities that the file leaves out filled in from the members. nullptr: none applied yet.
  [[nodiscard]] const Spec* spec() const { return effective_.get(); }
  [[nodiscard]] std::shared_ptr<const Spec> shared_spec() const { return effective_; }
  // Changes whenever spec() does; for what is derived from it and kept.
  [[nodiscard]] std::uint64_t spec_edition() const { return spec_edition_; }
  // What follows from spec() alone; there is one as soon as there is a spec.
  [[nodiscard]] const Roster& roster() const { return *roster_; }
  [[nodiscard]] std::shared_ptr<const Roster> shared_roster() const { return roster_; }

  // Since this was asked last.
  [[nodiscard]] Touched take_touched() { return std::exchange(touched_, {}); }

  std::optional<Stored<FreezeRecord>> freeze;
  std::optional<Stored<LeaderRecord>> leader;
  std::optional<Stored<EpochRecord>> epoch;
  std::map<ResourceName, Stored<OrderRecord>> orders;
  std::map<ResourceName, Stored<ClaimRecord>> claims;
  std::map<ResourceName, Stored<RunRecord>> runs;
  std::map<ResourceName, Stored<CalendarRecord>> calendars;
  std::map<ResourceName, Stored<ArrivalRecord>> arrivals;
  std::map<ResourceName, Stored<HandoverRecord>> handovers;  // by successor
  std::map<HostName, Stored<MemberRecord>> members;
  std::map<HostName, Stored<MachineRecord>> machines;
  std::map<HostName, Stored<AwayRecord>> away;
  std::map<HostName, Stored<StatusRecord>> status;
  std::map<HostName, Stored<QuarantineRecord>> quarantine;
  std::map<HostName, Stored<MaintenanceRecord>> maintenance;
  std::optional<Stored<DawnRecord>> dawn;
  std::map<HostBoot, Stored<AnswerRecord>, std::less<>> answers;
  std::map<HostBoot, Stored<FenceRecord>, std::less<>> fences;
  std::map<HostName, Stored<DevicesRecord>> devices;
  std::map<HostName, Stored<PromiseRecord>> promises;
  std::map<HostName, Stored<FitRecord>> fits;
  std::map<HostName, Stored<LoadRecord>> loads;
  std::optional<Stored<BalanceRecord>> balance;
  std::optional<Stored<QuestionRecord>> question;  // about a file that may be applied
  std::optional<Stored<VotersRecord>> voters;      // or those about to vote (P4)
  std::map<std::string, JournalRecord> journal;    // by path, so by time

  // Not the engine's: whom this host hears now. Nothing before the first word, and where heartbeats are off.
  std::optional<PeersHeard> heard;

 private:
  void apply(const std::string& path, const std::optional<Record>& value, Revision mod);
  void forget(const std::string& path, const path::Parts& parts);
  void store(const std::string& path, const path::Parts& parts, const Record& value, Revision mod);
  void touch(const path::Parts& parts);
  void refresh_spec();

  bool listed_ = false;
  Revision revision_;
  std::map<std::string, Revision> mods_;    // of every key
  std::map<std::string, Revision> buried_;  // own deletions that the watch has not brought yet
  std::map<std::string, std::string> unreadable_;
  std::shared_ptr<const Spec> as_applied_;
  std::shared_ptr<const Spec> effective_;
  std::shared_ptr<const Roster> roster_;
  std::uint64_t spec_edition_ = 0;
  Touched touched_;
};

// 0: the engine is the first one.
[[nodiscard]] Epoch epoch_of(const View& view);
// Proved dead: nothing of this incarnation can run or write any more (C3, F6).
[[nodiscard]] bool proved_dead(const View& view, const HostName& host, const Incarnation& incarnation);
// It said itself, as its last word, that nothing of it runs any more (F8).
[[nodiscard]] bool left_cleanly(const View& view, const HostName& host, const Incarnation& incarnation);
// The incarnation that holds the member key now; nullptr: none.
[[nodiscard]] const MemberRecord* member_of(const View& view, const HostName& host);
// It is this one.
[[nodiscard]] bool holds_member_key(const View& view, const HostName& host, const Incarnation& incarnation);
// The claim has left its incarnation: released for that generation, let go, or proved dead (C3). No claim: true.
[[nodiscard]] bool claim_closed(const View& view, const ResourceName& resource);
// What the destination of its migration says about that; nullptr: nothing yet, or it is not being moved.
[[nodiscard]] const ArrivalRecord* arrival_of(const View& view, const ResourceName& resource);
// The migration whose destination may still have something of it: neither gone by its word nor proved dead (M3).
// nullptr: none.
[[nodiscard]] const Migration* open_migration(const View& view, const ResourceName& resource);
// Its boot may still run it, for all that is recorded: not released, not proved dead. Also where the claim was let go.
[[nodiscard]] bool may_still_run(const View& view, const ResourceName& resource);
// Every boot of this host that a fence, a claim or an open migration names and that is not proved dead.
[[nodiscard]] std::vector<HostBoot> open_boots(const View& view, const HostName& host);
// What a host's report must be about for a first claim to rest on it: this spec, and the last claim that was let go.
[[nodiscard]] Revision report_basis(const View& view);
// The whole cluster is frozen, or what is frozen cannot be read: nothing may be decided.
[[nodiscard]] bool frozen(const View& view);
// Anything at all.
[[nodiscard]] bool anything_frozen(const View& view);
// Nothing is started or stopped there, and it is not fenced.
[[nodiscard]] bool frozen_host(const View& view, const HostName& host);
// It stays where and as it is: frozen itself, or its last claim is on a frozen host and that host neither released it
// for good nor is shutting down.
[[nodiscard]] bool left_alone(const View& view, const ResourceName& resource);
// What the operator wants of it: the order if there is one, else the file.
[[nodiscard]] DesiredState desired_state(const View& view, const Resource& resource);

}  // namespace haven

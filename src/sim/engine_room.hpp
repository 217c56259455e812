// The engine of the simulated cluster: a store that is there for whom the network and the voters allow (FORMATS): a
// client reaches it if it reaches a voter that is joined to a majority of them, and if the voters have a leader.
//
// A leader that is lost (its host, or its majority) is followed by another after kElection; until then nothing answers,
// no lease ends, and the successor gives every lease its whole time again. One that finds its majority again before
// that goes on in its old term: leaders step down late, though their voters named nobody meanwhile (P4). A deposed
// leader that is still alive goes on answering the keep-alives of its own host for a moment, renewing nothing (PROTOCOL
// P2, E5); so does one that was frozen and wakes up.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "core/model/event.hpp"
#include "core/model/record.hpp"
#include "sim/network.hpp"
#include "sim/queue.hpp"
#include "sim/random.hpp"
#include "sim/store.hpp"

namespace haven::sim {

inline constexpr Duration kElection = 1s;
// A deposed leader that wakes up hears of its successor after this.
inline constexpr Duration kWakesUp = 100ms;

using RecordStore = Store<Record>;

class EngineRoom {
 public:
  struct Surroundings {
    std::function<bool(MachineIndex)> runs;                // on, booted and not frozen
    std::function<bool(MachineIndex, MachineIndex)> talk;  // as the network is
    std::function<void()> committed;                       // the store's revision has grown
    std::function<void()> reach_changed;                   // serves() may answer otherwise
  };
  EngineRoom(Queue& queue, Random& random, std::vector<MachineIndex> voters, Surroundings around);

  // To be called whenever power or network changed.
  void look();
  // `store off`: there for nobody.
  void set_open(bool open);
  // The engine's process of one voter, apart from its machine.
  void set_voter(MachineIndex voter, bool up);
  // Its disk is full: it deletes and keeps leases alive, writes nothing and grants no lease, as etcd does (E2).
  void set_full(bool full) { full_ = full; }
  // Everything that somebody can put right.
  void heal();

  [[nodiscard]] bool serves(MachineIndex client) const;
  // For somebody.
  [[nodiscard]] bool writes() const;
  [[nodiscard]] const RecordStore& store() const { return store_; }

  RecordStore::Result commit(const RecordStore::Transaction& transaction);
  LeaseId grant(Duration ttl);  // 0: refused
  // nullopt: nobody answers.
  [[nodiscard]] std::optional<bool> keep_alive(MachineIndex client, LeaseId lease);
  // What the voters say whom `client` reaches, each by itself (PROTOCOL P4).
  [[nodiscard]] std::vector<VoterAnswer> ask(MachineIndex client) const;
  [[nodiscard]] std::size_t voter_count() const { return voters_.size() + former_.size(); }
  [[nodiscard]] static VoterList names_of(const std::vector<MachineIndex>& voters);
  // Others vote from now on. Those that do not any more go on running, know nothing of it and follow nobody.
  void replace_voters(std::vector<MachineIndex> voters);
  // Counts the leaders.
  [[nodiscard]] std::uint64_t term() const { return raft_term_; }
  // How long the next deposed leader goes on answering keep-alives: one whose disk stands still may take its time.
  void set_stale_for(Duration time) { stale_for_ = time; }
  // The latest history is lost to the watchers (compaction).
  void compact() { store_.compact(store_.revision()); }

 private:
  [[nodiscard]] bool joined(MachineIndex voter) const;
  [[nodiscard]] bool led(MachineIndex voter) const;
  [[nodiscard]] bool turns(MachineIndex voter) const { return around_.runs(voter) && !down_.contains(voter); }
  [[nodiscard]] bool find_server(MachineIndex client) const;
  void reach_changed();
  void lose_leader();
  void elect();
  void arm_expiry();
  void expire();
  void note_commit(Revision before);

  Queue& queue_;
  Random& random_;
  std::vector<MachineIndex> voters_;
  Surroundings around_;
  RecordStore store_{4'000};
  bool open_ = true;
  VoterList names_;
  std::vector<MachineIndex> former_;
  VoterList former_names_;
  bool full_ = false;
  std::set<MachineIndex> down_;
  std::optional<MachineIndex> leader_;
  std::optional<MachineIndex> late_;  // lost its majority, and has not noticed yet
  Instant late_until_;
  std::uint64_t raft_term_ = 0;
  Duration stale_for_ = kElection;
  std::uint64_t term_ = 0;  // an election of an earlier term means nothing
  bool electing_ = false;
  std::optional<StaleLeader> stale_;
  MachineIndex stale_voter_ = 0;
  Instant stale_until_;
  bool stale_ran_ = true;
  Instant expiry_armed_ = kNever;
  mutable std::vector<std::optional<bool>> served_;  // by client, since reach changed last
};

}  // namespace haven::sim

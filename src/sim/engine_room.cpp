#include "sim/engine_room.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace haven::sim {

EngineRoom::EngineRoom(Queue& queue, Random& random, std::vector<MachineIndex> voters, Surroundings around)
    : queue_(queue), random_(random), voters_(std::move(voters)), around_(std::move(around)) {
  names_ = names_of(voters_);
}

VoterList EngineRoom::names_of(const std::vector<MachineIndex>& voters) {
  VoterList names;
  for (const MachineIndex voter : voters) names.push_back("voter" + std::to_string(voter));
  std::sort(names.begin(), names.end());
  return names;
}

void EngineRoom::replace_voters(std::vector<MachineIndex> voters) {
  former_ = std::exchange(voters_, std::move(voters));
  former_names_ = std::exchange(names_, names_of(voters_));
  std::erase_if(former_, [&](MachineIndex v) { return std::ranges::find(voters_, v) != voters_.end(); });
  if (leader_ && std::ranges::find(former_, *leader_) != former_.end()) {
    lose_leader();
    late_.reset();
  }
  look();
}

bool EngineRoom::joined(MachineIndex voter) const {
  if (!open_ || !turns(voter)) return false;
  std::size_t together = 0;
  for (const MachineIndex other : voters_) {
    if (other == voter || (turns(other) && around_.talk(voter, other))) ++together;
  }
  return 2 * together > voters_.size();
}

bool EngineRoom::serves(MachineIndex client) const {
  if (!leader_) return false;
  if (client >= served_.size()) served_.resize(client + 1);
  if (!served_[client]) served_[client] = find_server(client);
  return *served_[client];
}

void EngineRoom::reach_changed() {
  served_.clear();
  around_.reach_changed();
}

bool EngineRoom::find_server(MachineIndex client) const {
  return std::ranges::any_of(voters_, [&](MachineIndex voter) { return around_.talk(client, voter) && joined(voter); });
}

bool EngineRoom::writes() const {
  return std::ranges::any_of(voters_, [&](MachineIndex voter) { return joined(voter); });
}

bool EngineRoom::led(MachineIndex voter) const {
  if (!open_) return false;
  if (stale_ && voter == stale_voter_ && queue_.now() < stale_until_) return true;
  return leader_ && (voter == *leader_ || around_.talk(voter, *leader_));
}

std::vector<VoterAnswer> EngineRoom::ask(MachineIndex client) const {
  std::vector<VoterAnswer> answers;
  for (const MachineIndex voter : voters_) {
    if (!around_.runs(voter) || !around_.talk(client, voter)) continue;
    const std::string name = "voter" + std::to_string(voter);
    if (!turns(voter)) {
      answers.push_back({name, VoterWord::not_running, {}, 0});
    } else {
      answers.push_back({name, led(voter) ? VoterWord::led : VoterWord::leaderless, names_, raft_term_});
    }
  }
  for (const MachineIndex voter : former_) {
    if (around_.runs(voter) && around_.talk(client, voter))
      answers.push_back({"voter" + std::to_string(voter), VoterWord::leaderless, former_names_, raft_term_});
  }
  return answers;
}

void EngineRoom::set_open(bool open) {
  open_ = open;
  look();
}

void EngineRoom::look() {
  served_.clear();
  if (leader_ && !joined(*leader_)) lose_leader();
  if (!leader_ && late_ && queue_.now() < late_until_ && joined(*late_)) {
    leader_ = std::exchange(late_, std::nullopt);
    stale_.reset();
    electing_ = false;
    ++term_;
    arm_expiry();
  }
  if (stale_) {
    const bool runs = around_.runs(stale_voter_);
    if (runs && !stale_ran_) stale_until_ = queue_.now() + kWakesUp;
    stale_ran_ = runs;
  }
  const bool possible = std::ranges::any_of(voters_, [&](MachineIndex v) { return joined(v); });
  if (!leader_ && possible && !electing_) {
    electing_ = true;
    queue_.after(kElection, [this, term = ++term_] {
      if (term == term_) elect();
    });
  }
  if (!possible && electing_) {
    electing_ = false;
    ++term_;
  }
  reach_changed();
}

void EngineRoom::lose_leader() {
  stale_ = store_.depose(queue_.now());
  stale_voter_ = *leader_;
  stale_until_ = queue_.now() + stale_for_;
  stale_for_ = kElection;
  late_ = leader_;
  late_until_ = queue_.now() + kElection;
  stale_ran_ = around_.runs(stale_voter_);
  leader_.reset();
}

void EngineRoom::elect() {
  electing_ = false;
  std::vector<MachineIndex> able;
  for (const MachineIndex voter : voters_) {
    if (joined(voter)) able.push_back(voter);
  }
  if (able.empty()) return;
  leader_ = able[random_.below(able.size())];
  late_.reset();
  ++raft_term_;
  (void)store_.depose(queue_.now());
  arm_expiry();
  reach_changed();
}

void EngineRoom::note_commit(Revision before) {
  if (store_.revision() != before) around_.committed();
}

void EngineRoom::set_voter(MachineIndex voter, bool up) {
  if (up) {
    down_.erase(voter);
  } else {
    down_.insert(voter);
  }
  look();
  if (up) return;
  // What it led by dies with it.
  if (late_ == voter) late_.reset();
  if (stale_voter_ == voter) stale_.reset();
}

void EngineRoom::heal() {
  full_ = false;
  down_.clear();
  set_open(true);
}

RecordStore::Result EngineRoom::commit(const RecordStore::Transaction& transaction) {
  const auto puts = [](const auto& operation) { return std::holds_alternative<RecordStore::Put>(operation); };
  if (full_ && std::ranges::any_of(transaction.operations, puts)) {
    return {port::Outcome::refused, {}, "database space exceeded"};
  }
  const Revision before = store_.revision();
  auto result = store_.commit(transaction);
  note_commit(before);
  return result;
}

LeaseId EngineRoom::grant(Duration ttl) {
  if (full_) return {};
  const LeaseId lease = store_.grant(ttl, queue_.now());
  arm_expiry();
  return lease;
}

std::optional<bool> EngineRoom::keep_alive(MachineIndex client, LeaseId lease) {
  if (serves(client)) return store_.keep_alive(lease, queue_.now());
  const bool hears_the_deposed =
      stale_ && client == stale_voter_ && queue_.now() < stale_until_ && open_ && around_.runs(client);
  if (hears_the_deposed) return stale_->keep_alive(lease);
  return std::nullopt;
}

void EngineRoom::arm_expiry() {
  const Instant next = store_.next_expiry();
  if (next >= expiry_armed_) return;
  expiry_armed_ = next;
  queue_.at(next, [this] { expire(); });
}

void EngineRoom::expire() {
  expiry_armed_ = kNever;
  if (!leader_) return;
  const Revision before = store_.revision();
  store_.expire(queue_.now());
  note_commit(before);
  arm_expiry();
}

}  // namespace haven::sim

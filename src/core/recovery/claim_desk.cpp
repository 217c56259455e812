#include "core/recovery/claim_desk.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "core/placement/roster.hpp"
#include "core/recovery/balancing.hpp"
#include "core/recovery/maintenance.hpp"
#include "core/recovery/sets.hpp"
#include "core/recovery/uplink.hpp"

namespace haven {
namespace {

bool is_moving(const View& view) {
  return std::any_of(view.claims.begin(), view.claims.end(), [&](const auto& claim) {
    const bool moves = claim.second.value.move_to && !claim_closed(view, claim.first);
    return moves || (claim.second.value.migrating_to &&
                     (open_migration(view, claim.first) != nullptr || !claim_closed(view, claim.first)));
  });
}

// By the word of an operator who takes a host out of service, or gives it back.
bool leaves_as_one(const View& view, const std::vector<const Resource*>& set) {
  return std::any_of(set.begin(), set.end(), [&](const Resource* resource) {
    const auto claim = view.claims.find(resource->name);
    if (claim == view.claims.end() || claim_closed(view, resource->name)) return false;
    const auto home = returns_to(view, resource->name);
    return in_maintenance(view, claim->second.value.host) || (home && *home != claim->second.value.host);
  });
}

std::size_t set_at(const Roster& roster, std::size_t place) {
  return roster.set_of[static_cast<std::size_t>(roster.order[place] - roster.spec->resources.data())];
}

// Some were placed, and some were left out: another arrangement may have room for all of them.
bool some_left_out(const PassSoFar& so_far) {
  const auto placed = std::count_if(so_far.wanted.begin(), so_far.wanted.end(),
                                    [&](const Wanted& w) { return so_far.moved.contains(w.resource); });
  return placed > 0 && placed < std::ssize(so_far.wanted);
}

std::map<ResourceName, HostName> arranged(Placement& books, const std::vector<Wanted>& wanted) {
  std::map<ResourceName, HostName> where;
  const auto hosts = books.arrange(wanted);
  for (std::size_t i = 0; i < hosts.size(); ++i)
    if (hosts[i]) where.emplace(wanted[i].resource, *hosts[i]);
  return where;
}

void write_journal(std::vector<JournalRecord> journal, const SelfView& self, std::vector<Write>& writes) {
  for (JournalRecord& entry : journal) {
    entry.by = self.host;
    writes.push_back({path::kNewJournal, std::move(entry), {}});
  }
}

}  // namespace

// Claims are moved in batches that fit a transaction.
class ClaimBatch {
 public:
  explicit ClaimBatch(const View& view) {
    for (const auto& path : {path::kLeader, path::kSpec, path::kFreeze})
      commit_.checks.push_back({path, view.mod_of(path)});
    commit_.lane = "claims";
    commit_.timeout = kCommitTimeout;
  }
  [[nodiscard]] bool empty() const { return commit_.writes.empty(); }
  // False: it does not fit any more, and the batch is as it was.
  bool add(const std::vector<ClaimMove>& set) {
    Commit grown = commit_;
    for (const auto& move : set) {
      for (const auto& check : move.checks)
        if (std::find(grown.checks.begin(), grown.checks.end(), check) == grown.checks.end())
          grown.checks.push_back(check);
      grown.writes.insert(grown.writes.end(), move.writes.begin(), move.writes.end());
    }
    if (grown.checks.size() > kMaxChecks || grown.writes.size() > kMaxWrites) return false;
    commit_ = std::move(grown);
    return true;
  }
  [[nodiscard]] Commit take() && { return std::move(commit_); }

 private:
  Commit commit_;
};

void ClaimDesk::mark(const Roster& roster, std::size_t resource) {
  to_book_.push_back(resource);
  steps_.mark_place(roster.rank[resource]);
  mends_.mark_place(roster.rank[resource]);
  // Whose links may go up depends on the other's.
  steps_.mark_place(roster.rank[roster.partner[resource]]);
  // Whether a rule holds depends on where the others stand.
  for (const auto rule : roster.rules[resource])
    for (const auto member : roster.members[rule]) mends_.mark_place(roster.rank[member]);
}

// Everything that stands on this host, or is found there.
void ClaimDesk::mark_host(const View& view, const HostName& name) {
  const Roster& roster = view.roster();
  to_judge_.push_back(name);
  // Whether a host stays closed depends on who else is there.
  for (const auto& [closed, record] : view.quarantine) to_judge_.push_back(closed);
  for (std::size_t r = 0; r < bookings_.size(); ++r)
    if (std::find(bookings_[r].begin(), bookings_[r].end(), name) != bookings_[r].end()) mark(roster, r);
  const auto status = view.status.find(name);
  if (status == view.status.end()) return;
  for (const ResourceName& found : status->second.value.found)
    if (const auto r = roster.index(found)) mark(roster, *r);
}

void ClaimDesk::follow(const View& view, const Touched& touched) {
  // Where a network still leads out is a matter of all hosts together, and any resource may have to move for it.
  if (!touched.hosts.empty()) {
    const bool was_lost = std::exchange(uplink_lost_, any_uplink_lost(view));
    if (was_lost || uplink_lost_) return forget();
  }
  if (touched.all || touched.leader || view.spec() == nullptr) return forget();
  if (!books_) return;
  for (const HostName& host : touched.hosts) mark_host(view, host);
  for (const ResourceName& name : touched.resources) {
    const auto r = view.roster().index(name);
    if (r) mark(view.roster(), *r);
    // An older boot of its host may be open for its sake, or not any more.
    if (r) to_judge_.insert(to_judge_.end(), bookings_[*r].begin(), bookings_[*r].end());
    if (const auto claim = view.claims.find(name); claim != view.claims.end())
      to_judge_.push_back(claim->second.value.host);
  }
}

void ClaimDesk::rebook(const View& view, std::size_t resource) {
  const ResourceName& name = view.spec()->resources[resource].name;
  for (const HostName& host : std::exchange(bookings_[resource], {})) books_->release(name, host);
  bookings_[resource] = bookings_of(view, name);
  for (const HostName& host : bookings_[resource]) books_->book(name, host);
}

void ClaimDesk::open(const View& view) {
  const Spec& spec = *view.spec();
  std::vector<HostView> hosts;
  hosts.reserve(spec.hosts.size());
  for (const auto& host : spec.hosts)
    hosts.push_back({host.name, placing_refusal(view, host), others_on(view, host.name)});
  books_.emplace(view.shared_roster(), hosts);
  bookings_.assign(spec.resources.size(), {});
  for (std::size_t r = 0; r < spec.resources.size(); ++r) rebook(view, r);
  to_book_.clear();
  to_judge_.clear();
  steps_.mark_all();
  mends_.mark_all();
}

void ClaimDesk::bring_up_to_date(const View& view) {
  if (!books_) return open(view);
  for (const std::size_t resource : std::exchange(to_book_, {})) rebook(view, resource);
  std::sort(to_judge_.begin(), to_judge_.end());
  to_judge_.erase(std::unique(to_judge_.begin(), to_judge_.end()), to_judge_.end());
  for (const HostName& name : std::exchange(to_judge_, {}))
    if (const Host* host = view.roster().host(name)) {
      books_->set_refusal(name, placing_refusal(view, *host));
      books_->set_others(name, others_on(view, name));
    }
}

// What one look at all places led to.
struct ClaimDesk::Looked {
  ClaimBatch batch;
  std::vector<Unplaced> unplaced;
  PassSoFar so_far;
};

ClaimDesk::Looked ClaimDesk::look(const ControllerState& state, const View& view, const SelfView& self, Now now,
                                  const std::vector<std::size_t>& places, PassSoFar begin) {
  const Roster& roster = view.roster();
  Looked looked{ClaimBatch(view), {}, std::move(begin)};
  std::size_t next = 0;
  bool full = false;
  while (next < places.size() && !full) {
    const std::size_t set = set_at(roster, places[next]);
    std::vector<ClaimMove> moves;
    for (; next < places.size() && set_at(roster, places[next]) == set; ++next) {
      const Resource& resource = *roster.order[places[next]];
      if (looked.so_far.evicted.contains(resource.name)) {
        steps_.mark_place(places[next]);  // its claim is being written
        continue;
      }
      Pass one(now);
      Step step = next_step(view, state, resource, *books_, self, false, looked.so_far, one);
      Decision decision = std::move(one).take();
      steps_.looked(places[next], step.move || step.unplaced || step.restless, decision.wake);
      if (step.unplaced) looked.unplaced.push_back(std::move(*step.unplaced));
      // Those for whom this commit has no more room follow in the next.
      for (const ClaimMove& eviction : step.evictions) full |= !looked.batch.add({eviction});
      if (!step.move) continue;
      looked.so_far.moved.insert(resource.name);
      moves.push_back(std::move(*step.move));
    }
    full |= !moves.empty() && !looked.batch.add(moves) && !looked.batch.empty();
  }
  for (; next < places.size(); ++next) steps_.mark_place(places[next]);  // the next batch is theirs
  return looked;
}

void ClaimDesk::decide(const ControllerState& state, const View& view, const SelfView& self, Pass& pass,
                       std::vector<Unplaced>& unplaced) {
  bring_up_to_date(view);
  const Roster& roster = view.roster();
  // By sets: what is bound together moves together.
  std::vector<std::size_t> places = steps_.take(roster, pass.now().mono);
  std::stable_sort(places.begin(), places.end(),
                   [&](std::size_t a, std::size_t b) { return set_at(roster, a) < set_at(roster, b); });
  books_->begin_trial();
  Looked looked = look(state, view, self, pass.now(), places, {});
  if (some_left_out(looked.so_far)) {
    books_->end_trial();
    PassSoFar again;
    again.arranged = arranged(*books_, looked.so_far.wanted);
    books_->begin_trial();
    looked = look(state, view, self, pass.now(), places, std::move(again));
  }
  unplaced = std::move(looked.unplaced);
  ClaimBatch batch = std::move(looked.batch);
  if (batch.empty() && !is_moving(view)) mend(state, view, self, batch, pass.now(), unplaced);
  keep_balance(state, view, self, batch, pass);
  books_->end_trial();
  if (!batch.empty()) pass.act(std::move(batch).take());
  for (const Instant wake : {steps_.wake(), mends_.wake()})
    if (wake != kNever) (void)pass.due(wake);
}

// Last of all, and only while nothing else is wanted.
void ClaimDesk::keep_balance(const ControllerState& state, const View& view, const SelfView& self, ClaimBatch& batch,
                             Pass& pass) {
  const Balance mode = view.spec()->cluster.balance;
  const bool off = mode == Balance::off;
  if (off && !view.balance) return next_weighing_.reset();
  if (!next_weighing_) next_weighing_ = pass.now().mono + kBalanceInterval;
  if (!pass.due(*next_weighing_)) return;
  next_weighing_ = pass.now().mono + kBalanceInterval;
  (void)pass.due(*next_weighing_);
  if (!batch.empty() || view.unreadable(path::kBalance)) return;
  Commit commit;
  for (const auto& path : {path::kLeader, path::kSpec, path::kFreeze})
    commit.checks.push_back({path, view.mod_of(path)});
  commit.lane = "balance";
  commit.timeout = kCommitTimeout;
  const bool waits = !off && !balance_waits_for(state, view).empty();
  Weighed weighed = off || waits ? let_go(state, view, pass.now()) : weigh(state, view, pass.now());
  if (off) {
    write_balance(view, std::nullopt, commit.checks, commit.writes);
  } else {
    if (waits && weighed.journal.empty()) return;
    if (!waits && mode == Balance::automatic && begin_move(state, view, self, weighed, batch, pass)) return;
    if (told_already(view, weighed.record, pass.now())) return;
    write_balance(view, std::move(weighed.record), commit.checks, commit.writes);
  }
  write_journal(std::move(weighed.journal), self, commit.writes);
  pass.act(std::move(commit));
}

// One guest, and the record of it in the same transaction.
bool ClaimDesk::begin_move(const ControllerState& state, const View& view, const SelfView& self, const Weighed& weighed,
                           ClaimBatch& batch, Pass& pass) {
  for (const AdvisedMove& advised : weighed.record.moves) {
    auto move = move_for_balance(view, state, advised, *books_, self, pass);
    if (!move) continue;
    BalanceRecord record = weighed.record;
    std::erase(record.moves, advised);
    record.past.push_back({advised.guest, advised.from, advised.to, false, pass.now().wall});
    write_balance(view, std::move(record), move->checks, move->writes);
    write_journal(weighed.journal, self, move->writes);
    return batch.add({*std::move(move)});
  }
  return false;
}

Step ClaimDesk::mend_one(const ControllerState& state, const View& view, const SelfView& self, std::size_t place,
                         Now now) {
  Pass one(now);
  PassSoFar nobody;
  Step step = next_step(view, state, *view.roster().order[place], *books_, self, true, nobody, one);
  Decision decision = std::move(one).take();
  mends_.looked(place, step.move || step.restless, decision.wake);
  return step;
}

// What is bound together leaves its host at once, as if it ran nowhere: one by one nobody could go first. Nothing: it
// stays where it is, and the books are as they were.
std::vector<ClaimMove> ClaimDesk::move_set(const ControllerState& state, const View& view, const SelfView& self,
                                           const std::vector<const Resource*>& set, Now now,
                                           std::vector<Unplaced>& unplaced) {
  const Roster& roster = view.roster();
  for (const Resource* resource : set)
    for (const HostName& host : bookings_[*roster.index(resource->name)]) books_->release(resource->name, host);
  std::vector<ClaimMove> moves;
  std::vector<std::pair<ResourceName, HostName>> booked;
  std::size_t standing = 0;
  for (const Resource* resource : set) {
    if (claim_closed(view, resource->name)) continue;
    ++standing;
    Step step = mend_one(state, view, self, roster.rank[*roster.index(resource->name)], now);
    if (step.unplaced) unplaced.push_back(std::move(*step.unplaced));
    books_->release(resource->name, view.claims.at(resource->name).value.host);
    if (!step.move) continue;
    const auto& claim = std::get<ClaimRecord>(*step.move->writes.front().value);
    booked.emplace_back(resource->name, claim.migrating_to ? claim.migrating_to->host : *claim.move_to);
    moves.push_back(std::move(*step.move));
  }
  if (moves.size() == standing) return moves;
  for (const auto& [name, host] : booked) books_->release(name, host);
  for (const Resource* resource : set) rebook(view, *roster.index(resource->name));
  return {};
}

// Rules are mended one resource at a time, the least important first: it is the one that should yield.
void ClaimDesk::mend(const ControllerState& state, const View& view, const SelfView& self, ClaimBatch& batch, Now now,
                     std::vector<Unplaced>& unplaced) {
  const Roster& roster = view.roster();
  std::vector<std::size_t> places = mends_.take(roster, now.mono);
  while (!places.empty()) {
    const std::size_t place = places.back();
    places.pop_back();
    const auto& set = roster.sets[set_at(roster, place)];
    if (set.size() > 1 && leaves_as_one(view, set)) {
      const auto moves = move_set(state, view, self, set, now, unplaced);
      if (!moves.empty() && batch.add(moves)) break;
      continue;
    }
    Step step = mend_one(state, view, self, place, now);
    // What does not run was told of by its own step.
    if (step.unplaced && !claim_closed(view, step.unplaced->resource)) unplaced.push_back(std::move(*step.unplaced));
    if (step.move && batch.add({std::move(*step.move)})) break;
  }
  for (const std::size_t place : places) mends_.mark_place(place);
}

}  // namespace haven

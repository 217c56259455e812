#include "core/recovery/claim_desk.hpp"

#include <algorithm>
#include <utility>

#include "core/placement/roster.hpp"
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

std::size_t set_at(const Roster& roster, std::size_t place) {
  return roster.set_of[static_cast<std::size_t>(roster.order[place] - roster.spec->resources.data())];
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
  for (const auto& host : spec.hosts) hosts.push_back({host.name, placing_refusal(view, host)});
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
    if (const Host* host = view.roster().host(name)) books_->set_refusal(name, placing_refusal(view, *host));
}

void ClaimDesk::decide(const ControllerState& state, const View& view, const SelfView& self, Pass& pass,
                       std::vector<Unplaced>& unplaced) {
  bring_up_to_date(view);
  const Roster& roster = view.roster();
  const Instant now = pass.now().mono;
  ClaimBatch batch(view);
  books_->begin_trial();
  // By sets: what is bound together moves together.
  std::vector<std::size_t> places = steps_.take(roster, now);
  std::stable_sort(places.begin(), places.end(),
                   [&](std::size_t a, std::size_t b) { return set_at(roster, a) < set_at(roster, b); });
  std::size_t next = 0;
  while (next < places.size()) {
    const std::size_t set = set_at(roster, places[next]);
    std::vector<ClaimMove> moves;
    for (; next < places.size() && set_at(roster, places[next]) == set; ++next) {
      Pass one(pass.now());
      Step step = next_step(view, state, *roster.order[places[next]], *books_, self, false, one);
      Decision decision = std::move(one).take();
      steps_.looked(places[next], step.move || step.unplaced || step.restless, decision.wake);
      if (step.unplaced) unplaced.push_back(std::move(*step.unplaced));
      if (step.move) moves.push_back(std::move(*step.move));
    }
    if (!moves.empty() && !batch.add(moves) && !batch.empty()) break;
  }
  for (; next < places.size(); ++next) steps_.mark_place(places[next]);  // the next batch is theirs
  if (batch.empty() && !is_moving(view)) mend(state, view, self, batch, pass.now());
  books_->end_trial();
  if (!batch.empty()) pass.act(std::move(batch).take());
  for (const Instant wake : {steps_.wake(), mends_.wake()})
    if (wake != kNever) (void)pass.due(wake);
}

// Rules are mended one resource at a time, the least important first: it is the one that should yield.
void ClaimDesk::mend(const ControllerState& state, const View& view, const SelfView& self, ClaimBatch& batch, Now now) {
  const Roster& roster = view.roster();
  std::vector<std::size_t> places = mends_.take(roster, now.mono);
  while (!places.empty()) {
    const std::size_t place = places.back();
    places.pop_back();
    Pass one(now);
    Step step = next_step(view, state, *roster.order[place], *books_, self, true, one);
    Decision decision = std::move(one).take();
    mends_.looked(place, step.move || step.restless, decision.wake);
    if (step.move && batch.add({std::move(*step.move)})) break;
  }
  for (const std::size_t place : places) mends_.mark_place(place);
}

}  // namespace haven

#include "core/session.hpp"

#include <algorithm>

#include "core/liveness/dawn.hpp"
#include "core/liveness/fence_writes.hpp"
#include "core/placement/roster.hpp"

namespace haven {
namespace {

void keep_lease(const Session& session, const View& view, Pass& pass) {
  if (view.spec() == nullptr) return;  // nobody registers before there is a file, and it names the lease time
  const Duration third = session.ttl / 3;
  if (session.lease.id == 0) {
    if (!session.renewed || pass.due(*session.renewed + third / 2)) {
      const Duration ttl = view.spec()->cluster.lease;
      pass.act(GrantLease{ttl, ttl / 2});
    }
  } else if (!session.renewed || pass.due(*session.renewed + third)) {
    pass.act(KeepAlive{session.lease, third});
  }
}

bool looked_well(const HostState& host) { return host.looked && host.inspected >= host.touched; }

// A registration waits for the key of an older boot to go, and no intent may name this one (F1, F8).
bool may_register(const Session& session, const HostState& host, const View& view, const SelfView& self) {
  const MemberRecord* standing = member_of(view, self.host);
  // Once more, when the first look came only after a registration as a boot that was known already.
  if (self.registered && (!host.found_none || standing->found_none)) return false;
  if (!self.watching || session.lease.id == 0 || host.rebooting || view.unreadable(path::member(self.host)))
    return false;
  if (view.spec() == nullptr || view.roster().host(self.host) == nullptr) return false;
  if (standing != nullptr && standing->incarnation != self.incarnation) return false;
  if (view.mod_of(path::fence(self.host, self.incarnation)) != Revision{}) return false;
  const auto status = view.status.find(self.host);
  const bool known_boot = status != view.status.end() && status->second.value.incarnation == self.incarnation;
  return known_boot || looked_well(host);
}

void enlist(const Session& session, const HostState& host, const View& view, const SelfView& self,
            const MachineFacts& facts, Pass& pass) {
  Commit commit;
  commit.lane = "register";
  commit.timeout = kCommitTimeout;
  for (const auto& path : {path::member(self.host), path::fence(self.host, self.incarnation), path::away(self.host),
                           path::status(self.host), path::kSpec, path::kEpoch})
    commit.checks.push_back({path, view.mod_of(path)});
  const MemberRecord member{self.incarnation, facts.machine, host.found_none, facts.cpu, facts.memory, epoch_of(view)};
  commit.writes.push_back({path::member(self.host), member, session.lease});
  // A report that was not made counts for nobody: the old one stands until the next look.
  if (looked_well(host))
    commit.writes.push_back({path::status(self.host), report_of_host(host, view, self, pass.now().mono), {}});
  if (view.mod_of(path::away(self.host)) != Revision{})
    commit.writes.push_back({path::away(self.host), std::nullopt, {}});
  const Duration patience = view.spec()->cluster.lease / 2;
  const bool listened = session.listening_since && pass.now().mono >= *session.listening_since + patience;
  add_dawn(commit, view, self, listened);
  pass.act(std::move(commit));
}

// "I live", whatever intent there may be: an intent deletes what was said before it.
void answer_unseen(const SelfView& self, Pass& pass) {
  Commit commit;
  commit.lane = "answer";
  commit.timeout = kCommitTimeout;
  commit.writes.push_back({path::answer(self.host, self.incarnation), AnswerRecord{}, {}});
  pass.act(std::move(commit));
}

// This boot's own word that all is released and nothing of it runs: a proof, and its last word (F8).
void leave_for_good(Commit& commit, const View& view, const SelfView& self, Now now) {
  check_as_seen(commit, view, path::fence(self.host, self.incarnation));
  FenceRecord left;
  left.state = FenceState::proved;
  left.proof = ProofKind::clean_leave;
  add_fence(commit, {self.host, self.incarnation}, left, now);
  add_journal(commit, fence_entry(self, now, JournalKind::proved, self.host, "it left in good order and runs nothing"));
}

Commit away_commit(const View& view, const SelfView& self, AwayKind kind, bool reigning) {
  Commit commit;
  commit.lane = "away";
  commit.timeout = kCommitTimeout;
  for (const auto& path : {path::away(self.host), path::member(self.host)})
    commit.checks.push_back({path, view.mod_of(path)});
  commit.writes.push_back({path::away(self.host), AwayRecord{self.incarnation, kind}, {}});
  if (reigning) {  // somebody else is to take over at once
    commit.checks.push_back({path::kLeader, view.mod_of(path::kLeader)});
    commit.writes.push_back({path::kLeader, std::nullopt, {}});
  }
  if (kind == AwayKind::down) commit.writes.push_back({path::member(self.host), std::nullopt, {}});
  // Nobody pets the watchdog while havend is away, and nothing runs once it is down (P6).
  if (kind != AwayKind::leaving) add_withdrawal(commit, view, self);
  return commit;
}

std::optional<AwayKind> recorded_away(const View& view, const SelfView& self) {
  const auto away = view.away.find(self.host);
  if (away == view.away.end() || away->second.value.incarnation != self.incarnation) return std::nullopt;
  return away->second.value.kind;
}

// Something of this boot was let go, or is still here: whoever runs on is not Haven's, and no word of ours covers it.
bool leaves_something(const HostState& host, const View& view, const SelfView& self) {
  const bool let_go = std::any_of(view.claims.begin(), view.claims.end(), [&](const auto& claim) {
    return claim.second.value.host == self.host && claim.second.value.incarnation == self.incarnation &&
           may_still_run(view, claim.first);
  });
  return let_go || std::any_of(host.locals.begin(), host.locals.end(), [](const auto& local) {
           return local.second.domain.has_value() || local.second.process || local.second.start_in_flight;
         });
}

bool holds_claims(const View& view, const SelfView& self) {
  return std::any_of(view.claims.begin(), view.claims.end(), [&](const auto& claim) {
    const Migration* m = open_migration(view, claim.first);
    if (m != nullptr && m->host == self.host && m->incarnation == self.incarnation) return true;
    return claim.second.value.host == self.host && claim.second.value.incarnation == self.incarnation &&
           !claim_closed(view, claim.first);
  });
}

void leave(const Session& session, const HostState& host, const View& view, const SelfView& self, bool reigning,
           Pass& pass) {
  const auto recorded = recorded_away(view, self);
  const bool can_record = self.registered && self.watching;
  if (*session.leaving == ShutdownKind::restart) {
    if (recorded == AwayKind::restarting || pass.due(host.leaving_since + kRestartPatience)) return pass.act(Exit{});
    if (can_record) pass.act(away_commit(view, self, AwayKind::restarting, reigning));
    return;
  }
  const bool left = recorded == AwayKind::down;
  if (left || pass.due(host.leaving_since + kHostShutdownPatience))
    return pass.act(Exit{left_cleanly(view, self.host, self.incarnation)});
  if (!can_record) {
    // Nothing known to stop: no file was ever applied, or the engine never answered this havend.
    const bool clueless = !view.listed() || view.spec() == nullptr;
    if (clueless && pass.due(host.leaving_since + kRestartPatience)) return pass.act(Exit{});
    // Nothing to be recorded by one that never joined, or cannot reach the engine: go once all has stopped.
    const bool hopeless = self.watching || pass.due(session.lost_since + kLastWordPatience);
    if (hopeless && runs_nothing(host, view, self)) pass.act(Exit{});
    return;
  }
  // `leaving` first: from then on no claim can come any more, and what this view shows is all there is to release.
  if (recorded != AwayKind::leaving) return pass.act(away_commit(view, self, AwayKind::leaving, reigning));
  if (view.revision() >= session.own_last && runs_nothing(host, view, self) && !holds_claims(view, self)) {
    Commit commit = away_commit(view, self, AwayKind::down, reigning);
    if (!leaves_something(host, view, self)) leave_for_good(commit, view, self, pass.now());
    pass.act(std::move(commit));
  }
}

}  // namespace

void fold_self(SelfView& self, const Session& session, const View& view) {
  self.lease = session.lease;
  self.lease_until = session.lease_until;
  // An engine of a lower epoch counts as out of reach (E3).
  self.outdated = view.listed() && epoch_of(view) < session.known_epoch;
  self.watching = session.watching && !self.outdated;
  self.own_last = session.own_last;
  self.registered = session.lease.id != 0 && session.registered_under == session.lease;
  if (!self.registered) return;
  const MemberRecord* member = member_of(view, self.host);
  self.registered = member != nullptr && member->incarnation == self.incarnation;
}

void keep_session(const Session& session, const HostState& host, const View& view, const SelfView& self, bool reigning,
                  const MachineFacts& facts, Pass& pass) {
  if (session.exited) return;
  keep_lease(session, view, pass);
  if (session.leaving) return leave(session, host, view, self, reigning, pass);
  if (session.answer_unseen) answer_unseen(self, pass);
  if (may_register(session, host, view, self)) enlist(session, host, view, self, facts, pass);
}

}  // namespace haven

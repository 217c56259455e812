#include "core/liveness/keeping.hpp"

#include <algorithm>
#include <utility>

#include "core/controller.hpp"
#include "core/placement/roster.hpp"

namespace haven {
namespace {

// What the file asks of this host. `known` is false while nobody can say: then all stays as it is.
struct Wish {
  bool known = false;
  Duration deadline{};  // 0: no promise
  bool accept_soft = true;
};

Wish wish_of(const View& view, const SelfView& self, bool leaving) {
  Wish wish;
  if (!view.listed() || view.spec() == nullptr || view.unreadable(path::kSpec)) return wish;
  wish.known = true;
  const Host* host = view.roster().host(self.host);
  // A virtual host's clocks and watchdog stop with its pause (F3).
  if (host == nullptr || !host->self_fence || !host->runs_on.empty() || leaving) return wish;
  wish.deadline = host->promise;
  wish.accept_soft = host->watchdog_accept_soft;
  return wish;
}

bool contains(const std::vector<VoterList>& lists, const VoterList& list) {
  return std::find(lists.begin(), lists.end(), list) != lists.end();
}

bool wanted(const Wish& wish) { return wish.deadline > Duration::zero(); }

void arm(const Keeping& k, const Wish& wish, bool idle, Pass& pass) {
  // To arm it is to pet it: a havend that is restarted again and again must not keep a dead promise's host alive.
  if (const auto clock = clock_of(k); clock && !idle && pass.now().mono >= pets_end(*clock)) return;
  // What may stand already binds as well: the shorter of both.
  Duration deadline = wish.deadline;
  if (k.bound > Duration::zero()) deadline = wanted(wish) ? std::min(deadline, k.bound) : k.bound;
  if (deadline > Duration::zero()) {
    const Duration bites_after = watchdog_time(deadline);
    if (k.armed == bites_after) return;
    if (!k.arm_asked || pass.due(*k.arm_asked + kArmRetry))
      pass.act(ArmWatchdog{bites_after, wish.accept_soft, kArmTimeout});
  } else if (wish.known && k.armed > Duration::zero()) {
    pass.act(DisarmWatchdog{});
  }
}

void read_own_key(const Keeping& k, const Wish& wish, const SelfView& self, Pass& pass) {
  const bool serves_a_purpose = k.bound > Duration::zero() || (wanted(wish) && k.armed > Duration::zero());
  // Registered under nothing, it would find nothing; out of reach it is tried, for who knows when that ends.
  if (!serves_a_purpose || (self.watching && !self.registered)) return;
  const Duration deadline = k.bound > Duration::zero() ? k.bound : wish.deadline;
  // One that failed is tried again soon: there are not many until the orderly stop.
  const Duration interval = read_interval(deadline);
  const bool failed = !k.last_good || pass.due(*k.last_good + interval);
  if (!k.read_asked || pass.due(*k.read_asked + (failed ? interval / 5 : interval)))
    pass.act(ReadMember{self.host, interval / 2});
}

void ask_voters(const Keeping& k, const Wish& wish, const View& view, const SelfView& self, bool idle, Pass& pass) {
  if (!self.waivers) return;
  const auto clock = clock_of(k);
  const bool doubts = clock && !idle && own_promise(view, self) != nullptr && pass.due(doubt_from(*clock)) &&
                      pass.now().mono < pets_end(*clock);
  if (doubts) {
    if (!k.round_ended || pass.due(*k.round_ended + kRoundPause)) pass.act(AskVoters{kRoundTimeout});
  } else if (wanted(wish) && k.armed > Duration::zero() && self.registered) {
    const Duration interval = k.voters.empty() ? kVotersRetry : kVotersInterval;
    if (!k.voters_asked || pass.due(*k.voters_asked + interval)) pass.act(AskVoters{kRoundTimeout});
  }
}

// Up to when the edge may pet (P3).
Instant permit_of(const Keeping& k, bool idle, Pass& pass) {
  const auto clock = clock_of(k);
  const auto far = [&](Duration horizon) {
    // Renewed by the brain's own turns: one that stands still lets it run out (S2).
    return pass.due(k.permit - horizon / 2) ? pass.now().mono + horizon : k.permit;
  };
  if (!clock) return far(k.armed * 6);
  const Instant last = pets_end(*clock);
  // Without room nothing is started: a start, and with it another permit, needs a new last good.
  const bool nothing_to_lose = idle && pass.due(stop_from(*clock));
  return nothing_to_lose ? std::max(last, far(clock->deadline / 2)) : last;
}

// What it is to name: the voters as they are, and as they are about to be. What it names already stays until then.
// None where nobody announces who votes next (P4): such a promise waives nothing, and no change waits for it.
std::vector<VoterList> lists_of(const Keeping& k, const View& view, const SelfView& self,
                                const PromiseRecord* standing) {
  if (!self.waivers) return {};
  std::vector<VoterList> wished{k.voters};
  if (view.voters && view.voters->value.next != k.voters) wished.push_back(view.voters->value.next);
  if (standing == nullptr) return wished;
  const auto names = [&](const VoterList& list) { return contains(standing->voters, list); };
  if (std::all_of(wished.begin(), wished.end(), names)) return wished;
  std::vector<VoterList> both = standing->voters;
  std::copy_if(wished.begin(), wished.end(), std::back_inserter(both), [&](const auto& list) { return !names(list); });
  return both;
}

Commit promise_commit(const View& view, const SelfView& self) {
  Commit commit;
  commit.lane = "promise";
  commit.timeout = kCommitTimeout;
  // The voters' as well: whoever changes them counts on it that no promise comes that has not seen what he wrote (P4).
  for (const auto& path : {path::promise(self.host), path::member(self.host), path::kSpec, path::kVoters})
    commit.checks.push_back({path, view.mod_of(path)});
  return commit;
}

void make_promise(const Keeping& k, const Wish& wish, const View& view, const SelfView& self, Pass& pass) {
  const bool armed_for_it = k.armed > Duration::zero() && k.armed <= watchdog_time(wish.deadline);
  if (!armed_for_it || !k.last_good || (self.waivers && k.voters.empty())) return;
  const PromiseClock clock{wish.deadline, *k.last_good};
  if (!room_for_start(clock, pass.now().mono)) return;
  const PromiseRecord* standing = own_promise(view, self);
  if (view.unreadable(path::kVoters)) return;
  // That of an older boot is its controller's to bury (P1).
  if (standing == nullptr && view.mod_of(path::promise(self.host)) != Revision{}) return;
  const PromiseRecord promise{self.incarnation, wish.deadline, watchdog_time(wish.deadline),
                              lists_of(k, view, self, standing)};
  if (standing != nullptr && *standing == promise) return;
  // From here on it may stand: bound first, by the shorter of both.
  const bool binds = k.bound == Duration::zero() || wish.deadline < k.bound;
  if (binds) {
    pass.act(PetWatchdog{pets_end(clock)});
    pass.act(NotePromise{wish.deadline, *k.last_good});
  }
  Commit commit = promise_commit(view, self);
  commit.writes.push_back({path::promise(self.host), promise, {}});
  pass.act(std::move(commit));
}

// The member key is written anew: a promise whose answer was lost compares the one that it saw, and could else be
// carried out after this, when nothing is promised again and nobody keeps it.
void withdraw(const View& view, const SelfView& self, Pass& pass) {
  Commit commit = promise_commit(view, self);
  commit.writes.push_back({path::promise(self.host), std::nullopt, {}});
  commit.writes.push_back({path::member(self.host), *member_of(view, self.host), self.lease});
  pass.act(std::move(commit));
}

bool may_hold(const std::vector<Check>& checks, const View& view) {
  return !checks.empty() &&
         std::all_of(checks.begin(), checks.end(), [&](const Check& c) { return view.mod_of(c.path) == c.mod; });
}

// The record follows the wish, and what binds follows the record.
void settle_record(const Keeping& k, const Wish& wish, const View& view, const SelfView& self, bool leaving,
                   Pass& pass) {
  if (!wish.known || !self.watching) return;
  const PromiseRecord* standing = own_promise(view, self);
  const bool able = wanted(wish) && k.trouble.empty();
  if (standing != nullptr && (k.bound == Duration::zero() || standing->deadline < k.bound))
    return pass.act(NotePromise{standing->deadline, k.last_good.value_or(Instant{} - standing->deadline)});
  if (able && self.registered) return make_promise(k, wish, view, self, pass);
  if (able) return;
  // A host that leaves withdraws it with its last word (P6).
  if (standing != nullptr && !leaving && self.registered) return withdraw(view, self, pass);
  const bool may_yet_arrive = may_hold(k.unsure, view) || may_hold(k.earlier, view);
  if (standing == nullptr && k.bound > Duration::zero() && !may_yet_arrive &&
      !view.unreadable(path::promise(self.host)))
    pass.act(NotePromise{});
}

}  // namespace

std::optional<PromiseClock> clock_of(const Keeping& keeping) {
  if (keeping.bound == Duration::zero()) return std::nullopt;
  return PromiseClock{keeping.bound, keeping.last_good.value_or(Instant{} - keeping.bound)};
}

bool may_start(const Keeping& keeping, Instant now) {
  if (keeping.bound == Duration::zero()) return true;
  return keeping.last_read && room_for_start({keeping.bound, *keeping.last_read}, now);
}

Strain strain_of(const Keeping& keeping, Instant now) {
  const auto clock = clock_of(keeping);
  if (!clock || now < stop_from(*clock)) return Strain::none;
  return now < kill_from(*clock) ? Strain::stop : Strain::kill;
}

void observe_keeping_issued(Keeping& k, const SelfView& self, const Action& action, Now now) {
  if (const auto* read = std::get_if<ReadMember>(&action); read != nullptr && read->host == self.host)
    k.read_asked = now.mono;
  if (std::holds_alternative<AskVoters>(action)) k.voters_asked = now.mono;
  if (std::holds_alternative<ArmWatchdog>(action)) k.arm_asked = now.mono;
  if (const auto* pet = std::get_if<PetWatchdog>(&action)) k.permit = pet->until;
  if (std::holds_alternative<DisarmWatchdog>(action)) {
    k.armed = {};
    k.arm_asked.reset();
    k.trouble.clear();
  }
  if (const auto* note = std::get_if<NotePromise>(&action)) {
    k.bound = note->deadline;
    k.noted = *note;
  }
  const auto* commit = std::get_if<Commit>(&action);
  if (commit == nullptr || commit->lane != "promise" || !commit->writes.front().value) return;
  if (!k.unsure.empty()) k.earlier = k.unsure;
  k.unsure = commit->checks;
  const auto& named = std::get<PromiseRecord>(*commit->writes.front().value).voters;
  std::copy_if(named.begin(), named.end(), std::back_inserter(k.sent_voters),
               [&](const VoterList& list) { return !contains(k.sent_voters, list); });
}

void observe_keeping_commit(Keeping& k, const SelfView& self, const CommitEnded& ended) {
  if (ended.commit.lane != "promise" || ended.outcome == CommitOutcome::unknown) return;
  const auto& value = ended.commit.writes.front().value;
  if (ended.outcome != CommitOutcome::committed) {
    // It may be an earlier one that it met.
    if (value) k.unsure = std::exchange(k.earlier, {});
    return;
  }
  k.unsure = k.earlier = {};
  k.sent_voters.clear();
  if (!value) return;
  const auto* promise = std::get_if<PromiseRecord>(&*value);
  if (promise == nullptr || promise->incarnation != self.incarnation) return;
  k.bound = promise->deadline;  // it stands, and nothing else does
}

bool observe_own_read(Keeping& k, const SelfView& self, const MemberRead& read, Instant sent, Instant now) {
  if (!read.reached || read.found != self.incarnation) return false;
  const bool had_room = may_start(k, now);
  k.last_read = std::max(k.last_read.value_or(sent), sent);
  k.last_good = std::max(k.last_good.value_or(sent), sent);
  return !had_room && may_start(k, now);
}

bool observe_voters(Keeping& k, const View& view, const SelfView& self, const VotersAnswered& answered, Instant sent,
                    Instant now) {
  k.round_ended = now;
  if (const VoterList agreed = voters_agreed(answered.answers); !agreed.empty()) k.voters = agreed;
  const PromiseRecord* standing = own_promise(view, self);
  if (standing == nullptr) return false;
  std::vector<VoterList> lists = standing->voters;
  std::copy_if(k.sent_voters.begin(), k.sent_voters.end(), std::back_inserter(lists),
               [&](const VoterList& list) { return !contains(standing->voters, list); });
  fold_round(k.rounds, lists, sent, now, answered.answers);
  const auto good = waived(k.rounds, lists);
  if (!good) return false;
  const bool strained = strain_of(k, now) != Strain::none;
  k.last_good = std::max(k.last_good.value_or(*good), *good);
  return strained && strain_of(k, now) == Strain::none;
}

void observe_armed(Keeping& k, const ArmWatchdog& asked, const WatchdogArmed& armed) {
  k.permit = {};
  k.armed = armed.armed ? asked.bites_after : Duration::zero();
  k.trouble = armed.armed ? "" : armed.message;
}

void observe_watchdog_broke(Keeping& k, const std::string& why) {
  k.armed = {};
  k.trouble = why;
}

const PromiseRecord* own_promise(const View& view, const SelfView& self) {
  const auto promise = view.promises.find(self.host);
  if (promise == view.promises.end() || promise->second.value.incarnation != self.incarnation) return nullptr;
  return &promise->second.value;
}

void add_withdrawal(Commit& commit, const View& view, const SelfView& self) {
  if (own_promise(view, self) == nullptr) return;
  const std::string path = path::promise(self.host);
  commit.checks.push_back({path, view.mod_of(path)});
  commit.writes.push_back({path, std::nullopt, {}});
}

void keep_promise(const Keeping& k, const View& view, const SelfView& self, bool idle, bool leaving, Pass& pass) {
  const Wish wish = wish_of(view, self, leaving);
  if (!wanted(wish) && k.bound == Duration::zero() && k.armed == Duration::zero() && own_promise(view, self) == nullptr)
    return;
  arm(k, wish, idle, pass);
  read_own_key(k, wish, self, pass);
  ask_voters(k, wish, view, self, idle, pass);
  if (k.armed > Duration::zero()) {
    const Instant permit = permit_of(k, idle, pass);
    if (permit != k.permit) pass.act(PetWatchdog{permit});
  }
  const auto clock = clock_of(k);
  if (clock && k.last_good && k.noted != NotePromise{k.bound, *k.last_good})
    pass.act(NotePromise{k.bound, *k.last_good});
  settle_record(k, wish, view, self, leaving, pass);
  // A watchdog that broke after the promise was made bites nobody: what cannot be killed goes down with the host.
  if (!clock || idle) return;
  const bool broke = !k.trouble.empty() && pass.due(pets_end(*clock));
  // By then it should have bitten.
  const bool missed = pass.due(pets_end(*clock) + 2 * watchdog_time(clock->deadline));
  if (broke || missed)
    pass.act(KillAllAndReboot{"it cannot keep its promise any other way" + (broke ? ": " + k.trouble : "") + " (P3)"});
}

}  // namespace haven

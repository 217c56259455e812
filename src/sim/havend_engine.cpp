// The engine as one havend sees it: calls that go there and back, and one watch.
#include <algorithm>
#include <utility>

#include "port/to_event.hpp"
#include "sim/havend.hpp"

namespace haven::sim {
namespace {

// etcd gives up a connection between two members after 5 s without a sound, and sends what it holds until then.
constexpr Duration kLatestCommit = 10s;

RecordStore::Transaction transaction_of(Commit& commit) {
  RecordStore::Transaction transaction;
  transaction.compares.reserve(commit.checks.size());
  for (Check& check : commit.checks) transaction.compares.push_back({std::move(check.path), check.mod});
  transaction.operations.reserve(commit.writes.size());
  for (Write& write : commit.writes) {
    if (write.value) {
      transaction.operations.emplace_back(
          RecordStore::Put{std::move(write.path), std::move(*write.value), write.lease});
    } else {
      transaction.operations.emplace_back(RecordStore::Delete{std::move(write.path)});
    }
  }
  return transaction;
}

}  // namespace

void Havend::at_deadline(Instant deadline, Event event) {
  later(std::max(deadline, queue_.now()) - queue_.now(), [this, event = std::move(event)] { tell(event); });
}

void Havend::reply(Instant deadline, Event event, Event unknown) {
  const bool dropped = trouble_.lost_replies > 0 && random_.below(1000) < trouble_.lost_replies;
  if (dropped) return at_deadline(deadline, std::move(unknown));
  later(message(), [this, deadline, event = std::move(event), unknown = std::move(unknown)] {
    if (in_reach()) {
      tell(event);
    } else {
      at_deadline(deadline, unknown);
    }
  });
}

// It waits in a socket between two voters, and is carried out when it arrives. Nobody is told.
void Havend::commit_late(CallId call, Instant deadline, Commit& action) {
  const Duration later_by{static_cast<Duration::rep>(random_.below(static_cast<std::uint64_t>(kLatestCommit.count())))};
  queue_.after(message() + later_by, [this, transaction = transaction_of(action)] {
    if (engine_.writes()) (void)engine_.commit(transaction);
  });
  at_deadline(deadline, CommitDone{call, CommitOutcome::unknown, {}, "no answer by the deadline"});
}

void Havend::perform_one(CallId call, Commit& action) {
  const Instant deadline = queue_.now() + action.timeout;
  if (trouble_.late_commits > 0 && random_.below(1000) < trouble_.late_commits)
    return commit_late(call, deadline, action);
  // Under way on the network: it arrives whatever becomes of its sender.
  queue_.after(message(), [this, life = life_, call, deadline, transaction = transaction_of(action)] {
    const Event unknown = CommitDone{call, CommitOutcome::unknown, {}, "no answer by the deadline"};
    const bool arrives = in_reach();
    RecordStore::Result result;
    if (arrives) result = engine_.commit(transaction);
    if (life != life_ || !alive()) return;
    if (!arrives) return at_deadline(deadline, unknown);
    reply(deadline, CommitDone{call, to_event(result.outcome), result.revision, std::move(result.message)}, unknown);
  });
}

void Havend::perform_one(CallId call, GrantLease& action) {
  const Instant deadline = queue_.now() + action.timeout;
  queue_.after(message(), [this, life = life_, call, deadline, ttl = action.ttl] {
    const bool arrives = in_reach();
    const LeaseId lease = arrives ? engine_.grant(ttl) : LeaseId{};
    if (life != life_ || !alive()) return;
    if (!arrives) return at_deadline(deadline, LeaseGranted{call, {}});
    reply(deadline, LeaseGranted{call, lease}, LeaseGranted{call, {}});
  });
}

void Havend::perform_one(CallId call, KeepAlive& action) {
  const Instant deadline = queue_.now() + action.timeout;
  queue_.after(message(), [this, life = life_, call, deadline, lease = action.lease] {
    const auto alive_there = engine_.keep_alive(machine_.index(), lease);
    if (life != life_ || !alive()) return;
    const LeaseAnswer unknown{call, lease, false, false};
    if (!alive_there) return at_deadline(deadline, unknown);
    const LeaseAnswer answer{call, lease, true, *alive_there};
    // The deposed leader's word comes from this very host, with the engine out of reach.
    later(message(), [this, answer] { tell(answer); });
  });
}

void Havend::perform_one(CallId call, ReadMember& action) {
  const Instant deadline = queue_.now() + action.timeout;
  queue_.after(message(), [this, life = life_, call, deadline, host = action.host] {
    const bool arrives = in_reach();
    MemberRead read{call, true, std::nullopt, {}, engine_.term()};
    if (const auto* entry = arrives ? engine_.store().find(path::member(host)) : nullptr) {
      read.mod = entry->mod;
      if (const auto* member = std::get_if<MemberRecord>(&entry->value)) read.found = member->incarnation;
    }
    if (life != life_ || !alive()) return;
    const MemberRead unknown{call, false, std::nullopt, {}, 0};
    if (!arrives) return at_deadline(deadline, unknown);
    reply(deadline, read, unknown);
  });
}

// Each voter by itself; while one of them is silent, the answers of the others wait for the deadline.
void Havend::perform_one(CallId call, AskVoters& action) {
  const Instant deadline = queue_.now() + action.timeout;
  queue_.after(message(), [this, life = life_, call, deadline] {
    VotersAnswered answered{call, engine_.ask(machine_.index())};
    if (life != life_ || !alive()) return;
    if (answered.answers.size() < engine_.voter_count()) return at_deadline(deadline, answered);
    later(message(), [this, answered = std::move(answered)] { tell(answered); });
  });
}

void Havend::set_trouble(EngineTrouble trouble) {
  trouble_ = trouble;
  callbacks_.health_changed();
}

// ---- the watch ----

void Havend::engine_committed() {
  if (alive()) pump_soon();
}

void Havend::pump_soon() {
  if (pump_armed_) return;
  pump_armed_ = true;
  later(message() + trouble_.watch_delay, [this] {
    pump_armed_ = false;
    pump();
  });
}

void Havend::engine_reach_changed() {
  if (!alive() || in_reach() == reached_) return;
  reached_ = !reached_;
  ++outage_;
  if (reached_) {
    pump_soon();
    return;
  }
  later(kWatchPatience, [this, outage = outage_] {
    if (outage == outage_ && !reached_) watch_fails();
  });
}

void Havend::watch_fails() {
  if (!listed_ || lost_) return;
  lost_ = true;
  callbacks_.health_changed();
  tell(EngineLost{"the engine is out of reach"});
}

void Havend::break_watch() {
  if (!alive() || !listed_) return;
  must_list_ = true;
  callbacks_.health_changed();
  if (!lost_) {
    lost_ = true;
    later(message(), [this] { tell(EngineLost{"the watch broke"}); });
  }
  later(200ms, [this] { pump_soon(); });
}

void Havend::list() {
  EngineListed listing;
  for (const auto& [path, entry] : engine_.store().entries()) listing.entries.push_back({path, entry.value, entry.mod});
  listing.revision = told_ = engine_.store().revision();
  listed_ = true;
  lost_ = must_list_ = false;
  callbacks_.health_changed();
  tell(std::move(listing));
}

void Havend::pump() {
  if (!in_reach()) return;
  if (!listed_ || must_list_) return list();
  EngineChanged changed;
  const bool whole = engine_.store().changes_since(told_, "", [&](const RecordStore::Change& change) {
    changed.changes.push_back({change.key, change.value, change.mod});
  });
  if (!whole) return list();
  if (std::exchange(lost_, false)) {
    callbacks_.health_changed();
    tell(EngineBack{});
  }
  if (told_ == engine_.store().revision() || !alive()) return;
  changed.revision = told_ = engine_.store().revision();
  tell(std::move(changed));
}

}  // namespace haven::sim

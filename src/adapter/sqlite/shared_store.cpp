#include "adapter/sqlite/shared_store.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "adapter/boot_clock.hpp"
#include "adapter/sqlite/sqlite_engine.hpp"
#include "port/transaction_rules.hpp"

namespace haven::adapter {
namespace {

using port::LeaseAnswer;
using port::LeaseGranted;
using port::Outcome;
using port::TransactionDone;

// How soon the keys of an expired lease are tried again when the disk refused to delete them.
constexpr Duration kExpiryRetry = 1s;
constexpr const char* kOnlyVoter = "embedded";
constexpr const char* kTooMany = "too many calls wait for an answer";

Instant after(Instant now, Duration d) { return d > kNever - now ? kNever : now + d; }

Duration whole_seconds(Duration ttl) {
  return std::max<Duration>(1s, std::chrono::ceil<std::chrono::seconds>(std::min<Duration>(ttl, 24h * 365)));
}

}  // namespace

void SharedStore::Client::deliver(port::EngineEvent event) {
  const std::lock_guard lock(mutex_);
  if (sink_) sink_(std::move(event));
}

void SharedStore::Client::detach() {
  const std::lock_guard lock(mutex_);
  sink_ = nullptr;
}

tl::expected<std::shared_ptr<SharedStore>, std::string> SharedStore::open(const std::string& path) {
  auto database = Database::open(path);
  if (!database) return tl::unexpected(database.error());
  std::shared_ptr<SharedStore> store(new SharedStore(std::move(*database)));
  if (!store->bell_ || !store->timer_) return tl::unexpected(path + ": no descriptors left for its timers");
  return store;
}

SharedStore::SharedStore(Database database)
    : database_(std::move(database)), bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), timer_(boot_timer()) {
  worker_ = std::thread([this] { run_worker(); });
  clock_ = std::thread([this] { run_clock(); });
}

SharedStore::~SharedStore() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_worker_.notify_all();
  ring();
  worker_.join();
  clock_.join();
}

void SharedStore::attach(const std::shared_ptr<Client>& client) {
  const std::lock_guard lock(mutex_);
  clients_.push_back(client);
}

void SharedStore::detach(const std::shared_ptr<Client>& client) {
  std::vector<port::EngineEvent> owed;
  {
    const std::lock_guard lock(mutex_);
    std::erase(clients_, client);
    std::erase_if(pending_, [&](auto& entry) {
      if (entry.second.client != client) return false;
      owed.push_back(std::move(entry.second.late));
      return true;
    });
    std::erase_if(deadlines_, [&](const auto& entry) { return !pending_.contains(entry.second); });
  }
  for (auto& event : owed) client->deliver(std::move(event));
  client->detach();
}

void SharedStore::push(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_worker_.notify_one();
}

void SharedStore::call(const std::shared_ptr<Client>& client, Duration timeout, port::EngineEvent late,
                       port::EngineEvent full, std::function<port::EngineEvent()> work) {
  Ticket ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    if (pending_.size() < kMaxSqliteCalls && jobs_.size() < 2 * kMaxSqliteCalls) {
      ticket = ++last_ticket_;
      const auto deadline = after(boot_now(), timeout);
      pending_.emplace(ticket, Pending{client, std::move(late), deadline});
      deadlines_.emplace(deadline, ticket);
    }
  }
  if (ticket == 0) {
    client->deliver(std::move(full));
    return;
  }
  ring();
  push([this, ticket, work = std::move(work)] {
    {
      // What was answered at its deadline while it queued is not begun.
      const std::lock_guard lock(mutex_);
      if (!pending_.contains(ticket)) return;
    }
    auto answer = work();
    if (const auto mine = claim(ticket)) mine->client->deliver(std::move(answer));
  });
}

std::optional<SharedStore::Pending> SharedStore::claim(Ticket ticket) {
  const std::lock_guard lock(mutex_);
  const auto found = pending_.find(ticket);
  if (found == pending_.end()) return std::nullopt;
  auto pending = std::move(found->second);
  pending_.erase(found);
  const auto [begin, end] = deadlines_.equal_range(pending.deadline);
  deadlines_.erase(std::find_if(begin, end, [ticket](const auto& entry) { return entry.second == ticket; }));
  return pending;
}

void SharedStore::watch(const std::shared_ptr<Client>& client, const std::string& prefix) {
  push([this, client, prefix] {
    auto listed = database_.list(prefix);
    if (listed) {
      client->prefix = prefix;
      client->deliver(std::move(*listed));
    } else {
      client->deliver(port::WatchLost{listed.error()});
    }
  });
}

void SharedStore::commit(const std::shared_ptr<Client>& client, CallId id, port::Transaction transaction,
                         Duration timeout) {
  const TransactionDone late{id, Outcome::unknown, {}, "no answer by the deadline"};
  const TransactionDone full{id, Outcome::refused, {}, kTooMany};
  if (auto reason = port::reason_to_refuse(transaction); !reason.empty()) {
    const TransactionDone refused{id, Outcome::refused, {}, std::move(reason)};
    call(client, timeout, refused, refused, [refused] { return port::EngineEvent(refused); });
    return;
  }
  call(client, timeout, late, full, [this, id, transaction = std::move(transaction)] {
    auto applied = database_.commit(transaction, [this](port::LeaseId lease) { return lives(lease); });
    if (!applied.changes.empty()) publish(applied.changes, applied.revision);
    return TransactionDone{id, applied.outcome, applied.revision, std::move(applied.message)};
  });
}

void SharedStore::grant(const std::shared_ptr<Client>& client, CallId id, Duration ttl, Duration timeout) {
  const LeaseGranted late{id, {}, "no answer by the deadline"};
  call(client, timeout, late, LeaseGranted{id, {}, kTooMany}, [this, id, ttl] {
    // The run in the upper half: a lease of an earlier run is unknown for ever.
    const port::LeaseId lease{(database_.run() << 32) + ++granted_};
    leases_[lease] = {whole_seconds(ttl), after(boot_now(), whole_seconds(ttl))};
    plan_expiry();
    return LeaseGranted{id, lease, {}};
  });
}

void SharedStore::keep_alive(const std::shared_ptr<Client>& client, CallId id, port::LeaseId lease, Duration timeout) {
  const LeaseAnswer late{id, lease, false, false};
  call(client, timeout, late, late, [this, id, lease] {
    const bool alive = lives(lease);
    if (alive) leases_[lease].expiry = after(boot_now(), leases_[lease].ttl);
    plan_expiry();
    return LeaseAnswer{id, lease, true, alive};
  });
}

void SharedStore::revoke(const std::shared_ptr<Client>& client, CallId id, port::LeaseId lease, Duration timeout) {
  const LeaseAnswer late{id, lease, false, false};
  call(client, timeout, late, late, [this, id, lease] {
    const bool gone = !leases_.contains(lease) || end_lease(lease);
    return LeaseAnswer{id, lease, gone, false};
  });
}

// It has no terms: who opens the file leads it until he closes it, so the count of openings is one.
void SharedStore::read(const std::shared_ptr<Client>& client, CallId id, const std::string& key, Duration timeout) {
  const port::ReadDone late{id, false, std::nullopt, 0};
  call(client, timeout, late, late, [this, id, key, late]() -> port::EngineEvent {
    auto found = database_.get(key);
    if (!found) return late;
    return port::ReadDone{id, true, std::move(*found), static_cast<std::uint64_t>(database_.run())};
  });
}

void SharedStore::ask_voters(const std::shared_ptr<Client>& client, CallId id, Duration timeout) {
  const port::VotersDone late{id, {}};
  call(client, timeout, late, late, [this, id] {
    return port::VotersDone{id, {{kOnlyVoter, true, static_cast<std::uint64_t>(database_.run()), {kOnlyVoter}}}};
  });
}

bool SharedStore::lives(port::LeaseId lease) const {
  const auto found = leases_.find(lease);
  return found != leases_.end() && found->second.expiry > boot_now();
}

bool SharedStore::end_lease(port::LeaseId lease) {
  const auto applied = database_.delete_keys_of(lease);
  if (applied.outcome != Outcome::committed) return false;
  leases_.erase(lease);
  if (!applied.changes.empty()) publish(applied.changes, applied.revision);
  plan_expiry();
  return true;
}

void SharedStore::expire_leases() {
  const auto now = boot_now();
  std::vector<port::LeaseId> expired;
  for (const auto& [id, lease] : leases_) {
    if (lease.expiry <= now) expired.push_back(id);
  }
  bool failed = false;
  for (const auto id : expired) failed = !end_lease(id) || failed;
  plan_expiry();
  if (!failed) return;
  const std::lock_guard lock(mutex_);
  lease_alarm_ = now + kExpiryRetry;
}

void SharedStore::plan_expiry() {
  Instant first = kNever;
  for (const auto& [id, lease] : leases_) first = std::min(first, lease.expiry);
  {
    const std::lock_guard lock(mutex_);
    lease_alarm_ = first;
  }
  ring();
}

void SharedStore::publish(const std::vector<port::Change>& changes, Revision revision) {
  std::vector<std::shared_ptr<Client>> clients;
  {
    const std::lock_guard lock(mutex_);
    clients = clients_;
  }
  for (const auto& client : clients) {
    if (!client->prefix) continue;
    port::Changed told{{}, revision};
    std::copy_if(changes.begin(), changes.end(), std::back_inserter(told.changes),
                 [&](const port::Change& change) { return change.key.starts_with(*client->prefix); });
    if (!told.changes.empty()) client->deliver(std::move(told));
  }
}

void SharedStore::run_worker() {
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      wake_worker_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
      if (ending_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

void SharedStore::ring() {
  // Only a full counter refuses, and then the bell rings already.
  [[maybe_unused]] const int rung = eventfd_write(bell_.get(), 1);
}

Instant SharedStore::next_alarm() {
  const std::lock_guard lock(mutex_);
  return deadlines_.empty() ? lease_alarm_ : std::min(lease_alarm_, deadlines_.begin()->first);
}

void SharedStore::answer_overdue(Instant now) {
  for (;;) {
    Ticket overdue = 0;
    {
      const std::lock_guard lock(mutex_);
      if (deadlines_.empty() || deadlines_.begin()->first > now) return;
      overdue = deadlines_.begin()->second;
    }
    if (auto mine = claim(overdue)) mine->client->deliver(std::move(mine->late));
  }
}

void SharedStore::run_clock() {
  for (;;) {
    arm(timer_, next_alarm());
    std::array<pollfd, 2> ready{{{bell_.get(), POLLIN, 0}, {timer_.get(), POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), -1);
    eventfd_t rings = 0;
    eventfd_read(bell_.get(), &rings);
    const auto now = boot_now();
    bool expire = false;
    {
      const std::lock_guard lock(mutex_);
      if (ending_) return;
      expire = lease_alarm_ <= now;
      if (expire) lease_alarm_ = kNever;  // until the worker has planned again
    }
    if (expire) push([this] { expire_leases(); });
    answer_overdue(now);
  }
}

}  // namespace haven::adapter

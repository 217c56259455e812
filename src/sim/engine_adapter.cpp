#include "sim/engine_adapter.hpp"

#include <chrono>
#include <utility>

namespace haven::sim {
namespace {

using Clock = std::chrono::steady_clock;

Instant clock_now() { return {std::chrono::duration_cast<Duration>(Clock::now().time_since_epoch())}; }

Store<std::string>::Transaction stored(port::Transaction transaction) {
  Store<std::string>::Transaction out{std::move(transaction.compares), {}};
  for (auto& operation : transaction.operations) {
    if (auto* put = std::get_if<port::Put>(&operation)) {
      out.operations.emplace_back(Store<std::string>::Put{std::move(put->key), std::move(put->value), put->lease});
    } else {
      out.operations.emplace_back(std::move(std::get<port::Delete>(operation)));
    }
  }
  return out;
}

}  // namespace

class RunningStore::Handle final : public port::Engine {
 public:
  Handle(RunningStore& owner, std::list<Client>::iterator client) : owner_(owner), client_(client) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() override { owner_.detach(client_); }

  void watch(const std::string& prefix) override {
    const std::lock_guard lock(owner_.mutex_);
    client_->prefix = prefix;
    owner_.woken_ = true;
    owner_.wake_.notify_all();
  }
  void commit(CallId call, port::Transaction transaction, Duration timeout) override {
    owner_.call(*client_, timeout, port::TransactionDone{call, port::Outcome::unknown, {}, "no answer by the deadline"},
                [this, call, transaction = stored(std::move(transaction))](Instant) {
                  auto result = owner_.store_.commit(transaction);
                  return port::TransactionDone{call, result.outcome, result.revision, std::move(result.message)};
                });
  }
  void grant_lease(CallId call, Duration ttl, Duration timeout) override {
    owner_.call(*client_, timeout, port::LeaseGranted{call, {}, "no answer by the deadline"},
                [this, call, ttl](Instant now) {
                  return port::LeaseGranted{call, owner_.store_.grant(ttl, now), {}};
                });
  }
  void keep_alive(CallId call, port::LeaseId lease, Duration timeout) override {
    owner_.call(*client_, timeout, port::LeaseAnswer{call, lease, false, false}, [this, call, lease](Instant now) {
      return port::LeaseAnswer{call, lease, true, owner_.store_.keep_alive(lease, now)};
    });
  }
  void revoke_lease(CallId call, port::LeaseId lease, Duration timeout) override {
    owner_.call(*client_, timeout, port::LeaseAnswer{call, lease, false, false}, [this, call, lease](Instant) {
      owner_.store_.revoke(lease);
      return port::LeaseAnswer{call, lease, true, false};
    });
  }
  void read(CallId call, const std::string& key, Duration timeout) override {
    owner_.call(*client_, timeout, port::ReadDone{call, false, std::nullopt, 0}, [this, call, key](Instant) {
      port::ReadDone done{call, true, std::nullopt, owner_.term_};
      if (const auto* e = owner_.store_.find(key))
        done.found = port::KeyValue{key, e->value, e->mod, e->create, e->lease};
      return done;
    });
  }
  void ask_voters(CallId call, Duration timeout) override {
    owner_.call(*client_, timeout, port::VotersDone{call, {}}, [this, call](Instant) {
      return port::VotersDone{call, {{"v1", true, owner_.term_, {"v1"}}}};
    });
  }

 private:
  RunningStore& owner_;
  std::list<Client>::iterator client_;
};

RunningStore::RunningStore() : thread_([this] { run(); }) {}

RunningStore::~RunningStore() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

std::unique_ptr<port::Engine> RunningStore::open(port::EngineSink sink) { return open(std::move(sink), false); }
std::unique_ptr<port::Engine> RunningStore::open_aside(port::EngineSink sink) { return open(std::move(sink), true); }

std::unique_ptr<port::Engine> RunningStore::open(port::EngineSink sink, bool aside) {
  const std::lock_guard lock(mutex_);
  clients_.push_back({std::move(sink), aside, {}, false, false, {}});
  return std::make_unique<Handle>(*this, std::prev(clients_.end()));
}

void RunningStore::stop() {
  const std::lock_guard lock(mutex_);
  running_ = false;
  woken_ = true;
  wake_.notify_all();
}

void RunningStore::start() {
  const std::lock_guard lock(mutex_);
  running_ = true;
  // The engine that comes back has a new leader.
  [[maybe_unused]] const auto deposed = store_.depose(clock_now());
  ++term_;
  woken_ = true;
  wake_.notify_all();
}

void RunningStore::compact() {
  const std::lock_guard lock(mutex_);
  store_.compact(store_.revision());
}

void RunningStore::call(Client& client, Duration timeout, port::EngineEvent late,
                        std::function<port::EngineEvent(Instant)> work) {
  const std::lock_guard lock(mutex_);
  calls_.push_back({&client, clock_now() + timeout, std::move(late), std::move(work)});
  woken_ = true;
  wake_.notify_all();
}

void RunningStore::detach(std::list<Client>::iterator client) {
  const std::lock_guard lock(mutex_);
  calls_.remove_if([&](Call& call) {
    if (call.client != &*client) return false;
    client->sink(std::move(call.late));
    return true;
  });
  clients_.erase(client);
}

void RunningStore::serve_calls(Instant now) {
  for (auto call = calls_.begin(); call != calls_.end();) {
    if (now >= call->deadline) {
      call->client->sink(std::move(call->late));
    } else if (running_ || call->client->aside) {
      call->client->sink(call->work(now));
    } else {
      ++call;
      continue;
    }
    call = calls_.erase(call);
  }
}

void RunningStore::serve_watch(Client& client) {
  if (!client.prefix) return;
  if (!running_ && !client.aside) {
    if (!client.lost) client.sink(port::WatchLost{"the engine is down"});
    client.lost = true;
    return;
  }
  port::Changed changed{{}, store_.revision()};
  const bool whole = client.listed && store_.changes_since(client.told, *client.prefix, [&](const auto& change) {
    changed.changes.push_back(
        {change.key, !change.value, change.value.value_or(std::string()), change.mod, change.create, change.lease});
  });
  if (whole) {
    if (client.lost) client.sink(port::Resumed{});
    if (!changed.changes.empty()) client.sink(std::move(changed));
  } else {
    port::Listed listed{{}, store_.revision()};
    auto entry = store_.entries().lower_bound(*client.prefix);
    for (; entry != store_.entries().end() && entry->first.starts_with(*client.prefix); ++entry) {
      const auto& [key, e] = *entry;
      listed.entries.push_back({key, e.value, e.mod, e.create, e.lease});
    }
    client.sink(std::move(listed));
  }
  client.listed = true;
  client.lost = false;
  client.told = store_.revision();
}

Instant RunningStore::next_alarm() const {
  Instant first = running_ ? store_.next_expiry() : kNever;
  for (const auto& call : calls_) first = std::min(first, call.deadline);
  return first;
}

void RunningStore::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    woken_ = false;
    const auto now = clock_now();
    if (running_) store_.expire(now);
    serve_calls(now);
    for (auto& client : clients_) serve_watch(client);
    const auto changed = [this] { return woken_ || ending_; };
    if (const auto alarm = next_alarm(); alarm == kNever) {
      wake_.wait(lock, changed);
    } else {
      wake_.wait_until(lock, Clock::time_point(std::chrono::duration_cast<Clock::duration>(alarm.since_boot)), changed);
    }
  }
}

}  // namespace haven::sim

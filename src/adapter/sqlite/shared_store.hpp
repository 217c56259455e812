// One open file: the worker thread that alone touches the database and the leases, the clock thread that answers calls
// at their deadlines however long the disk takes, and the handles that share them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <tl/expected.hpp>
#include <vector>

#include "adapter/descriptor.hpp"
#include "adapter/sqlite/database.hpp"
#include "port/engine.hpp"

namespace haven::adapter {

class SharedStore {
 public:
  // One handle. Its sink is never called by two threads at once, and never after detach().
  class Client {
   public:
    explicit Client(port::EngineSink sink) : sink_(std::move(sink)) {}
    void deliver(port::EngineEvent event);
    void detach();
    std::optional<std::string> prefix;  // what it watches, once listed; the worker's

   private:
    std::mutex mutex_;
    port::EngineSink sink_;
  };

  [[nodiscard]] static tl::expected<std::shared_ptr<SharedStore>, std::string> open(const std::string& path);
  SharedStore(const SharedStore&) = delete;
  SharedStore& operator=(const SharedStore&) = delete;
  ~SharedStore();

  void attach(const std::shared_ptr<Client>& client);
  // Answers what the client still waits for, then forgets it.
  void detach(const std::shared_ptr<Client>& client);

  // Each is answered through the client by `timeout`.
  void watch(const std::shared_ptr<Client>& client, const std::string& prefix);
  void commit(const std::shared_ptr<Client>& client, CallId call, port::Transaction transaction, Duration timeout);
  void grant(const std::shared_ptr<Client>& client, CallId call, Duration ttl, Duration timeout);
  void keep_alive(const std::shared_ptr<Client>& client, CallId call, port::LeaseId lease, Duration timeout);
  void revoke(const std::shared_ptr<Client>& client, CallId call, port::LeaseId lease, Duration timeout);
  void read(const std::shared_ptr<Client>& client, CallId call, const std::string& key, Duration timeout);
  void ask_voters(const std::shared_ptr<Client>& client, CallId call, Duration timeout);

 private:
  using Ticket = std::uint64_t;
  struct Pending {
    std::shared_ptr<Client> client;
    port::EngineEvent late;  // the answer at the deadline
    Instant deadline;
  };
  struct Lease {
    Duration ttl;
    Instant expiry;
  };

  explicit SharedStore(Database database);

  void call(const std::shared_ptr<Client>& client, Duration timeout, port::EngineEvent late, port::EngineEvent full,
            std::function<port::EngineEvent()> work);
  void push(std::function<void()> job);
  void run_worker();
  void run_clock();
  // Takes the call out of the waiting ones: whoever gets it answers it.
  std::optional<Pending> claim(Ticket ticket);
  void answer_overdue(Instant now);
  void ring();
  [[nodiscard]] Instant next_alarm();

  // The worker's.
  [[nodiscard]] bool lives(port::LeaseId lease) const;
  [[nodiscard]] bool end_lease(port::LeaseId lease);
  void expire_leases();
  void publish(const std::vector<port::Change>& changes, Revision revision);
  void plan_expiry();

  Database database_;
  std::map<port::LeaseId, Lease> leases_;
  std::int64_t granted_ = 0;

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_worker_;
  std::deque<std::function<void()>> jobs_;
  std::map<Ticket, Pending> pending_;
  std::multimap<Instant, Ticket> deadlines_;
  std::vector<std::shared_ptr<Client>> clients_;
  Instant lease_alarm_ = kNever;
  Ticket last_ticket_ = 0;
  bool ending_ = false;

  Descriptor bell_;   // eventfd: the alarms changed
  Descriptor timer_;  // timerfd on CLOCK_BOOTTIME
  std::thread worker_, clock_;
};

}  // namespace haven::adapter

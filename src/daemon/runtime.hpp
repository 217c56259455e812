// The loop: one message at a time is folded into the node, and what the node wants is performed. Everything of the core
// happens on the one thread that calls run().
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/node.hpp"
#include "daemon/hands.hpp"
#include "daemon/mailbox.hpp"
#include "daemon/own_calls.hpp"
#include "daemon/spec_store.hpp"

namespace haven::daemon {

// Put what adapters tell into the mailbox; answers to havend's own calls go to whoever made them.
[[nodiscard]] port::EngineSink engine_sink(std::shared_ptr<Mailbox> mailbox, std::shared_ptr<OwnCalls> own);
// What is only for people goes by the mailbox: a figure may be lost, and must not fill it.
[[nodiscard]] port::HypervisorSink hypervisor_sink(std::shared_ptr<Mailbox> mailbox, std::shared_ptr<OwnCalls> own,
                                                   std::function<void(const port::Sending&)> sending = {});
[[nodiscard]] port::FenceSink fence_sink(std::shared_ptr<Mailbox> mailbox);
[[nodiscard]] port::StorageSink storage_sink(std::shared_ptr<Mailbox> mailbox);
[[nodiscard]] port::WatchdogSink watchdog_sink(std::shared_ptr<Mailbox> mailbox);

class Runtime {
 public:
  // A planned stop that is not complete after this is cut short: the service manager would wait no longer either.
  static constexpr Duration kRestartWithin = 3s;
  static constexpr Duration kHostShutdownWithin = 120s;
  // How long a person's question may wait.
  static constexpr Duration kAskPatience = 5s;

  // `listed` are the uuids on the lists that an earlier havend published: protected until the spec says otherwise.
  Runtime(NodeConfig node, std::shared_ptr<Mailbox> mailbox, std::shared_ptr<OwnCalls> own, Edges edges,
          std::string cluster, std::vector<std::string> listed);

  // Returns once the planned stop is complete, or was given long enough.
  void run();

  // Once run() has returned: no claim is left that names this host.
  [[nodiscard]] bool holds_nothing(const HostName& host) const;

  // ---- from any thread ----
  // From a signal's handler too.
  void ask_shutdown(ShutdownKind kind);
  // The host goes down, and ask_shutdown will say how: a stop of havend alone that is asked for is part of that.
  void expect_host_shutdown() { host_goes_down_.store(true); }

  // What heartbeats say of this host (S2). A brain that has stood still for half a lease is as good as dead.
  [[nodiscard]] Brain brain() const;

  // What the thread that thinks sees at this moment.
  struct Sight {
    const Node& node;
    const codec::Assembler& store;
    Now now;
  };
  // Runs `look` there. False: refused or not run in time; then it never runs.
  [[nodiscard]] bool see(std::function<void(const Sight&)> look, Duration patience = kAskPatience);

  struct Reply {
    bool ok = false;
    std::string text;
    std::vector<std::string> warnings;
  };
  // nullopt: no answer in time; it may still be obeyed.
  [[nodiscard]] std::optional<Reply> operate(OperatorAsked asked, Duration patience = kAskPatience);

  // A transaction of havend's own, beside the core. Keys are whole.
  [[nodiscard]] port::TransactionDone commit(port::Transaction transaction, Duration timeout);

  // Counts what happened in the engine; waits until it is more than `seen`, or `patience` is over.
  [[nodiscard]] std::uint64_t wait_news(std::uint64_t seen, Duration patience);

 private:
  void turn(const Event& event);
  void take(const Message& message);
  void ask_node(const HookQuestion& question);
  void begin_shutdown();
  void tell_news();

  std::shared_ptr<Mailbox> mailbox_;
  std::shared_ptr<OwnCalls> own_;
  Hands hands_;
  Node node_;
  std::vector<std::string> listed_;
  std::deque<Event> answers_;  // what could be answered at once: each a turn of its own, between messages
  std::uint64_t spec_edition_ = 0;
  std::uint64_t questions_ = 0;
  std::atomic<std::uint64_t> epoch_{0};
  std::atomic<bool> reaches_engine_{false};
  std::atomic<std::int64_t> patience_ns_{std::chrono::nanoseconds(1500ms).count()};
  std::atomic<int> shutdown_asked_{0};  // 0, or 1 + the kind
  std::atomic<bool> host_goes_down_{false};
  int shutdown_begun_ = 0;
  Instant give_up_ = kNever;
  std::mutex news_mutex_;
  std::condition_variable news_changed_;
  std::uint64_t news_ = 1;
};

}  // namespace haven::daemon

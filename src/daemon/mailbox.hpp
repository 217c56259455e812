// The one queue between everything that happens and the one thread that thinks (DESIGN 3).
//
// Adapters post from their own threads and are never held up, so a queue that fills means a brain that stands still
// with thousands of events unread: nothing it would decide from then on can be trusted to be about the present. A full
// mailbox is therefore fatal: the process ends, and its successor on the same boot adopts what runs. What may be
// refused (a person's question, libvirt's hook) is refused long before that; hints about a domain are kept once per
// domain and kind, so that no storm of them fills anything.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "adapter/descriptor.hpp"
#include "core/model/event.hpp"
#include "core/model/units.hpp"
#include "port/engine.hpp"
#include "port/fence_device.hpp"
#include "port/hypervisor.hpp"
#include "port/load_meter.hpp"
#include "port/storage.hpp"
#include "port/watchdog.hpp"

namespace haven::daemon {

struct HookQuestion {
  std::uint64_t id = 0;
  std::string uuid;
  bool migration = false;
  bool unlinked = false;  // every network link of it is down
};
// To be run by the thread that thinks.
using Task = std::function<void()>;

using Message =
    std::variant<port::EngineEvent, port::HypervisorEvent, port::AgentDone, port::StorageLooked, port::WatchdogEvent,
                 HookQuestion, HostProblems, port::Measured, Task, PeersHeard, HealthSeen>;

// CLOCK_BOOTTIME and the wall clock.
[[nodiscard]] Now read_clocks();

class Mailbox {
 public:
  static constexpr std::size_t kCapacity = 4096;
  static constexpr std::size_t kCapacityForAsking = 1024;

  // `overflow` is called, with the mailbox locked, when it is full, and must not return.
  explicit Mailbox(std::function<void()> overflow);
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // From any thread; never blocks.
  void post(Message message);
  // False: refused, there is too much to do already, or nothing will be done any more.
  [[nodiscard]] bool offer(Message message);
  // From now on every offer is refused.
  void close();
  // Makes a take() that waits return. May be called by a signal's handler.
  void nudge();

  // How long the thread that takes has been at its last message, or has left one or its own wake-up waiting; nothing
  // while it waits with nothing to do. From any thread; never blocks (S2).
  [[nodiscard]] Duration age(Instant now) const;

  // The next message. nullopt: `until` has come, or somebody nudged. One thread.
  [[nodiscard]] std::optional<Message> take(Instant until);
  // How many wait.
  [[nodiscard]] std::size_t size() const;

 private:
  void push(Message message);  // mutex_ is held

  mutable std::mutex mutex_;
  std::deque<Message> queue_;
  std::set<std::pair<std::string, port::LifecycleKind>> hinted_;  // those in queue_
  std::optional<PeersHeard> heard_;                               // the latest counts; what it replaces is of no use
  std::atomic<std::int64_t> busy_since_ns_{0};                    // 0: idle
  std::atomic<std::int64_t> due_ns_{INT64_MAX};
  bool closed_ = false;
  std::function<void()> overflow_;
  adapter::Descriptor wake_;
  adapter::Descriptor timer_;
};

}  // namespace haven::daemon

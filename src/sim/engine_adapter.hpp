// The simulated store behind the engine's port, in real time: how the contract of all engines is put to it.
// The simulator itself uses sim::Store, in simulated time.
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "port/engine.hpp"
#include "sim/store.hpp"

namespace haven::sim {

// One running engine. Its handles must end before it.
class RunningStore {
 public:
  RunningStore();
  RunningStore(const RunningStore&) = delete;
  RunningStore& operator=(const RunningStore&) = delete;
  ~RunningStore();

  [[nodiscard]] std::unique_ptr<port::Engine> open(port::EngineSink sink);
  // A handle that reaches the store while it is stopped for all others.
  [[nodiscard]] std::unique_ptr<port::Engine> open_aside(port::EngineSink sink);
  // No handle reaches the store, and no lease ends, until start().
  void stop();
  void start();
  // Forgets the changes so far: who has not seen them lists again.
  void compact();

 private:
  struct Client {
    port::EngineSink sink;
    bool aside = false;
    std::optional<std::string> prefix;
    bool listed = false;
    bool lost = false;
    Revision told;
  };
  struct Call {
    Client* client;
    Instant deadline;
    port::EngineEvent late;  // the answer at the deadline
    std::function<port::EngineEvent(Instant)> work;
  };
  class Handle;

  [[nodiscard]] std::unique_ptr<port::Engine> open(port::EngineSink sink, bool aside);
  void call(Client& client, Duration timeout, port::EngineEvent late, std::function<port::EngineEvent(Instant)> work);
  void detach(std::list<Client>::iterator client);
  void run();
  void serve_calls(Instant now);
  void serve_watch(Client& client);
  [[nodiscard]] Instant next_alarm() const;

  std::mutex mutex_;  // guards everything below; sinks are called under it, one event at a time
  std::condition_variable wake_;
  Store<std::string> store_;
  std::list<Client> clients_;
  std::list<Call> calls_;
  bool running_ = true;
  std::uint64_t term_ = 1;
  bool ending_ = false;
  bool woken_ = false;
  std::thread thread_;
};

}  // namespace haven::sim

// The witness's share in the heartbeats (S3): it hears the hosts of the cluster file and tells each whom it hears, and
// whether it reaches the engine. It learns the file as a host does, from the engine, and writes nothing there.
//
// The file gives the witness no address. It sends first, from the address of its engine member to the hosts' first
// links, and they answer there.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "adapter/heartbeat/heart.hpp"
#include "daemon/mailbox.hpp"
#include "daemon/spec_store.hpp"
#include "port/engine.hpp"

namespace haven::daemon {

class WitnessHeart {
 public:
  struct Place {
    adapter::HeartConfig heart;
    std::string address;  // this machine's own
    std::string cluster;
    std::uint64_t epoch = 0;
  };
  struct Edges {
    // What is wrong here, by key; an empty text ends it. Any thread.
    std::function<void(const std::string& key, const std::string& text)> alarm;
    std::function<void(const std::string& line)> say;  // whom it hears, when that changes
    std::function<void()> overflow;                    // as the mailbox's: must not return
  };
  // The heart beats from now on, and has nobody to beat for until run() has read the file.
  WitnessHeart(Place place, Edges edges);

  // For the engine that run() is given. It must end before this does.
  [[nodiscard]] port::EngineSink sink();
  // Returns once end() was called, before or meanwhile.
  void run(port::Engine& engine);
  // From any thread, and from a signal's handler.
  void end();

  // Whom it hears, as half a sentence: "it hears h1, and not h2". Any thread.
  [[nodiscard]] std::string hears() const;

 private:
  void take(const port::EngineEvent& event);
  void take_spec(const std::optional<Record>& record);
  void take_heard(const PeersHeard& heard);
  void know(adapter::HeartRoster roster);
  [[nodiscard]] Brain brain() const;

  Place place_;
  Edges edges_;
  std::shared_ptr<Mailbox> mailbox_;
  codec::Assembler store_;
  adapter::HeartRoster known_;
  std::atomic<bool> ending_{false};
  std::atomic<bool> reaches_engine_{false};
  std::atomic<std::int64_t> patience_ns_;
  mutable std::mutex hears_mutex_;
  std::string hears_;
  adapter::Heart heart_;  // ends first: it asks for the brain
};

}  // namespace haven::daemon

// One havend without its edges: the session with the engine (lease, registration), the executor of this host, and the
// controller while this host is elected. Driven by src/daemon/runtime with real adapters and by src/sim/world with
// simulated ones: the same object code.
//
// The driver's loop:  issued = node.step(event, now);  perform issued in order;  wait for an event or until
// node.wake_at(), whichever is first (then step(Tick{}, now)). Single-threaded; a step takes no time of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/action.hpp"
#include "core/model/event.hpp"
#include "core/model/ids.hpp"
#include "core/model/record.hpp"
#include "core/model/units.hpp"
#include "core/model/view.hpp"
#include "core/report.hpp"

namespace haven {

// What this boot of this host is, before anything is known of the cluster.
struct NodeConfig {
  HostName host;
  Incarnation incarnation;  // kept under /run: a restarted havend has the same
  MachineIdentity machine;
  Vcpu cpu;  // 0: the file must say
  MiB memory;
  std::vector<NoteRelease> released;   // the notes under /run (C4)
  std::optional<NotePromise> promise;  // likewise (P2)
  std::uint64_t seed = 0;              // randomness: reign ids
  Epoch epoch;                         // the highest that any havend of this host ever saw (E3)
  // The engine's voters change only as P4 has it, and its elections take as long as Haven's own: else nothing is
  // waived.
  bool waivers = true;
  bool derives_everything = false;  // in every turn: what marks are held to in tests
};

class Node {
 public:
  explicit Node(NodeConfig config);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Folds one event and decides. The actions come in the order in which they are to be performed.
  [[nodiscard]] std::vector<Issued> step(const Event& event, Now now);
  // When step(Tick) is wanted next, if nothing happens before. kNever: no wish.
  [[nodiscard]] Instant wake_at() const;

  // For status pages and checks: what this node knows, and what it makes of it.
  [[nodiscard]] const View& view() const;
  [[nodiscard]] Report report() const;
  [[nodiscard]] bool leads() const;
  // The watch stands and there is a lease: what heartbeats say of the engine.
  [[nodiscard]] bool reaches_engine() const;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace haven

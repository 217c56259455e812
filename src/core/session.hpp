// This host's standing with the engine: a lease, the member key under it, and the ways to leave in good order.
//
// The lease is renewed by the brain's own turns and by nothing else: a node that does not turn falls silent (S2).
#pragma once

#include <optional>

#include "core/decision.hpp"
#include "core/executor.hpp"
#include "core/model/view.hpp"

namespace haven {

// A planned stop that the engine cannot record in this time goes on without a record.
inline constexpr Duration kRestartPatience = 2s;
inline constexpr Duration kHostShutdownPatience = 100s;
// A host that shuts down, and runs nothing any more, gives an engine that has just gone this long to come back and take
// its last word: without it the host is fenced for its silence.
inline constexpr Duration kLastWordPatience = 10s;

struct Session {
  LeaseId lease;                           // 0: none
  Duration ttl = 3s;                       // that it was granted for
  Instant lease_until;                     // by the send time of what was last answered
  std::optional<Instant> renewed;          // when it was last asked for or renewed
  LeaseId registered_under;                // the lease of our last committed registration
  Epoch known_epoch;                       // the highest ever seen, by whatever boot (E3)
  std::optional<Instant> listening_since;  // the first word of heartbeats
  bool watching = false;
  Instant lost_since;          // when the watch last broke
  bool answer_unseen = false;  // a registration met what this view does not show yet
  Revision own_last;
  std::optional<ShutdownKind> leaving;
  bool exited = false;
};

// What this node is to the rest of the core; `self` has its names already.
void fold_self(SelfView& self, const Session& session, const View& view);

// What this machine says of itself with a registration.
struct MachineFacts {
  const MachineIdentity& machine;
  Vcpu cpu;
  MiB memory;
};

// Lease, registration, leaving.
void keep_session(const Session& session, const HostState& host, const View& view, const SelfView& self, bool reigning,
                  const MachineFacts& facts, Pass& pass);

}  // namespace haven

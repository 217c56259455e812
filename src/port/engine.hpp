// The coordination store as Haven needs it: a revisioned map of bytes with transactions, leases and one ordered watch.
// etcd's data model is the measure (https://etcd.io/docs/v3.4/learning/api/); SQLite and the simulation behave alike
// where it matters (PROTOCOL E5), and one contract suite holds all three to it (tests/adapter/engine_contract.hpp).
//
// Asynchronous: every call returns at once and is answered by exactly one event with its id, at its deadline at the
// latest. Events arrive through the sink, from the adapter's own thread; the sink must not block and must not call
// back.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/units.hpp"

namespace haven::port {

using haven::LeaseId;

struct KeyValue {
  std::string key;
  std::string value;
  Revision mod;     // the commit that last wrote it
  Revision create;  // the commit that made it; an overwrite keeps it
  LeaseId lease;
  friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

// Holds if the key's mod revision is exactly this; Revision{0}: the key does not exist.
struct Compare {
  std::string key;
  Revision mod;
};
struct Put {
  std::string key;
  std::string value;
  LeaseId lease;  // a lease that does not exist refuses the whole transaction
};
struct Delete {
  std::string key;  // deleting what is not there is no error
};
using Operation = std::variant<Put, Delete>;

// All compares hold and all operations happen at one revision, or nothing happens.
// At most kMaxCompares and kMaxOperations, no key written twice (PROTOCOL E1): otherwise refused.
struct Transaction {
  std::vector<Compare> compares;
  std::vector<Operation> operations;  // empty: a linearizable read of the compares and the revision
};
inline constexpr std::size_t kMaxCompares = 128;
inline constexpr std::size_t kMaxOperations = 128;
inline constexpr std::size_t kMaxTransactionBytes = std::size_t{1536} * 1024;

enum class Outcome {
  committed,  // `revision` is the commit's
  conflict,   // a compare failed, nothing happened; `revision` is the store's at that moment
  refused,    // never happened and never will: too large, unknown lease, not permitted
  unknown,    // deadline or lost connection: it may have happened, or may yet
};

struct TransactionDone {
  CallId call;
  Outcome outcome = Outcome::unknown;
  Revision revision;
  std::string message;  // why, when refused or unknown
};
struct LeaseGranted {
  CallId call;
  LeaseId lease;  // 0: not granted; `message` says why
  std::string message;
};
// The answer to keep_alive and revoke. alive=false only when the engine said that the lease is gone;
// no answer until the deadline is reached=false. A keep-alive's answer proves nothing about this host (PROTOCOL P2).
struct LeaseAnswer {
  CallId call;
  LeaseId lease;
  bool reached = false;
  bool alive = false;
};

// The answer to read. reached=false: no answer by the deadline, and the rest means nothing.
struct ReadDone {
  CallId call;
  bool reached = false;
  std::optional<KeyValue> found;  // nullopt: no such key
  std::uint64_t term = 0;         // the raft term of who answered, no older than the read
};
// One voter, by its own word.
struct Voter {
  std::string id;
  bool led = false;  // it names a leader
  std::uint64_t term = 0;
  std::vector<std::string> voters;  // the ids of all voters that it knows of, itself among them, bytewise
  friend bool operator==(const Voter&, const Voter&) = default;
};
// The answer to ask_voters: those that answered by the deadline.
struct VotersDone {
  CallId call;
  std::vector<Voter> voters;
};

struct Change {
  std::string key;
  bool deleted = false;  // then value is empty and `mod` is the deleting commit
  std::string value;
  Revision mod;
  Revision create;
  LeaseId lease;
};
// Everything under the prefix, as of `revision`. Comes first, and again whenever the watch could not be continued
// without a gap (compaction, restore); what was known before is to be forgotten.
struct Listed {
  std::vector<KeyValue> entries;
  Revision revision;
};
// The changes of one or more whole commits, in order; nothing was left out since the last Listed or Changed.
// An empty list is a progress mark: nothing changed under the prefix up to `revision`.
struct Changed {
  std::vector<Change> changes;
  Revision revision;
};
// The watch broke. The adapter goes on trying, with growing pauses (at most 1 s); Resumed, Changed or Listed ends it.
struct WatchLost {
  std::string message;
};
// The watch goes on after a WatchLost without a gap.
struct Resumed {};

using EngineEvent =
    std::variant<TransactionDone, LeaseGranted, LeaseAnswer, ReadDone, VotersDone, Listed, Changed, WatchLost, Resumed>;
using EngineSink = std::function<void(EngineEvent)>;

class Engine {
 public:
  virtual ~Engine() = default;

  // Delivers Listed, then Changed for ever, for all keys that begin with `prefix`. Called once.
  virtual void watch(const std::string& prefix) = 0;
  virtual void commit(CallId call, Transaction transaction, Duration timeout) = 0;
  // `ttl` is rounded up to whole seconds, as etcd does.
  virtual void grant_lease(CallId call, Duration ttl, Duration timeout) = 0;
  virtual void keep_alive(CallId call, LeaseId lease, Duration timeout) = 0;
  // Drops the lease and deletes its keys at one revision.
  virtual void revoke_lease(CallId call, LeaseId lease, Duration timeout) = 0;
  // A linearizable read: what it finds stood there at some moment after the call (PROTOCOL P2).
  virtual void read(CallId call, const std::string& key, Duration timeout) = 0;
  // Every voter is asked by itself, led or not (PROTOCOL P4).
  virtual void ask_voters(CallId call, Duration timeout) = 0;
};

}  // namespace haven::port

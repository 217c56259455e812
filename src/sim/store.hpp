// The engine of the simulated world: etcd's data model in memory, with what Haven rests on and nothing else
// (PROTOCOL E5). It holds every key with its create and mod revision, leases with the keys they bear, and the latest
// changes, so that a watch goes on from any revision that was not compacted.
//
// Single-threaded and without a clock: whoever owns it says what time it is, decides which hosts reach it, and delivers
// answers and changes when it likes, late or never. That keeps all faults of the network in the world, and the store
// exact. Values are of any type that can be copied: the simulator keeps Haven's own records, undecoded.
// Rejected: to run the codec and text values in every simulated commit; it would be most of the simulator's time.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/units.hpp"
#include "core/mutation.hpp"
#include "port/engine.hpp"
#include "port/transaction_rules.hpp"

namespace haven::sim {

// What a deposed leader of the engine still believes. For a moment it answers keep-alives as if it led, though nothing
// is renewed by that: a host that reaches only it must not take its word for anything (PROTOCOL P2).
class StaleLeader {
 public:
  explicit StaleLeader(std::set<port::LeaseId> leases) : leases_(std::move(leases)) {}
  // Its answer; the lease goes on to expire.
  [[nodiscard]] bool keep_alive(port::LeaseId lease) const { return leases_.contains(lease); }

 private:
  std::set<port::LeaseId> leases_;
};

template <class Value>
class Store {
 public:
  struct Put {
    std::string key;
    Value value;
    port::LeaseId lease;
  };
  using Delete = port::Delete;
  struct Transaction {
    std::vector<port::Compare> compares;
    std::vector<std::variant<Put, Delete>> operations;
  };
  struct Result {
    port::Outcome outcome = port::Outcome::refused;  // never unknown: that is for the world to make of it
    Revision revision;
    std::string message;
  };
  struct Entry {
    Value value;
    Revision mod;
    Revision create;
    port::LeaseId lease;
  };
  struct Change {
    std::string key;
    std::optional<Value> value;  // nullopt: deleted
    Revision mod;
    Revision create;
    port::LeaseId lease;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  // Keeps at least the latest `history` changes; older ones are compacted, whole commits at a time.
  explicit Store(std::size_t history = 10'000) : history_limit_(history) {}

  // As port::Engine's commit. A lease counts until expire() has ended it, as in etcd.
  Result commit(const Transaction& transaction) {
    if (auto reason = port::reason_to_refuse(transaction); !reason.empty()) {
      return {port::Outcome::refused, {}, std::move(reason)};
    }
    for (const auto& compare : transaction.compares) {
      if (!as_compared(compare)) return {port::Outcome::conflict, revision_, {}};
    }
    for (const auto& operation : transaction.operations) {
      const auto* put = std::get_if<Put>(&operation);
      if (put != nullptr && put->lease != port::LeaseId{} && !leases_.contains(put->lease)) {
        return {port::Outcome::refused, {}, "no such lease"};
      }
    }
    const Revision next{revision_.count + 1};
    bool changed = false;
    for (const auto& operation : transaction.operations) {
      if (const auto* put = std::get_if<Put>(&operation)) {
        write(*put, next);
        changed = true;
      } else {
        changed = erase(std::get<Delete>(operation).key, next) || changed;
      }
    }
    if (changed) finish(next);
    return {port::Outcome::committed, revision_, {}};
  }

  [[nodiscard]] Revision revision() const { return revision_; }
  // nullptr: no such key. Valid until the next change.
  [[nodiscard]] const Entry* find(std::string_view key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second;
  }
  // All entries, in bytewise order of their keys; those under a prefix stand together from lower_bound(prefix).
  [[nodiscard]] const Entries& entries() const { return entries_; }

  // `ttl` is rounded up to whole seconds, at least one.
  port::LeaseId grant(Duration ttl, Instant now) {
    const port::LeaseId lease{++granted_};
    const auto whole = std::max<Duration>(1s, std::chrono::ceil<std::chrono::seconds>(ttl));
    leases_.emplace(lease, Lease{whole, now + whole, {}});
    by_expiry_.emplace(now + whole, lease);
    return lease;
  }
  // false: the lease is gone, or overdue.
  bool keep_alive(port::LeaseId lease, Instant now) {
    const auto found = leases_.find(lease);
    if (found == leases_.end() || found->second.expiry <= now) return false;
    renew(found->first, found->second, now);
    return true;
  }
  // Ends the lease and deletes its keys at one revision. false: there was no such lease.
  bool revoke(port::LeaseId lease) {
    const auto found = leases_.find(lease);
    if (found == leases_.end()) return false;
    const auto keys = std::move(found->second.keys);
    by_expiry_.erase({found->second.expiry, lease});
    leases_.erase(found);
    const Revision next{revision_.count + 1};
    for (const auto& key : keys) erase(key, next);
    if (!keys.empty()) finish(next);
    return true;
  }
  // Ends every lease whose time is over, in order of expiry, each at a revision of its own. To be called whenever the
  // engine has a leader and next_expiry() has come; an engine without one expires nothing.
  void expire(Instant now) {
    while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) revoke(by_expiry_.begin()->second);
  }
  [[nodiscard]] Instant next_expiry() const { return by_expiry_.empty() ? kNever : by_expiry_.begin()->first; }

  // The engine's leader is deposed: its successor gives every lease its whole time again. What the old one goes on
  // believing is returned, for the hosts that reach only that one.
  StaleLeader depose(Instant now) {
    std::set<port::LeaseId> known;
    for (auto& [id, lease] : leases_) {
      known.insert(id);
      renew(id, lease, now);
    }
    return StaleLeader(std::move(known));
  }

  // Calls tell(change) for every change after `after` to a key that begins with `prefix`, in order. false: some of them
  // are compacted and nothing was told; the watcher must list again. So it is for a revision that is yet to come (a
  // store that was restored).
  template <class Tell>
  [[nodiscard]] bool changes_since(Revision after, std::string_view prefix, Tell&& tell) const {
    if (after < compacted_ || after > revision_) return false;
    auto change = std::upper_bound(history_.begin(), history_.end(), after,
                                   [](Revision r, const Change& c) { return r < c.mod; });
    for (; change != history_.end(); ++change) {
      if (std::string_view(change->key).starts_with(prefix)) tell(*change);
    }
    return true;
  }
  // Forgets all changes up to and with `upto`.
  void compact(Revision upto) {
    while (!history_.empty() && history_.front().mod <= upto) history_.pop_front();
    compacted_ = std::max(compacted_, std::min(upto, revision_));
  }

 private:
  struct Lease {
    Duration ttl;
    Instant expiry;
    std::set<std::string, std::less<>> keys;
  };

  [[nodiscard]] bool as_compared(const port::Compare& compare) const {
    const auto* entry = find(compare.key);
    // What was seen at `mod` and was only overwritten since has the create revision that was seen (R1).
    if (mutation::create_revision && entry != nullptr && compare.mod != Revision{}) return entry->create <= compare.mod;
    return mod_of(compare.key) == compare.mod;
  }
  [[nodiscard]] Revision mod_of(std::string_view key) const {
    const auto* entry = find(key);
    return entry == nullptr ? Revision{} : entry->mod;
  }
  void renew(port::LeaseId id, Lease& lease, Instant now) {
    by_expiry_.erase({lease.expiry, id});
    lease.expiry = now + lease.ttl;
    by_expiry_.emplace(lease.expiry, id);
  }
  void unbind(const std::string& key, port::LeaseId lease) {
    const auto found = leases_.find(lease);
    if (found != leases_.end()) found->second.keys.erase(key);
  }
  void write(const Put& put, Revision at) {
    const auto [entry, made] = entries_.try_emplace(put.key, Entry{put.value, at, at, put.lease});
    if (!made) {
      if (entry->second.lease != put.lease) unbind(put.key, entry->second.lease);
      entry->second = {put.value, at, entry->second.create, put.lease};
    }
    if (put.lease != port::LeaseId{}) leases_.find(put.lease)->second.keys.insert(put.key);
    history_.push_back({put.key, put.value, at, entry->second.create, put.lease});
  }
  bool erase(const std::string& key, Revision at) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return false;
    unbind(key, found->second.lease);
    entries_.erase(found);
    history_.push_back({key, std::nullopt, at, {}, {}});
    return true;
  }
  void finish(Revision next) {
    revision_ = next;
    if (history_.size() <= 2 * history_limit_) return;
    compact(history_[history_.size() - history_limit_ - 1].mod);
  }

  Entries entries_;
  std::deque<Change> history_;
  std::map<port::LeaseId, Lease> leases_;
  std::set<std::pair<Instant, port::LeaseId>> by_expiry_;
  std::size_t history_limit_;
  Revision revision_{1};  // of an empty store, as in etcd: 0 is no revision
  Revision compacted_{0};
  std::int64_t granted_ = 0;
};

}  // namespace haven::sim

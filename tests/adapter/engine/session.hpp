// One handle on an engine, as a test uses it: calls that wait for their answer, and what its watch has told so far.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "port/engine.hpp"

namespace haven::test {

// Long enough for a loaded machine; only a test that fails waits for it.
inline constexpr Duration kPatience = 20s;

// Collects events from the engine's thread. Shared with the sink, so that it outlives the engine.
class Recorder {
 public:
  void add(port::EngineEvent event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    arrived_.notify_all();
  }
  // Waits until `enough` holds for the events so far; false: it never did.
  bool wait(const std::function<bool(const std::vector<port::EngineEvent>&)>& enough, Duration patience = kPatience) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, patience, [&] { return enough(events_); });
  }
  std::vector<port::EngineEvent> events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  template <class Event>
  std::size_t count() {
    std::size_t n = 0;
    for (const auto& event : events()) n += std::holds_alternative<Event>(event) ? 1 : 0;
    return n;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<port::EngineEvent> events_;
};

inline std::optional<CallId> call_of(const port::EngineEvent& event) {
  if (const auto* e = std::get_if<port::TransactionDone>(&event)) return e->call;
  if (const auto* e = std::get_if<port::LeaseGranted>(&event)) return e->call;
  if (const auto* e = std::get_if<port::LeaseAnswer>(&event)) return e->call;
  if (const auto* e = std::get_if<port::ReadDone>(&event)) return e->call;
  if (const auto* e = std::get_if<port::VotersDone>(&event)) return e->call;
  return std::nullopt;
}

// What a watch has told: Listed and Changed folded together.
struct View {
  std::map<std::string, port::KeyValue> entries;
  std::vector<port::Changed> changes;  // all Changed since the last Listed that have entries
  Revision revision;
  int lists = 0;
  bool lost = false;
};
inline View view_of(const std::vector<port::EngineEvent>& events) {
  View view;
  for (const auto& event : events) {
    if (const auto* listed = std::get_if<port::Listed>(&event)) {
      view = View{{}, {}, listed->revision, view.lists + 1, false};
      for (const auto& entry : listed->entries) view.entries[entry.key] = entry;
    } else if (const auto* changed = std::get_if<port::Changed>(&event)) {
      EXPECT_GT(view.lists, 0) << "Changed before Listed";
      EXPECT_GE(changed->revision, view.revision) << "the watch went back";
      for (const auto& change : changed->changes) {
        EXPECT_GT(change.mod, view.revision) << "a change was told twice: " << change.key;
        EXPECT_LE(change.mod, changed->revision);
        if (change.deleted) {
          view.entries.erase(change.key);
        } else {
          view.entries[change.key] = {change.key, change.value, change.mod, change.create, change.lease};
        }
      }
      view.revision = changed->revision;
      view.lost = false;
      if (!changed->changes.empty()) view.changes.push_back(*changed);
    } else if (std::holds_alternative<port::WatchLost>(event)) {
      view.lost = true;
    } else if (std::holds_alternative<port::Resumed>(event)) {
      view.lost = false;
    }
  }
  return view;
}

class Session {
 public:
  using Open = std::function<std::unique_ptr<port::Engine>(port::EngineSink)>;
  explicit Session(const Open& open) : recorder_(std::make_shared<Recorder>()) {
    engine_ = open([recorder = recorder_](port::EngineEvent event) { recorder->add(std::move(event)); });
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { close(); }

  // Ends the handle and holds it to the contract: every call was answered exactly once.
  void close() {
    if (!engine_) return;
    engine_.reset();
    std::map<CallId, int> answers;
    for (const auto& event : recorder_->events()) {
      if (const auto call = call_of(event)) ++answers[*call];
    }
    for (std::uint64_t call = 1; call <= last_call_; ++call) EXPECT_EQ(answers[CallId{call}], 1) << "call " << call;
    EXPECT_EQ(answers.size(), last_call_) << "an answer to a call that was never made";
  }

  CallId send(port::Transaction transaction, Duration timeout = 10s) {
    engine_->commit(CallId{++last_call_}, std::move(transaction), timeout);
    return CallId{last_call_};
  }
  template <class Answer>
  Answer answer(CallId call, Duration patience = kPatience) {
    Answer found{};
    const bool came = recorder_->wait(
        [&](const auto& events) {
          for (const auto& event : events) {
            if (const auto* a = std::get_if<Answer>(&event); a != nullptr && a->call == call) {
              found = *a;
              return true;
            }
          }
          return false;
        },
        patience);
    EXPECT_TRUE(came) << "call " << call.count << " was not answered";
    return found;
  }
  port::TransactionDone commit(port::Transaction transaction, Duration timeout = 10s) {
    return answer<port::TransactionDone>(send(std::move(transaction), timeout));
  }
  // One key, whatever was there; gives the commit's revision.
  Revision put(const std::string& key, const std::string& value, port::LeaseId lease = {}) {
    const auto done = commit({{}, {port::Put{key, value, lease}}});
    EXPECT_EQ(done.outcome, port::Outcome::committed) << done.message;
    return done.revision;
  }
  port::LeaseId grant(Duration ttl) {
    engine_->grant_lease(CallId{++last_call_}, ttl, 10s);
    const auto granted = answer<port::LeaseGranted>(CallId{last_call_});
    EXPECT_NE(granted.lease, port::LeaseId{}) << granted.message;
    return granted.lease;
  }
  CallId send_grant(Duration ttl, Duration timeout) {
    engine_->grant_lease(CallId{++last_call_}, ttl, timeout);
    return CallId{last_call_};
  }
  CallId send_keep_alive(port::LeaseId lease, Duration timeout) {
    engine_->keep_alive(CallId{++last_call_}, lease, timeout);
    return CallId{last_call_};
  }
  CallId send_revoke(port::LeaseId lease, Duration timeout) {
    engine_->revoke_lease(CallId{++last_call_}, lease, timeout);
    return CallId{last_call_};
  }
  CallId send_read(const std::string& key, Duration timeout) {
    engine_->read(CallId{++last_call_}, key, timeout);
    return CallId{last_call_};
  }
  port::ReadDone read(const std::string& key) { return answer<port::ReadDone>(send_read(key, 10s)); }
  std::vector<port::Voter> voters(Duration timeout = 10s) {
    engine_->ask_voters(CallId{++last_call_}, timeout);
    return answer<port::VotersDone>(CallId{last_call_}).voters;
  }
  port::LeaseAnswer keep_alive(port::LeaseId lease) { return answer<port::LeaseAnswer>(send_keep_alive(lease, 10s)); }
  port::LeaseAnswer revoke(port::LeaseId lease) { return answer<port::LeaseAnswer>(send_revoke(lease, 10s)); }

  // Starts the watch and waits for its first list.
  View watch(const std::string& prefix) {
    engine_->watch(prefix);
    EXPECT_TRUE(wait_view([](const View& view) { return view.lists == 1; })) << "no list";
    return view();
  }
  View view() { return view_of(recorder_->events()); }
  bool wait_view(const std::function<bool(const View&)>& enough, Duration patience = kPatience) {
    return recorder_->wait([&](const auto& events) { return enough(view_of(events)); }, patience);
  }
  // Waits until the watch has told everything up to this commit, which must be one that it can see.
  bool wait_revision(Revision revision) {
    return wait_view([revision](const View& view) { return view.revision >= revision; });
  }
  Recorder& recorder() { return *recorder_; }
  port::Engine& engine() { return *engine_; }

 private:
  std::shared_ptr<Recorder> recorder_;
  std::unique_ptr<port::Engine> engine_;
  std::uint64_t last_call_ = 0;
};

}  // namespace haven::test

#include "daemon/runtime.hpp"

#include <algorithm>
#include <future>
#include <utility>

namespace haven::daemon {
namespace {

CallId call_of(const port::EngineEvent& event) {
  if (const auto* e = std::get_if<port::TransactionDone>(&event)) return e->call;
  return {};
}
CallId call_of(const port::HypervisorEvent& event) {
  if (const auto* e = std::get_if<port::CallDone>(&event)) return e->call;
  return {};
}

}  // namespace

port::EngineSink engine_sink(std::shared_ptr<Mailbox> mailbox, std::shared_ptr<OwnCalls> own) {
  return [mailbox = std::move(mailbox), own = std::move(own)](port::EngineEvent event) {
    if (const CallId call = call_of(event); OwnCalls::is_own(call)) {
      own->answer(call, std::get<port::TransactionDone>(std::move(event)));
    } else {
      mailbox->post(std::move(event));
    }
  };
}

port::HypervisorSink hypervisor_sink(std::shared_ptr<Mailbox> mailbox, std::shared_ptr<OwnCalls> own,
                                     std::function<void(const port::Sending&)> sending) {
  return
      [mailbox = std::move(mailbox), own = std::move(own), sending = std::move(sending)](port::HypervisorEvent event) {
        if (const auto* figures = std::get_if<port::Sending>(&event)) {
          if (sending) sending(*figures);
        } else if (const CallId call = call_of(event); OwnCalls::is_own(call)) {
          own->answer(call, std::get<port::CallDone>(std::move(event)));
        } else {
          mailbox->post(std::move(event));
        }
      };
}

port::FenceSink fence_sink(std::shared_ptr<Mailbox> mailbox) {
  return [mailbox = std::move(mailbox)](port::AgentDone done) { mailbox->post(std::move(done)); };
}

port::StorageSink storage_sink(std::shared_ptr<Mailbox> mailbox) {
  return [mailbox = std::move(mailbox)](port::StorageLooked looked) { mailbox->post(std::move(looked)); };
}

port::WatchdogSink watchdog_sink(std::shared_ptr<Mailbox> mailbox) {
  return [mailbox = std::move(mailbox)](port::WatchdogEvent event) { mailbox->post(std::move(event)); };
}

Runtime::Runtime(NodeConfig node, std::shared_ptr<Mailbox> mailbox, std::shared_ptr<OwnCalls> own, Edges edges,
                 std::string cluster, std::vector<std::string> listed)
    : mailbox_(std::move(mailbox)),
      own_(std::move(own)),
      hands_(std::move(edges), *own_, std::move(cluster)),
      node_(std::move(node)),
      listed_(std::move(listed)) {
  static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free,
                "a signal's handler writes it");
}

void Runtime::run() {
  // A host learns its cluster's name from the engine if it was not told it.
  const std::string& cluster = hands_.store().cluster();
  hands_.engine().watch(cluster.empty() ? codec::Assembler::kRoot : codec::Assembler::kRoot + cluster + "/");
  turn(Tick{});
  while (!hands_.exit_asked()) {
    begin_shutdown();
    if (!answers_.empty()) {
      const Event event = std::move(answers_.front());
      answers_.pop_front();
      turn(event);
    }
    const Instant wake = answers_.empty() ? std::min(node_.wake_at(), give_up_) : Instant{};
    if (const auto message = mailbox_->take(wake)) take(*message);
    const Instant now = read_clocks().mono;
    if (now >= give_up_) break;
    // Asked again after every message: a busy mailbox must not starve what is due.
    if (now >= node_.wake_at()) turn(Tick{});
  }
  // Whoever waits for a look still gets it; nobody begins to wait any more.
  mailbox_->close();
  while (const auto message = mailbox_->take(Instant{})) {
    if (const auto* task = std::get_if<Task>(&*message)) (*task)();
  }
  tell_news();
}

bool Runtime::holds_nothing(const HostName& host) const {
  const View& view = node_.view();
  return std::none_of(view.claims.begin(), view.claims.end(), [&](const auto& claim) {
    return claim.second.value.host == host && !claim_closed(view, claim.first);
  });
}

void Runtime::begin_shutdown() {
  const int asked = shutdown_asked_.load();
  if (asked <= shutdown_begun_) return;
  if (asked == 1 + static_cast<int>(ShutdownKind::restart) && host_goes_down_.load()) return;
  shutdown_begun_ = asked;
  const auto kind = static_cast<ShutdownKind>(asked - 1);
  give_up_ = read_clocks().mono + (kind == ShutdownKind::restart ? kRestartWithin : kHostShutdownWithin);
  turn(ShutdownAsked{kind});
}

void Runtime::turn(const Event& event) {
  const auto issued = node_.step(event, read_clocks());
  if (node_.view().spec_edition() != spec_edition_) {
    spec_edition_ = node_.view().spec_edition();
    hands_.know(node_.view().shared_spec());
    if (const auto spec = node_.view().shared_spec()) {
      patience_ns_.store(spec->cluster.lease.count() / 2);
      if (hands_.edges().spec_changed) hands_.edges().spec_changed(spec);
    }
  }
  reaches_engine_.store(node_.reaches_engine());
  epoch_.store(epoch_of(node_.view()).count);
  for (const Issued& one : issued) hands_.perform(one, answers_);
}

void Runtime::take(const Message& message) {
  if (const auto* engine = std::get_if<port::EngineEvent>(&message)) {
    if (const auto event = hands_.translate(*engine)) turn(*event);
    tell_news();
  } else if (const auto* hypervisor = std::get_if<port::HypervisorEvent>(&message)) {
    if (const auto event = hands_.translate(*hypervisor)) turn(*event);
  } else if (const auto* storage = std::get_if<port::StorageLooked>(&message)) {
    if (const auto event = hands_.translate(*storage)) turn(*event);
  } else if (const auto* agent = std::get_if<port::AgentDone>(&message)) {
    turn(hands_.translate(*agent));
  } else if (const auto* watchdog = std::get_if<port::WatchdogEvent>(&message)) {
    turn(Hands::translate(*watchdog));
  } else if (const auto* question = std::get_if<HookQuestion>(&message)) {
    ask_node(*question);
  } else if (const auto* problems = std::get_if<HostProblems>(&message)) {
    turn(*problems);
  } else if (const auto* measured = std::get_if<port::Measured>(&message)) {
    turn(hands_.domains().translate(*measured));
  } else if (const auto* health = std::get_if<HealthSeen>(&message)) {
    turn(*health);
  } else if (const auto* heard = std::get_if<PeersHeard>(&message)) {
    turn(*heard);
  } else if (const auto* task = std::get_if<Task>(&message)) {
    (*task)();
  }
}

void Runtime::ask_node(const HookQuestion& question) {
  const auto answer = [&](bool allow, const std::string& reason) {
    (void)hands_.edges().answer_hook(question.id, allow, reason);
  };
  if (const Resource* resource = hands_.domains().of_uuid(question.uuid)) {
    turn(HookAsked{CallId{question.id}, resource->name, question.migration, question.uuid, question.unlinked});
  } else if (hands_.domains().spec() == nullptr && std::count(listed_.begin(), listed_.end(), question.uuid) > 0) {
    answer(false, "it is protected, and havend does not know the cluster file yet");
  } else {
    turn(HookAsked{CallId{question.id}, {}, question.migration, question.uuid, question.unlinked});
  }
}

Brain Runtime::brain() const {
  Brain brain;
  brain.turns = mailbox_->age(read_clocks().mono).count() < patience_ns_.load();
  brain.engine = reaches_engine_.load();
  brain.epoch = epoch_.load();
  return brain;
}

void Runtime::tell_news() {
  const std::lock_guard lock(news_mutex_);
  ++news_;
  news_changed_.notify_all();
}

void Runtime::ask_shutdown(ShutdownKind kind) {
  const int asked = 1 + static_cast<int>(kind);
  int before = shutdown_asked_.load();
  while (before < asked && !shutdown_asked_.compare_exchange_weak(before, asked)) continue;
  mailbox_->nudge();
}

bool Runtime::see(std::function<void(const Sight&)> look, Duration patience) {
  // Whoever comes first, the look or the end of patience, decides; `look` may refer to the caller's stack.
  struct Shared {
    std::mutex mutex;
    std::condition_variable done;
    bool finished = false;
    bool given_up = false;
  };
  const auto shared = std::make_shared<Shared>();
  const bool taken = mailbox_->offer(Task([this, shared, look = std::move(look)] {
    const std::lock_guard lock(shared->mutex);
    if (shared->given_up) return;
    look(Sight{node_, hands_.store(), read_clocks()});
    shared->finished = true;
    shared->done.notify_all();
  }));
  if (!taken) return false;
  std::unique_lock lock(shared->mutex);
  shared->done.wait_for(lock, patience, [&] { return shared->finished; });
  shared->given_up = !shared->finished;
  return shared->finished;
}

std::optional<Runtime::Reply> Runtime::operate(OperatorAsked asked, Duration patience) {
  const auto promise = std::make_shared<std::promise<Reply>>();
  auto future = promise->get_future();
  const auto id = std::make_shared<CallId>();
  const bool taken = mailbox_->offer(Task([this, promise, id, asked = std::move(asked)]() mutable {
    asked.question = *id = CallId{++questions_};
    const bool room = hands_.expect_answer(asked.question, [promise](const AnswerOperator& answer) {
      promise->set_value({answer.ok, answer.text, answer.warnings});
    });
    if (room) {
      turn(asked);
    } else {
      promise->set_value({false, "too many questions are open", {}});
    }
  }));
  if (!taken) return Reply{false, "havend has too much to do", {}};
  if (future.wait_for(patience) == std::future_status::ready) return future.get();
  (void)mailbox_->offer(Task([this, id] { hands_.expect_no_longer(*id); }));
  return std::nullopt;
}

port::TransactionDone Runtime::commit(port::Transaction transaction, Duration timeout) {
  auto [call, answer] = own_->open();
  const bool taken = mailbox_->offer(Task([this, id = call, timeout, transaction = std::move(transaction)]() mutable {
    hands_.engine().commit(id, std::move(transaction), timeout);
  }));
  if (!taken) own_->answer(call, port::TransactionDone{call, port::Outcome::refused, {}, "havend has too much to do"});
  // The port keeps its deadline; the mailbox may add a little.
  if (answer.wait_for(timeout + kAskPatience) == std::future_status::ready) {
    return std::get<port::TransactionDone>(answer.get());
  }
  return {call, port::Outcome::unknown, {}, "no answer"};
}

std::uint64_t Runtime::wait_news(std::uint64_t seen, Duration patience) {
  std::unique_lock lock(news_mutex_);
  news_changed_.wait_for(lock, patience, [&] { return news_ > seen; });
  return news_;
}

}  // namespace haven::daemon

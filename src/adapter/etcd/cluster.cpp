#include "adapter/etcd/cluster.hpp"

#include <algorithm>
#include <utility>

namespace haven::adapter::etcd {
namespace {

// A shorter silence does not speak against an endpoint.
constexpr Duration kSuspicious = 100ms;
constexpr Duration kShortestAttempt = 50ms;

}  // namespace

Cluster::Cluster(Loop& loop, const std::vector<std::string>& addresses,
                 const std::shared_ptr<grpc::ChannelCredentials>& credentials, std::size_t most,
                 std::function<void()> on_up)
    : loop_(loop), credentials_(credentials), most_(most), on_up_(std::move(on_up)) {
  for (const auto& address : addresses) endpoints_.push_back(make(address));
}

std::unique_ptr<Endpoint> Cluster::make(const std::string& address) {
  Endpoint::Observer observer{[this] {
                                send_waiting();
                                on_up_();
                              },
                              [this](Endpoint& endpoint) { move_from(endpoint); }};
  return std::make_unique<Endpoint>(loop_, address, credentials_, std::move(observer));
}

void Cluster::use(const std::vector<std::string>& addresses) {
  std::vector<std::unique_ptr<Endpoint>> next;
  for (const auto& address : addresses) {
    const auto same = [&](const auto& e) { return e && e->address() == address; };
    const auto kept = std::find_if(endpoints_.begin(), endpoints_.end(), same);
    next.push_back(kept != endpoints_.end() ? std::move(*kept) : make(address));
  }
  endpoints_.swap(next);
  current_ = 0;
  for (auto& gone : next) {
    if (!gone) continue;
    gone->retire();
    retired_.push_back(std::move(gone));
  }
  send_waiting();
}

void Cluster::send_waiting() {
  for (const auto& [id, ongoing] : ongoing_) {
    if (ongoing.attempt == nullptr) send(id);
  }
}

void Cluster::move_from(const Endpoint& endpoint) {
  for (auto& [id, ongoing] : ongoing_) {
    if (ongoing.attempt == nullptr || ongoing.endpoint != &endpoint || !ongoing.request.repeatable) continue;
    std::exchange(ongoing.attempt, nullptr)->abandon();
    send(id);
  }
}

std::vector<std::shared_ptr<Link>> Cluster::links() const {
  std::vector<std::shared_ptr<Link>> links;
  for (const auto& endpoint : endpoints_) links.push_back(endpoint->link());
  return links;
}

Endpoint* Cluster::pick() {
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    const auto candidate = (current_ + i) % endpoints_.size();
    if (!endpoints_[candidate]->up()) continue;
    current_ = candidate;
    return endpoints_[candidate].get();
  }
  return nullptr;
}

bool Cluster::uses(const Endpoint& endpoint) const {
  return std::any_of(endpoints_.begin(), endpoints_.end(), [&](const auto& e) { return e.get() == &endpoint; });
}

bool Cluster::another_is_up(const Endpoint* endpoint) {
  return std::any_of(endpoints_.begin(), endpoints_.end(),
                     [&](const auto& other) { return other.get() != endpoint && other->up(); });
}

std::string Cluster::troubles() const {
  std::string all;
  for (const auto& endpoint : endpoints_) {
    if (endpoint->trouble().empty()) continue;
    all += (all.empty() ? "" : "; ") + endpoint->address() + ": " + endpoint->trouble();
  }
  return all;
}

void Cluster::submit(Request request) {
  if (ongoing_.size() >= most_) {
    request.fail(Verdict::refused, "too many calls wait for an answer");
    return;
  }
  const auto id = ++last_id_;
  const auto left = std::max<Duration>(Duration(0), request.deadline - Clock::now());
  const auto timer = loop_.after(left, [this, id] { overdue(id); });
  ongoing_.emplace(id, Ongoing{std::move(request), timer, nullptr, nullptr, {}});
  if (left > Duration(0)) send(id);
}

void Cluster::send(Id id) {
  auto& ongoing = ongoing_.at(id);
  auto* endpoint = pick();
  if (endpoint == nullptr) return;
  Duration patience = ongoing.request.deadline - Clock::now();
  if (ongoing.request.repeatable && another_is_up(endpoint)) patience = std::max(patience / 2, kShortestAttempt);
  ongoing.endpoint = endpoint;
  ongoing.sent = Clock::now();
  ongoing.attempt = ongoing.request.send(
      endpoint->link(), deadline_in(patience),
      [this, id](const grpc::Status& status, const std::function<void()>& deliver) { ended(id, status, deliver); });
}

void Cluster::ended(Id id, const grpc::Status& status, const std::function<void()>& deliver) {
  auto& ongoing = ongoing_.at(id);
  ongoing.attempt = nullptr;
  if (status.ok()) {
    ongoing.endpoint->worked();
    loop_.cancel(ongoing.timer);
    ongoing_.erase(id);
    deliver();
    return;
  }
  const auto why = ongoing.endpoint->address() + ": " + status.error_message();
  const auto meaning = verdict(status);
  const bool useless =
      meaning == Verdict::elsewhere || !said_by_etcd(status) || status.error_code() == grpc::StatusCode::UNAVAILABLE;
  if (meaning == Verdict::refused || !useless) {
    fail(id, meaning, why);
    return;
  }
  ongoing.endpoint->failed(status.error_message());
  if (meaning == Verdict::elsewhere || ongoing.request.repeatable) {
    send(id);
  } else {
    fail(id, meaning, why);
  }
}

void Cluster::overdue(Id id) {
  const auto& ongoing = ongoing_.at(id);
  std::string why = "no endpoint can be asked: " + troubles();
  if (ongoing.attempt != nullptr) {
    why = ongoing.endpoint->address() + ": no answer by the deadline";
    if (Clock::now() - ongoing.sent >= kSuspicious) ongoing.endpoint->failed("no answer to a request");
  }
  fail(id, Verdict::unclear, why);
}

void Cluster::fail(Id id, Verdict meaning, const std::string& why) {
  auto node = ongoing_.extract(id);
  auto& ongoing = node.mapped();
  if (ongoing.attempt != nullptr) ongoing.attempt->abandon();
  loop_.cancel(ongoing.timer);
  ongoing.request.fail(meaning, why);
}

void Cluster::stop() {
  while (!ongoing_.empty()) fail(ongoing_.begin()->first, Verdict::unclear, "the engine is being closed");
  for (const auto& list : {&endpoints_, &retired_})
    for (const auto& endpoint : *list) endpoint->stop();
}

}  // namespace haven::adapter::etcd

// All endpoints, and the requests that wait for one of them or for its answer.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapter/etcd/answer.hpp"
#include "adapter/etcd/attempt.hpp"
#include "adapter/etcd/endpoint.hpp"
#include "adapter/etcd/loop.hpp"

namespace haven::adapter::etcd {

// A request with its deadline, sent until it is answered. Exactly one of `send`'s answer and `fail` is called.
struct Request {
  Time deadline;
  // Doing it twice does no harm: after a lost answer it is sent again.
  bool repeatable = false;
  std::function<Attempt*(std::shared_ptr<Link>, gpr_timespec deadline, Attempt::Ended)> send;
  std::function<void(Verdict, const std::string& why)> fail;
};

class Cluster {
 public:
  // `most`: more requests than this at a time are refused. `on_up`: an endpoint can be asked again.
  Cluster(Loop& loop, const std::vector<std::string>& addresses,
          const std::shared_ptr<grpc::ChannelCredentials>& credentials, std::size_t most, std::function<void()> on_up);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  void submit(Request request);
  // These endpoints from now on. What is under way at another one is moved if it may be repeated, else awaited.
  void use(const std::vector<std::string>& addresses);
  [[nodiscard]] bool uses(const Endpoint& endpoint) const;
  // All endpoints' connections, as they are now.
  [[nodiscard]] std::vector<std::shared_ptr<Link>> links() const;
  // The endpoint to ask now; nullptr: none can be asked.
  [[nodiscard]] Endpoint* pick();
  // Each endpoint's trouble, in a line.
  [[nodiscard]] std::string troubles() const;
  // Fails what is under way.
  void stop();

 private:
  using Id = std::uint64_t;
  struct Ongoing {
    Request request;
    Loop::TimerId timer;
    Attempt* attempt = nullptr;
    Endpoint* endpoint = nullptr;
    Time sent;
  };

  void send(Id id);
  void send_waiting();
  // What may be repeated does not wait for an endpoint that was given up.
  void move_from(const Endpoint& endpoint);
  void ended(Id id, const grpc::Status& status, const std::function<void()>& deliver);
  void overdue(Id id);
  void fail(Id id, Verdict verdict, const std::string& why);
  [[nodiscard]] bool another_is_up(const Endpoint* endpoint);

  [[nodiscard]] std::unique_ptr<Endpoint> make(const std::string& address);

  Loop& loop_;
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
  std::size_t most_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  // Of members that are gone: never asked again, kept because their last requests and timers still name them.
  std::vector<std::unique_ptr<Endpoint>> retired_;
  std::function<void()> on_up_;
  std::map<Id, Ongoing> ongoing_;
  Id last_id_ = 0;
  std::size_t current_ = 0;
};

}  // namespace haven::adapter::etcd

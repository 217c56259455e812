// One member's client address: its connection, and whether it can be asked.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>

#include <functional>
#include <memory>
#include <string>

#include "adapter/etcd/loop.hpp"
#include "rpc.grpc.pb.h"

namespace haven::adapter::etcd {

// A connection with its stubs. Shared with the requests that are under way on it.
struct Link {
  explicit Link(const std::shared_ptr<grpc::Channel>& channel);
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<etcdserverpb::KV::Stub> kv;
  std::unique_ptr<etcdserverpb::Watch::Stub> watch;
  std::unique_ptr<etcdserverpb::Lease::Stub> lease;
  std::unique_ptr<etcdserverpb::Maintenance::Stub> maintenance;
  std::unique_ptr<etcdserverpb::Cluster::Stub> cluster;
};

// Every request of ours: answered only by a member that sees a leader.
void require_leader(grpc::ClientContext& context);

class Endpoint {
 public:
  struct Observer {
    std::function<void()> up;             // it can be asked again
    std::function<void(Endpoint&)> down;  // it was given up; told by the loop, never from within a call
  };
  // `address` is host:port.
  Endpoint(Loop& loop, std::string address, std::shared_ptr<grpc::ChannelCredentials> credentials, Observer observer);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }
  // It answered, sees a leader, and its connection holds. Notices by itself that the connection is gone.
  [[nodiscard]] bool up();
  [[nodiscard]] const std::shared_ptr<Link>& link() const { return link_; }
  // It failed a request: after a pause, which grows with each failure, it is asked for its status until it answers.
  void failed(const std::string& why);
  // It answered a request: the next pause is a short one.
  void worked() { pause_ = Duration(0); }
  // Why it is not up, as last seen.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  // Its member is no member any more: it is given up and never asked again.
  void retire();
  // Ends what is under way, for good.
  void stop();

 private:
  class Probe;

  void connect();
  void probe();
  void probed(const grpc::Status& status);
  void probe_later(Duration longest);

  Loop& loop_;
  std::string address_;
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
  Observer observer_;
  std::shared_ptr<Link> link_;
  Probe* probe_ = nullptr;  // under way; it owns itself
  bool up_ = false;
  bool stopped_ = false;
  Duration pause_{};
  std::string trouble_ = "not reached yet";
};

}  // namespace haven::adapter::etcd

#include "adapter/etcd/endpoint.hpp"

#include <grpcpp/create_channel.h>

#include <algorithm>
#include <utility>

#include "adapter/etcd/answer.hpp"
#include "adapter/etcd/connect.hpp"

namespace haven::adapter::etcd {
namespace {

// A member that says nothing for this long does not count as reachable.
constexpr Duration kProbeTimeout = 2s;
constexpr Duration kFirstPause = 20ms;
constexpr Duration kLongestPause = 1s;
// Of a member that answers but sees no leader: an election takes about as long.
constexpr Duration kLongestElectionPause = 200ms;

grpc::ChannelArguments arguments() {
  auto a = channel_arguments();
  // etcd hangs up on who pings more often than every 5 s.
  a.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 6000);
  a.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 2000);
  return a;
}

}  // namespace

Link::Link(const std::shared_ptr<grpc::Channel>& c)
    : channel(c),
      kv(etcdserverpb::KV::NewStub(c)),
      watch(etcdserverpb::Watch::NewStub(c)),
      lease(etcdserverpb::Lease::NewStub(c)),
      maintenance(etcdserverpb::Maintenance::NewStub(c)),
      cluster(etcdserverpb::Cluster::NewStub(c)) {}

void require_leader(grpc::ClientContext& context) { context.AddMetadata("hasleader", "true"); }

class Endpoint::Probe final : public Tag {
 public:
  explicit Probe(Endpoint& endpoint) : busy_(endpoint.loop_), endpoint_(&endpoint), link_(endpoint.link_) {
    require_leader(context_);
    context_.set_deadline(deadline_in(kProbeTimeout));
    reader_ = link_->maintenance->AsyncStatus(&context_, {}, &endpoint.loop_.queue());
    reader_->Finish(&response_, &status_, static_cast<Tag*>(this));
  }
  void done(bool) override {
    auto* endpoint = endpoint_;
    const auto status = status_;
    delete this;
    if (endpoint != nullptr) endpoint->probed(status);
  }
  // Its end is nobody's business any more.
  void abandon() {
    endpoint_ = nullptr;
    context_.TryCancel();
  }

 private:
  Loop::Busy busy_;
  Endpoint* endpoint_;
  std::shared_ptr<Link> link_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<etcdserverpb::StatusResponse>> reader_;
  etcdserverpb::StatusResponse response_;
  grpc::Status status_;
};

Endpoint::Endpoint(Loop& loop, std::string address, std::shared_ptr<grpc::ChannelCredentials> credentials,
                   Observer observer)
    : loop_(loop), address_(std::move(address)), credentials_(std::move(credentials)), observer_(std::move(observer)) {
  connect();
  probe();
}

void Endpoint::connect() {
  link_ = std::make_shared<Link>(grpc::CreateCustomChannel("dns:///" + address_, credentials_, arguments()));
}

bool Endpoint::up() {
  if (up_ && link_->channel->GetState(false) != GRPC_CHANNEL_READY) failed("the connection was lost");
  return up_;
}

void Endpoint::failed(const std::string& why) {
  trouble_ = why;
  if (!std::exchange(up_, false)) return;
  probe_later(kLongestPause);
  loop_.after(Duration(0), [this] { observer_.down(*this); });
}

void Endpoint::probe_later(Duration longest) {
  pause_ = std::clamp<Duration>(2 * pause_, kFirstPause, longest);
  loop_.after(pause_, [this] { probe(); });
}

void Endpoint::probe() {
  if (!stopped_) probe_ = new Probe(*this);
}

void Endpoint::probed(const grpc::Status& status) {
  probe_ = nullptr;
  if (status.ok()) {
    up_ = true;
    trouble_.clear();
    observer_.up();
    return;
  }
  trouble_ = wording(status);
  // A connection that swallowed a request may be one that a partition cut: its recovery would wait for TCP's.
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) connect();
  probe_later(said_by_etcd(status) ? kLongestElectionPause : kLongestPause);
}

void Endpoint::retire() {
  failed("its member has left");
  stop();
}

void Endpoint::stop() {
  stopped_ = true;
  if (probe_ != nullptr) std::exchange(probe_, nullptr)->abandon();
}

}  // namespace haven::adapter::etcd

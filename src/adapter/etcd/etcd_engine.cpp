#include "adapter/etcd/etcd_engine.hpp"

#include <grpc/support/log.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "adapter/etcd/cluster.hpp"
#include "adapter/etcd/connect.hpp"
#include "adapter/etcd/loop.hpp"
#include "adapter/etcd/transaction.hpp"
#include "adapter/etcd/voters.hpp"
#include "adapter/etcd/watch.hpp"
#include "port/transaction_rules.hpp"

namespace haven::adapter {
namespace {

using namespace etcd;
using port::Outcome;

class EtcdEngine final : public EtcdHandle {
 public:
  EtcdEngine(const std::vector<std::string>& addresses, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
             bool tls, port::EngineSink sink)
      : sink_(std::move(sink)),
        tls_(tls),
        cluster_(loop_, addresses, credentials, kMaxEtcdCalls, [this] { watch_.endpoint_up(); }),
        watch_(loop_, cluster_, sink_) {
    loop_.start();
  }
  EtcdEngine(const EtcdEngine&) = delete;
  EtcdEngine& operator=(const EtcdEngine&) = delete;
  ~EtcdEngine() override {
    loop_.finish([this] {
      cluster_.stop();
      watch_.stop();
    });
  }

  void use_endpoints(const std::vector<std::string>& endpoints) override {
    std::vector<std::string> addresses;
    for (const auto& endpoint : endpoints) {
      if (auto address = address_of(endpoint, tls_)) addresses.push_back(std::move(*address));
    }
    if (addresses.empty()) return;
    loop_.post([this, addresses = std::move(addresses)] {
      cluster_.use(addresses);
      watch_.endpoints_changed();
    });
  }

  void watch(const std::string& prefix) override {
    loop_.post([this, prefix] { watch_.begin(prefix); });
  }

  void commit(CallId call, port::Transaction transaction, Duration timeout) override {
    const auto fail = [this, call](Outcome outcome, const std::string& why) {
      sink_(port::TransactionDone{call, outcome, {}, why});
    };
    if (auto reason = port::reason_to_refuse(transaction); !reason.empty()) {
      loop_.post([fail, reason = std::move(reason)] { fail(Outcome::refused, reason); });
      return;
    }
    const auto answer = [this, call](const etcdserverpb::TxnResponse& response) {
      sink_(port::TransactionDone{
          call, response.succeeded() ? Outcome::committed : Outcome::conflict, {response.header().revision()}, {}});
    };
    submit(timeout, transaction.operations.empty(),
           sender<etcdserverpb::TxnResponse>(&etcdserverpb::KV::Stub::AsyncTxn, &Link::kv, request_of(transaction),
                                             answer),
           [fail](Verdict verdict, const std::string& why) {
             fail(verdict == Verdict::refused ? Outcome::refused : Outcome::unknown, why);
           });
  }

  void grant_lease(CallId call, Duration ttl, Duration timeout) override {
    etcdserverpb::LeaseGrantRequest request;
    request.set_ttl(std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(ttl).count()));
    submit(
        timeout, true,
        sender<etcdserverpb::LeaseGrantResponse>(&etcdserverpb::Lease::Stub::AsyncLeaseGrant, &Link::lease, request,
                                                 [this, call](const auto& response) {
                                                   sink_(port::LeaseGranted{call, {response.id()}, response.error()});
                                                 }),
        [this, call](Verdict, const std::string& why) {
          sink_(port::LeaseGranted{call, {}, why});
        });
  }

  void keep_alive(CallId call, port::LeaseId lease, Duration timeout) override {
    submit(
        timeout, true,
        [this, call, lease](std::shared_ptr<Link> link, gpr_timespec deadline, Attempt::Ended ended) -> Attempt* {
          return new KeepAlive(
              loop_, std::move(link), deadline, lease.id,
              [this, call, lease](std::int64_t left) {
                sink_(port::LeaseAnswer{call, lease, true, left > 0});
              },
              std::move(ended));
        },
        [this, call, lease](Verdict, const std::string&) {
          sink_(port::LeaseAnswer{call, lease, false, false});
        });
  }

  void revoke_lease(CallId call, port::LeaseId lease, Duration timeout) override {
    etcdserverpb::LeaseRevokeRequest request;
    request.set_id(lease.id);
    submit(
        timeout, true,
        sender<etcdserverpb::LeaseRevokeResponse>(&etcdserverpb::Lease::Stub::AsyncLeaseRevoke, &Link::lease, request,
                                                  [this, call, lease](const auto&) {
                                                    sink_(port::LeaseAnswer{call, lease, true, false});
                                                  }),
        [this, call, lease](Verdict, const std::string& why) {
          const bool gone = why.ends_with("etcdserver: requested lease not found");
          sink_(port::LeaseAnswer{call, lease, gone, false});
        });
  }

  void read(CallId call, const std::string& key, Duration timeout) override {
    etcdserverpb::RangeRequest request;  // linearizable unless it asks for less
    request.set_key(key);
    submit(timeout, true,
           sender<etcdserverpb::RangeResponse>(
               &etcdserverpb::KV::Stub::AsyncRange, &Link::kv, request,
               [this, call](const etcdserverpb::RangeResponse& response) {
                 port::ReadDone done{call, true, std::nullopt, response.header().raft_term()};
                 if (response.kvs_size() > 0) {
                   const auto& kv = response.kvs(0);
                   done.found =
                       port::KeyValue{kv.key(), kv.value(), {kv.mod_revision()}, {kv.create_revision()}, {kv.lease()}};
                 }
                 sink_(std::move(done));
               }),
           [this, call](Verdict, const std::string&) {
             sink_(port::ReadDone{call, false, std::nullopt, 0});
           });
  }

  void ask_voters(CallId call, Duration timeout) override {
    loop_.post([this, call, timeout] {
      etcd::ask_voters(loop_, cluster_.links(), timeout, [this, call](std::vector<port::Voter> voters) {
        sink_(port::VotersDone{call, std::move(voters)});
      });
    });
  }

 private:
  using Send = decltype(Request::send);
  using Fail = decltype(Request::fail);

  // Sends `request` by one of the stubs' methods.
  template <class Response, class Method, class Stub, class Message, class Answer>
  Send sender(Method method, Stub stub, Message request, Answer answer) {
    return [this, method, stub, request = std::move(request), answer = std::move(answer)](
               std::shared_ptr<Link> link, gpr_timespec deadline, Attempt::Ended ended) -> Attempt* {
      return new Unary<Response>(
          loop_, std::move(link), deadline,
          [&](Link& l, grpc::ClientContext* context, grpc::CompletionQueue* queue) {
            return ((l.*stub).get()->*method)(context, request, queue);
          },
          answer, std::move(ended));
    };
  }

  void submit(Duration timeout, bool repeatable, Send send, Fail fail) {
    Request request{Clock::now() + std::min<Duration>(timeout, 24h * 365), repeatable, std::move(send),
                    std::move(fail)};
    loop_.post([this, request = std::move(request)]() mutable { cluster_.submit(std::move(request)); });
  }

  port::EngineSink sink_;
  bool tls_;
  Loop loop_;
  Cluster cluster_;
  Watch watch_;
};

}  // namespace

tl::expected<std::unique_ptr<EtcdHandle>, std::string> open_etcd_engine(const EtcdConfig& config,
                                                                        port::EngineSink sink) {
  if (config.endpoints.empty()) return tl::unexpected(std::string("no etcd endpoint is configured"));
  std::vector<std::string> addresses;
  for (const auto& endpoint : config.endpoints) {
    auto address = address_of(endpoint, config.tls.has_value());
    if (!address) return tl::unexpected(address.error());
    addresses.push_back(std::move(*address));
  }
  auto credentials = credentials_of(config.tls);
  if (!credentials) return tl::unexpected(credentials.error());
  // What gRPC would write to stderr on its own comes to the caller as the message of an answer or a loss.
  gpr_set_log_function([](gpr_log_func_args*) {});
  return std::make_unique<EtcdEngine>(addresses, *credentials, config.tls.has_value(), std::move(sink));
}

}  // namespace haven::adapter

#include "adapter/etcd/etcd_engine.hpp"

#include <grpc/support/log.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>
#include <utility>

#include "adapter/etcd/cluster.hpp"
#include "adapter/etcd/loop.hpp"
#include "adapter/etcd/watch.hpp"
#include "port/transaction_rules.hpp"

namespace haven::adapter {
namespace {

using namespace etcd;
using port::Outcome;

etcdserverpb::TxnRequest request_of(const port::Transaction& transaction) {
  etcdserverpb::TxnRequest request;
  for (const auto& compare : transaction.compares) {
    auto& c = *request.add_compare();
    c.set_target(etcdserverpb::Compare::MOD);
    c.set_result(etcdserverpb::Compare::EQUAL);
    c.set_key(compare.key);
    c.set_mod_revision(compare.mod.count);
  }
  for (const auto& operation : transaction.operations) {
    auto& op = *request.add_success();
    if (const auto* put = std::get_if<port::Put>(&operation)) {
      op.mutable_request_put()->set_key(put->key);
      op.mutable_request_put()->set_value(put->value);
      op.mutable_request_put()->set_lease(put->lease.id);
    } else {
      op.mutable_request_delete_range()->set_key(std::get<port::Delete>(operation).key);
    }
  }
  if (transaction.operations.empty()) {
    // etcd takes a transaction without operations for a serializable read, answered from what the member happens to
    // know. One range that asks for a linearizable read makes the whole of it one; what it finds is of no interest.
    auto& range = *request.add_success()->mutable_request_range();
    range.set_key(transaction.compares.empty() ? std::string(1, '\0') : transaction.compares.front().key);
    range.set_count_only(true);
  }
  return request;
}

class EtcdEngine final : public port::Engine {
 public:
  EtcdEngine(const std::vector<std::string>& addresses, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
             port::EngineSink sink)
      : sink_(std::move(sink)),
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
  Loop loop_;
  Cluster cluster_;
  Watch watch_;
};

tl::expected<std::string, std::string> content(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in || text.str().empty()) return tl::unexpected(file + ": cannot read it");
  return text.str();
}

tl::expected<std::shared_ptr<grpc::ChannelCredentials>, std::string> credentials_of(const EtcdConfig& config) {
  if (!config.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  if (config.tls->certificate_file.empty() != config.tls->key_file.empty()) {
    return tl::unexpected(std::string("a client certificate needs both its file and its key's"));
  }
  const std::pair<const std::string&, std::string&> files[] = {
      {config.tls->ca_file, options.pem_root_certs},
      {config.tls->certificate_file, options.pem_cert_chain},
      {config.tls->key_file, options.pem_private_key},
  };
  for (const auto& [file, text] : files) {
    if (file.empty()) continue;
    auto read = content(file);
    if (!read) return tl::unexpected(read.error());
    text = std::move(*read);
  }
  return grpc::SslCredentials(options);
}

tl::expected<std::string, std::string> address_of(const std::string& endpoint, bool tls) {
  std::string address = endpoint;
  for (const std::string scheme : {"http://", "https://"}) {
    if (!address.starts_with(scheme)) continue;
    if ((scheme == "https://") != tls) {
      return tl::unexpected("endpoint " + endpoint + (tls ? ": TLS is configured" : ": no TLS is configured"));
    }
    address.erase(0, scheme.size());
  }
  const auto colon = address.rfind(':');
  const bool port = colon != std::string::npos && colon > 0 && colon + 1 < address.size() &&
                    address.find_first_not_of("0123456789", colon + 1) == std::string::npos;
  if (!port) return tl::unexpected("endpoint " + endpoint + ": this is not host:port");
  return address;
}

}  // namespace

tl::expected<std::unique_ptr<port::Engine>, std::string> open_etcd_engine(const EtcdConfig& config,
                                                                          port::EngineSink sink) {
  if (config.endpoints.empty()) return tl::unexpected(std::string("no etcd endpoint is configured"));
  std::vector<std::string> addresses;
  for (const auto& endpoint : config.endpoints) {
    auto address = address_of(endpoint, config.tls.has_value());
    if (!address) return tl::unexpected(address.error());
    addresses.push_back(std::move(*address));
  }
  auto credentials = credentials_of(config);
  if (!credentials) return tl::unexpected(credentials.error());
  // What gRPC would write to stderr on its own comes to the caller as the message of an answer or a loss.
  gpr_set_log_function([](gpr_log_func_args*) {});
  return std::make_unique<EtcdEngine>(addresses, *credentials, std::move(sink));
}

}  // namespace haven::adapter

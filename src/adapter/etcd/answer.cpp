#include "adapter/etcd/answer.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace haven::adapter::etcd {
namespace {

// Checked before the request is proposed, or at its application before anything is written.
constexpr std::array<std::string_view, 11> kRefusals{
    "etcdserver: key is not provided",
    "etcdserver: too many operations in txn request",
    "etcdserver: duplicate key given in txn request",
    "etcdserver: request is too large",
    "etcdserver: requested lease not found",
    "etcdserver: too large lease TTL",
    "etcdserver: permission denied",
    "etcdserver: invalid auth token",
    "etcdserver: user name is empty",
    "etcdserver: user name not found",
    "etcdserver: revision of auth store is old",
};

// Said by a member that did not propose the request: it has no leader (we require one), is a learner, is behind, or is
// too old. Not here on purpose, because the request may have been applied: "request timed out" in all its forms,
// "leader changed", "server stopped", and "database space exceeded", which etcd also says after applying a transaction
// that filled the last space.
constexpr std::array<std::string_view, 4> kNotHere{
    "etcdserver: no leader",
    "etcdserver: rpc not supported for learner",
    "etcdserver: too many requests",
    "etcdserver: not capable",
};

template <class List>
bool contains(const List& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

Verdict verdict(const grpc::Status& status) {
  if (contains(kRefusals, status.error_message())) return Verdict::refused;
  if (contains(kNotHere, status.error_message())) return Verdict::elsewhere;
  // The server knows no such call: it is no etcd 3.
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) return Verdict::refused;
  return Verdict::unclear;
}

std::string wording(const grpc::Status& status) {
  const std::string& said = status.error_message();
  const bool connects = said.starts_with("failed to connect to all addresses");
  constexpr std::array<std::string_view, 3> kHungUp{"Endpoint read failed", "Socket closed",
                                                    "Connection reset by peer"};
  const bool hung_up = std::any_of(kHungUp.begin(), kHungUp.end(),
                                   [&](std::string_view words) { return said.find(words) != std::string::npos; });
  if (!connects || !hung_up) return said;
  // In TLS 1.3 a client's certificate is judged once the handshake is over, and gRPC keeps the reason to itself.
  return said + " (it hangs up: a client certificate is missing, or of another authority; or one side only speaks TLS)";
}

bool said_by_etcd(const grpc::Status& status) {
  return status.ok() || status.error_message().starts_with("etcdserver:");
}

}  // namespace haven::adapter::etcd

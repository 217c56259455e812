// The cluster's engine: etcd 3.4 or later, over gRPC.
//
// - Every endpoint is kept connected and asked for its status until it answers that it sees a leader; requests go to
//   one that did, and stay with it until it fails (no answer, a broken connection, no leader).
// - A write is sent once. Only when it surely did not happen is it sent again, to another endpoint, within its timeout;
//   a write whose answer was lost is `unknown`. Reads, keep-alives, grants and revocations are repeated elsewhere, and
//   one silent endpoint gets half of the time that is left. (A grant so repeated may leave a lease that nobody uses; it
//   expires.)
// - A transaction without operations is a linearizable read. (etcd itself answers an empty one from whatever a member
//   happens to know.)
// - The watch requires that its member sees a leader, and is asked for a sign of life when it is silent; silent for
//   1.5 s it is broken. It goes on from the revision after the last one told, at any endpoint. It lists again when that
//   was compacted, and when the store is another one or an older one of itself (a restore): cluster id, raft term or
//   revision went back. A WatchLost may come before the first Listed: no endpoint was ever reached.
// - etcd rounds a lease's time up to its own least: one and a half election timeouts.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "port/engine.hpp"

namespace haven::adapter {

// PEM files, read when the engine is opened. Their content is never logged.
struct EtcdTls {
  std::string ca_file;
  std::string certificate_file;  // empty, with key_file: no client certificate
  std::string key_file;
};
struct EtcdConfig {
  std::vector<std::string> endpoints;  // "h1:2379", "[fd00::1]:2379", with http:// or https:// if one likes
  std::optional<EtcdTls> tls;          // needed for https
};

class EtcdHandle : public port::Engine {
 public:
  // From now on these and no others: members came and went. What is not well formed is left out, an empty list changes
  // nothing. From any thread.
  virtual void use_endpoints(const std::vector<std::string>& endpoints) = 0;
};

// Calls that wait for their answer; one more is refused.
inline constexpr std::size_t kMaxEtcdCalls = 1024;

// Does not wait for a connection, and begins with the first endpoint: on a host with a member of its own that is the
// one to put first. Whether anybody answers is told by the calls and the watch.
// The error says what is wrong with the configuration.
[[nodiscard]] tl::expected<std::unique_ptr<EtcdHandle>, std::string> open_etcd_engine(const EtcdConfig& config,
                                                                                      port::EngineSink sink);

}  // namespace haven::adapter

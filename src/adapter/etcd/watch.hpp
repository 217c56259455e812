// The one watch of an engine: lists, then follows, wherever a member can be asked.
#pragma once

#include <grpcpp/support/status.h>

#include <functional>
#include <string>

#include "adapter/etcd/cluster.hpp"
#include "adapter/etcd/watch_stream.hpp"
#include "port/engine.hpp"

namespace haven::adapter::etcd {

class Watch {
 public:
  Watch(Loop& loop, Cluster& cluster, std::function<void(port::EngineEvent)> tell);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void begin(const std::string& prefix);
  // An endpoint can be asked again.
  void endpoint_up();
  // Members came and went: a watch at one that has left goes on at another.
  void endpoints_changed();
  void stop();

 private:
  using Answer = std::function<void(const etcdserverpb::RangeResponse&)>;

  void go_on();
  // Breaks the watch, or lists again, if the answer is no.
  void ask(Endpoint& endpoint, const etcdserverpb::RangeRequest& request, Answer answer);
  // Ends what is under way.
  void drop();
  void list_again(Endpoint& endpoint);
  void list(Endpoint& endpoint);
  void listed(Endpoint& endpoint, const etcdserverpb::RangeResponse& response);
  void follow(Endpoint& endpoint);
  void told(Endpoint& endpoint, const etcdserverpb::WatchResponse& response);
  void created(Endpoint& endpoint, const etcdserverpb::WatchResponse& response);
  void resumed();
  void ended_by_etcd(Endpoint& endpoint, const etcdserverpb::WatchResponse& response);
  void changed(const etcdserverpb::WatchResponse& response);
  void broke(Endpoint& endpoint, const std::string& why);
  // Tells the loss, once, and tries again after a pause.
  void lost(const std::string& why);
  void remember(const etcdserverpb::ResponseHeader& header);
  // It speaks for the store that was listed, no older than what was told. A member that lags behind in its term looks
  // like another store too; then a list is one too many, and never one too few.
  [[nodiscard]] bool same_store(const etcdserverpb::ResponseHeader& header) const;

  Loop& loop_;
  Cluster& cluster_;
  std::function<void(port::EngineEvent)> tell_;
  std::string prefix_;
  bool begun_ = false;
  bool stopped_ = false;
  bool must_list_ = true;
  bool told_loss_ = false;
  bool pausing_ = false;
  Attempt* asking_ = nullptr;
  WatchStream* stream_ = nullptr;
  const Endpoint* at_ = nullptr;  // whom it asks or follows
  Duration pause_{};
  Revision revision_;  // everything up to here was told
  std::uint64_t cluster_id_ = 0;
  std::uint64_t term_ = 0;
};

}  // namespace haven::adapter::etcd

// One watch of one prefix on one endpoint, from a revision on, until it breaks. It owns itself.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/async_stream.h>

#include <functional>
#include <memory>
#include <string>

#include "adapter/etcd/endpoint.hpp"
#include "adapter/etcd/loop.hpp"
#include "core/model/ids.hpp"
#include "rpc.grpc.pb.h"

namespace haven::adapter::etcd {

// The first key after all that begin with `prefix`, as etcd's ranges want it; "\0": to the last key.
[[nodiscard]] std::string range_end(std::string prefix);
// The first key of that range; of an empty prefix "\0".
[[nodiscard]] std::string range_begin(const std::string& prefix);

class WatchStream {
 public:
  struct Observer {
    // One message of etcd, in order.
    std::function<void(const etcdserverpb::WatchResponse&)> told;
    // It broke; nothing more comes. Not called after abandon().
    std::function<void(const std::string& why)> broke;
  };

  static WatchStream* open(Loop& loop, std::shared_ptr<Link> link, const std::string& prefix, Revision from,
                           Observer observer);
  // Nobody listens any more. May be called by what it told.
  void abandon();

 private:
  struct Step final : Tag {
    Step(WatchStream& s, void (WatchStream::*t)(bool)) : stream(s), then(t) {}
    void done(bool ok) override;
    WatchStream& stream;
    void (WatchStream::*then)(bool);
  };

  WatchStream(Loop& loop, std::shared_ptr<Link> link, const std::string& prefix, Revision from, Observer observer);
  void started(bool ok);
  void written(bool ok);
  void read(bool ok);
  void finished(bool ok);
  void write(const etcdserverpb::WatchRequest& request);
  void read_next();
  void look();
  // Tells at once why it breaks and ends it.
  void give_up(const std::string& why);
  // When the last step under way is back, the stream can be finished.
  void settle();

  Loop& loop_;
  Loop::Busy busy_;
  std::shared_ptr<Link> link_;
  Observer observer_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<etcdserverpb::WatchRequest, etcdserverpb::WatchResponse>> stream_;
  etcdserverpb::WatchRequest request_;
  etcdserverpb::WatchResponse response_;
  grpc::Status status_;
  Step start_{*this, &WatchStream::started};
  Step write_{*this, &WatchStream::written};
  Step read_{*this, &WatchStream::read};
  Step finish_{*this, &WatchStream::finished};
  int outstanding_ = 0;
  bool writing_ = false;
  bool closing_ = false;
  bool finishing_ = false;
  Time heard_ = Clock::now();
  Loop::TimerId timer_;
};

}  // namespace haven::adapter::etcd

// A request sent once, to one endpoint. It owns itself until gRPC has ended it.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/async_unary_call.h>

#include <functional>
#include <memory>
#include <utility>

#include "adapter/etcd/endpoint.hpp"
#include "adapter/etcd/loop.hpp"
#include "rpc.grpc.pb.h"

namespace haven::adapter::etcd {

class Attempt : public Tag {
 public:
  // How it ended; `deliver` hands on the answer, if the status is OK.
  using Ended = std::function<void(const grpc::Status&, const std::function<void()>& deliver)>;

  Attempt(Loop& loop, std::shared_ptr<Link> link, gpr_timespec deadline, Ended ended)
      : link_(std::move(link)), queue_(loop.queue()), ended_(std::move(ended)), busy_(loop) {
    require_leader(context_);
    context_.set_deadline(deadline);
  }
  // Nobody wants to know how it ends any more.
  void abandon() {
    ended_ = nullptr;
    context_.TryCancel();
  }

 protected:
  void end(const grpc::Status& status, const std::function<void()>& deliver) {
    if (ended_) ended_(status, deliver);
    delete this;
  }
  std::shared_ptr<Link> link_;
  grpc::CompletionQueue& queue_;
  grpc::ClientContext context_;

 private:
  Ended ended_;
  Loop::Busy busy_;
};

// Request and answer. `call` is one of the stubs' Async methods.
template <class Response>
class Unary final : public Attempt {
 public:
  using Reader = std::unique_ptr<grpc::ClientAsyncResponseReader<Response>>;
  using Call = std::function<Reader(Link&, grpc::ClientContext*, grpc::CompletionQueue*)>;

  Unary(Loop& loop, std::shared_ptr<Link> link, gpr_timespec deadline, const Call& call,
        std::function<void(const Response&)> answer, Ended ended)
      : Attempt(loop, std::move(link), deadline, std::move(ended)), answer_(std::move(answer)) {
    reader_ = call(*link_, &context_, &queue_);
    reader_->Finish(&response_, &status_, static_cast<Tag*>(this));
  }
  void done(bool) override {
    end(status_, [this] { answer_(response_); });
  }

 private:
  std::function<void(const Response&)> answer_;
  Reader reader_;
  Response response_;
  grpc::Status status_;
};

// etcd takes keep-alives as a stream only; this is a stream of one.
class KeepAlive final : public Attempt {
 public:
  // `answer` gets the seconds that the lease has left; 0: it is gone.
  KeepAlive(Loop& loop, std::shared_ptr<Link> link, gpr_timespec deadline, std::int64_t lease,
            std::function<void(std::int64_t)> answer, Ended ended);
  void done(bool ok) override;

 private:
  enum class Step { start, write, read, finish };

  etcdserverpb::LeaseKeepAliveRequest request_;
  etcdserverpb::LeaseKeepAliveResponse response_;
  std::function<void(std::int64_t)> answer_;
  std::unique_ptr<
      grpc::ClientAsyncReaderWriter<etcdserverpb::LeaseKeepAliveRequest, etcdserverpb::LeaseKeepAliveResponse>>
      stream_;
  grpc::Status status_;
  Step step_ = Step::start;
  bool answered_ = false;
};

}  // namespace haven::adapter::etcd

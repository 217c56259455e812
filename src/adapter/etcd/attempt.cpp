#include "adapter/etcd/attempt.hpp"

namespace haven::adapter::etcd {

KeepAlive::KeepAlive(Loop& loop, std::shared_ptr<Link> link, gpr_timespec deadline, std::int64_t lease,
                     std::function<void(std::int64_t)> answer, Ended ended)
    : Attempt(loop, std::move(link), deadline, std::move(ended)), answer_(std::move(answer)) {
  request_.set_id(lease);
  stream_ = link_->lease->AsyncLeaseKeepAlive(&context_, &queue_, static_cast<Tag*>(this));
}

void KeepAlive::done(bool ok) {
  auto* tag = static_cast<Tag*>(this);
  if (step_ == Step::finish) {
    end(answered_ ? grpc::Status::OK : status_, [this] { answer_(response_.ttl()); });
    return;
  }
  if (ok && step_ == Step::start) {
    step_ = Step::write;
    stream_->Write(request_, tag);
    return;
  }
  if (ok && step_ == Step::write) {
    step_ = Step::read;
    stream_->Read(&response_, tag);
    return;
  }
  answered_ = ok;
  if (answered_) context_.TryCancel();
  step_ = Step::finish;
  stream_->Finish(&status_, tag);
}

}  // namespace haven::adapter::etcd

#include "adapter/etcd/watch_stream.hpp"

#include <utility>

namespace haven::adapter::etcd {
namespace {

// Silent for so long, the endpoint is asked for a sign of life; for so long, the watch is given up.
constexpr Duration kAskAfter = 500ms;
constexpr Duration kSilence = 1500ms;
constexpr Duration kLook = 250ms;

}  // namespace

std::string range_begin(const std::string& prefix) { return prefix.empty() ? std::string(1, '\0') : prefix; }

std::string range_end(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (prefix.empty()) return std::string(1, '\0');
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

WatchStream::WatchStream(Loop& loop, std::shared_ptr<Link> link, const std::string& prefix, Revision from,
                         Observer observer)
    : loop_(loop), busy_(loop), link_(std::move(link)), observer_(std::move(observer)) {
  require_leader(context_);
  auto& create = *request_.mutable_create_request();
  create.set_key(range_begin(prefix));
  create.set_range_end(range_end(prefix));
  create.set_start_revision(from.count);
  create.set_progress_notify(true);
  ++outstanding_;
  stream_ = link_->watch->AsyncWatch(&context_, &loop_.queue(), static_cast<Tag*>(&start_));
  timer_ = loop_.after(kLook, [this] { look(); });
}

WatchStream* WatchStream::open(Loop& loop, std::shared_ptr<Link> link, const std::string& prefix, Revision from,
                               Observer observer) {
  return new WatchStream(loop, std::move(link), prefix, from, std::move(observer));
}

void WatchStream::Step::done(bool ok) {
  --stream.outstanding_;
  (stream.*then)(ok);
}

void WatchStream::started(bool ok) {
  closing_ = closing_ || !ok;
  if (closing_) return settle();
  write(request_);
  read_next();
}

void WatchStream::write(const etcdserverpb::WatchRequest& request) {
  writing_ = true;
  ++outstanding_;
  stream_->Write(request, static_cast<Tag*>(&write_));
}

void WatchStream::written(bool ok) {
  writing_ = false;
  closing_ = closing_ || !ok;
  settle();
}

void WatchStream::read_next() {
  ++outstanding_;
  stream_->Read(&response_, static_cast<Tag*>(&read_));
}

void WatchStream::read(bool ok) {
  closing_ = closing_ || !ok;
  if (!closing_) {
    heard_ = Clock::now();
    // A copy: what it tells may make the observer go away.
    const auto told = observer_.told;
    told(response_);
  }
  if (closing_) return settle();
  read_next();
}

void WatchStream::look() {
  const auto silence = Clock::now() - heard_;
  if (silence >= kSilence) return give_up("its member was silent for 1.5 s");
  if (silence >= kAskAfter && !writing_ && !closing_) {
    request_.mutable_progress_request();
    write(request_);
  }
  timer_ = loop_.after(kLook, [this] { look(); });
}

void WatchStream::abandon() {
  observer_ = {};
  give_up({});
}

void WatchStream::give_up(const std::string& why) {
  closing_ = true;
  loop_.cancel(timer_);
  context_.TryCancel();
  settle();
  if (const auto tell = std::exchange(observer_, {}).broke) tell(why);
}

void WatchStream::settle() {
  if (!closing_ || outstanding_ > 0 || finishing_) return;
  finishing_ = true;
  ++outstanding_;
  stream_->Finish(&status_, static_cast<Tag*>(&finish_));
}

void WatchStream::finished(bool) {
  loop_.cancel(timer_);
  const auto tell = std::move(observer_.broke);
  const auto why = status_.ok() ? "its member ended it" : status_.error_message();
  delete this;
  if (tell) tell(why);
}

}  // namespace haven::adapter::etcd

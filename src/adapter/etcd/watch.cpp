#include "adapter/etcd/watch.hpp"

#include <algorithm>
#include <utility>

namespace haven::adapter::etcd {
namespace {

constexpr Duration kAskTimeout = 5s;
constexpr Duration kFirstPause = 20ms;
constexpr Duration kLongestPause = 1s;
// etcd's mark of an answer to our asking for life. Such answers may overtake changes (etcd issue 15220), so their
// revision says nothing.
constexpr std::int64_t kNoWatch = -1;
constexpr const char* kCompacted = "etcdserver: mvcc: required revision has been compacted";

port::Change change_of(const mvccpb::Event& event) {
  const auto& kv = event.kv();
  if (event.type() == mvccpb::Event::DELETE) return {kv.key(), true, {}, {kv.mod_revision()}, {}, {}};
  return {kv.key(), false, kv.value(), {kv.mod_revision()}, {kv.create_revision()}, {kv.lease()}};
}

}  // namespace

Watch::Watch(Loop& loop, Cluster& cluster, std::function<void(port::EngineEvent)> tell)
    : loop_(loop), cluster_(cluster), tell_(std::move(tell)) {}

void Watch::begin(const std::string& prefix) {
  prefix_ = prefix;
  begun_ = true;
  go_on();
}

void Watch::endpoint_up() { go_on(); }

void Watch::endpoints_changed() {
  const bool under_way = asking_ != nullptr || stream_ != nullptr;
  if (under_way && !cluster_.uses(*at_)) {
    drop();
    lost(at_->address() + ": its member has left");
  }
  go_on();
}

void Watch::stop() {
  stopped_ = true;
  drop();
}

void Watch::go_on() {
  if (!begun_ || stopped_ || pausing_ || asking_ != nullptr || stream_ != nullptr) return;
  auto* endpoint = cluster_.pick();
  if (endpoint == nullptr) {
    // The loss is told even of a watch that never began. endpoint_up() goes on from here.
    if (const auto troubles = cluster_.troubles(); !std::exchange(told_loss_, true)) {
      tell_(port::WatchLost{"no endpoint can be asked: " + troubles});
    }
    return;
  }
  at_ = endpoint;
  if (must_list_) {
    list(*endpoint);
  } else {
    follow(*endpoint);
  }
}

void Watch::ask(Endpoint& endpoint, const etcdserverpb::RangeRequest& request, Answer answer) {
  asking_ = new Unary<etcdserverpb::RangeResponse>(
      loop_, endpoint.link(), deadline_in(kAskTimeout),
      [&request](Link& link, auto* context, auto* queue) { return link.kv->AsyncRange(context, request, queue); },
      std::move(answer),
      [this, &endpoint](const grpc::Status& status, const std::function<void()>& deliver) {
        asking_ = nullptr;
        if (status.ok()) {
          deliver();
        } else if (status.error_message() == kCompacted) {
          list_again(endpoint);
        } else {
          broke(endpoint, status.error_message());
        }
      });
}

void Watch::drop() {
  if (asking_ != nullptr) std::exchange(asking_, nullptr)->abandon();
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->abandon();
}

void Watch::list_again(Endpoint& endpoint) {
  drop();
  must_list_ = true;
  list(endpoint);
}

void Watch::list(Endpoint& endpoint) {
  etcdserverpb::RangeRequest request;
  request.set_key(range_begin(prefix_));
  request.set_range_end(range_end(prefix_));
  ask(endpoint, request, [this, &endpoint](const auto& response) { listed(endpoint, response); });
}

void Watch::listed(Endpoint& endpoint, const etcdserverpb::RangeResponse& response) {
  port::Listed listed{{}, {response.header().revision()}};
  listed.entries.reserve(static_cast<std::size_t>(response.kvs_size()));
  for (const auto& kv : response.kvs()) {
    listed.entries.push_back({kv.key(), kv.value(), {kv.mod_revision()}, {kv.create_revision()}, {kv.lease()}});
  }
  endpoint.worked();
  must_list_ = false;
  told_loss_ = false;
  revision_ = listed.revision;
  cluster_id_ = response.header().cluster_id();
  term_ = response.header().raft_term();
  tell_(std::move(listed));
  // On the same endpoint: it has applied what it listed.
  follow(endpoint);
}

void Watch::follow(Endpoint& endpoint) {
  stream_ = WatchStream::open(loop_, endpoint.link(), prefix_, Revision{revision_.count + 1},
                              {[this, &endpoint](const auto& response) { told(endpoint, response); },
                               [this, &endpoint](const std::string& why) {
                                 stream_ = nullptr;
                                 broke(endpoint, why);
                               }});
}

void Watch::told(Endpoint& endpoint, const etcdserverpb::WatchResponse& response) {
  if (response.watch_id() == kNoWatch && !response.created() && !response.canceled()) return;
  if (response.canceled()) {
    ended_by_etcd(endpoint, response);
  } else if (response.created()) {
    created(endpoint, response);
  } else {
    changed(response);
  }
}

void Watch::created(Endpoint& endpoint, const etcdserverpb::WatchResponse& response) {
  if (!same_store(response.header())) return list_again(endpoint);
  remember(response.header());
  endpoint.worked();
  pause_ = Duration(0);
  if (!told_loss_) return;
  if (response.header().revision() == revision_.count) return resumed();
  // Behind: etcd finds only later whether the changes in between still exist, and perhaps none of them is ours. A read
  // of the first of those revisions tells.
  etcdserverpb::RangeRequest request;
  request.set_key(range_begin(prefix_));
  request.set_revision(revision_.count + 1);
  request.set_count_only(true);
  ask(endpoint, request, [this](const auto&) { resumed(); });
}

void Watch::resumed() {
  if (std::exchange(told_loss_, false)) tell_(port::Resumed{});
}

void Watch::ended_by_etcd(Endpoint& endpoint, const etcdserverpb::WatchResponse& response) {
  if (response.compact_revision() > 0) return list_again(endpoint);
  drop();
  lost("etcd ended the watch: " + response.cancel_reason());
}

// Its revision is that of its last change, not of its header: etcd tells a watcher that is behind in batches, with the
// store's newest revision in each header.
void Watch::changed(const etcdserverpb::WatchResponse& response) {
  remember(response.header());
  port::Changed changed;
  changed.changes.reserve(static_cast<std::size_t>(response.events_size()));
  for (const auto& event : response.events()) {
    if (event.kv().mod_revision() > revision_.count) changed.changes.push_back(change_of(event));
  }
  const Revision upto{changed.changes.empty() ? response.header().revision() : changed.changes.back().mod.count};
  const bool mark = response.events_size() == 0 && upto > revision_;
  if (changed.changes.empty() && !mark) return;
  revision_ = changed.revision = upto;
  told_loss_ = false;
  tell_(std::move(changed));
}

void Watch::broke(Endpoint& endpoint, const std::string& why) {
  drop();
  endpoint.failed(why);
  lost(endpoint.address() + ": " + why);
}

void Watch::lost(const std::string& why) {
  if (stopped_) return;
  if (!std::exchange(told_loss_, true)) tell_(port::WatchLost{why});
  pause_ = std::clamp<Duration>(2 * pause_, kFirstPause, kLongestPause);
  pausing_ = true;
  loop_.after(pause_, [this] {
    pausing_ = false;
    go_on();
  });
}

void Watch::remember(const etcdserverpb::ResponseHeader& header) { term_ = std::max(term_, header.raft_term()); }

bool Watch::same_store(const etcdserverpb::ResponseHeader& header) const {
  return header.cluster_id() == cluster_id_ && header.raft_term() >= term_ && header.revision() >= revision_.count;
}

}  // namespace haven::adapter::etcd

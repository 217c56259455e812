#include "adapter/etcd/admin.hpp"

#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

#include "adapter/etcd/answer.hpp"
#include "adapter/etcd/connect.hpp"
#include "adapter/etcd/endpoint.hpp"
#include "adapter/etcd/loop.hpp"
#include "adapter/etcd/transaction.hpp"
#include "adapter/etcd/watch_stream.hpp"
#include "port/transaction_rules.hpp"
#include "rpc.grpc.pb.h"

namespace haven::adapter {
namespace {

using Kind = EtcdRefusal::Kind;

// etcd's words for "ask me again": its health counts the last seconds, a learner is still behind, a leader is missing.
constexpr std::array<std::string_view, 7> kNotNow{
    "etcdserver: unhealthy cluster",
    "etcdserver: re-configuration failed due to not enough started members",
    "etcdserver: can only promote a learner member which is in sync with leader",
    "etcdserver: too many learner members in cluster",
    "etcdserver: no leader",
    "etcdserver: leader changed",
    "etcdserver: rpc not supported for learner",
};

EtcdRefusal refusal_of(const std::string& endpoint, const grpc::Status& status) {
  const std::string said = status.error_message();
  const std::string why = endpoint + ": " + etcd::wording(status);
  if (std::find(kNotNow.begin(), kNotNow.end(), said) != kNotNow.end()) return {Kind::not_now, why};
  const bool late = said.starts_with("etcdserver: request timed out") || said.starts_with("etcdserver: server stopped");
  if (said.starts_with("etcdserver:") && !late) return {Kind::refused, why};
  return {Kind::unreachable, why};
}

template <class List>
EtcdMemberList list_of(const List& response) {
  EtcdMemberList list;
  list.cluster = response.header().cluster_id();
  for (const auto& m : response.members()) {
    list.members.push_back({m.id(),
                            m.name(),
                            {m.peerurls().begin(), m.peerurls().end()},
                            {m.clienturls().begin(), m.clienturls().end()},
                            m.islearner()});
  }
  return list;
}

struct Stubs {
  explicit Stubs(const std::shared_ptr<grpc::Channel>& channel)
      : kv(etcdserverpb::KV::NewStub(channel)),
        maintenance(etcdserverpb::Maintenance::NewStub(channel)),
        cluster(etcdserverpb::Cluster::NewStub(channel)) {}
  std::unique_ptr<etcdserverpb::KV::Stub> kv;
  std::unique_ptr<etcdserverpb::Maintenance::Stub> maintenance;
  std::unique_ptr<etcdserverpb::Cluster::Stub> cluster;
};

class Admin final : public EtcdAdmin {
 public:
  Admin(std::shared_ptr<grpc::ChannelCredentials> credentials, bool tls)
      : credentials_(std::move(credentials)), tls_(tls) {}

  EtcdAnswer<EtcdMemberList> members(const std::string& endpoint, Duration timeout) override {
    // etcd 3.4 answers MemberList from what the member has applied: a linearizable read brings that up to date first.
    etcdserverpb::RangeRequest probe;
    probe.set_key(std::string(1, '\0'));
    probe.set_count_only(true);
    if (const auto read =
            ask<etcdserverpb::RangeResponse>(endpoint, timeout, probe, &Stubs::kv, &etcdserverpb::KV::Stub::Range);
        !read) {
      return tl::unexpected(read.error());
    }
    return change<etcdserverpb::MemberListResponse>(endpoint, timeout, etcdserverpb::MemberListRequest{},
                                                    &etcdserverpb::Cluster::Stub::MemberList);
  }

  EtcdAnswer<EtcdStatus> status(const std::string& endpoint, Duration timeout) override {
    const auto said =
        ask<etcdserverpb::StatusResponse>(endpoint, timeout, etcdserverpb::StatusRequest{}, &Stubs::maintenance,
                                          &etcdserverpb::Maintenance::Stub::Status, false);
    if (!said) return tl::unexpected(said.error());
    EtcdStatus status;
    status.version = said->version();
    status.cluster = said->header().cluster_id();
    status.member = said->header().member_id();
    status.leader = said->leader();
    status.term = said->raftterm();
    status.committed = said->raftindex();
    status.applied = said->raftappliedindex();
    status.bytes = said->dbsize();
    status.bytes_in_use = said->dbsizeinuse();
    status.learner = said->islearner();
    return status;
  }

  EtcdAnswer<std::vector<EtcdAlarmAt>> alarms(const std::string& endpoint, Duration timeout) override {
    const auto said = ask<etcdserverpb::AlarmResponse>(endpoint, timeout, etcdserverpb::AlarmRequest{},
                                                       &Stubs::maintenance, &etcdserverpb::Maintenance::Stub::Alarm);
    if (!said) return tl::unexpected(said.error());
    std::vector<EtcdAlarmAt> alarms;
    for (const auto& a : said->alarms()) {
      if (a.alarm() == etcdserverpb::NONE) continue;
      alarms.push_back({a.memberid(), a.alarm() == etcdserverpb::CORRUPT ? EtcdAlarm::corrupt : EtcdAlarm::no_space});
    }
    return alarms;
  }

  EtcdAnswer<EtcdMemberList> add_learner(const std::string& endpoint, const std::string& peer,
                                         Duration timeout) override {
    etcdserverpb::MemberAddRequest request;
    request.add_peerurls(peer);
    request.set_islearner(true);
    return change<etcdserverpb::MemberAddResponse>(endpoint, timeout, request, &etcdserverpb::Cluster::Stub::MemberAdd);
  }
  EtcdAnswer<EtcdMemberList> promote(const std::string& endpoint, std::uint64_t member, Duration timeout) override {
    etcdserverpb::MemberPromoteRequest request;
    request.set_id(member);
    return change<etcdserverpb::MemberPromoteResponse>(endpoint, timeout, request,
                                                       &etcdserverpb::Cluster::Stub::MemberPromote);
  }
  EtcdAnswer<EtcdMemberList> remove(const std::string& endpoint, std::uint64_t member, Duration timeout) override {
    etcdserverpb::MemberRemoveRequest request;
    request.set_id(member);
    return change<etcdserverpb::MemberRemoveResponse>(endpoint, timeout, request,
                                                      &etcdserverpb::Cluster::Stub::MemberRemove);
  }
  EtcdAnswer<void> move_leader(const std::string& endpoint, std::uint64_t to, Duration timeout) override {
    etcdserverpb::MoveLeaderRequest request;
    request.set_targetid(to);
    return without_content(ask<etcdserverpb::MoveLeaderResponse>(endpoint, timeout, request, &Stubs::maintenance,
                                                                 &etcdserverpb::Maintenance::Stub::MoveLeader));
  }
  EtcdAnswer<void> defragment(const std::string& endpoint, Duration timeout) override {
    return without_content(ask<etcdserverpb::DefragmentResponse>(endpoint, timeout, etcdserverpb::DefragmentRequest{},
                                                                 &Stubs::maintenance,
                                                                 &etcdserverpb::Maintenance::Stub::Defragment, false));
  }

  port::TransactionDone commit(const std::string& endpoint, const port::Transaction& transaction,
                               Duration timeout) override {
    if (auto reason = port::reason_to_refuse(transaction); !reason.empty())
      return {{}, port::Outcome::refused, {}, std::move(reason)};
    const auto said = ask<etcdserverpb::TxnResponse>(endpoint, timeout, etcd::request_of(transaction), &Stubs::kv,
                                                     &etcdserverpb::KV::Stub::Txn);
    if (said) {
      return {
          {}, said->succeeded() ? port::Outcome::committed : port::Outcome::conflict, {said->header().revision()}, {}};
    }
    const bool never = said.error().kind == Kind::refused;
    return {{}, never ? port::Outcome::refused : port::Outcome::unknown, {}, said.error().why};
  }

  EtcdAnswer<port::Listed> read(const std::string& endpoint, const std::string& prefix, Duration timeout,
                                bool newest) override {
    etcdserverpb::RangeRequest request;
    request.set_key(etcd::range_begin(prefix));
    request.set_range_end(etcd::range_end(prefix));
    request.set_serializable(!newest);
    const auto said = ask<etcdserverpb::RangeResponse>(endpoint, timeout, request, &Stubs::kv,
                                                       &etcdserverpb::KV::Stub::Range, newest);
    if (!said) return tl::unexpected(said.error());
    port::Listed listed{{}, {said->header().revision()}};
    for (const auto& kv : said->kvs()) {
      listed.entries.push_back({kv.key(), kv.value(), {kv.mod_revision()}, {kv.create_revision()}, {kv.lease()}});
    }
    return listed;
  }

 private:
  template <class T>
  static EtcdAnswer<void> without_content(const EtcdAnswer<T>& answer) {
    if (!answer) return tl::unexpected(answer.error());
    return {};
  }

  template <class Response, class Request, class Method>
  EtcdAnswer<EtcdMemberList> change(const std::string& endpoint, Duration timeout, const Request& request,
                                    Method method) {
    const auto said = ask<Response>(endpoint, timeout, request, &Stubs::cluster, method);
    if (!said) return tl::unexpected(said.error());
    return list_of(*said);
  }

  template <class Response, class Request, class Stub, class Method>
  EtcdAnswer<Response> ask(const std::string& endpoint, Duration timeout, const Request& request, Stub stub,
                           Method method, bool led = true) {
    const auto stubs = stubs_of(endpoint);
    if (!stubs) return tl::unexpected(EtcdRefusal{Kind::refused, stubs.error()});
    grpc::ClientContext context;
    if (led) etcd::require_leader(context);
    // A connection makes progress only while somebody waits for it: a call that failed at once never would.
    context.set_wait_for_ready(true);
    context.set_deadline(etcd::deadline_in(timeout));
    Response response;
    const grpc::Status status = (((*stubs).get()->*stub).get()->*method)(&context, request, &response);
    if (!status.ok()) return tl::unexpected(refusal_of(endpoint, status));
    return response;
  }

  tl::expected<std::shared_ptr<Stubs>, std::string> stubs_of(const std::string& endpoint) {
    const auto address = etcd::address_of(endpoint, tls_);
    if (!address) return tl::unexpected(address.error());
    const std::lock_guard lock(mutex_);
    auto& stubs = stubs_[*address];
    if (!stubs)
      stubs = std::make_shared<Stubs>(
          grpc::CreateCustomChannel("dns:///" + *address, credentials_, etcd::channel_arguments()));
    return stubs;
  }

  std::shared_ptr<grpc::ChannelCredentials> credentials_;
  bool tls_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Stubs>> stubs_;
};

}  // namespace

std::string etcd_voter_id(std::uint64_t member) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, member);
  return text;
}

tl::expected<std::unique_ptr<EtcdAdmin>, std::string> EtcdAdmin::open(const std::optional<EtcdTls>& tls) {
  auto credentials = etcd::credentials_of(tls);
  if (!credentials) return tl::unexpected(credentials.error());
  gpr_set_log_function([](gpr_log_func_args*) {});
  return std::make_unique<Admin>(*credentials, tls.has_value());
}

}  // namespace haven::adapter

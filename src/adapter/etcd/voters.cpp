#include "adapter/etcd/voters.hpp"

#include <algorithm>
#include <utility>

#include "adapter/etcd/admin.hpp"

namespace haven::adapter::etcd {
namespace {

// What all that are asked report to; the last one answers.
struct Round {
  std::vector<port::Voter> voters;
  std::function<void(std::vector<port::Voter>)> answer;
  ~Round() { answer(std::move(voters)); }
  Round(std::function<void(std::vector<port::Voter>)> a) : answer(std::move(a)) {}
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;
};

// One endpoint: its status, then its members. It owns itself until gRPC has ended it.
class Asked final : public Tag {
 public:
  Asked(Loop& loop, std::shared_ptr<Link> link, gpr_timespec deadline, std::shared_ptr<Round> round)
      : loop_(loop), busy_(loop), link_(std::move(link)), round_(std::move(round)), deadline_(deadline) {
    status_context_.set_deadline(deadline_);
    status_reader_ = link_->maintenance->AsyncStatus(&status_context_, {}, &loop_.queue());
    status_reader_->Finish(&status_, &result_, static_cast<Tag*>(this));
  }
  void done(bool) override {
    if (!result_.ok()) {
      delete this;
    } else if (!asked_members_) {
      asked_members_ = true;
      members_context_.set_deadline(deadline_);
      members_reader_ = link_->cluster->AsyncMemberList(&members_context_, {}, &loop_.queue());
      members_reader_->Finish(&members_, &result_, static_cast<Tag*>(this));
    } else {
      take();
      delete this;
    }
  }

 private:
  void take() {
    port::Voter voter{etcd_voter_id(status_.header().member_id()), status_.leader() != 0, status_.raftterm(), {}};
    for (const auto& member : members_.members()) {
      if (!member.islearner()) voter.voters.push_back(etcd_voter_id(member.id()));
    }
    std::sort(voter.voters.begin(), voter.voters.end());
    round_->voters.push_back(std::move(voter));
  }

  Loop& loop_;
  Loop::Busy busy_;
  std::shared_ptr<Link> link_;
  std::shared_ptr<Round> round_;
  gpr_timespec deadline_;
  grpc::ClientContext status_context_, members_context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<etcdserverpb::StatusResponse>> status_reader_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<etcdserverpb::MemberListResponse>> members_reader_;
  etcdserverpb::StatusResponse status_;
  etcdserverpb::MemberListResponse members_;
  grpc::Status result_;
  bool asked_members_ = false;
};

}  // namespace

void ask_voters(Loop& loop, const std::vector<std::shared_ptr<Link>>& links, Duration timeout,
                std::function<void(std::vector<port::Voter>)> answer) {
  const auto round = std::make_shared<Round>(std::move(answer));
  for (const auto& link : links) new Asked(loop, link, deadline_in(timeout), round);
}

}  // namespace haven::adapter::etcd

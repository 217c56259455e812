// The engine as its members tell it, asked now.
#pragma once

#include <string>
#include <vector>

#include "adapter/etcd/admin.hpp"
#include "core/membership.hpp"
#include "daemon/etcd_member/seats.hpp"

namespace haven::daemon {

struct SurveyedMember {
  adapter::EtcdMember member;
  std::string name;  // of its seat, else what it calls itself; empty: it never started, and no seat is its own
  std::optional<adapter::EtcdStatus> status;
  std::string trouble;  // why there is no status, or what is wrong with it
  [[nodiscard]] bool healthy() const { return status && status->leader != 0; }
  [[nodiscard]] bool leads() const { return status && status->leader == member.id; }
};
// By its name, else by its id.
[[nodiscard]] std::string called(const SurveyedMember& member);

struct Survey {
  std::string endpoint;  // who answered, and can be asked for more
  std::uint64_t cluster = 0;
  std::vector<SurveyedMember> members;
  EngineRecords records;
};

inline constexpr Duration kAdminTimeout = 5s;
inline constexpr Duration kStatusTimeout = 1s;

// The first of `endpoints` that answers tells who the members are. The error is each one's trouble.
[[nodiscard]] OrWhy<std::pair<std::string, adapter::EtcdMemberList>> list_members(
    adapter::EtcdAdmin& admin, const std::vector<std::string>& endpoints);
// With each member's own word.
[[nodiscard]] OrWhy<Survey> survey(adapter::EtcdAdmin& admin, const std::vector<std::string>& endpoints,
                                   const std::string& cluster, bool tls);
// As the core wants it; `learner_for` is left at zero.
[[nodiscard]] std::vector<EngineMember> members_of(const Survey& survey);

}  // namespace haven::daemon

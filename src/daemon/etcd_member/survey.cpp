#include "daemon/etcd_member/survey.hpp"

#include <algorithm>

#include "daemon/etcd_member/member_file.hpp"

namespace haven::daemon {
namespace {

std::string name_of(const adapter::EtcdMember& member, const EngineRecords& records, bool tls) {
  for (const auto& [name, seat] : records.seats) {
    const std::string peer = peer_url(seat.seat.address, tls);
    if (std::find(member.peers.begin(), member.peers.end(), peer) != member.peers.end()) return name;
  }
  return member.name;
}

}  // namespace

std::string called(const SurveyedMember& m) { return m.name.empty() ? adapter::etcd_voter_id(m.member.id) : m.name; }

OrWhy<std::pair<std::string, adapter::EtcdMemberList>> list_members(adapter::EtcdAdmin& admin,
                                                                    const std::vector<std::string>& endpoints) {
  std::string troubles;
  for (const auto& endpoint : endpoints) {
    auto list = admin.members(endpoint, kStatusTimeout);
    if (list) return std::pair(endpoint, std::move(*list));
    troubles += (troubles.empty() ? "" : "; ") + list.error().why;
  }
  return tl::unexpected("no member of the engine answers: " + troubles);
}

OrWhy<Survey> survey(adapter::EtcdAdmin& admin, const std::vector<std::string>& endpoints, const std::string& cluster,
                     bool tls) {
  const auto list = list_members(admin, endpoints);
  if (!list) return tl::unexpected(list.error());
  Survey result;
  result.endpoint = list->first;
  result.cluster = list->second.cluster;
  const auto read = admin.read(result.endpoint, engine_key::folder(cluster), kAdminTimeout);
  if (!read) return tl::unexpected(read.error().why);
  result.records = read_engine_records(cluster, *read);
  for (const auto& member : list->second.members) {
    SurveyedMember surveyed;
    surveyed.member = member;
    surveyed.name = name_of(member, result.records, tls);
    surveyed.trouble = "it has not started yet";
    for (const auto& client : member.clients) {
      auto status = admin.status(client, kStatusTimeout);
      surveyed.trouble = status ? (status->leader == 0 ? "it sees no leader" : "") : status.error().why;
      // Another engine at the same address is not this member.
      if (status && status->member != member.id) surveyed.trouble = client + ": another member answers there";
      if (surveyed.trouble.empty()) surveyed.status = *status;
      if (status) break;
    }
    result.members.push_back(std::move(surveyed));
  }
  return result;
}

std::vector<EngineMember> members_of(const Survey& survey) {
  std::vector<EngineMember> members;
  for (const auto& m : survey.members) {
    members.push_back(
        {m.member.id, called(m), m.member.learner, m.healthy(), m.leads(), m.status ? m.status->applied : 0, {}});
  }
  return members;
}

}  // namespace haven::daemon

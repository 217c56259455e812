#include "core/liveness/waiver.hpp"

#include <algorithm>

#include "core/mutation.hpp"

namespace haven {
namespace {

bool known(const std::vector<VoterList>& lists, const VoterList& list) {
  return mutation::old_voter_list || std::find(lists.begin(), lists.end(), list) != lists.end();
}

bool names_none(const VoterAnswer& answer, const std::vector<VoterList>& lists) {
  switch (answer.word) {
    case VoterWord::leaderless:
      // Voters that the promise does not name may have elected a leader among themselves.
      return known(lists, answer.voters);
    case VoterWord::not_running:
      return true;
    case VoterWord::silent:
    case VoterWord::led:
      break;
  }
  return false;
}

bool majority(std::size_t part, std::size_t whole) { return 2 * part > whole; }

}  // namespace

void fold_round(VoterRounds& rounds, const std::vector<VoterList>& lists, Instant sent, Instant ended,
                const std::vector<VoterAnswer>& answers) {
  const bool too_long = ended - sent > kRoundAtMost;
  const bool far = rounds.sent && (sent - *rounds.ended > kRoundAtMost || ended - *rounds.sent >= kElectionAtLeast);
  if (too_long || far) rounds = {};
  if (too_long) return;
  std::map<std::string, Instant> without;
  for (const auto& answer : answers) {
    if (!names_none(answer, lists)) continue;
    const auto before = rounds.without_leader.find(answer.voter);
    without[answer.voter] = before == rounds.without_leader.end() ? ended : before->second;
  }
  rounds.without_leader = std::move(without);
  rounds.sent = sent;
  rounds.ended = ended;
}

std::optional<Instant> waived(const VoterRounds& rounds, const std::vector<VoterList>& lists) {
  if (!rounds.sent || lists.empty()) return std::nullopt;
  const auto qualifies = [&](const std::string& voter) {
    const auto since = rounds.without_leader.find(voter);
    if (since == rounds.without_leader.end()) return false;
    return mutation::waiver_by_one_round || *rounds.sent - since->second >= 2 * kElectionAtMost;
  };
  for (const auto& list : lists) {
    const auto without = std::count_if(list.begin(), list.end(), qualifies);
    if (!majority(static_cast<std::size_t>(without), list.size())) return std::nullopt;
    if (mutation::old_voter_list) break;
  }
  return rounds.sent;
}

VoterList voters_agreed(const std::vector<VoterAnswer>& answers) {
  for (const auto& one : answers) {
    if (one.word != VoterWord::led || one.voters.empty()) continue;
    const auto agrees = [&](const std::string& voter) {
      return std::any_of(answers.begin(), answers.end(), [&](const VoterAnswer& other) {
        return other.voter == voter && other.word == VoterWord::led && other.term == one.term &&
               other.voters == one.voters;
      });
    };
    const auto agreed = std::count_if(one.voters.begin(), one.voters.end(), agrees);
    if (majority(static_cast<std::size_t>(agreed), one.voters.size())) return one.voters;
  }
  return {};
}

}  // namespace haven

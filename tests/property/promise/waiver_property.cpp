// No leader that stays in office is waived, however the rounds fall (P4).
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/liveness/waiver.hpp"

namespace haven {
namespace {

using std::chrono::milliseconds;

constexpr int kStoriesPerRun = 20;

Instant at(std::int64_t ms) { return {milliseconds(ms)}; }
std::int64_t draw(std::int64_t least, std::int64_t most) { return *rc::gen::inRange(least, most + 1); }

VoterList voters(std::int64_t count, const std::string& name = "v") {
  VoterList list;
  for (std::int64_t i = 0; i < count; ++i) list.push_back(name + std::to_string(i));
  return list;
}

// A leader hears a majority within each election timeout, or steps down; a follower that it heard names it for at least
// that long. The rest of the time nobody names anybody: as bad as it can be.
struct Office {
  std::int64_t election;
  VoterList list;
  std::map<std::string, std::vector<std::int64_t>> heard;

  [[nodiscard]] bool led(const std::string& voter, std::int64_t t) const {
    if (voter == list.front()) return true;  // the leader itself
    const auto times = heard.find(voter);
    return times != heard.end() && std::any_of(times->second.begin(), times->second.end(),
                                               [&](std::int64_t h) { return h <= t && t < h + election; });
  }
};

Office some_office(std::int64_t until) {
  Office office{draw(500, 1000), voters(draw(0, 1) * 2 + 3), {}};
  for (std::int64_t from = 0; from < until + 2 * office.election; from += office.election) {
    std::set<std::string> majority{office.list.front()};
    while (2 * majority.size() <= office.list.size()) {
      const auto& voter =
          office.list[static_cast<std::size_t>(draw(1, static_cast<std::int64_t>(office.list.size()) - 1))];
      majority.insert(voter);
      office.heard[voter].push_back(draw(from, from + office.election - 1));
    }
  }
  return office;
}

RC_GTEST_PROP(Waiver, NoLeaderThatStaysInOfficeIsWaived, ()) {
  for (int i = 0; i < kStoriesPerRun; ++i) {
    constexpr std::int64_t kUntil = 8'000;
    const Office office = some_office(kUntil);
    VoterRounds rounds;
    std::int64_t t = office.election;
    while (t < kUntil) {
      const std::int64_t ends = t + draw(1, 280);
      std::vector<VoterAnswer> answers;
      for (const auto& voter : office.list) {
        if (draw(0, 20) == 0) continue;
        const bool led = office.led(voter, draw(t, ends));
        answers.push_back({voter, led ? VoterWord::led : VoterWord::leaderless, office.list, 1});
      }
      fold_round(rounds, {office.list}, at(t), at(ends), answers);
      RC_ASSERT(!waived(rounds, {office.list}));
      t = ends + draw(1, 280);
    }
  }
}

// Between two lists either of them may have the majority that elects: both must be without a leader.
RC_GTEST_PROP(Waiver, OfTwoListsBothMustBeWithoutALeader, ()) {
  const VoterList old = voters(draw(1, 5), "a"), next = voters(draw(1, 5), "b");
  const bool first_led = draw(0, 1) == 1;
  const std::vector<VoterList> lists =
      draw(0, 1) == 1 ? std::vector<VoterList>{old, next} : std::vector<VoterList>{next, old};
  VoterRounds rounds;
  for (std::int64_t t = 0; t < 6'000; t += 200) {
    std::vector<VoterAnswer> answers;
    for (const auto& voter : old)
      answers.push_back({voter, first_led ? VoterWord::led : VoterWord::leaderless, old, 1});
    for (const auto& voter : next)
      answers.push_back({voter, first_led ? VoterWord::leaderless : VoterWord::led, next, 1});
    fold_round(rounds, lists, at(t), at(t + 100), answers);
    RC_ASSERT(!waived(rounds, lists));
  }
}

}  // namespace
}  // namespace haven

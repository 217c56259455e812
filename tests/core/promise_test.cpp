// The arithmetic of promises: the clock, the waiver, the count (P2 to P5).
#include "core/liveness/promise.hpp"

#include <gtest/gtest.h>

#include "core/liveness/promise_count.hpp"
#include "core/liveness/waiver.hpp"

namespace haven {
namespace {

Instant at(Duration d) { return Instant{d}; }

TEST(PromiseClock, EndsInStepsAfterTheLastGood) {
  const PromiseClock clock{30s, at(100s)};
  EXPECT_EQ(watchdog_time(30s), 5s);
  EXPECT_EQ(stop_from(clock), at(110s));
  EXPECT_EQ(kill_from(clock), at(115s));
  EXPECT_EQ(pets_end(clock), at(120s));
  EXPECT_TRUE(room_for_start(clock, at(109s)));
  EXPECT_FALSE(room_for_start(clock, at(110s)));
  EXPECT_EQ(proof_wait(30s), 32s);
  EXPECT_EQ(proof_wait(15s), 16s);
}

const VoterList kThree{"v1", "v2", "v3"};

std::vector<VoterAnswer> all(VoterWord word, const VoterList& voters = kThree, std::uint64_t term = 7) {
  std::vector<VoterAnswer> answers;
  for (const auto& voter : voters) answers.push_back({voter, word, voters, term});
  return answers;
}

struct Waiver : testing::Test {
  std::vector<VoterList> lists{kThree};
  VoterRounds rounds;
  Instant now = at(100s);
  std::optional<Instant> round(const std::vector<VoterAnswer>& answers, Duration takes = 100ms,
                               Duration pause = 100ms) {
    const Instant sent = now;
    now = now + takes;
    fold_round(rounds, lists, sent, now, answers);
    now = now + pause;
    return waived(rounds, lists);
  }
};

TEST_F(Waiver, TakesRoundAfterRoundOverTwoElectionTimeouts) {
  int needed = 1;
  while (!round(all(VoterWord::leaderless))) ASSERT_LT(++needed, 20);
  // 2 s from the end of the first to the start of the last: it is the start that counts as good.
  EXPECT_EQ(*rounds.sent, at(102'200ms));
  EXPECT_EQ(round(all(VoterWord::leaderless)), at(102'400ms));
}

TEST_F(Waiver, AVoterThatDoesNotRunNamesNobody) {
  auto answers = all(VoterWord::leaderless);
  answers[0] = {"v1", VoterWord::not_running, {}, 0};
  answers[1].word = VoterWord::silent;
  for (int i = 0; i < 12; ++i) (void)round(answers);
  EXPECT_TRUE(round(answers));
}

TEST_F(Waiver, OneLeaderSeenBeginsTheRowAnew) {
  for (int i = 0; i < 8; ++i) (void)round(all(VoterWord::leaderless));
  auto led = all(VoterWord::leaderless);
  led[0].word = led[1].word = VoterWord::led;
  EXPECT_FALSE(round(led));
  for (int i = 0; i < 8; ++i) EXPECT_FALSE(round(all(VoterWord::leaderless)));
}

TEST_F(Waiver, AMinorityIsNoMajority) {
  auto answers = all(VoterWord::leaderless);
  answers[0].word = answers[1].word = VoterWord::silent;
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(round(answers));
}

TEST_F(Waiver, LongRoundsAndLongPausesProveNothing) {
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(round(all(VoterWord::leaderless), 260ms));
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(round(all(VoterWord::leaderless), 100ms, 260ms));
}

// Answers early in one round and late in the next leave room for a whole term between them, though each round and the
// pause are short.
TEST_F(Waiver, TwoRoundsLeaveNoRoomForAnElectionBetweenThem) {
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(round(all(VoterWord::leaderless), 200ms, 100ms));
  for (int i = 0; i < 30; ++i) (void)round(all(VoterWord::leaderless), 200ms, 99ms);
  EXPECT_TRUE(round(all(VoterWord::leaderless), 200ms, 99ms));
}

TEST_F(Waiver, AVoterOfAListThatThePromiseDoesNotNameIsNotHeard) {
  auto answers = all(VoterWord::leaderless);
  for (auto& answer : answers) answer.voters = {"v1", "v2", "v3", "v4", "v5"};
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(round(answers));
}

TEST_F(Waiver, TwoListsNeedAMajorityOfEach) {
  const VoterList five{"v1", "v2", "v3", "v4", "v5"};
  lists.push_back(five);
  auto answers = all(VoterWord::leaderless);  // three of three, and two of five
  answers[0].word = VoterWord::silent;
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(round(answers));
  for (int i = 0; i < 12; ++i) (void)round(all(VoterWord::leaderless, five));
  EXPECT_TRUE(round(all(VoterWord::leaderless, five)));
}

TEST(VotersAgreed, TakesAMajorityUnderOneLeader) {
  EXPECT_EQ(voters_agreed(all(VoterWord::led)), kThree);
  EXPECT_TRUE(voters_agreed(all(VoterWord::leaderless)).empty());
  auto split = all(VoterWord::led);
  split[0].term = 6;
  EXPECT_EQ(voters_agreed(split), kThree);  // v2 and v3
  split[1].term = 5;
  EXPECT_TRUE(voters_agreed(split).empty());
  split = all(VoterWord::led);
  split[0].voters = split[1].voters = {"v1", "v2"};
  EXPECT_EQ(voters_agreed(split), (VoterList{"v1", "v2"}));
}

struct Count : testing::Test {
  PromiseCounts counts;
  const std::pair<HostName, Incarnation> boot{HostName{"h2"}, Incarnation{"b"}};
  bool over(Duration sent, bool gone = true, std::uint64_t term = 7, Revision promise = {5}, Revision member = {}) {
    fold_reading(counts, boot, promise, 30s, {at(sent), at(sent + 10ms), gone, member, term});
    const auto count = counts.find(boot);
    return count != counts.end() && count->second.over;
  }
};

TEST_F(Count, IsOverOnceAReadWasSentAfterDeadlineAndMargin) {
  EXPECT_FALSE(over(100s));
  EXPECT_FALSE(over(132s));  // the first answer came 10 ms after it was sent
  EXPECT_TRUE(over(132'010ms));
}

TEST_F(Count, AnotherTermBeginsItAnew) {
  EXPECT_FALSE(over(100s));
  EXPECT_FALSE(over(140s, true, 8));
  EXPECT_FALSE(over(171s, true, 8));
  EXPECT_TRUE(over(173s, true, 8));
}

TEST_F(Count, SoDoesAnotherPromiseAndAnotherKey) {
  EXPECT_FALSE(over(100s));
  EXPECT_FALSE(over(140s, true, 7, {6}));
  EXPECT_FALSE(over(180s, true, 7, {6}, {9}));
  EXPECT_TRUE(over(220s, true, 7, {6}, {9}));
}

TEST_F(Count, AKeyThatIsThereEndsIt) {
  EXPECT_FALSE(over(100s));
  EXPECT_FALSE(over(140s, false));
  EXPECT_FALSE(over(141s));
  EXPECT_FALSE(over(150s));
}

}  // namespace
}  // namespace haven

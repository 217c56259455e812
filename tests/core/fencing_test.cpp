// The course of one fence: levels, rounds, what is proof and what is not (F2).
#include "core/liveness/fencing.hpp"

#include "core/bench_node.hpp"

namespace haven {
namespace {
using namespace story;

Host fenced_by(std::vector<int> levels) {
  Host host = story::host("h2", 1024);
  for (const int level : levels) host.fence.push_back(device(level, "agent_" + std::to_string(host.fence.size())));
  return host;
}

struct Fence {
  Host host;
  Instant now{100s};
  FenceRun run;
  explicit Fence(std::vector<int> levels) : host(fenced_by(std::move(levels))), run(begin_fence(host, now)) {}

  std::vector<RunAgent> wanted() const { return wanted_calls(run, host, boot_of(host.name)); }
  void answer(const RunAgent& call, AgentResult result) { fold_answer(run, host, {call, result, ""}, now); }
  // Every call of this round ends the same way.
  void all(AgentResult result) {
    for (const auto& call : wanted()) answer(call, result);
  }
  std::set<std::size_t> devices() const {
    std::set<std::size_t> devices;
    for (const auto& call : wanted()) devices.insert(call.device);
    return devices;
  }
};

TEST(Fencing, SwitchesAllDevicesOfTheLowestLevelOffAtTheSameTime) {
  const Fence fence({2, 1, 1});
  EXPECT_EQ(fence.devices(), (std::set<std::size_t>{1, 2}));
  for (const auto& call : fence.wanted()) EXPECT_EQ(call.verb, AgentVerb::off);
}

TEST(Fencing, TwoFullRoundsOfStatusProve) {
  Fence fence({1, 1});
  fence.all(AgentResult::done);
  ASSERT_EQ(fence.run.phase, FencePhase::first_status);
  const auto first = fence.wanted();
  ASSERT_EQ(first.size(), 2U);
  fence.answer(first[0], AgentResult::is_off);
  EXPECT_EQ(fence.run.phase, FencePhase::first_status) << "one device is still to answer";
  fence.answer(first[1], AgentResult::is_off);
  ASSERT_EQ(fence.run.phase, FencePhase::second_status);
  EXPECT_EQ(fence.wanted().size(), 2U) << "the second round asks all devices again";
  fence.all(AgentResult::is_off);
  EXPECT_EQ(fence.run.phase, FencePhase::proved);
}

TEST(Fencing, TheSuccessOfOffIsNoProof) {
  Fence fence({1});
  fence.all(AgentResult::done);
  EXPECT_NE(fence.run.phase, FencePhase::proved);
  fence.all(AgentResult::done);  // a status that says neither on nor off
  fence.all(AgentResult::done);
  EXPECT_NE(fence.run.phase, FencePhase::proved);
}

TEST(Fencing, AnAnswerOfAnEarlierRoundIsIgnored) {
  Fence fence({1});
  fence.all(AgentResult::done);
  const auto first = fence.wanted().at(0);
  fence.answer(first, AgentResult::is_off);
  fence.answer(first, AgentResult::is_off);
  EXPECT_EQ(fence.run.phase, FencePhase::second_status);
}

TEST(Fencing, AFailingDeviceSpoilsItsLevel) {
  for (const AgentResult bad : {AgentResult::failed, AgentResult::timed_out, AgentResult::killed}) {
    Fence fence({1, 1, 2});
    const auto off = fence.wanted();
    fence.answer(off[0], AgentResult::done);
    fence.answer(off[1], bad);
    EXPECT_EQ(fence.devices(), (std::set<std::size_t>{2}));
    EXPECT_EQ(fence.run.phase, FencePhase::off);
    fence.answer(off[0], AgentResult::done);  // of the level that was given up
    EXPECT_EQ(fence.run.phase, FencePhase::off);
  }
}

TEST(Fencing, AStatusThatFailsInTheSecondRoundSpoilsTheLevelToo) {
  Fence fence({1, 2});
  fence.all(AgentResult::done);
  fence.all(AgentResult::is_off);
  fence.all(AgentResult::timed_out);
  EXPECT_EQ(fence.run.phase, FencePhase::off);
  EXPECT_EQ(fence.devices(), (std::set<std::size_t>{1}));
}

TEST(Fencing, StillOnIsAskedAgainAfterAPauseUntilPatienceEnds) {
  Fence fence({1, 2});
  fence.all(AgentResult::done);
  fence.all(AgentResult::is_on);
  EXPECT_EQ(fence.run.phase, FencePhase::first_status);
  EXPECT_EQ(fence.run.round_from, fence.now + kStatusPause);
  EXPECT_EQ(fence.devices(), (std::set<std::size_t>{0}));
  fence.now = fence.now + kLevelPatience;
  fence.all(AgentResult::is_on);
  EXPECT_EQ(fence.devices(), (std::set<std::size_t>{1})) << "the next level";
}

TEST(Fencing, OnInTheSecondRoundBeginsBothRoundsAnew) {
  Fence fence({1});
  fence.all(AgentResult::done);
  fence.all(AgentResult::is_off);
  fence.all(AgentResult::is_on);
  EXPECT_EQ(fence.run.phase, FencePhase::first_status);
  fence.all(AgentResult::is_off);
  EXPECT_EQ(fence.run.phase, FencePhase::second_status);
}

TEST(Fencing, OneDeviceOnMakesTheWholeRoundOn) {
  Fence fence({1, 1});
  fence.all(AgentResult::done);
  const auto calls = fence.wanted();
  fence.answer(calls[0], AgentResult::is_on);
  fence.answer(calls[1], AgentResult::is_off);
  EXPECT_EQ(fence.run.phase, FencePhase::first_status);
  EXPECT_EQ(fence.devices().size(), 2U);
}

TEST(Fencing, AfterTheLastLevelItIsExhaustedAndProvesNothing) {
  Fence fence({1, 2});
  fence.all(AgentResult::failed);
  fence.all(AgentResult::timed_out);
  EXPECT_EQ(fence.run.phase, FencePhase::exhausted);
  EXPECT_TRUE(fence.wanted().empty());
}

TEST(Fencing, AHostWithoutDevicesIsExhaustedAtOnce) {
  const Fence fence({});
  EXPECT_EQ(fence.run.phase, FencePhase::exhausted);
}

TEST(Fencing, PowersTheProvingLevelOnOnceWhateverItAnswers) {
  Fence fence({1, 2, 2});
  fence.all(AgentResult::failed);
  fence.all(AgentResult::done);
  fence.all(AgentResult::is_off);
  fence.all(AgentResult::is_off);
  ASSERT_EQ(fence.run.phase, FencePhase::proved);
  begin_power_on(fence.run, fence.now);
  const auto calls = fence.wanted();
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0].verb, AgentVerb::on);
  EXPECT_EQ(calls[0].device, 1U);
  fence.answer(calls[0], AgentResult::done);
  EXPECT_EQ(fence.run.phase, FencePhase::power_on);
  fence.answer(calls[1], AgentResult::failed);
  EXPECT_EQ(fence.run.phase, FencePhase::finished);
  EXPECT_TRUE(fence.wanted().empty());
}

}  // namespace
}  // namespace haven

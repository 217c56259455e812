// Seeds of random faults, in portions, so that progress shows.
#include "sim/random_faults.hpp"

#include <gtest/gtest.h>

#include "clusters.hpp"
#include "sim/shapes.hpp"

namespace haven::sim {
namespace {

constexpr std::uint64_t kPortion = 20;
// A sanitized run is several times slower, and looks for other things.
#ifdef HAVEN_SANITIZED
constexpr double kHours = 0.2;
constexpr std::uint64_t kSeeds = 100;
#else
constexpr double kHours = 1;
constexpr std::uint64_t kSeeds = 500;
#endif

class RandomFaults : public testing::TestWithParam<std::uint64_t> {};

std::string story(const RandomRun& run) {
  std::string text = "seed " + std::to_string(run.seed) + "\n";
  for (const Violation& v : run.violations) text += v.rule + " at " + std::to_string(v.at_ms) + " ms: " + v.text + "\n";
  for (const std::string& line : run.timeline) text += line + "\n";
  return text;
}

TEST_P(RandomFaults, BreakNoPromiseAndLeaveNothingDown) {
  Tally tally;
  for (std::uint64_t seed = GetParam(); seed < GetParam() + kPortion; ++seed) {
    // No two seeds have the same cluster, and many of them are too small to carry everything after a loss.
    const Spec spec = varied(wired_cluster(seed % 4 == 0 || seed % 5 == 0 ? 5 : 3, 8, seed), seed);
    const RandomRun run = random_run(spec, seed, kHours);
    EXPECT_TRUE(run.good()) << story(run);
    tally += run.tally;
  }
  // The faults are not idle: each portion sees all of these.
  EXPECT_GT(tally.fences, 0);
  EXPECT_GT(tally.returns, 0);
  EXPECT_GT(tally.failovers, 0);
  EXPECT_GT(tally.restarts, 0);
  EXPECT_GT(tally.intents, tally.fences);  // some were answered
}

// Every host promises; half of them have no fence device, so that nothing but their promise proves them dead.
TEST_P(RandomFaults, BreakNoPromiseOfAHostEither) {
  Tally tally;
  for (std::uint64_t seed = GetParam(); seed < GetParam() + kPortion; ++seed) {
    Spec spec = small_cluster(seed % 3 == 0 ? 5 : 4, 6);
    for (std::size_t i = 0; i < spec.hosts.size(); ++i) {
      spec.hosts[i].self_fence = true;
      if (i % 2 == 0) spec.hosts[i].fence.clear();
      if (i == 1) spec.hosts[i].promise = 15s;
    }
    const RandomRun run = random_run(spec, seed, kHours);
    EXPECT_TRUE(run.good()) << story(run);
    tally += run.tally;
  }
  EXPECT_GT(tally.fences, 0);
  EXPECT_GT(tally.failovers, 0);
}

// Guests are moved for balance between all that goes wrong.
TEST_P(RandomFaults, BreakNoPromiseWhileLoadSways) {
  Tally tally;
  for (std::uint64_t seed = GetParam(); seed < GetParam() + kPortion; seed += 2) {
    Spec spec = small_cluster(seed % 3 == 0 ? 5 : 3, 8);
    spec.cluster.balance = Balance::automatic;
    for (Resource& resource : spec.resources) resource.cpu = Vcpu{3};
    const RandomRun run = random_run(spec, seed, kHours);
    EXPECT_TRUE(run.good()) << story(run);
    tally += run.tally;
  }
  EXPECT_GT(tally.faults["load"], 0);
  EXPECT_GT(tally.balanced, 0);
}

// Applications fail while everything else does.
TEST_P(RandomFaults, BreakNoPromiseWhileApplicationsFail) {
  Tally tally;
  for (std::uint64_t seed = GetParam(); seed < GetParam() + kPortion; seed += 2) {
    const Spec spec = checked(small_cluster(seed % 3 == 0 ? 5 : 3, 8), seed);
    const RandomRun run = random_run(spec, seed, kHours);
    EXPECT_TRUE(run.good()) << story(run);
    tally += run.tally;
  }
  EXPECT_GT(tally.faults["application"], 0);
  EXPECT_GT(tally.repairs, 0);
}

// Guests are replaced between all that goes wrong, and while their links change hands.
TEST_P(RandomFaults, BreakNoPromiseWhileGuestsAreReplaced) {
  Tally tally;
  for (std::uint64_t seed = GetParam(); seed < GetParam() + kPortion; seed += 2) {
    const Spec spec = varied(wired_cluster(seed % 5 == 0 ? 5 : 3, 6, seed), seed);
    const RandomRun run = random_run(spec, seed, kHours, true);
    EXPECT_TRUE(run.good()) << story(run);
    tally += run.tally;
  }
  EXPECT_GT(tally.faults["replacement"], 0);
  EXPECT_GT(tally.faults["hurt handover"], 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomFaults, testing::Range<std::uint64_t>(1, kSeeds + 1, kPortion));

}  // namespace
}  // namespace haven::sim

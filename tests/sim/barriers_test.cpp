// The checker put to the proof: with one barrier taken away, random faults must show a violation soon. This program is
// built from a core whose barriers can be taken away. docs/mutations.md has the table.
//
// ./test runs the seed that is known to find each; `--full` (and HAVEN_SEARCH=1) searches from the first seed on, as
// one would who knows nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "clusters.hpp"
#include "core/mutation.hpp"
#include "sim/random_faults.hpp"
#include "sim/shapes.hpp"
#include "sim/twin.hpp"

namespace haven::sim {
namespace {

constexpr std::uint64_t kMostSeeds = 2000;

struct Barrier {
  const char* name;
  bool* removed;
  std::uint64_t seed;  // finds it
};

void PrintTo(const Barrier& barrier, std::ostream* out) { *out << barrier.name; }

const Barrier kBarriers[] = {
    {"SkipProof", &mutation::skip_proof, 1},
    {"ForgetRelease", &mutation::forget_release, 1},
    {"TimeoutIsRelease", &mutation::timeout_is_release, 1},
    {"HookOpen", &mutation::hook_open, 1},
    {"LateCreate", &mutation::late_create, 1},
    {"IgnoreIncarnation", &mutation::ignore_incarnation, 1},
};

// A promise was broken: not merely something left down.
std::string breach(std::uint64_t seed) {
  for (const Violation& violation : random_run(small_cluster(3, 6), seed, 1.0).violations)
    if (violation.rule != "liveness") return violation.rule + ": " + violation.text;
  return "";
}

class Barriers : public testing::TestWithParam<Barrier> {
 protected:
  void SetUp() override { *GetParam().removed = true; }
  void TearDown() override { *GetParam().removed = false; }
};

TEST_P(Barriers, IsFoundByItsSeed) {
  const auto found = breach(GetParam().seed);
  EXPECT_NE(found, "");
  std::cout << GetParam().name << ": " << found << std::endl;
}

TEST_P(Barriers, IsFoundBySearching) {
  if (std::getenv("HAVEN_SEARCH") == nullptr) GTEST_SKIP() << "a long search: HAVEN_SEARCH=1";
  for (std::uint64_t seed = 1; seed <= kMostSeeds; ++seed) {
    const auto found = breach(seed);
    if (found.empty()) continue;
    std::cout << GetParam().name << ": seed " << seed << ", " << found << std::endl;
    return;
  }
  ADD_FAILURE() << "not found in " << kMostSeeds << " seeds";
}

INSTANTIATE_TEST_SUITE_P(Removed, Barriers, testing::ValuesIn(kBarriers),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(AllBarriers, StandingTheSameSeedsAreClean) {
  for (const Barrier& barrier : kBarriers) EXPECT_EQ(breach(barrier.seed), "") << barrier.name;
}

// Deciding by marks does what deriving everything in every turn does, over many seeds and shapes.
class Twins : public testing::Test {
 protected:
  void SetUp() override { with_twins = true; }
  void TearDown() override { with_twins = false; }
};

TEST_F(Twins, DoTheSame) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const RandomRun run = random_run(varied(small_cluster(3, 6), seed), seed, 0.5);
    std::string story;
    for (const Violation& v : run.violations)
      story += v.rule + " at " + std::to_string(v.at_ms) + " ms: " + v.text + "\n";
    for (const std::string& line : run.timeline) story += line + "\n";
    ASSERT_TRUE(run.good()) << "seed " << seed << "\n" << story;
  }
}

class ForgottenMarks : public testing::Test {
 protected:
  void SetUp() override { mutation::forget_marks = true; }
  void TearDown() override { mutation::forget_marks = with_twins = false; }
};

TEST_F(ForgottenMarks, AreSeenByTheTwin) {
  with_twins = true;
  EXPECT_THAT(breach(1), testing::StartsWith("marks: "));
}

TEST_F(ForgottenMarks, AreMadeGoodByTheSlowFullPass) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed)
    EXPECT_TRUE(random_run(small_cluster(3, 6), seed, 0.5).good()) << seed;
}

}  // namespace
}  // namespace haven::sim

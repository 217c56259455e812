// The checker put to the proof: with one barrier taken away, random faults must show a violation soon. This program is
// built from a core whose barriers can be taken away; the search begins with the first seed, as one would who knows
// nothing. docs/mutations.md has the table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "clusters.hpp"
#include "core/mutation.hpp"
#include "sim/random_faults.hpp"
#include "sim/shapes.hpp"
#include "sim/twin.hpp"
#include "sim/world.hpp"

namespace haven::sim {
namespace {

constexpr std::uint64_t kMostSeeds = 2000;

struct Barrier {
  const char* name;
  bool* removed;
};

void PrintTo(const Barrier& barrier, std::ostream* out) { *out << barrier.name; }

const Barrier kBarriers[] = {
    {"SkipProof", &mutation::skip_proof},
    {"TimeoutIsRelease", &mutation::timeout_is_release},
    {"HookOpen", &mutation::hook_open},
    {"LateCreate", &mutation::late_create},
    {"IgnoreIncarnation", &mutation::ignore_incarnation},
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

TEST_P(Barriers, IsMissed) {
  for (std::uint64_t seed = 1; seed <= kMostSeeds; ++seed) {
    const auto found = breach(seed);
    if (found.empty()) continue;
    std::cout << GetParam().name << ": seed " << seed << ", " << found << std::endl;
    *GetParam().removed = false;
    EXPECT_EQ(breach(seed), "") << "with the barrier in its place";
    return;
  }
  ADD_FAILURE() << "not found in " << kMostSeeds << " seeds";
}

INSTANTIATE_TEST_SUITE_P(Removed, Barriers, testing::ValuesIn(kBarriers),
                         [](const auto& info) { return std::string(info.param.name); });

// A guest ends beyond its budget and its release is sent; its host falls out of reach just then, and its fence device
// is dead. Once its lease is over it may start in place what it has not released (C4, C6).
bool starts_what_it_released(Duration cut_after) {
  const HostName host{"h4"};
  Spec spec = small_cluster(4, 1);
  spec.resources[0].restarts.limit = 0;
  World world(spec, 1);
  world.warm_up({{spec.resources[0].name, host}});
  world.perform(SetFenceDevice{host, DeviceMode::broken, std::nullopt});
  world.run_until(20s);
  world.perform(HurtGuest{spec.resources[0].name, GuestFault::crash});
  world.run_until(20s + cut_after);
  world.perform(SetNetwork{host, false});
  world.run_until(60s);
  return std::ranges::any_of(world.checker().violations(),
                             [](const Violation& violation) { return violation.rule == "never-twice"; });
}

// The cut that comes between the release's arrival and its reply.
int times_it_goes_wrong() {
  int wrong = 0;
  for (Duration cut_after = 0ms; cut_after < 100ms; cut_after += std::chrono::microseconds(500))
    wrong += starts_what_it_released(cut_after) ? 1 : 0;
  return wrong;
}

TEST(ForgottenRelease, IsMissed) {
  EXPECT_EQ(times_it_goes_wrong(), 0);
  mutation::forget_release = true;
  const int wrong = times_it_goes_wrong();
  mutation::forget_release = false;
  std::cout << "goes wrong for " << wrong << " cuts of 200" << std::endl;
  EXPECT_GT(wrong, 0);
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

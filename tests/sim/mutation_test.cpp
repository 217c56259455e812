// The checker put to the proof: without the wait for proof, random faults must show a violation soon. This program is
// built from a core whose barriers can be taken away.
#include <gtest/gtest.h>

#include <iostream>

#include "clusters.hpp"
#include "core/mutation.hpp"
#include "sim/random_faults.hpp"

namespace haven::sim {
namespace {

constexpr std::uint64_t kMostSeeds = 2000;

// The number of seeds until the first violation of this rule; 0: none.
std::uint64_t seeds_until(const std::string& rule) {
  for (std::uint64_t seed = 1; seed <= kMostSeeds; ++seed) {
    const RandomRun run = random_run(small_cluster(3, 6), seed, 1.0);
    for (const Violation& violation : run.violations) {
      if (violation.rule == rule) return seed;
    }
  }
  return 0;
}

class Mutation : public testing::Test {
 protected:
  void TearDown() override { mutation::skip_proof = false; }
};

TEST_F(Mutation, WithoutTheWaitForProofAClaimIsSeenToLeaveALivingHost) {
  mutation::skip_proof = true;
  const auto seeds = seeds_until("C3");
  std::cout << "caught with seed " << seeds << std::endl;
  EXPECT_GT(seeds, 0U);
}

TEST_F(Mutation, WithoutTheWaitForProofAResourceIsSeenToRunTwice) {
  mutation::skip_proof = true;
  const auto seeds = seeds_until("never-twice");
  std::cout << "caught with seed " << seeds << std::endl;
  EXPECT_GT(seeds, 0U);
}

TEST_F(Mutation, WithItTheSameSeedsAreClean) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_TRUE(random_run(small_cluster(3, 6), seed, 1.0).good()) << seed;
  }
}

}  // namespace
}  // namespace haven::sim

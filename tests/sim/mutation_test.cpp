// The checker put to the proof: without the wait for proof, random faults must show a violation soon. This program is
// built from a core whose barriers can be taken away.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "clusters.hpp"
#include "core/liveness/ears.hpp"
#include "core/mutation.hpp"
#include "sim/random_faults.hpp"
#include "sim/world.hpp"

namespace haven::sim {
namespace {

constexpr std::uint64_t kMostSeeds = 2000;

// The number of seeds until the first violation of this rule, of any where it is empty; 0: none.
std::uint64_t seeds_until(const std::string& rule, int hosts = 3, bool wired = false, bool replaces = false) {
  for (std::uint64_t seed = 1; seed <= kMostSeeds; ++seed) {
    const Spec spec = wired ? wired_cluster(hosts, 6, seed) : small_cluster(hosts, 6);
    const RandomRun run = random_run(spec, seed, 1.0, replaces);
    for (const Violation& violation : run.violations) {
      if (rule.empty() || violation.rule == rule) return seed;
    }
  }
  return 0;
}

class Mutation : public testing::Test {
 protected:
  void TearDown() override {
    mutation::skip_proof = mutation::stale_echo = mutation::stall_unforgiven = false;
    mutation::create_revision = mutation::agents_live_on = mutation::shots_forgotten = false;
    for (bool* flag :
         {&mutation::skip_proof, &mutation::one_fence_slot, &mutation::any_machine_returns, &mutation::one_supply,
          &mutation::any_of_level, &mutation::intent_later, &mutation::blind_blast, &mutation::named_hypervisor_only,
          &mutation::orders_vanish, &mutation::resume_unreleased, &mutation::third_host, &mutation::stale_memory,
          &mutation::moves_forgotten, &mutation::link_early, &mutation::link_unmarked})
      *flag = false;
  }
  // Seen by the random faults within the bound.
  static void expect_caught(bool& flag, const std::string& rule, int hosts, bool wired, bool replaces = false) {
    flag = true;
    const auto seeds = seeds_until(rule, hosts, wired, replaces);
    std::cout << "caught with seed " << seeds << std::endl;
    EXPECT_GT(seeds, 0U);
  }
};

int count(World& world, EventKind kind) {
  int found = 0;
  for (const TimelineEvent& event : world.timeline().events()) found += event.kind == kind ? 1 : 0;
  return found;
}

// A host that hears nobody, and is heard by all (tests/scenario/heartbeat/deaf_host_is_fenced): how often it was
// fenced.
int deaf_host() {
  World world(small_cluster(5, 1), 1);
  world.warm_up({});
  for (const auto* other : {"h1", "h2", "h3", "h5"}) world.perform(SetCut{HostName{other}, HostName{"h4"}, true, true});
  world.run_until(60s);
  return count(world, EventKind::fenced);
}

// h3's BMC is slow; whoever fences it is gone before the shot lands, and h3 answers the successor
// (tests/scenario/fencing/late_shot_hits_who_answered): whether the shot hits a host that stands unaccused, and how
// often h3 was accused.
std::pair<bool, int> late_shot_hits_the_unaccused() {
  World world(small_cluster(3, 1), 1);
  world.warm_up({});
  world.perform(SetFenceDevice{HostName{"h3"}, DeviceMode::slow});
  world.run_until(20s);
  world.perform(SetHang{HostName{"h3"}, true});
  world.run_until(22s);
  for (const auto* other : {"h1", "h2"}) world.perform(CrashHavend{HostName{other}});
  world.run_until(22500ms);
  world.perform(SetHang{HostName{"h3"}, false});
  world.run_until(60s);
  const auto& found = world.checker().violations();
  const bool hit = std::any_of(found.begin(), found.end(), [](const Violation& v) { return v.rule == "F7"; });
  return {hit, count(world, EventKind::intent)};
}

// A host of three stalls for three seconds: whether it believes the others alive when it wakes up.
bool believes_after_a_stall() {
  story::Ears ears(3);
  ears.run_for(1s);
  ears.stall(0, true);
  ears.run_for(3s);
  ears.stall(0, false);
  ears.run_for(1ms);
  return ears.hears(0, 1) && ears.hears(0, 2);
}

// A guest is stopped and started again and again while half of what is written is carried out late: whether an order
// that was accepted is undone.
bool late_orders_undo_later_ones() {
  World world(small_cluster(3, 1), 1);
  world.warm_up({});
  const ResourceName guest{"vm1"};
  Duration at{};
  for (int round = 0; round < 100; ++round) {
    for (const char* host : {"h1", "h2", "h3"}) world.havend(HostName{host}).set_trouble({.late_commits = 500});
    world.perform(Order{OperatorVerb::stop, guest, {}});
    world.run_until(at += 1s);
    for (const char* host : {"h1", "h2", "h3"}) world.havend(HostName{host}).set_trouble({});
    world.run_until(at += 5s);
    world.perform(Order{OperatorVerb::start, guest, {}});
    world.run_until(at += 15s);
  }
  const auto& found = world.checker().violations();
  return std::any_of(found.begin(), found.end(), [](const Violation& v) { return v.rule == "acknowledged"; });
}

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

TEST_F(Mutation, WithoutTheEchosTimeADeafHostIsTakenForWell) {
  EXPECT_EQ(deaf_host(), 1);
  mutation::stale_echo = true;
  EXPECT_EQ(deaf_host(), 0);
}

TEST_F(Mutation, WithoutForgivenessAnObserverThatStalledTakesTheLivingForDead) {
  EXPECT_TRUE(believes_after_a_stall());
  mutation::stall_unforgiven = true;
  EXPECT_FALSE(believes_after_a_stall());
}

TEST_F(Mutation, WithCreateRevisionsComparedTwoControllersDecide) {
  mutation::create_revision = true;
  const auto seeds = seeds_until("");
  std::cout << "caught with seed " << seeds << std::endl;
  EXPECT_GT(seeds, 0U);
}

TEST_F(Mutation, WithoutTheirEndTheAgentsOfADeposedControllerAreSeenToGoOn) {
  mutation::agents_live_on = true;
  const auto seeds = seeds_until("F7");
  std::cout << "caught with seed " << seeds << std::endl;
  EXPECT_GT(seeds, 0U);
}

TEST_F(Mutation, WithoutTheWaitForItAnEarlierShotIsSeenToHitWhoWasLetGo) {
  EXPECT_EQ(late_shot_hits_the_unaccused(), std::pair(false, 1));
  mutation::shots_forgotten = true;
  EXPECT_EQ(late_shot_hits_the_unaccused(), std::pair(true, 2));  // it is dead, and accused once more
}

TEST_F(Mutation, OneFenceSlotPerHostLetsAClaimLeaveALivingBoot) {
  expect_caught(mutation::one_fence_slot, "C3", 3, false);
}

TEST_F(Mutation, AReinstalledMachineTakenAsProofRunsAResourceTwice) {
  expect_caught(mutation::any_machine_returns, "never-twice", 3, false);
}

TEST_F(Mutation, OneOfTwoPowerSuppliesProvesAHostThatRuns) { expect_caught(mutation::one_supply, "F6", 3, true); }

TEST_F(Mutation, AnyDeviceOfALevelProvesAHostThatRuns) { expect_caught(mutation::any_of_level, "F6", 3, true); }

TEST_F(Mutation, AgentsBeforeTheIntentAreSeen) { expect_caught(mutation::intent_later, "F1", 3, false); }

TEST_F(Mutation, AHostThatLivesOnTheOutletIsSeenToDie) { expect_caught(mutation::blind_blast, "F4", 5, true); }

TEST_F(Mutation, AVirtualHostThatWasMovedIsSeenToRunOn) {
  expect_caught(mutation::named_hypervisor_only, "F6", 5, true);
}

TEST_F(Mutation, AnOrderThatVanishesIsUndoneByALateOne) {
  EXPECT_FALSE(late_orders_undo_later_ones());
  mutation::orders_vanish = true;
  EXPECT_TRUE(late_orders_undo_later_ones());
}

TEST_F(Mutation, ADestinationThatResumesWhatNobodyReleasedRunsItTwice) {
  expect_caught(mutation::resume_unreleased, "never-twice", 3, false);
}

TEST_F(Mutation, AThirdHostRunsBesideWhatCameIn) { expect_caught(mutation::third_host, "M3", 3, false); }

TEST_F(Mutation, AMemoryThatItsSourceWentBeyondGoesOn) { expect_caught(mutation::stale_memory, "M2", 3, false); }

TEST_F(Mutation, ASuccessorThatWaitsForNoRecordIsLinkedBesideItsPredecessor) {
  expect_caught(mutation::link_early, "one-address", 3, false, true);
}

TEST_F(Mutation, APredecessorThatStartsAgainWithItsLinksServesBesideItsSuccessor) {
  expect_caught(mutation::link_unmarked, "one-address", 3, false, true);
}

TEST_F(Mutation, WithItTheSameSeedsAreClean) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_TRUE(random_run(small_cluster(3, 6), seed, 1.0).good()) << seed;
  }
}

// tests/scenario/balance/auto/a_new_controller_does_not_take_it_back: how often a guest is moved for balance when the
// way back is the best one after all havends have died.
int moves_and_back() {
  Spec spec = small_cluster(3, 6);
  spec.cluster.balance = Balance::automatic;
  for (Resource& resource : spec.resources) resource.cpu = Vcpu{4};
  World world(spec, 1);
  std::vector<StartsOn> runs;
  for (int i = 1; i <= 6; ++i)
    runs.push_back({ResourceName{"vm" + std::to_string(i)}, HostName{"h" + std::to_string((i + 1) / 2)}});
  world.warm_up(runs);
  const auto guest = [&](const char* name, std::int64_t cpu) { world.perform(SetLoad{{}, ResourceName{name}, {cpu}}); };
  const auto host = [&](const char* name, std::int64_t cpu) { world.perform(SetLoad{HostName{name}, {}, {cpu}}); };
  guest("vm3", 1500);
  guest("vm1", 3000);
  guest("vm2", 2000);
  host("h1", 2500);
  world.run_until(120s);
  for (const auto* name : {"h1", "h2", "h3"}) world.perform(CrashHavend{HostName{name}});
  host("h1", 0);
  guest("vm2", 0);
  host("h3", 4500);
  world.run_until(600s);
  return count(world, EventKind::migrate);
}

TEST_F(Mutation, WithoutTheMemoryOfItsMovesTheBalancerSwings) {
  EXPECT_EQ(moves_and_back(), 1);
  mutation::moves_forgotten = true;
  EXPECT_GT(moves_and_back(), 1);
}

}  // namespace
}  // namespace haven::sim

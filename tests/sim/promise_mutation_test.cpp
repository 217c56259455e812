// Each barrier of the promises (P2 to P5), taken away alone, is missed by the checker within a few seeds of a story
// that needs it; with all of them the same stories are clean.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <utility>
#include <vector>

#include "clusters.hpp"
#include "core/mutation.hpp"
#include "sim/world.hpp"

namespace haven::sim {
namespace {

constexpr std::uint64_t kMostSeeds = 40;

const HostName kVictim{"h4"};
const ResourceName kGuest{"vm1"};

// Hosts with a promise each and no power fencing.
Spec promising(int hosts) {
  Spec spec = small_cluster(hosts, 1);
  for (Host& host : spec.hosts) {
    host.fence.clear();
    host.self_fence = true;
  }
  return spec;
}

struct Scene {
  Duration at;
  std::function<void(World&)> happens;
};
Scene deed(Duration at, Deed what) {
  return {at, [what = std::move(what)](World& world) { world.perform(what); }};
}
// The guest can neither be asked nor killed: only the watchdog ends it.
std::vector<Scene> stubborn(std::vector<Scene> scenes, const HostName& host = kVictim) {
  for (const FailingDeed failing : {FailingDeed::kill, FailingDeed::stop})
    scenes.insert(scenes.begin(), deed(5s, LetFail{failing, kGuest, host, 1000}));
  return scenes;
}

bool twice_or_alive_after_proof(const Checker& checker) {
  return std::ranges::any_of(checker.violations(),
                             [](const Violation& v) { return v.rule == "F6" || v.rule == "never-twice"; });
}

struct Story {
  Spec spec;
  HostName host;
  std::vector<Scene> scenes;
};

// True: the checker saw what must never be.
bool goes_wrong(const Story& story, std::uint64_t seed) {
  World world(story.spec, seed, World::Pace::varied);
  world.warm_up({{kGuest, story.host}});
  for (const Scene& scene : story.scenes) {
    world.run_until(scene.at);
    scene.happens(world);
  }
  world.run_until(200s);
  return twice_or_alive_after_proof(world.checker());
}

// The seeds until it goes wrong; 0: never.
std::uint64_t seeds_until_wrong(const Story& story, bool& barrier) {
  barrier = true;
  std::uint64_t found = 0;
  for (std::uint64_t seed = 1; found == 0 && seed <= kMostSeeds; ++seed)
    if (goes_wrong(story, seed)) found = seed;
  barrier = false;
  std::cout << "caught with seed " << found << std::endl;
  return found;
}

void holds_with_all_barriers(const Story& story) {
  for (std::uint64_t seed = 1; seed <= kMostSeeds; ++seed) EXPECT_FALSE(goes_wrong(story, seed)) << "seed " << seed;
}

Story isolated() { return {promising(4), kVictim, stubborn({deed(20s, SetNetwork{kVictim, false})})}; }
TEST(PromiseMutation, ALatePet) {
  EXPECT_GT(seeds_until_wrong(isolated(), mutation::late_pet), 0U);
  holds_with_all_barriers(isolated());
}

Story restarted_again_and_again() {
  std::vector<Scene> scenes{deed(20s, SetNetwork{kVictim, false})};
  for (Duration at = 26s; at < 120s; at += 6s) scenes.push_back(deed(at, CrashHavend{kVictim}));
  return {promising(4), kVictim, stubborn(std::move(scenes))};
}
TEST(PromiseMutation, ARestartedHavendForgetsTheLastGood) {
  EXPECT_GT(seeds_until_wrong(restarted_again_and_again(), mutation::last_good_forgotten), 0U);
  holds_with_all_barriers(restarted_again_and_again());
}

// The engine's leader is cut off with its host, and its disk stands still: it goes on answering keep-alives.
Story deposed_leader_answers() {
  const HostName host{"h1"};
  return {promising(4), host, {{20s, [host](World& world) {
                                  world.engine().set_stale_for(60s);
                                  world.perform(SetNetwork{host, false});
                                }}}};
}
TEST(PromiseMutation, AKeepAliveCountsAsLastGood) {
  EXPECT_GT(seeds_until_wrong(deposed_leader_answers(), mutation::keep_alive_is_good), 0U);
  holds_with_all_barriers(deposed_leader_answers());
}

// What the victim can ask it could also say by heartbeats, and would be forgiven: they are lost.
Scene deaf(Duration at) {
  return {at, [](World& world) { world.drop_heartbeats(true); }};
}

// For a moment no voter names a leader, and the victim can ask just then; then the old leader goes on in its term.
Story late_leader() {
  return {promising(4), kVictim,
          stubborn({deed(20s, SetNetwork{kVictim, false}), deaf(35s), deed(36s, SetStore{false}),
                    deed(36s, SetNetwork{kVictim, true}), deed(36600ms, SetNetwork{kVictim, false}),
                    deed(36700ms, SetStore{true})})};
}
TEST(PromiseMutation, AWaiverByOneRound) {
  EXPECT_GT(seeds_until_wrong(late_leader(), mutation::waiver_by_one_round), 0U);
  holds_with_all_barriers(late_leader());
}

// No leader for long enough to waive, in the middle of the others' count.
Story waived_in_the_middle() {
  return {promising(4), kVictim,
          stubborn({deed(20s, SetNetwork{kVictim, false}), deaf(30s), deed(31s, SetStore{false}),
                    deed(31s, SetNetwork{kVictim, true}), deed(35s, SetNetwork{kVictim, false}),
                    deed(36s, SetStore{true})})};
}
TEST(PromiseMutation, AProofCountedAcrossTerms) {
  EXPECT_GT(seeds_until_wrong(waived_in_the_middle(), mutation::proof_across_terms), 0U);
  holds_with_all_barriers(waived_in_the_middle());
}

// The voters have changed, and the victim reaches only two that vote no more, and name nobody.
Story voters_of_before() {
  const auto with_voters = [](World& world) {
    const std::vector<MachineIndex> next{0, 4, 5};
    RecordStore::Transaction declared;
    declared.operations.emplace_back(RecordStore::Put{path::kVoters, VotersRecord{EngineRoom::names_of(next)}, {}});
    world.engine().commit(declared);
    world.run_until(15s);
    world.engine().replace_voters(next);
  };
  std::vector<Scene> scenes{{10s, with_voters}};
  for (const char* other : {"h1", "h5", "h6"})
    scenes.push_back(deed(20s, SetCut{kVictim, HostName{other}, false, true}));
  return {promising(6), kVictim, stubborn(std::move(scenes))};
}
TEST(PromiseMutation, AWaiverByTheOldVoters) {
  EXPECT_GT(seeds_until_wrong(voters_of_before(), mutation::old_voter_list), 0U);
  holds_with_all_barriers(voters_of_before());
}

}  // namespace
}  // namespace haven::sim

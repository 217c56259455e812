// The physics of the simulated world.
#include <gtest/gtest.h>

#include "clusters.hpp"
#include "core/model/record.hpp"
#include "sim/simulate.hpp"
#include "sim/world.hpp"

namespace haven::sim {
namespace {

const HostName h1{"h1"}, h2{"h2"}, h3{"h3"};
const ResourceName vm1{"vm1"}, vm2{"vm2"};

bool serves(World& world, const HostName& host) { return world.engine().serves(world.machine(host).index()); }

std::vector<std::int64_t> times_of(const World& world, EventKind kind) {
  std::vector<std::int64_t> times;
  for (const TimelineEvent& event : const_cast<World&>(world).timeline().events()) {
    if (event.kind == kind && event.at_ms > 0) times.push_back(event.at_ms);
  }
  return times;
}

TEST(World, BeginsWithEverythingRunningWhereItWasPut) {
  World world(small_cluster(3, 2), 1);
  world.warm_up({{vm1, h3}});
  EXPECT_EQ(world.hosts_of(vm1), std::vector<HostName>{h3});
  EXPECT_EQ(world.hosts_of(vm2).size(), 1U);
  for (const TimelineEvent& event : world.timeline().events()) {
    EXPECT_EQ(event.kind, EventKind::run);
    EXPECT_EQ(event.at_ms, 0);
  }
  EXPECT_EQ(world.timeline().events().size(), 2U);
}

TEST(World, AHostReachesTheEngineThroughAnyVoterThatHasAMajority) {
  World world(small_cluster(3, 0), 1);
  world.warm_up({});
  world.perform(SetCut{h1, h2, false, true});
  world.run_until(5s);
  EXPECT_TRUE(serves(world, h1));
  EXPECT_TRUE(serves(world, h2));
  world.perform(SetCut{h1, h3, true, true});  // one way is enough to end a connection
  world.run_until(10s);
  EXPECT_FALSE(serves(world, h1));
  EXPECT_TRUE(serves(world, h2));
}

TEST(World, AMinorityHasNoEngine) {
  World world(small_cluster(3, 0), 1);
  world.warm_up({});
  world.perform(SetPower{h1, false});
  world.perform(SetNetwork{h2, false});
  world.run_until(10s);
  EXPECT_FALSE(serves(world, h2));
  EXPECT_FALSE(serves(world, h3));
}

TEST(World, AFrozenVoterIsNoVoter) {
  World world(small_cluster(3, 0), 1);
  world.warm_up({});
  world.perform(SetHang{h1, true});
  world.perform(SetHang{h2, true});
  world.run_until(5s);
  EXPECT_FALSE(serves(world, h3));
  world.perform(SetHang{h2, false});
  world.run_until(8s);
  EXPECT_TRUE(serves(world, h3));
}

TEST(World, ALostLeaderOfTheEngineIsFollowedAfterASecondAndAllLeasesAreWhole) {
  Queue queue;
  Random random(1);
  std::vector<bool> up{true, true, true};
  EngineRoom engine(
      queue, random, {0, 1, 2},
      {[&](MachineIndex m) { return up[m]; }, [](MachineIndex, MachineIndex) { return true; }, [] {}, [] {}});
  engine.look();
  queue.run_until(Instant{1s});
  ASSERT_TRUE(engine.serves(0));
  const LeaseId lease = engine.grant(3s);
  queue.run_until(Instant{3500ms});
  // Whoever leads, the loss of two and the return of one makes an election.
  up = {false, false, true};
  engine.look();
  EXPECT_FALSE(engine.serves(2));
  EXPECT_EQ(engine.keep_alive(1, lease), std::nullopt);
  queue.run_until(Instant{10s});  // nothing ends while nobody leads
  up = {false, true, true};
  engine.look();
  queue.run_until(Instant{10999ms});
  EXPECT_FALSE(engine.serves(2));
  queue.run_until(Instant{11s});
  EXPECT_TRUE(engine.serves(2));
  queue.run_until(Instant{13900ms});
  EXPECT_EQ(engine.keep_alive(2, lease), true);
}

TEST(World, ALeaseThatNobodyRenewsEnds) {
  Queue queue;
  Random random(1);
  EngineRoom engine(queue, random, {0},
                    {[](MachineIndex) { return true; }, [](MachineIndex, MachineIndex) { return true; }, [] {}, [] {}});
  engine.look();
  queue.run_until(Instant{1s});
  const LeaseId lease = engine.grant(3s);
  RecordStore::Transaction put;
  put.operations.emplace_back(RecordStore::Put{"member/h1", MemberRecord{}, lease});
  engine.commit(put);
  queue.run_until(Instant{3900ms});
  EXPECT_NE(engine.store().find("member/h1"), nullptr);
  queue.run_until(Instant{4s});
  EXPECT_EQ(engine.store().find("member/h1"), nullptr);
  EXPECT_EQ(engine.keep_alive(0, lease), false);
}

TEST(World, AFencedHostStaysOffUntilItIsSwitchedOnAndBootsAMinute) {
  World world(small_cluster(3, 0), 1);
  world.warm_up({});
  world.perform(SetNetwork{h1, false});
  world.run_until(100s);
  EXPECT_FALSE(world.machine(h1).on());
  world.perform(SetNetwork{h1, true});
  const Incarnation before = world.machine(h1).incarnation();
  world.perform(SetPower{h1, true});
  world.run_until(159s);
  EXPECT_FALSE(world.machine(h1).on());
  world.run_until(161s);
  EXPECT_TRUE(world.machine(h1).on());
  EXPECT_NE(world.machine(h1).incarnation(), before);
  EXPECT_EQ(times_of(world, EventKind::host_up), std::vector<std::int64_t>{160'000});
}

TEST(World, StorageThatIsLostPausesAGuestUntilItIsBack) {
  World world(small_cluster(3, 1), 1);
  world.warm_up({{vm1, h1}});
  world.run_until(10s);
  world.perform(SetStorage{h1, false});
  world.run_until(10s + 1ms);
  EXPECT_FALSE(world.running(vm1));
  EXPECT_EQ(world.hosts_of(vm1), std::vector<HostName>{h1});
  world.run_until(40s);
  EXPECT_FALSE(world.running(vm1));
  world.perform(SetStorage{h1, true});
  world.run_until(60s);
  EXPECT_TRUE(world.running(vm1));
}

TEST(World, AShortOutageOfTheEngineCostsNobodyItsLease) {
  World world(small_cluster(3, 0), 1);
  world.warm_up({});
  for (int i = 0; i < 20; ++i) {
    const auto begin = Duration{10s} * (i + 1) + std::chrono::milliseconds(137 * i);
    world.run_until(begin);
    world.perform(SetStore{false});
    world.run_until(begin + 200ms);
    world.perform(SetStore{true});
    const View& view = world.checker().view();
    const auto members = view.members;
    world.run_until(begin + 9s);
    for (const auto& [host, member] : members) {
      ASSERT_EQ(view.mod_of(path::member(host)), member.mod) << host.str() << " lost its lease in outage " << i;
    }
  }
}

// Found by random faults: the watch brings a commit and the deletion after it, and only then comes the commit's reply.
TEST(World, AReplyThatComesAfterTheWatchRevivesNothing) {
  View view;
  view.take(EngineListed{{}, Revision{5}});
  const OrderRecord order;
  EngineChanged changed;
  changed.changes = {{path::order(vm1), order, Revision{6}}, {path::order(vm1), std::nullopt, Revision{7}}};
  changed.revision = Revision{7};
  view.take(changed);
  Commit own;
  own.writes = {{path::order(vm1), order, {}}};
  view.take_own(own, Revision{6});
  EXPECT_EQ(view.mod_of(path::order(vm1)), Revision{});
  EXPECT_TRUE(view.orders.empty());
}

TEST(World, TheSameSeedTellsTheSameStory) {
  const Spec spec = small_cluster(3, 4);
  const auto scenario = parse_scenario("at 20s power h1 off\nat 40s hang h2\nat 60s resume h2\nend 300s\n", "s", spec);
  ASSERT_TRUE(scenario);
  const std::string first = to_json(simulate(spec, *scenario, 7));
  EXPECT_EQ(first, to_json(simulate(spec, *scenario, 7)));
  EXPECT_NE(first, to_json(simulate(spec, *scenario, 8)));
}

}  // namespace
}  // namespace haven::sim

// Heartbeats in the simulated world: who hears whom, and that quiet times cost nothing.
#include "sim/pulse.hpp"

#include <gtest/gtest.h>

#include "clusters.hpp"
#include "sim/world.hpp"

namespace haven::sim {
namespace {

const HostName h1{"h1"}, h2{"h2"}, h3{"h3"};

int count(World& world, EventKind kind) {
  int found = 0;
  for (const TimelineEvent& event : world.timeline().events()) found += event.kind == kind ? 1 : 0;
  return found;
}

const PeerHeard* peer(World& world, const HostName& of, const HostName& about) {
  const auto& heard = world.havend(of).node()->view().heard;
  if (!heard) return nullptr;
  for (const auto& peer : heard->peers)
    if (peer.host == about) return &peer;
  return nullptr;
}

bool hears(World& world, const HostName& of, const HostName& about) {
  const PeerHeard* found = peer(world, of, about);
  return found != nullptr && found->links != 0;
}

TEST(Pulse, EverybodyHearsEverybodyOverEveryLinkAtTimeZero) {
  World world(small_cluster(3, 2), 1);
  world.warm_up({});
  for (const auto& a : {h1, h2, h3})
    for (const auto& b : {h1, h2, h3})
      if (a != b) {
        EXPECT_EQ(peer(world, a, b)->links, 0b11) << a.str() << " " << b.str();
      }
}

TEST(Pulse, AnHourInWhichNothingHappensCostsNoPackets) {
  World world(small_cluster(3, 2), 1);
  world.warm_up({});
  world.run_until(10s);
  const auto before = world.pulse().delivered();
  world.run_until(3600s);
  EXPECT_EQ(world.pulse().delivered(), before);
  EXPECT_TRUE(hears(world, h1, h2));
}

TEST(Pulse, AChangeAfterAQuietHourIsHeardAsIfPacketsHadBeenSentAllTheTime) {
  World world(small_cluster(3, 2), 1);
  world.warm_up({});
  world.run_until(3600s);
  world.perform(SetPower{h3, false});
  world.run_until(3600s + 250ms);
  EXPECT_TRUE(hears(world, h1, h3));
  world.run_until(3600s + 520ms);
  EXPECT_FALSE(hears(world, h1, h3));
  EXPECT_FALSE(hears(world, h2, h3));
  EXPECT_TRUE(hears(world, h1, h2));
}

TEST(Pulse, AHostThatHungForAnHourHearsTheOthersAgainAndIsHeard) {
  Spec spec = small_cluster(3, 2);
  for (auto& host : spec.hosts) host.fence.clear();
  World world(spec, 1);
  world.warm_up({});
  world.perform(SetHang{h3, true});
  world.run_until(3600s);
  EXPECT_FALSE(hears(world, h1, h3));
  world.perform(SetHang{h3, false});
  world.run_until(3601s);
  for (const auto& a : {h1, h2, h3})
    for (const auto& b : {h1, h2, h3})
      if (a != b) {
        EXPECT_TRUE(hears(world, a, b)) << a.str() << " " << b.str();
      }
}

TEST(Pulse, ARestartedHavendIsHeardAgainWithoutAnybodyElsesDoing) {
  World world(small_cluster(3, 2), 1);
  world.warm_up({});
  world.perform(CrashHavend{h3});
  world.run_until(800ms);
  EXPECT_FALSE(hears(world, h1, h3));
  EXPECT_TRUE(peer(world, h1, h3)->shut);
  world.run_until(2s);
  EXPECT_TRUE(hears(world, h1, h3));
  EXPECT_EQ(count(world, EventKind::intent), 0);
}

TEST(Pulse, AFirewallThatDropsAllHeartbeatsFencesNobody) {
  for (const int hosts : {2, 3, 5}) {
    Spec spec = small_cluster(hosts, 2);
    if (hosts == 2) spec.cluster.witness = "w";
    World world(spec, 1);
    world.warm_up({});
    world.drop_heartbeats(true);
    world.run_until(600s);
    EXPECT_EQ(count(world, EventKind::host_down), 0) << hosts;
    EXPECT_GT(count(world, EventKind::alarm), 0) << hosts << ": somebody is to see to it";
    EXPECT_LE(count(world, EventKind::intent), 3) << hosts << ": whoever answered is not asked again and again";
    world.drop_heartbeats(false);
    world.run_until(700s);
    EXPECT_TRUE(hears(world, h1, h2));
    // And it is meant in earnest again.
    world.perform(SetPower{h2, false});
    world.run_until(705s);  // its engine's election included
    EXPECT_EQ(count(world, EventKind::fenced), 1) << hosts;
  }
}

TEST(Pulse, AHostThatDiesBehindTheFirewallIsFencedByItsLease) {
  World world(small_cluster(3, 2), 1);
  world.warm_up({});
  world.drop_heartbeats(true);
  world.run_until(60s);
  world.perform(SetPower{h3, false});
  world.run_until(70s);
  EXPECT_EQ(count(world, EventKind::fenced), 1);
}

TEST(Pulse, ALostLinkIsAnAlarmAndNothingElse) {
  World world(small_cluster(3, 2), 1);
  world.warm_up({});
  world.perform(SetLink{h3, 2, true});
  world.run_until(60s);
  EXPECT_EQ(count(world, EventKind::intent), 0);
  EXPECT_GT(count(world, EventKind::alarm), 0);
}

TEST(Pulse, AWitnessThatDiesIsOneAlarmAndFencesNobody) {
  Spec spec = small_cluster(2, 2);
  spec.cluster.witness = "w";
  World world(spec, 1);
  world.warm_up({});
  world.run_until(60s);
  EXPECT_EQ(count(world, EventKind::alarm), 0);
  world.perform(SetPower{HostName{"w"}, false});
  world.run_until(600s);
  EXPECT_EQ(count(world, EventKind::alarm), 1);
  EXPECT_EQ(count(world, EventKind::intent), 0);
  EXPECT_FALSE(world.havend(h1).node()->report().alarms.empty());
  world.perform(SetPower{HostName{"w"}, true});
  world.run_until(700s);
  EXPECT_TRUE(world.havend(h1).node()->report().alarms.empty());
}

TEST(Pulse, ALinkThatIsLostForAMomentIsNoAlarm) {
  World world(small_cluster(3, 2), 1);
  world.warm_up({});
  world.perform(SetLink{h3, 2, true});
  world.run_until(2s);
  world.perform(SetLink{h3, 2, false});
  world.run_until(60s);
  EXPECT_EQ(count(world, EventKind::alarm), 0);
}

TEST(Pulse, AHostThatDiesIsNoLinkToBeMended) {
  World world(small_cluster(3, 2), 1);
  world.warm_up({});
  world.perform(SetPower{h3, false});
  world.run_until(60s);
  EXPECT_EQ(count(world, EventKind::alarm), 0);
}

}  // namespace
}  // namespace haven::sim

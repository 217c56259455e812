// What the controller makes of the loads that hosts tell.
#include "core/recovery/balancing.hpp"

#include <algorithm>

#include "core/reigning.hpp"

namespace haven {
namespace {
using namespace story;

Spec uneven(Balance mode) {
  Spec spec = three_hosts({vm("vm1", 1024), vm("vm2", 1024), vm("vm3", 1024)});
  spec.cluster.balance = mode;
  for (Host& host : spec.hosts) host.cpu = {8};
  for (Resource& resource : spec.resources) resource.cpu = {4};
  return spec;
}

LoadRecord load_of(const std::string& host, std::int64_t cpu, std::vector<GuestFigures> guests = {}) {
  return {boot_of(h(host)), {{cpu}, {2048}, 0, 0, 0}, std::move(guests)};
}

// h1 reigns; h2 uses nearly all of its CPUs for vm1 and vm2, h3 idles with vm3.
struct Uneven : Reigning {
  explicit Uneven(Balance mode) : Uneven(uneven(mode)) {}
  explicit Uneven(Spec spec) : Reigning(std::move(spec)) {
    running_on("h2", "vm1");
    running_on("h2", "vm2");
    running_on("h3", "vm3");
    settle();
    put(path::load(h("h1")), load_of("h1", 400));
    put(path::load(h("h2")), load_of("h2", 7500, {{r("vm1"), {4000}, {0}, {1024}}, {r("vm2"), {3000}, {0}, {1024}}}));
    put(path::load(h("h3")), load_of("h3", 200, {{r("vm3"), {100}, {0}, {1024}}}));
    settle();
    forget();
  }
  bool moves() const {
    const auto moved = [&](const char* name) {
      return claim(name)->migrating_to || claim(name)->generation != Generation{1};
    };
    return moved("vm1") || moved("vm2") || moved("vm3");
  }
  const BalanceRecord* record() const { return get<BalanceRecord>(path::kBalance); }
};

TEST(Balancing, AdviceSaysWhoWouldGoWhereAndMovesNobody) {
  Uneven b(Balance::advise);
  b.run_for(1min);
  EXPECT_FALSE(b.moves());
  const auto report = b.node->report().balance;
  ASSERT_TRUE(report);
  ASSERT_FALSE(report->moves.empty());
  EXPECT_EQ(report->moves[0].from, h("h2"));
  EXPECT_FALSE(report->moves[0].why.empty());
}

TEST(Balancing, AdviceThatStaysIsWrittenOnce) {
  Uneven b(Balance::advise);
  b.run_for(4min);
  EXPECT_EQ(b.commits("balance").size(), 1U);
}

TEST(Balancing, AutoMovesOneGuestLiveAndRemembersIt) {
  Uneven b(Balance::automatic);
  b.lazy = {h("h1"), h("h2"), h("h3")};
  b.run_for(15s);
  ASSERT_TRUE(b.record() != nullptr);
  ASSERT_EQ(b.record()->past.size(), 1U);
  const BalancingMove& move = b.record()->past[0];
  EXPECT_FALSE(move.over);
  ASSERT_TRUE(b.claim(move.guest.str())->migrating_to);
  EXPECT_EQ(b.claim(move.guest.str())->migrating_to->host, move.to);
  b.run_for(2min);
  EXPECT_EQ(b.record()->past.size(), 1U) << "nobody else while it is under way";
}

TEST(Balancing, TheMoveAndItsMemoryAreOneTransaction) {
  Uneven b(Balance::automatic);
  b.lazy = {h("h1"), h("h2"), h("h3")};
  b.run_for(15s);
  const auto commits = b.commits("claims");
  ASSERT_EQ(commits.size(), 1U);
  EXPECT_TRUE(compares(commits[0], path::kLeader));
  EXPECT_TRUE(compares(commits[0], path::kBalance));
  EXPECT_TRUE(std::any_of(commits[0].writes.begin(), commits[0].writes.end(),
                          [](const Write& write) { return write.path == path::kBalance; }));
}

TEST(Balancing, OffTakesBackWhatWasSaid) {
  Uneven b(Balance::advise);
  b.run_for(1min);
  ASSERT_TRUE(b.record() != nullptr);
  Spec spec = b.spec();
  spec.cluster.balance = Balance::off;
  b.apply(std::move(spec));
  b.run_for(15s);
  EXPECT_EQ(b.record(), nullptr);
  EXPECT_FALSE(b.node->report().balance);
}

TEST(Balancing, LoadsOfAnotherBootSayNothing) {
  Uneven b(Balance::automatic);
  LoadRecord old = *b.get<LoadRecord>(path::load(h("h2")));
  old.incarnation = Incarnation("an-older-boot");
  b.put(path::load(h("h2")), old);
  b.run_for(1min);
  EXPECT_FALSE(b.moves());
}

// Each is put right in the end, and then somebody is moved: the story would have moved somebody.
TEST(Balancing, WaitsWhileAnythingIsFrozen) {
  Uneven b(Balance::automatic);
  b.freeze("vm3");
  b.run_for(1min);
  EXPECT_FALSE(b.moves());
  b.freeze("vm3", false);
  b.run_for(20s);
  EXPECT_TRUE(b.moves());
}

TEST(Balancing, WaitsWhileAHostIsAccused) {
  Uneven b(Balance::automatic);
  b.agent = [](const RunAgent&) { return AgentResult::failed; };
  b.die("h3");
  b.run_for(1min);
  EXPECT_FALSE(b.claim("vm1")->migrating_to);
  EXPECT_FALSE(b.claim("vm2")->migrating_to);
}

TEST(Balancing, WaitsWhileAHostIsOutOfService) {
  Uneven b(Balance::automatic);
  b.put(path::maintenance(h("h1")), MaintenanceRecord{true, "ann", {}});
  b.run_for(1min);
  EXPECT_FALSE(b.moves());
  b.put(path::maintenance(h("h1")), MaintenanceRecord{false, "ann", {}});
  b.run_for(20s);
  EXPECT_TRUE(b.moves());
}

TEST(Balancing, WaitsForADiskThatAHostCannotRead) {
  Uneven b(Balance::automatic);
  b.disks_lost_by[h("h3")] = {r("vm1")};
  b.report("h3");
  b.run_for(1min);
  EXPECT_FALSE(b.moves());
}

TEST(Balancing, AClockThatWasSetBackBeginsARestAnew) {
  Uneven b(Balance::advise);
  BalanceRecord record;
  record.past = {{r("vm1"), h("h3"), h("h2"), true, {b.now.wall.unix_ms + 1'000'000'000}}};
  b.put(path::kBalance, record);
  b.run_for(20s);
  ASSERT_EQ(b.record()->past.size(), 1U);
  EXPECT_LE(b.record()->past[0].at, b.now.wall);
}

TEST(Balancing, AHogIsAnAlarmAsLongAsItRunsThere) {
  Uneven b(Balance::advise);
  b.put(path::kBalance, BalanceRecord{{}, {}, {{r("vm1"), h("h2"), "vm1 takes it all"}}, {}, b.now.wall});
  b.settle();
  const auto named = [&] {
    const auto alarms = alarms_of(b.node->view());
    return std::any_of(alarms.begin(), alarms.end(), [](const Alarm& alarm) { return alarm.key == "hog/vm1"; });
  };
  EXPECT_TRUE(named());
  b.say(OperatorVerb::stop, "vm1");
  b.settle();
  EXPECT_FALSE(named());
}

}  // namespace
}  // namespace haven

// Who is held to its share of the CPUs, for how long, and how its host keeps to that.
#include "core/recovery/hog_caps.hpp"

#include <algorithm>

#include "core/recovery/balancing.hpp"
#include "core/reigning.hpp"
#include "core/servant.hpp"

namespace haven {
namespace {
using namespace story;

constexpr std::int64_t kShare = 2666;  // of 8 CPUs, to 4 of 12 vCPUs

Spec three_on_one(Hogs hogs) {
  Spec spec = three_hosts({vm("vm1", 1024), vm("vm2", 1024), vm("vm3", 1024)});
  spec.cluster.hogs = hogs;
  for (Host& host : spec.hosts) host.cpu = {8};
  for (Resource& resource : spec.resources) resource.cpu = {4};
  return spec;
}

// h1 reigns; on h2 vm1 has more than its share while vm2 and vm3 wait for theirs.
struct Starved : Reigning {
  explicit Starved(Hogs hogs) : Starved(three_on_one(hogs)) {}
  explicit Starved(Spec spec) : Reigning(std::move(spec)) {
    for (const char* name : {"vm1", "vm2", "vm3"}) running_on("h2", name);
    settle();
    loads(8000, {4000, 0}, {2000, 800}, {2000, 800});
    run_for(2min);
  }
  using Figures = std::pair<std::int64_t, std::int64_t>;  // had, waited for
  void loads(std::int64_t host, Figures one, Figures two, Figures three) {
    const auto guest = [](const char* name, Figures f) { return GuestFigures{r(name), {f.first}, {f.second}, {1024}}; };
    put(path::load(h("h1")), LoadRecord{boot_of(h("h1")), {{400}, {2048}, 0, 0, 0}, {}});
    put(path::load(h("h2")), LoadRecord{boot_of(h("h2")),
                                        {{host}, {4096}, 90, 20, 0},
                                        {guest("vm1", one), guest("vm2", two), guest("vm3", three)}});
    put(path::load(h("h3")), LoadRecord{boot_of(h("h3")), {{400}, {2048}, 0, 0, 0}, {}});
    settle();
  }
  // vm1 uses all that it is let, and the others what they like.
  void loads_while_held() { loads(7600, {kShare, 1300}, {2400, 0}, {2400, 0}); }
  std::vector<HeldHog> held() const {
    const auto* record = get<BalanceRecord>(path::kBalance);
    return record == nullptr ? std::vector<HeldHog>{} : record->held;
  }
  std::vector<std::string> told(JournalKind kind) {
    std::vector<std::string> why;
    for (const auto& [key, entry] : node->view().journal)
      if (entry.kind == kind) why.push_back(entry.why);
    return why;
  }
  bool alarmed() const {
    const auto alarms = alarms_of(node->view());
    return std::any_of(alarms.begin(), alarms.end(), [](const Alarm& alarm) { return alarm.key == "hog/vm1"; });
  }
};

TEST(HogCaps, ByDefaultAHogIsToldOfAndNotHeld) {
  Starved s(Hogs::tell);
  EXPECT_TRUE(s.alarmed());
  EXPECT_TRUE(s.held().empty());
}

TEST(HogCaps, ANamedHogIsHeldToItsShareAndTheJournalSaysWhy) {
  Starved s(Hogs::cap);
  ASSERT_EQ(s.held().size(), 1U);
  EXPECT_EQ(s.held()[0].guest, r("vm1"));
  EXPECT_EQ(s.held()[0].host, h("h2"));
  EXPECT_EQ(s.held()[0].share.count, kShare);
  EXPECT_FALSE(s.alarmed()) << "it is seen to";
  ASSERT_EQ(s.told(JournalKind::capped).size(), 1U);
  EXPECT_NE(s.told(JournalKind::capped)[0].find("it is held to 2.7 CPUs: vm1 uses 4.0 CPUs of h2"), std::string::npos);
  const auto reports = s.node->report().resources;
  EXPECT_EQ(reports[0].held_to, MilliCpu{kShare});
  EXPECT_EQ(reports[1].held_to, std::nullopt);
}

TEST(HogCaps, WhoIsNotToBeHeldIsToldOf) {
  Spec spec = three_on_one(Hogs::cap);
  spec.resources[0].cap = false;
  Starved s(std::move(spec));
  EXPECT_TRUE(s.held().empty());
  EXPECT_TRUE(s.alarmed());
}

TEST(HogCaps, WhatIsHeldWaitsByThatAndAccusesNobody) {
  Starved s(Hogs::cap);
  // vm1 is held a little below its share and waits; vm2 has more than a quarter beyond its own.
  s.loads(8000, {2600, 1400}, {3400, 0}, {2000, 0});
  s.run_for(4min);
  ASSERT_EQ(s.held().size(), 1U);
  EXPECT_EQ(s.held()[0].guest, r("vm1"));
  EXPECT_TRUE(s.get<BalanceRecord>(path::kBalance)->hogs.empty());
}

TEST(HogCaps, StaysWhileItWouldFindNoRoom) {
  Starved s(Hogs::cap);
  s.loads_while_held();
  s.run_for(30min);
  EXPECT_EQ(s.held().size(), 1U);
  EXPECT_EQ(s.told(JournalKind::capped).size(), 1U) << "it neither comes nor goes";
}

TEST(HogCaps, IsTakenOffOnceThereIsRoomButNotAtOnce) {
  Starved s(Hogs::cap);
  s.loads(3700, {kShare, 1300}, {500, 0}, {500, 0});
  s.run_for(2min);
  EXPECT_EQ(s.held().size(), 1U) << "it lasts five minutes";
  s.run_for(4min);
  EXPECT_TRUE(s.held().empty());
  ASSERT_EQ(s.told(JournalKind::uncapped).size(), 1U);
  EXPECT_EQ(s.told(JournalKind::uncapped)[0], "there is room for all that it could take");
  s.run_for(10min);
  EXPECT_EQ(s.told(JournalKind::capped).size(), 1U) << "by these figures nobody is named again";
}

TEST(HogCaps, IsTakenOffWhereItIsNotWanted) {
  Starved s(Hogs::cap);
  s.loads(7500, {1500, 0}, {3000, 0}, {3000, 0});
  s.run_for(6min);
  EXPECT_TRUE(s.held().empty());
  ASSERT_EQ(s.told(JournalKind::uncapped).size(), 1U);
  EXPECT_EQ(s.told(JournalKind::uncapped)[0], "it does not want its share any more");
}

TEST(HogCaps, TheFileTakesItOffAtOnce) {
  Starved s(Hogs::cap);
  s.apply(three_on_one(Hogs::tell));
  s.settle();
  EXPECT_EQ(s.node->report().resources[0].held_to, std::nullopt);
  s.run_for(20s);
  EXPECT_TRUE(s.held().empty());
  EXPECT_EQ(s.told(JournalKind::uncapped), std::vector<std::string>{"the cluster file says so"});
}

TEST(HogCaps, GoesWithoutItWhileAnythingElseIsTheMatter) {
  Starved s(Hogs::cap);
  s.put(path::maintenance(h("h1")), MaintenanceRecord{true, "ann", {}});
  s.loads(3700, {kShare, 1300}, {500, 0}, {500, 0});
  s.run_for(7min);
  EXPECT_TRUE(s.held().empty());
  EXPECT_EQ(s.told(JournalKind::uncapped).size(), 1U);
}

TEST(HogCaps, NobodyIsHeldNewlyWhileAnythingElseIsTheMatter) {
  Starved s(Hogs::tell);
  s.put(path::maintenance(h("h1")), MaintenanceRecord{true, "ann", {}});
  s.apply(three_on_one(Hogs::cap));
  s.run_for(7min);
  EXPECT_TRUE(s.held().empty());
}

// ---- the host of the hog ----

struct Holding1 : Servant {
  Holding1() : Servant(three_on_one(Hogs::cap)) { started("vm1"); }
  void record(std::optional<std::int64_t> share, Generation generation = {1}) {
    BalanceRecord record;
    record.at = now.wall;
    if (share) record.held.push_back({r("vm1"), h("h1"), generation, {*share}, now.wall});
    put(path::kBalance, record);
    settle();
  }
};

TEST(HogCapsOnAHost, FollowsTheRecord) {
  Holding1 s;
  s.record(kShare);
  ASSERT_EQ(s.did<CapDomain>().size(), 1U);
  EXPECT_EQ(s.did<CapDomain>()[0].cap, MilliCpu{kShare});
  s.run_for(2min);
  EXPECT_EQ(s.did<CapDomain>().size(), 1U) << "it is as it should be";
  s.record(2000);
  EXPECT_EQ(s.caps.at(r("vm1")), MilliCpu{2000});
  s.record(std::nullopt);
  EXPECT_TRUE(s.caps.empty());
}

TEST(HogCapsOnAHost, WhatSomebodyTookOffIsPutOnAgainAndWhatWasLeftIsTakenOff) {
  Holding1 s;
  s.record(kShare);
  s.caps.clear();
  s.run_for(1min);
  EXPECT_EQ(s.caps.at(r("vm1")), MilliCpu{kShare});
  s.record(std::nullopt);
  ASSERT_TRUE(s.caps.empty());
  s.caps[r("vm1")] = MilliCpu{kShare};  // as a havend before this one left it
  s.restart_havend();
  s.run_for(10s);
  EXPECT_TRUE(s.caps.empty());
}

TEST(HogCapsOnAHost, AnotherGenerationIsNotMeant) {
  Holding1 s;
  s.record(kShare, {2});
  EXPECT_TRUE(s.did<CapDomain>().empty());
}

TEST(HogCapsOnAHost, IsTakenOffBeforeItIsSent) {
  Holding1 s;
  s.record(kShare);
  s.forget();
  ClaimRecord claim = *s.claim("vm1");
  claim.migrating_to = Migration{h("h2"), boot_of(h("h2")), {2}};
  s.put(path::arrival(r("vm1")), ArrivalRecord{h("h2"), boot_of(h("h2")), {2}});
  s.hold(every<MigrateDomain>());
  s.put(path::claim(r("vm1")), claim);
  s.settle();
  s.run_for(1s);
  EXPECT_TRUE(s.caps.empty());
  ASSERT_EQ(s.did<CapDomain>().size(), 1U);
  EXPECT_EQ(s.did<CapDomain>()[0].cap, std::nullopt);
  EXPECT_EQ(s.held_of<MigrateDomain>().size(), 1U);
}

TEST(HogCapsOnAHost, WhatCannotBeTakenOffIsSentAllTheSame) {
  Holding1 s;
  s.record(kShare);
  s.forget();
  ClaimRecord claim = *s.claim("vm1");
  claim.migrating_to = Migration{h("h2"), boot_of(h("h2")), {2}};
  s.put(path::arrival(r("vm1")), ArrivalRecord{h("h2"), boot_of(h("h2")), {2}});
  s.hold([](const Action& action) {
    return std::holds_alternative<MigrateDomain>(action) || std::holds_alternative<CapDomain>(action);
  });
  s.put(path::claim(r("vm1")), claim);
  s.settle();
  EXPECT_TRUE(s.held_of<MigrateDomain>().empty()) << "libvirt is asked first";
  const Issued asked = s.take_held<CapDomain>();
  s.tell(CallDone{asked.call, CallResult::failed, "no"});
  s.run_for(10s);
  EXPECT_EQ(s.held_of<MigrateDomain>().size(), 1U);
}

TEST(HogCapsOnAHost, WhatLibvirtRefusesHurtsAndIsTriedAgainNowAndThen) {
  Holding1 s;
  s.hold(every<CapDomain>());
  s.record(kShare);
  s.tell(CallDone{s.take_held<CapDomain>().call, CallResult::failed, "cgroup CPU controller is not mounted"});
  s.settle();
  const auto alarms = alarms_of(s.node->view());
  EXPECT_TRUE(std::any_of(alarms.begin(), alarms.end(), [](const Alarm& alarm) {
    return alarm.text.find("vm1 cannot be held to its share of the CPUs: cgroup CPU controller is not mounted") !=
           std::string::npos;
  }));
  s.run_for(20s);
  EXPECT_TRUE(s.held_of<CapDomain>().empty());
  s.run_for(20s);
  EXPECT_EQ(s.held_of<CapDomain>().size(), 1U);
}

TEST(HogCapsOnAHost, WhatIsNobodysBearsNone) {
  Holding1 s;
  s.record(kShare);
  s.claim_for("h1", "vm1", 1, ClaimOrder::let_go);
  s.run_for(10s);
  EXPECT_TRUE(s.caps.empty());
}

}  // namespace
}  // namespace haven

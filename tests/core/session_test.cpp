// A node's standing with the engine: lease, registration, and how it leaves (F8, S6).
#include "core/session.hpp"

#include <algorithm>

#include "core/bench_node.hpp"

namespace haven {
namespace {
using namespace story;

struct Guest : Bench {
  explicit Guest(Spec spec = three_hosts({vm("vm1", 1024)})) : Bench(std::move(spec)) { lead("h2"); }
  const MemberRecord* member() const { return get<MemberRecord>(path::member(kSelf)); }
  const AwayRecord* away() const { return get<AwayRecord>(path::away(kSelf)); }
  // vm1 runs here.
  void with_a_guest() {
    boot();
    put(path::claim(r("vm1")), ClaimRecord{kSelf, boot_of(kSelf), {1}, ClaimOrder::run, std::nullopt, {}});
    run_for(1s);
    EXPECT_EQ(run("vm1")->state, RunState::running);
    forget();
  }
  std::vector<AwayKind> aways() const {
    std::vector<AwayKind> kinds;
    for (const auto& commit : commits("away"))
      for (const auto& write : commit.writes)
        if (const auto* record = write.value ? std::get_if<AwayRecord>(&*write.value) : nullptr)
          kinds.push_back(record->kind);
    return kinds;
  }
};

// ---- the lease ----

TEST(Session, RenewsItsLeaseThreeTimesInItsTime) {
  Guest b;
  b.boot();
  b.forget();
  b.run_for(30s);
  EXPECT_GE(b.did<KeepAlive>().size(), 29U);
  EXPECT_LE(b.did<KeepAlive>().size(), 31U);
  EXPECT_TRUE(b.commits("register").empty());
}

TEST(Session, AKeepAliveWithoutAnAnswerIsRepeatedAtOnce) {
  Guest b;
  b.boot();
  b.run_for(500ms);
  b.forget();
  b.silence(every<KeepAlive>());
  b.run_for(600ms);
  ASSERT_EQ(b.did<KeepAlive>().size(), 1U);
  b.run_for(1s);
  EXPECT_EQ(b.did<KeepAlive>().size(), 2U);
}

TEST(Session, ALostLeaseIsReplacedAtOnceAndRegisteredUnder) {
  Guest b;
  b.boot();
  const auto before = b.did<GrantLease>().size();
  b.put(path::kFreeze, FreezeRecord{"anna"});
  for (const auto& commit : b.commits("register")) b.engine.revoke(commit.writes.front().lease);
  b.run_for(1200ms);
  EXPECT_EQ(b.did<GrantLease>().size(), before + 1);
  EXPECT_NE(b.member(), nullptr);
}

TEST(Session, TheFilesLeaseTimeIsHonouredAlsoWhenItChanges) {
  Guest b;
  Spec spec = b.spec();
  spec.cluster.lease = 6s;
  b.apply(spec);
  b.boot();
  ASSERT_EQ(b.did<GrantLease>().size(), 1U);
  EXPECT_EQ(b.did<GrantLease>()[0].ttl, 6s);
  spec.cluster.lease = 9s;
  b.apply(spec);
  b.run_for(1s);
  ASSERT_EQ(b.did<GrantLease>().size(), 2U);
  EXPECT_EQ(b.did<GrantLease>()[1].ttl, 9s);
  EXPECT_EQ(b.commits("register").size(), 2U);
  b.forget();
  b.run_for(27s);
  EXPECT_NE(b.member(), nullptr) << "the old lease has ended, the key stands under the new one";
  EXPECT_GE(b.did<KeepAlive>().size(), 8U);
  EXPECT_LE(b.did<KeepAlive>().size(), 10U);
}

// ---- registration ----

TEST(Session, NobodyRegistersBeforeThereIsAFile) {
  Guest b;
  b.erase(path::kSpec);
  b.restart_havend();
  b.run_for(1min);
  EXPECT_EQ(b.member(), nullptr);
  EXPECT_TRUE(b.did<GrantLease>().empty());
}

TEST(Session, ANewBootRegistersOnlyAfterItHasLooked) {
  Guest b;
  b.hold(every<Inspect>());
  b.boot();
  b.run_for(10s);
  EXPECT_EQ(b.member(), nullptr);
  b.release_holds();
  b.answer(b.take_held<Inspect>());
  b.run_for(1s);
  ASSERT_NE(b.member(), nullptr);
  EXPECT_TRUE(b.member()->found_none);
  EXPECT_EQ(b.get<StatusRecord>(path::status(kSelf))->spec, b.mod(path::kSpec));
}

TEST(Session, ABootThatFoundProcessesSaysSo) {
  Guest b;
  b.processes.insert(r("vm1"));
  b.boot();
  b.run_for(1s);
  ASSERT_NE(b.member(), nullptr);
  EXPECT_FALSE(b.member()->found_none);
  EXPECT_EQ(b.get<StatusRecord>(path::status(kSelf))->found, std::vector{r("vm1")});
}

TEST(Session, ARestartedHavendRegistersAtOnceButReportsNothingBeforeItHasLooked) {
  Guest b;
  b.with_a_guest();
  const Revision report = b.mod(path::status(kSelf));
  b.hold(every<Inspect>());
  b.forget();
  b.restart_havend();
  b.run_for(4s);
  EXPECT_EQ(b.commits("register").size(), 1U);
  EXPECT_FALSE(b.wrote(path::status(kSelf)));
  EXPECT_EQ(b.mod(path::status(kSelf)), report);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
}

TEST(Session, WaitsForTheKeyOfTheOlderBootToGo) {
  Guest b;
  b.boot();
  b.hold(every<GrantLease>());
  b.reboot(Incarnation("second-boot-of-h1"));
  b.release_holds();
  b.answer(b.take_held<GrantLease>());
  b.run_for(500ms);
  EXPECT_EQ(b.member()->incarnation, boot_of(kSelf));
  b.run_for(5s);
  ASSERT_NE(b.member(), nullptr);
  EXPECT_EQ(b.member()->incarnation, Incarnation("second-boot-of-h1"));
}

TEST(Session, AHostThatIsNotInTheFileDoesNotRegister) {
  Spec spec = three_hosts({});
  spec.hosts.erase(spec.hosts.begin());
  Guest b(spec);
  b.boot();
  b.run_for(10s);
  EXPECT_EQ(b.member(), nullptr);
}

TEST(Session, AnUnreadableMemberKeyIsNotOverwritten) {
  Guest b;
  b.put(path::member(kSelf), UnreadableRecord{"not JSON"});
  b.boot();
  b.run_for(10s);
  EXPECT_NE(b.get<UnreadableRecord>(path::member(kSelf)), nullptr);
}

TEST(Session, ARegistrationComparesTheKeyAndThatNoIntentNamesThisBoot) {
  Guest b;
  b.boot();
  const auto commits = b.commits("register");
  ASSERT_EQ(commits.size(), 1U);
  const auto& checks = commits[0].checks;
  for (const auto& path : {path::member(kSelf), path::fence(kSelf, boot_of(kSelf))})
    EXPECT_NE(std::find(checks.begin(), checks.end(), Check{path, {}}), checks.end()) << path;
}

// ---- leaving ----

TEST(Session, ARestartIsRecordedAsAPlannedAbsenceAndGuestsRunOn) {
  Guest b;
  b.with_a_guest();
  b.tell(ShutdownAsked{ShutdownKind::restart});
  EXPECT_TRUE(b.exited);
  ASSERT_NE(b.away(), nullptr);
  EXPECT_EQ(b.away()->kind, AwayKind::restarting);
  EXPECT_TRUE(b.domains.contains(r("vm1")));
  b.restart_havend();
  b.run_for(1s);
  EXPECT_EQ(b.away(), nullptr) << "it registered again";
}

TEST(Session, ARestartThatTheEngineCannotRecordGoesOnWithoutARecord) {
  Guest b;
  b.with_a_guest();
  b.silence(every<Commit>());
  b.tell(ShutdownAsked{ShutdownKind::restart});
  b.run_for(kRestartPatience - 100ms);
  EXPECT_FALSE(b.exited);
  b.run_for(200ms);
  EXPECT_TRUE(b.exited);
}

TEST(Session, AReigningHostHandsTheOfficeOverWhenItLeaves) {
  Bench b(three_hosts({}));
  b.boot();
  ASSERT_TRUE(b.node->leads());
  b.tell(ShutdownAsked{ShutdownKind::restart});
  EXPECT_EQ(b.get<LeaderRecord>(path::kLeader), nullptr);
}

TEST(Session, AHostShutdownSaysLeavingFirstAndDownWhenAllIsReleased) {
  Guest b;
  b.with_a_guest();
  b.hold(every<ShutdownDomain>());
  b.tell(ShutdownAsked{ShutdownKind::power_off});
  b.run_for(10s);
  EXPECT_EQ(b.aways(), std::vector{AwayKind::leaving});
  EXPECT_FALSE(b.exited);
  b.release_holds();
  b.answer(b.take_held<ShutdownDomain>());
  b.run_for(1s);
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
  EXPECT_EQ(b.run("vm1")->end, EndReason::host_leaving);
  EXPECT_EQ(b.aways(), (std::vector{AwayKind::leaving, AwayKind::down}));
  EXPECT_EQ(b.member(), nullptr) << "gone in the same transaction";
  EXPECT_TRUE(b.exited);
}

TEST(Session, DownIsNotSaidOnAViewOlderThanItsOwnLastWord) {
  Guest b;
  b.with_a_guest();
  b.mute_watch = true;
  // A claim that this host's watch has not brought yet.
  b.put(path::claim(r("vm2")), ClaimRecord{kSelf, boot_of(kSelf), {1}, ClaimOrder::run, std::nullopt, {}});
  b.tell(ShutdownAsked{ShutdownKind::power_off});
  b.run_for(10s);
  EXPECT_EQ(b.aways(), std::vector{AwayKind::leaving});
  EXPECT_FALSE(b.exited);
  b.mute_watch = false;
  b.run_for(1s);
  EXPECT_EQ(b.aways(), std::vector{AwayKind::leaving}) << "it holds a claim that is not released";
}

TEST(Session, AHostShutdownEndsWhenItsPatienceDoes) {
  Guest b;
  b.immortal = true;
  b.with_a_guest();
  b.tell(ShutdownAsked{ShutdownKind::power_off});
  b.run_for(kHostShutdownPatience + 1s);
  EXPECT_TRUE(b.exited);
  EXPECT_EQ(b.away()->kind, AwayKind::leaving);
}

TEST(Session, ALeavingHostDecidesNothingAndStartsNothing) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.lazy = {h("h2"), h("h3")};
  b.boot();
  b.hold(every<ShutdownDomain>());
  b.run_for(1s);
  b.forget();
  b.tell(ShutdownAsked{ShutdownKind::power_off});
  b.run_for(5s);
  EXPECT_TRUE(b.commits("claims").empty());
  EXPECT_TRUE(b.did<StartDomain>().empty());
}

}  // namespace
}  // namespace haven

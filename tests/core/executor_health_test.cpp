// What an executor does about what checks say: whom it attends, what it records, how it takes the ladder.
#include <gtest/gtest.h>

#include "core/executor.hpp"
#include "core/recovery/illness.hpp"
#include "core/reigning.hpp"
#include "core/servant.hpp"

namespace haven {
namespace {
using namespace story;

Resource checked(std::vector<Repair> ladder) {
  Resource resource = vm("vm1", 1024);
  GuestCheck check;
  check.kind = CheckKind::tcp;
  check.port = 80;
  resource.checks = {check};
  resource.repairs = std::move(ladder);
  return resource;
}
Repair step(Remedy remedy, int limit = 1, Duration within = 10min) {
  Repair repair;
  repair.remedy = remedy;
  repair.limit = limit;
  repair.within = within;
  if (remedy == Remedy::command || remedy == Remedy::application) repair.command = {"mend"};
  return repair;
}

struct Ward : Servant {
  explicit Ward(const Resource& resource) : Servant(three_hosts({resource})) {}
  const HealthNote& note() const { return run("vm1")->health; }
  AttendGuest last_order() const {
    const auto all = did<AttendGuest>();
    return all.empty() ? AttendGuest{} : all.back();
  }
  // By the checks of its present life.
  void says(Health state, bool hung = false, bool by_network = false) {
    tell(HealthSeen{r("vm1"), life, state, hung, by_network, state == Health::ill ? "tcp 80: refused" : ""});
  }
  void begins() {
    claim_for("h1", "vm1", 1);
    run_for(100ms);
    ASSERT_EQ(run("vm1")->state, RunState::running);
    ASSERT_EQ(last_order().how, Attendance::full);
    follow();
  }
  void follow() {
    if (const AttendGuest order = last_order(); order.life != 0) life = order.life;
  }
  std::uint64_t life = 0;
};

TEST(ExecutorHealth, AttendsWhatRunsHereAndHasChecks) {
  Ward b(checked({}));
  b.begins();
  b.domains[r("vm1")] = DomainCondition::paused;
  b.tell(DomainHint{r("vm1"), HintKind::changed});
  EXPECT_EQ(b.last_order().how, Attendance::none);
  b.domains[r("vm1")] = DomainCondition::running;
  b.tell(DomainHint{r("vm1"), HintKind::changed});
  EXPECT_EQ(b.last_order().how, Attendance::full);
  EXPECT_GT(b.last_order().life, b.life) << "what was found before says nothing any more";
}

TEST(ExecutorHealth, AttendsNothingWithoutChecks) {
  Servant b;
  b.started();
  b.run_for(1min);
  EXPECT_TRUE(b.did<AttendGuest>().empty());
}

TEST(ExecutorHealth, RecordsWhatChangesAndNothingElse) {
  Ward b(checked({}));
  b.begins();
  b.says(Health::well);
  EXPECT_EQ(b.note().state, Health::well);
  b.forget();
  b.says(Health::well);
  b.run_for(2min);
  EXPECT_TRUE(b.commits("run/vm1").empty());
  b.says(Health::ill);
  EXPECT_EQ(b.note().state, Health::ill);
  EXPECT_EQ(b.note().why, "tcp 80: refused");
}

TEST(ExecutorHealth, HeedsNothingAboutAnEarlierLife) {
  Ward b(checked({step(Remedy::restart)}));
  b.begins();
  b.tell(HealthSeen{r("vm1"), b.life - 1, Health::ill, false, false, "old"});
  b.run_for(1min);
  EXPECT_EQ(b.note().state, Health::unknown);
}

TEST(ExecutorHealth, WritesAStepBeforeItTakesIt) {
  Ward b(checked({step(Remedy::command)}));
  b.begins();
  b.hold(every<TreatGuest>());
  b.says(Health::ill);
  EXPECT_EQ(b.note().under_way, 1);
  EXPECT_EQ(b.note().treatments.size(), 1U);
  EXPECT_EQ(b.last_order().how, Attendance::none) << "a guest under treatment is not checked";
  const Issued treat = b.take_held<TreatGuest>();
  EXPECT_EQ(std::get<TreatGuest>(treat.action).commands, std::vector<GuestCommand>{{"mend"}});
  b.tell(CallDone{treat.call, CallResult::failed, "exit status 1"});
  EXPECT_EQ(b.note().under_way, 0) << "its checks are the judge";
  EXPECT_EQ(b.note().state, Health::unknown);
  EXPECT_EQ(b.last_order().how, Attendance::full);
}

TEST(ExecutorHealth, GoesOnWithAStepThatItFinds) {
  Ward b(checked({step(Remedy::command)}));
  b.begins();
  b.hold(every<TreatGuest>());
  b.says(Health::ill);
  b.held.clear();
  b.restart_havend();
  b.run_for(1s);
  EXPECT_EQ(b.held_of<TreatGuest>().size(), 1U);
  EXPECT_EQ(b.note().treatments.size(), 1U) << "it costs once";
}

TEST(ExecutorHealth, RestartsTheGuestWithoutChargingItsRestarts) {
  Ward b(checked({step(Remedy::restart)}));
  b.begins();
  b.says(Health::ill);
  EXPECT_EQ(b.did<ShutdownDomain>().size(), 1U) << "in good order";
  b.run_for(1s);
  EXPECT_EQ(b.did<StartDomain>().size(), 2U);
  EXPECT_TRUE(b.run("vm1")->restarts.empty());
  EXPECT_EQ(b.note().under_way, 0);
  EXPECT_EQ(b.note().treatments.size(), 1U);
}

TEST(ExecutorHealth, RestartsAlsoWhatMayStayOffWhenItSwitchesItselfOff) {
  Resource resource = checked({step(Remedy::restart)});
  resource.on_poweroff = OnPoweroff::stop;
  Ward b(resource);
  b.begins();
  b.hold(every<ShutdownDomain>());
  b.says(Health::ill);
  const Issued shutdown = b.take_held<ShutdownDomain>();
  b.crash("vm1", HintKind::powered_off);
  b.tell(CallDone{shutdown.call, CallResult::done, ""});
  b.run_for(1s);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
}

TEST(ExecutorHealth, DestroysAGuestThatHangs) {
  Ward b(checked({step(Remedy::command), step(Remedy::restart)}));
  b.begins();
  b.says(Health::ill, true);
  b.run_for(1s);
  EXPECT_TRUE(b.did<TreatGuest>().empty()) << "nobody in it could run anything";
  EXPECT_TRUE(b.did<ShutdownDomain>().empty());
  EXPECT_EQ(b.did<DestroyDomain>().size(), 1U);
}

TEST(ExecutorHealth, TakesEachStepAsOftenAsItsBudgetSays) {
  Ward b(checked({step(Remedy::command, 2)}));
  b.begins();
  for (int i = 0; i < 5; ++i) {
    b.says(Health::ill);
    b.follow();
    b.run_for(30s);
  }
  EXPECT_EQ(b.did<TreatGuest>().size(), 2U);
  EXPECT_EQ(b.note().state, Health::ill);
  b.run_for(10min);
  EXPECT_EQ(b.did<TreatGuest>().size(), 3U) << "the first is out of its time";
}

TEST(ExecutorHealth, HoldsWhileTheEngineIsAway) {
  Ward b(checked({step(Remedy::command)}));
  b.begins();
  b.silence(lane("run/"));
  b.break_watch();
  b.tell(EngineLost{"gone"});
  b.says(Health::ill);
  b.run_for(1min);
  EXPECT_TRUE(b.did<TreatGuest>().empty());
}

TEST(ExecutorHealth, HoldsWhileItsNetworkHasNoUplink) {
  Ward b(checked({step(Remedy::command)}));
  b.begins();
  b.says(Health::ill, false, true);
  b.follow();
  b.forget();
  b.says(Health::well);
  b.uplinks_lost = {r("vm1")};
  b.tell(DomainHint{r("vm1"), HintKind::changed});
  EXPECT_EQ(b.last_order().how, Attendance::without_network);
  b.says(Health::ill, false, true);
  b.run_for(20min);
  EXPECT_TRUE(b.did<TreatGuest>().empty());
}

TEST(ExecutorHealth, HoldsWhileItsHostIsOutOfService) {
  Ward b(checked({step(Remedy::command)}));
  b.begins();
  b.put(path::maintenance(h("h1")), MaintenanceRecord{true, "me", {}});
  b.settle();
  b.says(Health::ill);
  b.run_for(1min);
  EXPECT_EQ(b.note().state, Health::ill) << "it is said";
  EXPECT_TRUE(b.did<TreatGuest>().empty());
  b.put(path::maintenance(h("h1")), MaintenanceRecord{false, "me", {}});
  b.run_for(1s);
  EXPECT_EQ(b.did<TreatGuest>().size(), 1U);
}

TEST(ExecutorHealth, HoldsWhileItIsFrozen) {
  Ward b(checked({step(Remedy::command)}));
  b.begins();
  b.put(path::kFreeze, FreezeRecord{"", false, {{"vm1", "me"}}});
  b.settle();
  b.says(Health::ill);
  b.run_for(1min);
  EXPECT_EQ(b.note().state, Health::ill);
  EXPECT_TRUE(b.did<TreatGuest>().empty());
}

// ---- calling up ----

Resource called_up() {
  Resource resource = checked({step(Remedy::restart)});
  resource.before_serve = {"verify"};
  resource.serve = {"serve"};
  return resource;
}

TEST(ExecutorHealth, CallsItUpBeforeItsChecksCount) {
  Ward b(called_up());
  b.hold(every<TreatGuest>());
  b.claim_for("h1", "vm1", 1);
  b.run_for(100ms);
  ASSERT_EQ(b.run("vm1")->state, RunState::running);
  EXPECT_FALSE(b.note().called_up);
  EXPECT_TRUE(b.did<AttendGuest>().empty());
  const Issued treat = b.take_held<TreatGuest>();
  EXPECT_EQ(std::get<TreatGuest>(treat.action).commands, (std::vector<GuestCommand>{{"verify"}, {"serve"}}));
  b.tell(CallDone{treat.call, CallResult::done, ""});
  EXPECT_TRUE(b.note().called_up);
  EXPECT_EQ(b.last_order().how, Attendance::full);
}

TEST(ExecutorHealth, OnlyATryAfterTheGraceTellsThatItDoesNotComeUp) {
  Ward b(called_up());
  b.hold(every<TreatGuest>());
  b.claim_for("h1", "vm1", 1);
  b.run_for(100ms);
  const auto answer = [&] { b.tell(CallDone{b.take_held<TreatGuest>().call, CallResult::unknown, "no agent"}); };
  for (int i = 0; i < 11; ++i) {
    answer();
    b.run_for(5200ms);
  }
  answer();
  b.run_for(4s);  // the minute is over
  EXPECT_TRUE(b.note().treatments.empty());
  b.run_for(2s);
  answer();
  EXPECT_EQ(b.note().treatments.size(), 1U) << "it was found ill, and is started anew";
}

TEST(ExecutorHealth, AsksAnAgentThatIsNotThereYetAgain) {
  Ward b(called_up());
  b.hold(every<TreatGuest>());
  b.claim_for("h1", "vm1", 1);
  b.run_for(100ms);
  b.tell(CallDone{b.take_held<TreatGuest>().call, CallResult::unknown, "no agent"});
  b.run_for(6s);
  EXPECT_EQ(b.note().state, Health::unknown);
  b.tell(CallDone{b.take_held<TreatGuest>().call, CallResult::done, ""});
  EXPECT_TRUE(b.note().called_up);
}

TEST(ExecutorHealth, WhatFailsItsVerificationIsIllAtOnce) {
  Ward b(called_up());
  b.hold([](const Action& action) {
    return std::holds_alternative<TreatGuest>(action) || std::holds_alternative<ShutdownDomain>(action);
  });
  b.claim_for("h1", "vm1", 1);
  b.run_for(100ms);
  b.tell(CallDone{b.take_held<TreatGuest>().call, CallResult::failed, "verify: exit status 1"});
  b.run_for(100ms);
  EXPECT_EQ(b.note().state, Health::ill);
  EXPECT_EQ(b.note().why, "before_serve: verify: exit status 1");
  EXPECT_FALSE(b.note().called_up);
  EXPECT_EQ(b.did<ShutdownDomain>().size(), 1U) << "and its ladder is taken";
}

TEST(ExecutorHealth, WhatWasFoundRunningIsUpAlready) {
  Ward b(called_up());
  b.domains[r("vm1")] = DomainCondition::running;
  b.tell(DomainHint{r("vm1"), HintKind::changed});
  b.claim_for("h1", "vm1", 1);
  b.run_for(1s);
  EXPECT_TRUE(b.did<TreatGuest>().empty());
  EXPECT_EQ(b.last_order().how, Attendance::full);
}

// ---- budgets ----

Duration wall_of(const Pass& pass) { return std::chrono::milliseconds(pass.now().wall.unix_ms); }

TEST(Illness, StandsStillOnceEveryBudgetIsSpentUntilOneComesBack) {
  Resource resource = checked({step(Remedy::command, 1, 1h), step(Remedy::restart, 2, 10min)});
  HealthNote note;
  note.state = Health::ill;
  const auto at = [](std::int64_t minutes) { return WallTime{1'000'000'000'000 + minutes * 60'000}; };
  const auto next = [&](std::int64_t minutes, Instant& wake) {
    Pass pass({Instant{Duration(std::chrono::minutes(minutes))}, at(minutes)});
    const int step = next_remedy(resource, note, wall_of(pass), pass);
    wake = std::move(pass).take().wake;
    return step;
  };
  Instant wake;
  EXPECT_EQ(next(0, wake), 1);
  note.treatments = {{1, at(0)}};
  EXPECT_EQ(next(1, wake), 2);
  note.treatments = {{1, at(0)}, {2, at(1)}, {2, at(3)}};
  EXPECT_EQ(next(4, wake), 0);
  EXPECT_EQ(wake, Instant{Duration(11min)}) << "the first restart does not count any more then";
  EXPECT_EQ(next(11, wake), 2);
  EXPECT_EQ(next(60, wake), 1);
  EXPECT_EQ(standing_treatments(resource, note, std::chrono::milliseconds(at(12).unix_ms)).size(), 2U);
}

TEST(Illness, NobodyWaitsForATimeThatComesOnlyAfterTheClockWasSetBack) {
  Resource resource = checked({step(Remedy::restart)});
  HealthNote note;
  note.treatments = {{1, WallTime{1'000'000'000'000 + 60'000}}};
  Pass skewed({Instant{}, WallTime{1'000'000'000'000}});
  EXPECT_EQ(next_remedy(resource, note, wall_of(skewed), skewed), 0) << "another host's clock is a minute ahead";
  EXPECT_EQ(std::move(skewed).take().wake, Instant{Duration(10min)});
  note.treatments = {{1, WallTime{2'000'000'000'000}}};
  Pass set_back({Instant{}, WallTime{1'000'000'000'000}});
  EXPECT_EQ(next_remedy(resource, note, wall_of(set_back), set_back), 1);
}

// ---- who waits, and who moves ----

struct Two : Reigning {
  static Spec file(AfterTimeout then) {
    Resource db = vm("db1", 1);
    db.checks = {GuestCheck{}};
    Resource web = vm("web1", 1);
    web.after = {r("db1")};
    web.after_timeout = 5min;
    web.on_after_timeout = then;
    web.state = DesiredState::started;
    return three_hosts({db, web});
  }
  explicit Two(AfterTimeout then = AfterTimeout::hold) : Reigning(file(then)) {}
  void db_is(Health state) {
    RunRecord run = *this->run("db1");
    run.state = RunState::running;
    run.health.state = state;
    put(path::run(r("db1")), run);
    settle();
  }
};

TEST(Gate, WaitsForChecksAndNotForAProcess) {
  Two b;
  b.run_for(1min);
  ASSERT_NE(b.claim("db1"), nullptr);
  EXPECT_EQ(b.claim("web1"), nullptr);
  b.db_is(Health::well);
  b.run_for(1s);
  EXPECT_NE(b.claim("web1"), nullptr);
}

TEST(Gate, HoldsWhenItsTimeIsOver) {
  Two b;
  b.run_for(20min);
  EXPECT_EQ(b.claim("web1"), nullptr);
  const auto journal = b.node->view().journal;
  EXPECT_TRUE(std::any_of(journal.begin(), journal.end(), [](const auto& entry) {
    return entry.second.kind == JournalKind::place_failed && entry.second.why.find("it is held") != std::string::npos;
  }));
}

TEST(Gate, GoesOnWithoutWhenItsTimeIsOver) {
  Two b(AfterTimeout::go_on);
  b.run_for(4min);
  EXPECT_EQ(b.claim("web1"), nullptr);
  b.run_for(2min);
  EXPECT_NE(b.claim("web1"), nullptr);
}

TEST(Lifecycle, MovesWhatItsLadderSaysShouldMove) {
  Resource resource = checked({step(Remedy::failover)});
  Bench b(three_hosts({resource}));
  b.running_on("h2", "vm1");
  b.boot();
  b.run_for(2s);
  RunRecord run = *b.run("vm1");
  run.health.state = Health::ill;
  run.health.why = "tcp 80: refused";
  run.health.under_way = 1;
  b.put(path::run(r("vm1")), run);
  b.run_for(1s);
  EXPECT_NE(b.claim("vm1")->host, h("h2"));
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::run);
}

TEST(Lifecycle, LeavesAnIllGuestWhereNoOtherHostCanTakeIt) {
  Resource resource = checked({step(Remedy::failover)});
  resource.hosts.only = {h("h2")};
  Bench b(three_hosts({resource}));
  b.running_on("h2", "vm1");
  b.boot();
  b.run_for(2s);
  RunRecord run = *b.run("vm1");
  run.health.state = Health::ill;
  run.health.under_way = 1;
  b.put(path::run(r("vm1")), run);
  b.run_for(1min);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::run) << "ill is better than down";
}

}  // namespace
}  // namespace haven

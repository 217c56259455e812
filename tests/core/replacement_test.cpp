// A successor takes the place of its predecessor: what the controller orders, what an executor does and says, and what
// never happens in between.
#include "core/recovery/succession.hpp"

#include "core/invariant.hpp"
#include "core/reigning.hpp"
#include "core/servant.hpp"

namespace haven {
namespace {
using namespace story;

constexpr WallTime kAsked{1'000};

Spec with_successor(Duration prove = 30s, Duration settle = 2min, Duration timeout = 5min) {
  Spec spec = three_hosts({vm("web1", 1024), vm("db1", 1024)});
  spec.resources[1].after = {r("web1")};
  Resource next = spec.resources[0];
  next.name = r("web2");
  next.succession = Succession{r("web1"), prove, settle, timeout, kAsked};
  return spec_with_successor(spec, next);
}

// ---- an executor ----

struct Linked : Servant {
  Linked() : Servant(three_hosts({vm("vm1", 1024)})) {}
  void order(bool up, std::int64_t turn, std::uint64_t generation = 1) {
    ClaimRecord record{h("h1"), config.incarnation, {generation}, ClaimOrder::run, std::nullopt, {}};
    record.links = {up, turn};
    put(path::claim(r("vm1")), record);
    settle();
  }
};

TEST(Links, WithoutAnyOrderNobodyLooksAtThem) {
  Linked s;
  s.started();
  s.run_for(1min);
  EXPECT_TRUE(s.did<SetLinks>().empty());
  for (const Inspect& look : s.did<Inspect>()) EXPECT_TRUE(look.links.empty());
  EXPECT_EQ(s.run("vm1")->links_turn, 0);
}

TEST(Links, AreTakenDownAndOnlyThenRecorded) {
  Linked s;
  s.started();
  s.hold(every<SetLinks>());
  s.order(false, 1);
  const Issued down = s.take_held<SetLinks>();
  EXPECT_FALSE(std::get<SetLinks>(down.action).up);
  s.run_for(2s);
  EXPECT_EQ(s.run("vm1")->links_turn, 0) << "nothing was seen yet";
  s.release_holds();
  s.answer(down);
  EXPECT_EQ(s.run("vm1")->links_turn, 1);
  EXPECT_TRUE(s.unlinked.contains(r("vm1")));
}

TEST(Links, ACallThatSaysDoneIsNoSight) {
  Linked s;
  s.started();
  s.links_obey = false;
  s.order(false, 1);
  s.run_for(12s);
  EXPECT_GT(s.did<SetLinks>().size(), 1U) << "it is told again";
  EXPECT_EQ(s.run("vm1")->links_turn, 0);
  s.links_obey = true;
  s.run_for(6s);
  EXPECT_EQ(s.run("vm1")->links_turn, 1);
}

TEST(Links, WhatEndsUnderAnOrderDownStartsAgainWithoutThem) {
  Linked s;
  s.started();
  s.order(false, 1);
  s.forget();
  s.crash();
  s.run_for(1s);
  ASSERT_EQ(s.did<StartDomain>().size(), 1U);
  EXPECT_TRUE(s.did<StartDomain>()[0].unlinked);
  EXPECT_EQ(s.run("vm1")->links_turn, 1);
  EXPECT_TRUE(s.did<SetLinks>().empty());
}

TEST(Links, WhatStartsUnderAnOrderDownIsRecordedWithItsStart) {
  Linked s;
  s.hold(every<StartDomain>());
  s.order(false, 1);
  EXPECT_EQ(s.run("vm1")->state, RunState::starting);
  EXPECT_EQ(s.run("vm1")->links_turn, 1);
  EXPECT_TRUE(std::get<StartDomain>(s.take_held<StartDomain>().action).unlinked);
}

TEST(Links, EachOrderIsRecordedForItself) {
  Linked s;
  s.started();
  s.order(false, 1);
  s.order(true, 2);
  EXPECT_FALSE(s.unlinked.contains(r("vm1")));
  EXPECT_EQ(s.run("vm1")->links_turn, 2);
}

TEST(Links, AreNotTakenDownWhileAnEarlierOrderUpMayStillCome) {
  Linked s;
  s.started();
  s.order(false, 1);
  s.silence(every<SetLinks>());
  s.order(true, 2);
  s.run_for(15s);  // it was given up, and nobody knows what became of it
  s.release_holds();
  s.forget();
  s.order(false, 3);
  s.run_for(10s);
  EXPECT_EQ(s.run("vm1")->links_turn, 1) << "its end is not known";
  s.run_for(kLinksOrderLasts);
  EXPECT_EQ(s.run("vm1")->links_turn, 3);
}

TEST(Links, ARestartedHavendDoesNotKnowWhatTheOneBeforeItAsked) {
  Linked s;
  s.run_for(1h);
  s.started();
  s.order(false, 1);
  s.order(true, 2);
  s.restart_havend();
  s.forget();
  s.order(false, 3);
  s.run_for(10s);
  EXPECT_TRUE(s.did<SetLinks>().empty());
  s.run_for(kLinksOrderLasts);
  EXPECT_EQ(s.run("vm1")->links_turn, 3);
}

TEST(Links, TheHookLetsNothingStartWithThemUnderAnOrderDown) {
  Linked s;
  s.hold(every<StartDomain>());
  s.order(false, 1);
  EXPECT_FALSE(s.hook("vm1", false, false)) << "a start of before the order";
  EXPECT_TRUE(s.hook("vm1", false, true));
}

TEST(Links, ItsSourceSendsNothingWhileTheyAreBeingChanged) {
  Linked s;
  s.started();
  s.hold(every<SetLinks>());
  s.order(false, 1);
  ClaimRecord moving = *s.claim("vm1");
  moving.migrating_to = Migration{h("h2"), boot_of(h("h2")), {2}, false};
  s.put(path::arrival(r("vm1")), ArrivalRecord{h("h2"), boot_of(h("h2")), {2}, ArrivalState::ready, {}});
  s.put(path::claim(r("vm1")), moving);
  s.settle();
  EXPECT_TRUE(s.did<MigrateDomain>().empty());
}

// ---- the controller ----

struct Replacing : Reigning {
  explicit Replacing(Spec spec = with_successor()) : Reigning(std::move(spec)) {
    lazy = {h("h2"), h("h3")};
    running_on("h2", "web1");
    settle();
    forget();
  }
  [[nodiscard]] HandoverPhase phase() const {
    const auto* record = get<HandoverRecord>(path::handover(r("web2")));
    return record == nullptr ? HandoverPhase::proving : record->phase;
  }
  // The successor's executor says that it runs as its claim has it.
  void runs(const std::string& name) {
    const ClaimRecord claim = *this->claim(name);
    RunRecord run;
    run.host = claim.host;
    run.incarnation = claim.incarnation;
    run.generation = claim.generation;
    run.state = RunState::running;
    run.links_turn = claim.links.turn;
    put(path::run(r(name)), run);
    settle();
  }
  void ends(const std::string& name, EndReason why) {
    RunRecord run = *this->run(name);
    run.state = RunState::released;
    run.end = why;
    put(path::run(r(name)), run);
    settle();
  }
  void prove() {
    run_for(1s);
    ASSERT_NE(claim("web2"), nullptr);
    runs("web2");
    run_for(31s);
  }
  void hand_over() {
    prove();
    runs("web1");  // its links are down, it says
    runs("web2");
    ASSERT_EQ(phase(), HandoverPhase::settling);
  }
};

TEST(Replacement, TheFirstClaimOfASuccessorSaysDown) {
  Replacing s;
  s.run_for(1s);
  ASSERT_NE(s.claim("web2"), nullptr);
  EXPECT_EQ(s.claim("web2")->links, (Links{false, 1}));
  EXPECT_EQ(s.claim("web1")->links, Links{});
}

TEST(Replacement, OnlyWhatRunsForItsTimeIsHandedTheLinks) {
  Replacing s;
  s.run_for(1s);
  s.runs("web2");
  s.run_for(24s);
  EXPECT_EQ(s.phase(), HandoverPhase::proving);
  s.run_for(8s);
  EXPECT_EQ(s.phase(), HandoverPhase::handing);
  EXPECT_EQ(s.claim("web1")->links, (Links{false, 1}));
}

TEST(Replacement, TheSuccessorWaitsForItsPredecessorsRecordOfThatVeryOrder) {
  Replacing s;
  s.prove();
  s.run_for(1min);
  EXPECT_FALSE(s.claim("web2")->links.up);
  s.runs("web1");
  EXPECT_EQ(s.claim("web2")->links, (Links{true, 2}));
  EXPECT_EQ(s.phase(), HandoverPhase::handing) << "it was not seen linked yet";
  s.runs("web2");
  EXPECT_EQ(s.phase(), HandoverPhase::settling);
}

TEST(Replacement, ThatTransactionRestsOnTheOthersClaimAndRecord) {
  Replacing s;
  s.prove();
  s.forget();
  s.runs("web1");
  bool found = false;
  for (const Commit& commit : s.commits("claims")) {
    const bool links = std::any_of(commit.writes.begin(), commit.writes.end(), [](const Write& w) {
      const auto* claim = w.value ? std::get_if<ClaimRecord>(&*w.value) : nullptr;
      return claim != nullptr && claim->links.up && claim->links.turn == 2;
    });
    if (!links) continue;
    found = true;
    for (const auto& path : {path::claim(r("web1")), path::run(r("web1")), path::claim(r("web2")),
                             path::handover(r("web2")), path::kLeader})
      EXPECT_TRUE(compares(commit, path)) << path;
  }
  EXPECT_TRUE(found);
}

TEST(Replacement, AProvedHostNeedsNoRecord) {
  Replacing s;
  s.prove();
  s.die("h2");
  s.run_for(20s);
  ASSERT_TRUE(proved_dead(s.node->view(), h("h2"), boot_of(h("h2"))));
  EXPECT_TRUE(s.claim("web2")->links.up);
  EXPECT_FALSE(s.claim("web1")->links.up) << "its failover keeps the order";
}

TEST(Replacement, WhatFailsIsStoppedAndItsPredecessorIsLeftAlone) {
  Replacing s;
  s.run_for(1s);
  const ClaimRecord before = *s.claim("web1");
  s.runs("web2");
  s.ends("web2", EndReason::crashed);
  EXPECT_EQ(s.phase(), HandoverPhase::over);
  EXPECT_EQ(desired_state(s.node->view(), *s.node->view().spec()->resource(r("web2"))), DesiredState::stopped);
  EXPECT_EQ(*s.claim("web1"), before);
}

TEST(Replacement, WhatDoesNotProveItselfInTimeIsOver) {
  Replacing s(with_successor(2min, 2min, 1min));
  s.run_for(62s);
  EXPECT_EQ(s.phase(), HandoverPhase::over);
  EXPECT_NE(s.get<HandoverRecord>(path::handover(r("web2")))->why.find("did not prove itself within 60 s"),
            std::string::npos);
}

TEST(Replacement, OnceItHasSettledThePredecessorIsStopped) {
  Replacing s;
  s.hand_over();
  s.run_for(1min);
  EXPECT_EQ(s.claim("web1")->order, ClaimOrder::run);
  s.run_for(70s);
  EXPECT_EQ(s.phase(), HandoverPhase::kept);
  EXPECT_EQ(s.claim("web1")->order, ClaimOrder::stop);
}

TEST(Replacement, ASuccessorThatFailsWhileItSettlesGivesTheLinksBack) {
  Replacing s;
  s.hand_over();
  s.ends("web2", EndReason::crashed);
  EXPECT_EQ(s.phase(), HandoverPhase::returning);
  EXPECT_FALSE(s.claim("web2")->links.up);
  EXPECT_EQ(s.claim("web1")->links, (Links{true, 2}));
  s.runs("web1");
  EXPECT_EQ(s.phase(), HandoverPhase::over);
}

TEST(Replacement, TheWayBackTakesTheLinksFromTheSuccessorFirst) {
  Replacing s;
  s.hand_over();
  s.say(OperatorVerb::hand_back, "web1");
  EXPECT_EQ(s.phase(), HandoverPhase::returning);
  EXPECT_EQ(s.claim("web2")->links, (Links{false, 3}));
  s.run_for(1min);
  EXPECT_FALSE(s.claim("web1")->links.up);
  s.runs("web2");
  EXPECT_TRUE(s.claim("web1")->links.up);
}

TEST(Replacement, AfterItsEndThePredecessorIsGoneFromTheFileAndTheSuccessorHasItsPlace) {
  Replacing s;
  s.hand_over();
  s.say(OperatorVerb::hand_finish, "web1");
  EXPECT_EQ(s.phase(), HandoverPhase::finishing);
  EXPECT_FALSE(spec_after(s.node->view(), s.spec(), r("web1"))) << "it has not stopped yet";
  s.ends("web1", EndReason::stopped);
  const auto after = spec_after(s.node->view(), s.spec(), r("web1"));
  ASSERT_TRUE(after) << after.error();
  EXPECT_EQ(after->resource(r("web1")), nullptr);
  EXPECT_EQ(after->resource(r("web2"))->replaced, r("web1"));
  EXPECT_FALSE(after->resource(r("web2"))->succession);
  EXPECT_EQ(after->resource(r("db1"))->after, std::vector<ResourceName>{r("web2")});
}

TEST(Replacement, OfSeveralInARowTheLastHasThePlaceOfTheOneThatTheFileNames) {
  Replacing s;
  s.hand_over();
  s.say(OperatorVerb::hand_finish, "web1");
  s.ends("web1", EndReason::stopped);
  Spec stored = s.spec();
  stored.resources[0].replaced = r("web0");
  const auto after = spec_after(s.node->view(), stored, r("web1"));
  ASSERT_TRUE(after) << after.error();
  EXPECT_EQ(after->resource(r("web2"))->replaced, r("web0"));
}

TEST(Replacement, RefusesWhatMakesNoSense) {
  Replacing s;
  const auto refused = [&](OperatorVerb verb, const std::string& name) {
    s.operator_answers.clear();
    s.say(verb, name);
    return s.operator_answers.size() == 1 && !s.operator_answers[0].ok ? s.operator_answers[0].text : std::string();
  };
  EXPECT_NE(refused(OperatorVerb::hand_finish, "web1").find("it cannot be for good now"), std::string::npos);
  EXPECT_NE(refused(OperatorVerb::hand_back, "db1").find("db1 is not being replaced"), std::string::npos);
  EXPECT_NE(refused(OperatorVerb::ignore, "web1").find("web2 is replacing web1"), std::string::npos);
  EXPECT_NE(replace_refusal(s.node->view(), r("web1")).find("already"), std::string::npos);
  EXPECT_NE(replacement_under_way(s.node->view()), "");
}

TEST(Replacement, WhatCannotBeReadLeavesBothAsTheyAre) {
  Replacing s;
  s.hand_over();
  const ClaimRecord old = *s.claim("web1"), next = *s.claim("web2");
  s.put(path::handover(r("web2")), UnreadableRecord{"not JSON"});
  s.run_for(10min);
  EXPECT_EQ(*s.claim("web1"), old);
  EXPECT_EQ(*s.claim("web2"), next);
}

TEST(Replacement, AFreshOneOfTheSameNameBeginsAnew) {
  Replacing s;
  s.hand_over();
  Spec again = s.spec();
  for (Resource& resource : again.resources)
    if (resource.succession) resource.succession->asked.unix_ms += 1;
  View view;
  Records records(again);
  records.put(path::handover(r("web2")), HandoverRecord{r("web1"), kAsked, HandoverPhase::settling});
  EXPECT_EQ(replacement_of(records.view(), r("web1"))->record.phase, HandoverPhase::proving);
}

TEST(Replacement, TheInvariantSeesLinksThatGoUpBesideTheOthers) {
  Records records(with_successor());
  records.member("h2").member("h3").claim("web1", "h2").run("web1", "h2", RunState::running).claim("web2", "h3");
  ClaimRecord up{h("h3"), boot_of(h("h3")), {1}, ClaimOrder::run, std::nullopt, {}};
  ClaimRecord down = up;
  down.links = {false, 1};
  records.put(path::claim(r("web2")), down);
  up.links = {true, 2};
  const auto breaches = breaches_of_commit(records.view(), {{{path::claim(r("web2")), up, {99}}}, {99}});
  ASSERT_EQ(breaches.size(), 1U);
  EXPECT_EQ(breaches[0].rule, "one-address");
}

}  // namespace
}  // namespace haven

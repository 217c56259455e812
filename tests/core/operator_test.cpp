// What the operator says becomes one transaction, or a sentence that says why not.
#include "core/operator.hpp"

#include <algorithm>

#include "core/bench_node.hpp"

namespace haven {
namespace {
using namespace story;

struct Desk {
  SelfView self;
  Heard heard;
  Now now{Instant{1s}, WallTime{1'800'000'000'000}};
  Desk() { self.host = kSelf; }
  tl::expected<Commit, std::string> ask(const View& view, OperatorVerb verb, const std::string& resource,
                                        const std::string& host = "", bool force = false) const {
    OperatorAsked asked;
    asked.question = CallId{5};
    asked.verb = verb;
    asked.resource = r(resource);
    asked.host = h(host);
    asked.by = "anna";
    asked.force = force;
    return operator_commit(view, asked, heard, self, now).map([](const Obeyed& obeyed) { return obeyed.commit; });
  }
  tl::expected<Commit, std::string> say_name(const View& view, OperatorVerb verb, const std::string& name) const {
    OperatorAsked asked;
    asked.question = CallId{5};
    asked.verb = verb;
    asked.by = "anna";
    asked.name = name;
    return operator_commit(view, asked, heard, self, now).map([](const Obeyed& obeyed) { return obeyed.commit; });
  }
};

Records calm() { return Records(three_hosts({vm("vm1", 1)})).member("h1").member("h2").member("h3"); }

const OrderRecord* order_in(const Commit& commit) {
  for (const auto& write : commit.writes)
    if (write.path == path::order(r("vm1")) && write.value) return std::get_if<OrderRecord>(&*write.value);
  return nullptr;
}

TEST(Operator, IsRefusedWhileTheEngineIsOutOfReachOrNothingIsApplied) {
  EXPECT_FALSE(Desk().ask(View{}, OperatorVerb::stop, "vm1"));
  View empty;
  empty.take(EngineListed{{}, {1}});
  const auto answer = Desk().ask(empty, OperatorVerb::stop, "vm1");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().find("haven apply"), std::string::npos);
}

TEST(Operator, AnUnknownNameIsSaid) {
  EXPECT_EQ(Desk().ask(calm().view(), OperatorVerb::stop, "vm7").error(), "there is no resource vm7");
  EXPECT_EQ(Desk().ask(calm().view(), OperatorVerb::relocate, "vm1", "h7").error(), "there is no host h7");
  EXPECT_EQ(Desk().ask(calm().view(), OperatorVerb::fence_confirm, "", "h7").error(), "there is no host h7");
}

TEST(Operator, StopOverridesTheFileAndComparesWhatItSaw) {
  const auto commit = Desk().ask(calm().view(), OperatorVerb::stop, "vm1");
  ASSERT_TRUE(commit);
  EXPECT_EQ(commit->lane, "operator/5");
  EXPECT_EQ(commit->checks[0], (Check{path::order(r("vm1")), {}}));
  ASSERT_NE(order_in(*commit), nullptr);
  EXPECT_EQ(order_in(*commit)->state, DesiredState::stopped);
}

TEST(Operator, StartTakesTheOverrideBackAndForgetsFailures) {
  const View view = calm().put(path::order(r("vm1")), OrderRecord{DesiredState::stopped, false, {}, {}, false}).view();
  const auto commit = Desk().ask(view, OperatorVerb::start, "vm1");
  ASSERT_TRUE(commit);
  ASSERT_NE(order_in(*commit), nullptr);
  EXPECT_FALSE(order_in(*commit)->state);
  EXPECT_TRUE(order_in(*commit)->clear);
}

TEST(Operator, StopTakesBackWhatWasOrderedBefore) {
  const View view = calm().put(path::order(r("vm1")), OrderRecord{{}, true, h("h2"), {}, false}).view();
  const auto commit = Desk().ask(view, OperatorVerb::stop, "vm1");
  ASSERT_TRUE(commit);
  EXPECT_EQ(*order_in(*commit), (OrderRecord{DesiredState::stopped, false, {}, {}, false}));
}

TEST(Operator, OnlyWhatIsToRunCanBeRelocated) {
  const View view = calm().put(path::order(r("vm1")), OrderRecord{DesiredState::stopped, false, {}, {}, false}).view();
  EXPECT_FALSE(Desk().ask(view, OperatorVerb::relocate, "vm1", "h2"));
  const auto commit = Desk().ask(calm().view(), OperatorVerb::relocate, "vm1", "h2");
  ASSERT_TRUE(commit);
  EXPECT_EQ(order_in(*commit)->relocate_to, h("h2"));
}

// Written again all the same: nothing that was ordered before may come to pass after it.
TEST(Operator, FreezingWhatIsFrozenChangesNothing) {
  EXPECT_FALSE(Desk().ask(calm().view(), OperatorVerb::freeze, "")->writes.empty());
  const View frozen = calm().put(path::kFreeze, FreezeRecord{"bert"}).view();
  const auto again = Desk().ask(frozen, OperatorVerb::freeze, "");
  ASSERT_EQ(again->writes.size(), 1U);
  EXPECT_EQ(std::get<FreezeRecord>(*again->writes[0].value), FreezeRecord{"bert"});
  EXPECT_FALSE(Desk().ask(frozen, OperatorVerb::thaw, "")->writes.empty());
}

TEST(Operator, AHostOrAResourceIsFrozenAloneAndBesideTheRest) {
  const Desk desk;
  const auto freeze_of = [](const tl::expected<Commit, std::string>& commit) {
    return std::get<FreezeRecord>(commit->writes.at(0).value.value());
  };
  const auto one = desk.say_name(calm().view(), OperatorVerb::freeze, "h2");
  ASSERT_TRUE(one) << one.error();
  EXPECT_EQ(freeze_of(one), (FreezeRecord{"", false, {{"h2", "anna"}}}));
  EXPECT_EQ(std::get<JournalRecord>(*one->writes.at(1).value).host, h("h2"));
  const FreezeRecord both{"", false, {{"h2", "bert"}, {"vm1", "bert"}}};
  const View some = calm().put(path::kFreeze, both).view();
  EXPECT_EQ(freeze_of(desk.say_name(some, OperatorVerb::freeze, "vm1")), both) << "so already";
  EXPECT_EQ(freeze_of(desk.say_name(some, OperatorVerb::thaw, "h2")), (FreezeRecord{"", false, {{"vm1", "bert"}}}));
  EXPECT_EQ(freeze_of(desk.say_name(some, OperatorVerb::freeze, "")), (FreezeRecord{"anna", true, both.names}));
  EXPECT_EQ(freeze_of(desk.say_name(some, OperatorVerb::thaw, "")), both) << "the cluster is not frozen";
  const View last = calm().put(path::kFreeze, FreezeRecord{"", false, {{"h9", "bert"}}}).view();
  const auto gone = desk.say_name(last, OperatorVerb::thaw, "h9");
  ASSERT_TRUE(gone) << "it left the file, and can be let go all the same";
  EXPECT_EQ(freeze_of(gone), (FreezeRecord{"", false, {}})) << "nothing is frozen any more";
  EXPECT_FALSE(desk.say_name(calm().view(), OperatorVerb::freeze, "h9"));
  const View unread = calm().unread(path::kFreeze).view();
  EXPECT_EQ(freeze_of(desk.say_name(unread, OperatorVerb::thaw, "")), (FreezeRecord{"", false, {}}));
}

// ---- the word about a host (F8) ----

TEST(Operator, TheDeathOfAHostThatHoldsALeaseIsNotConfirmed) {
  const auto answer = Desk().ask(calm().view(), OperatorVerb::fence_confirm, "", "h2");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().find("holds a lease"), std::string::npos);
}

TEST(Operator, EvenForceDoesNotProveALivingBootDead) {
  const View view = calm().claim("vm1", "h2").view();
  EXPECT_FALSE(Desk().ask(view, OperatorVerb::fence_confirm, "", "h2", true));
}

TEST(Operator, AConfirmationProvesEveryOpenBootInHisNameAndComparesTheKey) {
  const Incarnation older("an-older-boot");
  const View view = Records(three_hosts({vm("vm1", 1)}))
                        .member("h1")
                        .lost("h2")
                        .put(path::claim(r("vm1")), ClaimRecord{h("h2"), older, {1}, ClaimOrder::run, {}, {}})
                        .view();
  const auto commit = Desk().ask(view, OperatorVerb::fence_confirm, "", "h2");
  ASSERT_TRUE(commit);
  EXPECT_EQ(commit->checks[0], (Check{path::member(h("h2")), {}}));
  std::set<std::string> proved;
  for (const auto& write : commit->writes) {
    const auto* fence = write.value ? std::get_if<FenceRecord>(&*write.value) : nullptr;
    if (fence == nullptr) continue;
    EXPECT_EQ(fence->state, FenceState::proved);
    EXPECT_EQ(fence->proof, ProofKind::operator_word);
    EXPECT_EQ(fence->by, "anna");
    proved.insert(write.path);
  }
  EXPECT_EQ(proved, (std::set<std::string>{path::fence(h("h2"), older), path::fence(h("h2"), boot_of(h("h2")))}));
}

TEST(Operator, AnOlderBootCanBeConfirmedWhileTheNextOneLives) {
  const Incarnation older("an-older-boot");
  const View view = calm().put(path::claim(r("vm1")), ClaimRecord{h("h2"), older, {1}, ClaimOrder::run, {}, {}}).view();
  const auto commit = Desk().ask(view, OperatorVerb::fence_confirm, "", "h2");
  ASSERT_TRUE(commit);
  ASSERT_EQ(commit->writes.size(), 2U);
  EXPECT_EQ(commit->writes[0].path, path::fence(h("h2"), older));
}

TEST(Operator, WhileItsHeartbeatsAreHeardADeathIsConfirmedByForceAlone) {
  Desk desk;
  desk.heard = [](const HostName& host, const Incarnation& boot) {
    return host == h("h2") && boot == boot_of(h("h2"));
  };
  const View view = Records(three_hosts({})).member("h1").lost("h2").view();
  const auto answer = desk.ask(view, OperatorVerb::fence_confirm, "", "h2");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().find("heartbeats"), std::string::npos);
  EXPECT_TRUE(desk.ask(view, OperatorVerb::fence_confirm, "", "h2", true));
}

TEST(Operator, AConfirmationNamesTheIncarnationInTheJournal) {
  const View view = Records(three_hosts({})).member("h1").lost("h2").view();
  const auto commit = Desk().ask(view, OperatorVerb::fence_confirm, "", "h2");
  ASSERT_TRUE(commit);
  const auto* journal = std::get_if<JournalRecord>(&*commit->writes.back().value);
  ASSERT_NE(journal, nullptr);
  EXPECT_EQ(journal->why, "confirmed by anna: incarnation " + boot_of(h("h2")).str());
}

TEST(Operator, ConfirmingAPlannedRestartNeedsForce) {
  const View view = Records(three_hosts({}))
                        .member("h1")
                        .lost("h2")
                        .put(path::away(h("h2")), AwayRecord{boot_of(h("h2")), AwayKind::restarting})
                        .view();
  EXPECT_FALSE(Desk().ask(view, OperatorVerb::fence_confirm, "", "h2"));
  EXPECT_TRUE(Desk().ask(view, OperatorVerb::fence_confirm, "", "h2", true));
}

TEST(Operator, AHostThatLeftTheFileCanStillBeConfirmed) {
  const View view = calm()
                        .put(path::claim(r("vm1")),
                             ClaimRecord{h("h9"), Incarnation("boot-of-h9"), {1}, ClaimOrder::run, std::nullopt, {}})
                        .view();
  EXPECT_TRUE(Desk().ask(view, OperatorVerb::fence_confirm, "", "h9"));
}

// ---- through the node ----

TEST(Operator, AWordIsAnsweredWhenTheEngineHasIt) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.boot();
  b.hold(lane("operator/"));
  b.say(OperatorVerb::stop, "vm1");
  EXPECT_TRUE(b.operator_answers.empty());
  b.answer(b.take_held<Commit>());
  ASSERT_EQ(b.operator_answers.size(), 1U);
  EXPECT_TRUE(b.operator_answers[0].ok);
  b.run_for(1s);
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
}

TEST(Operator, AWordThatMeetsAnothersIsTriedAgain) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.boot();
  b.hold(lane("operator/"));
  b.say(OperatorVerb::stop, "vm1");
  const Issued first = b.take_held<Commit>();
  b.release_holds();
  b.put(path::order(r("vm1")), OrderRecord{{}, true, {}, {}, false});
  b.answer(first);
  b.run_for(1s);
  ASSERT_EQ(b.operator_answers.size(), 1U);
  EXPECT_TRUE(b.operator_answers[0].ok);
}

TEST(Operator, AWordThatCannotBeRecordedIsAnsweredAllTheSame) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.boot();
  b.silence(every<Commit>());
  b.say(OperatorVerb::stop, "vm1");
  b.run_for(10s);
  ASSERT_EQ(b.operator_answers.size(), 1U);
  EXPECT_FALSE(b.operator_answers[0].ok);
}

TEST(Operator, WhatIsSoAlreadyIsAnsweredAtOnce) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.boot();
  b.say(OperatorVerb::clear, "h2");
  ASSERT_EQ(b.operator_answers.size(), 1U);
  EXPECT_TRUE(b.operator_answers[0].ok);
  EXPECT_EQ(b.operator_answers[0].text, "it is so already") << "it has no losses";
}

TEST(Operator, HisWordFreesWhatWaitsForADeadHost) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.running_on("h2", "vm1");
  b.boot();
  b.agent = [](const RunAgent&) { return AgentResult::failed; };
  b.die("h2");
  b.run_for(1min);
  ASSERT_EQ(b.claim("vm1")->host, h("h2"));
  b.say(OperatorVerb::fence_confirm, "", "h2");
  b.run_for(1s);
  EXPECT_NE(b.claim("vm1")->host, h("h2"));
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
}

// ---- an order whose answer was lost, carried out seconds later ----

struct Late : Bench {
  Late() : Bench(three_hosts({vm("vm1", 1024)})) {
    boot();
    run_for(5s);
  }
  // Said, sent twice, obeyed the second time; the first is still under way.
  template <class Say>
  Issued said_twice(Say say) {
    hold(lane("operator/"));
    say();
    Issued late = take_held<Commit>();
    release_holds();
    tell(CommitDone{late.call, CommitOutcome::unknown, {}, ""});
    run_for(5s);
    return late;
  }
};

TEST(Operator, ALateStopDoesNotUndoTheStartThatFollowedIt) {
  Late b;
  const Issued late = b.said_twice([&] { b.say(OperatorVerb::stop, "vm1"); });
  ASSERT_EQ(b.claim("vm1")->order, ClaimOrder::stop);
  b.say(OperatorVerb::start, "vm1");
  b.run_for(5s);
  (void)b.effect(late);
  b.run_for(5s);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::run);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
}

TEST(Operator, ALateStopDoesNotUndoAStartThatFoundItStarted) {
  Late b;
  b.hold(lane("operator/"));
  b.say(OperatorVerb::stop, "vm1");
  const Issued late = b.take_held<Commit>();
  b.release_holds();
  b.say(OperatorVerb::start, "vm1");
  b.run_for(1s);
  (void)b.effect(late);
  b.run_for(5s);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::run);
}

TEST(Operator, ALateFreezeDoesNotUndoTheThawThatFollowedIt) {
  Late b;
  const Issued late = b.said_twice([&] { b.freeze(""); });
  ASSERT_TRUE(frozen(b.node->view()));
  b.freeze("", false);
  b.run_for(1s);
  (void)b.effect(late);
  b.run_for(1s);
  EXPECT_FALSE(frozen(b.node->view()));
}

}  // namespace
}  // namespace haven

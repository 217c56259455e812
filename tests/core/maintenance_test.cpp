// A host out of service and back: what moves, what stays, what is refused (scenarios show the whole course).
#include <algorithm>

#include "core/court.hpp"
#include "core/recovery/maintenance.hpp"
#include "core/recovery/reserve.hpp"
#include "core/reigning.hpp"

namespace haven {
namespace {
using namespace story;

// h1 reigns, vm1 and vm2 run on h2.
struct Works : Court {
  explicit Works(Spec spec = three_hosts({vm("vm1", 1024), vm("vm2", 1024)})) : Court(std::move(spec)) {
    running_on("h2", "vm1");
    running_on("h2", "vm2");
    settle();
    forget();
  }
  std::string answer() const { return operator_answers.empty() ? "" : operator_answers.back().text; }
  bool accepted() const { return !operator_answers.empty() && operator_answers.back().ok; }
};

TEST(Maintenance, WhatRunsThereMovesAndWhatMovedComesBack) {
  Works b;
  b.say(OperatorVerb::maintain, "", "h2");
  b.run_for(10s);
  EXPECT_TRUE(b.accepted());
  for (const char* name : {"vm1", "vm2"}) EXPECT_NE(b.claim(name)->host, h("h2")) << name;
  EXPECT_TRUE(out_of_service(b.node->view(), h("h2")));
  b.say(OperatorVerb::resume, "", "h2");
  b.run_for(10s);
  for (const char* name : {"vm1", "vm2"}) EXPECT_EQ(b.claim(name)->host, h("h2")) << name;
  EXPECT_FALSE(report_maintenance(b.node->view(), h("h2")));
}

TEST(Maintenance, OneThatIsOutOfServiceMayFallSilent) {
  Works b;
  b.say(OperatorVerb::maintain, "", "h2");
  b.run_for(10s);
  b.die("h2");
  b.run_for(1min);
  EXPECT_FALSE(b.state()) << "nobody would gain by its fence";
}

TEST(Maintenance, WhileSomethingRunsThereItsSilenceIsAsEver) {
  Works b;
  b.lazy.insert(h("h2"));  // it does not stop what it is told to
  b.say(OperatorVerb::maintain, "", "h2");
  b.run_for(10s);
  b.die("h2");
  b.run_for(10s);
  EXPECT_EQ(b.state(), FenceState::proved);
}

TEST(Maintenance, WhatAPersonSentElsewhereDoesNotComeBack) {
  Works b;
  b.say(OperatorVerb::maintain, "", "h2");
  b.run_for(10s);
  b.lazy = {h("h1"), h("h3")};  // so that nothing has come back yet
  b.say(OperatorVerb::resume, "", "h2");
  b.say(OperatorVerb::relocate, "vm1", b.claim("vm1")->host == h("h1") ? "h3" : "h1");
  b.lazy.clear();
  b.run_for(20s);
  EXPECT_NE(b.claim("vm1")->host, h("h2"));
  EXPECT_EQ(b.claim("vm2")->host, h("h2"));
}

TEST(Maintenance, WhatIsStoppedMeanwhileIsNotStartedByIt) {
  Works b;
  b.say(OperatorVerb::maintain, "", "h2");
  b.run_for(10s);
  b.say(OperatorVerb::stop, "vm1");
  b.run_for(5s);
  b.say(OperatorVerb::resume, "", "h2");
  b.run_for(10s);
  EXPECT_EQ(b.run("vm1")->state, RunState::released);
  EXPECT_FALSE(report_maintenance(b.node->view(), h("h2"))) << "nothing is waited for";
}

TEST(Maintenance, IsRefusedWhereSomethingWouldHaveNoPlaceOrTheEngineNoMajority) {
  Spec bound = three_hosts({vm("vm1", 1024), vm("vm2", 1024)});
  bound.resources[0].hosts.only = {h("h2")};
  Works b(bound);
  b.say(OperatorVerb::maintain, "", "h2");
  EXPECT_FALSE(b.accepted());
  EXPECT_NE(b.answer().find("vm1"), std::string::npos) << b.answer();
  b.say(OperatorVerb::maintain, "", "h2", true);
  b.run_for(10s);
  EXPECT_TRUE(b.accepted());
  EXPECT_EQ(b.claim("vm1")->host, h("h2")) << "it stays, and runs";
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
  EXPECT_NE(b.claim("vm2")->host, h("h2"));
  Works c;
  c.die("h3");
  c.run_for(10s);
  c.say(OperatorVerb::maintain, "", "h2");
  EXPECT_FALSE(c.accepted());
  EXPECT_NE(c.answer().find("majority"), std::string::npos) << c.answer();
}

// Two of three hosts hold everything, and no host holds it alone.
Spec just_enough(int reserve = 1) {
  Spec spec = three_hosts({vm("vm1", 40'000, 1, 200), vm("vm2", 40'000)});
  spec.cluster.reserve = reserve;
  return spec;
}

struct Reserve : Works {
  using Works::Works;
  void take_out(const std::string& host, bool unprotected = false) {
    OperatorAsked asked;
    asked.question = CallId{++asked_};
    asked.verb = OperatorVerb::maintain;
    asked.host = h(host);
    asked.by = "anna";
    asked.unprotected = unprotected;
    tell(asked);
  }
  std::string warning() const {
    std::string text;
    for (const auto& one : operator_answers.back().warnings) text += one + "\n";
    return text;
  }
  std::string journaled() const {
    std::string text;
    for (const auto& [path, record] : node->view().journal)
      if (record.kind == JournalKind::maintenance) text = record.why;
    return text;
  }

 private:
  std::uint64_t asked_ = 2'000'000;
};

TEST(MaintenanceAndReserve, IsRefusedWhereOneMoreLossWouldNotBeSurvivedMeanwhile) {
  Reserve b(just_enough());
  b.take_out("h3");
  EXPECT_FALSE(b.accepted());
  EXPECT_NE(b.answer().find("vm2 would stay down after one more loss"), std::string::npos) << b.answer();
  EXPECT_NE(b.answer().find("after the loss of h1, vm2 stays down: needs"), std::string::npos) << b.answer();
  EXPECT_NE(b.answer().find("--unprotected"), std::string::npos) << b.answer();
  EXPECT_FALSE(in_maintenance(b.node->view(), h("h3")));
}

TEST(MaintenanceAndReserve, GoesOnWhereThatIsAcceptedAndSaysSo) {
  for (const bool by_force : {false, true}) {
    Reserve b(just_enough());
    if (by_force)
      b.say(OperatorVerb::maintain, "", "h3", true);
    else
      b.take_out("h3", true);
    EXPECT_TRUE(b.accepted());
    EXPECT_TRUE(in_maintenance(b.node->view(), h("h3")));
    EXPECT_NE(b.warning().find("vm2 would stay down"), std::string::npos) << b.warning();
    EXPECT_NE(b.journaled().find("who accepted that meanwhile vm2 would stay down"), std::string::npos)
        << b.journaled();
  }
}

TEST(MaintenanceAndReserve, WithoutAReserveOrWithEnoughOfItNothingIsSaid) {
  Reserve none(just_enough(0));
  none.take_out("h3");
  EXPECT_TRUE(none.accepted());
  EXPECT_EQ(none.warning(), "");
  Reserve enough(three_hosts({vm("vm1", 1024), vm("vm2", 1024)}));
  enough.take_out("h2");
  EXPECT_TRUE(enough.accepted());
  EXPECT_EQ(enough.warning(), "");
}

TEST(MaintenanceAndReserve, WhatIsBrokenAlreadyAndMadeNoWorseIsAWarning) {
  // vm3 fits beside nobody: it stays down after any loss, whether h3 is there or not.
  Spec spec = three_hosts({vm("vm1", 1024), vm("vm2", 1024), vm("vm3", 65'000, 1, 10)});
  spec.resources[2].hosts.only = {h("h1")};
  Reserve b(spec);
  b.take_out("h3");
  EXPECT_TRUE(b.accepted()) << b.answer();
  EXPECT_NE(b.warning().find("vm3 would stay down after one more loss"), std::string::npos) << b.warning();
}

TEST(MaintenanceAndReserve, WhatTheFileAcceptsIsNotSaidAgain) {
  Spec spec = just_enough();
  spec.resources[1].unprotected = true;
  Reserve b(spec);
  b.take_out("h3");
  EXPECT_TRUE(b.accepted()) << b.answer();
  EXPECT_EQ(b.warning(), "");
}

TEST(MaintenanceAndReserve, WhatIsStoppedNeedsNoReserve) {
  Reserve b(just_enough());
  b.say(OperatorVerb::stop, "vm1");
  b.run_for(5s);
  b.take_out("h3");
  EXPECT_TRUE(b.accepted()) << b.answer();
}

TEST(MaintenanceAndReserve, AHostThatIsOutAlreadyIsNoneOfTheLosses) {
  Spec spec = just_enough();
  spec.hosts.push_back(host("h4", 65'536));
  Reserve b(spec);
  b.join("h4");
  b.settle();
  b.take_out("h4");
  EXPECT_TRUE(b.accepted()) << b.answer();
  b.take_out("h3");
  EXPECT_FALSE(b.accepted());
  EXPECT_NE(b.answer().find("vm2 would stay down"), std::string::npos) << b.answer();
}

TEST(MaintenanceAndReserve, WhatCannotBeTriedOutInTimeIsAWarningAndNeverSilence) {
  Reserve b(just_enough());
  const ReserveWithout answer = reserve_without(b.node->view(), {h("h3")}, 10);
  EXPECT_TRUE(answer.exposed.empty());
  EXPECT_NE(answer.words.find("could not be tried out in full"), std::string::npos) << answer.words;
}

TEST(Maintenance, IsRefusedWhileAnotherVoterThatIsOutMayGoDownAsWell) {
  Works b;
  b.say(OperatorVerb::maintain, "", "h3");
  b.run_for(5s);
  ASSERT_TRUE(b.accepted()) << b.answer();
  b.say(OperatorVerb::maintain, "", "h2");
  EXPECT_FALSE(b.accepted());
  EXPECT_NE(b.answer().find("majority"), std::string::npos) << b.answer();
}

TEST(Maintenance, RestsOnWhoElseIsOut) {
  Works b;
  b.say(OperatorVerb::maintain, "", "h2");
  const auto commits = b.did<Commit>();
  EXPECT_TRUE(std::any_of(commits.begin(), commits.end(), [](const Commit& commit) {
    return compares(commit, path::maintenance(h("h2"))) && compares(commit, path::maintenance(h("h3")));
  })) << "of two that go out at once one is judged anew";
}

TEST(MaintenanceForesight, SaysWhatMovesWhereAndWhatCannot) {
  Spec spec = three_hosts({vm("vm1", 1024, 1, 10), vm("vm2", 1024)});
  spec.resources[0].live_migration = false;
  spec.resources[1].hosts.only = {h("h2")};
  Works b(spec);
  const auto foreseen = foresee_maintenance(b.node->view(), {h("h2")});
  ASSERT_EQ(foreseen.moves.size(), 2u);
  EXPECT_EQ(foreseen.moves[0].resource, r("vm2")) << "the most important first";
  EXPECT_EQ(foreseen.moves[0].to, std::nullopt);
  ASSERT_EQ(foreseen.moves[0].refusals.size(), 2u);
  EXPECT_EQ(foreseen.moves[0].refusals[0].host, h("h1"));
  EXPECT_TRUE(foreseen.moves[0].live);
  ASSERT_TRUE(foreseen.moves[1].to);
  EXPECT_NE(*foreseen.moves[1].to, h("h2"));
  EXPECT_FALSE(foreseen.moves[1].live);
  EXPECT_NE(foreseen.refused.find("vm2"), std::string::npos) << foreseen.refused;
  EXPECT_FALSE(in_maintenance(b.node->view(), h("h2"))) << "nothing was done";
}

TEST(MaintenanceForesight, OfSeveralNobodyGoesToAnother) {
  Spec spec = three_hosts({vm("vm1", 1024), vm("vm2", 1024)});
  spec.cluster.reserve = 0;
  Works b(spec);
  const auto foreseen = foresee_maintenance(b.node->view(), {h("h2"), h("h3")});
  ASSERT_EQ(foreseen.moves.size(), 2u);
  for (const auto& move : foreseen.moves) EXPECT_EQ(move.to, h("h1"));
  EXPECT_NE(foreseen.refused.find("majority"), std::string::npos) << "two of three voters could be off at once";
}

}  // namespace
}  // namespace haven

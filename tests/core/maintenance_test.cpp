// A host out of service and back: what moves, what stays, what is refused (scenarios show the whole course).
#include <algorithm>

#include "core/court.hpp"
#include "core/recovery/maintenance.hpp"

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

}  // namespace
}  // namespace haven

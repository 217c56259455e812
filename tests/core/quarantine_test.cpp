// Stories about hosts that are lost again and again.
#include "core/liveness/quarantine.hpp"

#include "core/court.hpp"
#include "core/reigning.hpp"
#include "core/report.hpp"

namespace haven::story {
namespace {

// h2 falls silent, is fenced and comes back as another boot.
void lose(Bench& b, int time) {
  b.die("h2");
  b.run_for(20s);
  b.join("h2", Incarnation("boot-" + std::to_string(time)));
  b.run_for(3s);
}

const QuarantineRecord* record(const Bench& b) { return b.get<QuarantineRecord>(path::quarantine(h("h2"))); }

TEST(Quarantine, AFirstLossIsCountedAndClosesNothing) {
  Reigning b(three_hosts({}));
  lose(b, 1);
  ASSERT_NE(record(b), nullptr);
  EXPECT_EQ(record(b)->losses, 1);
  EXPECT_FALSE(is_quarantined(b.node->view(), h("h2")));
}

TEST(Quarantine, FromTheSecondLossOnItWaitsForLongerEachTime) {
  Reigning b(three_hosts({}));
  lose(b, 1);
  lose(b, 2);
  EXPECT_TRUE(is_quarantined(b.node->view(), h("h2")));
  b.run_for(kQuarantine - 10s);
  EXPECT_TRUE(is_quarantined(b.node->view(), h("h2")));
  b.run_for(15s);
  EXPECT_FALSE(is_quarantined(b.node->view(), h("h2")));
  lose(b, 3);
  b.run_for(2 * kQuarantine - 10s);
  EXPECT_TRUE(is_quarantined(b.node->view(), h("h2")));
  b.run_for(15s);
  EXPECT_FALSE(is_quarantined(b.node->view(), h("h2")));
}

TEST(Quarantine, AGoodHourForgivesEverything) {
  Reigning b(three_hosts({}));
  lose(b, 1);
  b.run_for(kForgivenAfter - 1min);
  EXPECT_NE(record(b), nullptr);
  b.run_for(2min);
  EXPECT_EQ(record(b), nullptr);
}

TEST(Quarantine, TheOperatorsWordEndsItAtOnce) {
  Reigning b(three_hosts({}));
  lose(b, 1);
  lose(b, 2);
  b.say(OperatorVerb::clear, "h2");
  b.run_for(1s);
  EXPECT_EQ(record(b), nullptr);
  ASSERT_FALSE(b.operator_answers.empty());
  EXPECT_TRUE(b.operator_answers.back().ok);
}

TEST(Quarantine, ItIsAnAlarmThatNamesTheWayOut) {
  Reigning b(three_hosts({}));
  lose(b, 1);
  lose(b, 2);
  const auto alarms = alarms_of(b.node->view());
  const auto about =
      std::find_if(alarms.begin(), alarms.end(), [](const Alarm& a) { return a.key == "quarantine/h2"; });
  ASSERT_NE(about, alarms.end());
  EXPECT_NE(about->text.find("haven clear h2"), std::string::npos);
  for (const auto& host : b.node->report().hosts) {
    if (host.name == h("h2")) {
      EXPECT_EQ(host.condition, HostCondition::up);
    }
  }
}

TEST(Quarantine, WhereEveryHostThatIsThereIsClosedNoneIs) {
  Records records = Records(three_hosts({})).member("h1").lost("h2").lost("h3");
  records.put(path::quarantine(h("h1")), QuarantineRecord{5, true});
  records.put(path::quarantine(h("h2")), QuarantineRecord{2, true});
  EXPECT_FALSE(is_quarantined(records.view(), h("h1")));
  EXPECT_TRUE(is_quarantined(records.member("h3").view(), h("h1")));
}

TEST(Quarantine, AStuckGuestOrALostDiskIsNoLossOfTheHost) {
  Reigning b(three_hosts({vm("vm1", 1024)}));
  b.running_on("h2", "vm1");
  b.disks_lost_by[h("h2")] = {r("vm1")};
  b.report("h2");
  b.run_for(2min);
  EXPECT_NE(b.fence("h2"), nullptr);
  EXPECT_EQ(record(b), nullptr);
}

}  // namespace
}  // namespace haven::story

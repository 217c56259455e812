#include "core/court.hpp"
#include "core/reigning.hpp"
#include "core/servant.hpp"
namespace haven {
namespace {
using namespace story;
TEST(Accusation, AgentsAreKilledInTimeWhenTheWatchIsBrokenToo) {
  Court b;
  b.hold(every<RunAgent>());
  b.die("h2");
  b.run_for(1500ms);
  ASSERT_EQ(b.held_of<RunAgent>().size(), 1U);
  b.silence(every<KeepAlive>());
  b.break_watch();
  b.run_for(3100ms);
  EXPECT_EQ(b.did<KillAgent>().size(), 1U);
}

TEST(Controller, ATogetherSetTooLargeForOneTransactionDoesNotStopEverybodyElse) {
  std::vector<Resource> resources{vm("vm1", 64, 1, 1)};
  std::vector<std::string> set;
  for (int i = 1; i <= 60; ++i) {
    set.push_back("set" + std::to_string(i));
    resources.push_back(vm(set.back(), 64, 1, 50));
  }
  Reigning b(three_hosts(resources, {together(set)}));
  b.run_for(10s);
  EXPECT_NE(b.claim("vm1"), nullptr);
}

TEST(Node, AWatchThatStaysBehindIsNoReasonToMeetTheSameConflictAHundredTimesASecond) {
  Servant b;
  b.started();
  b.mute_watch = true;
  b.put(path::claim(r("vm1")), ClaimRecord{kSelf, boot_of(kSelf), {1}, ClaimOrder::stop, std::nullopt, {}});
  b.crash();
  b.forget();
  b.run_for(60s);
  EXPECT_LT(b.did<Commit>().size(), 100U);
}
}  // namespace
}  // namespace haven

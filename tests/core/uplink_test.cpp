// Stories about a host whose guests' network has lost its way out while the host itself is well (DESIGN 5).
#include "core/recovery/uplink.hpp"

#include "core/court.hpp"
#include "core/reigning.hpp"
#include "core/servant.hpp"

namespace haven::story {
namespace {

// vm1 runs on h2, whose bridge has just lost its uplink.
struct Unreachable : Reigning {
  Unreachable() : Reigning(three_hosts({vm("vm1", 1024)})) {
    running_on("h2", "vm1");
    run_for(1s);
    lose("h2");
  }
  void lose(const std::string& host) {
    uplinks_lost_by[h(host)] = {r("vm1")};
    report(host);
    settle();
  }
};

TEST(Uplink, AfterAWhileItMovesToWhereItsNetworkReachesOn) {
  Unreachable b;
  b.run_for(kUplinkPatience - 5s);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::run);
  b.run_for(10s);
  EXPECT_NE(b.claim("vm1")->host, h("h2"));
  EXPECT_EQ(b.fence("h2"), nullptr);
}

TEST(Uplink, OneThatComesBackInTimeWasABlink) {
  Unreachable b;
  b.run_for(kUplinkPatience - 5s);
  b.uplinks_lost_by.clear();
  b.report("h2");
  b.run_for(1min);
  EXPECT_EQ(b.claim("vm1")->host, h("h2"));
  EXPECT_EQ(b.claim("vm1")->generation, Generation{1});
}

TEST(Uplink, LostEverywhereItIsTheNetworkAndNobodyMoves) {
  Unreachable b;
  b.uplinks_lost = {r("vm1")};
  b.lose("h3");
  b.run_for(10min);
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::run);
  EXPECT_EQ(b.claim("vm1")->host, h("h2"));
}

// Found by tests/scenario/three_hosts/uplink_returns_host_by_host.
TEST(Uplink, LostEverywhereTheFirstHostThatHasItAgainDrawsNobodyToIt) {
  Unreachable b;
  b.uplinks_lost = {r("vm1")};
  b.lose("h3");
  b.run_for(10min);
  b.uplinks_lost_by.erase(h("h3"));
  b.report("h3");
  b.run_for(kUplinkPatience - 5s);
  EXPECT_EQ(b.claim("vm1")->host, h("h2"));
  EXPECT_EQ(b.claim("vm1")->order, ClaimOrder::run);
  b.run_for(10s);
  EXPECT_EQ(b.claim("vm1")->host, h("h3")) << "it has it for good, and h2 has not";
}

TEST(Uplink, ItGoesToTheOneHostThatHasItLeft) {
  Unreachable b;
  b.lose("h3");
  b.run_for(kUplinkPatience + 10s);
  EXPECT_EQ(b.claim("vm1")->host, kSelf);
}

TEST(Uplink, NothingNewIsPlacedWhereTheNetworkEnds) {
  Reigning b(three_hosts({}));
  b.uplinks_lost_by[h("h2")] = b.uplinks_lost_by[h("h3")] = {r("vm1")};
  b.apply(three_hosts({vm("vm1", 1024)}));
  b.settle();
  for (const auto* host : {"h2", "h3"}) b.report(host);
  b.run_for(10s);
  ASSERT_NE(b.claim("vm1"), nullptr);
  EXPECT_EQ(b.claim("vm1")->host, kSelf);
}

TEST(Uplink, AHostSaysWhoseNetworkEndsThere) {
  Servant b;
  b.uplinks_lost = {r("vm1")};
  b.run_for(2 * kInspectInterval);
  const auto* status = b.get<StatusRecord>(path::status(kSelf));
  EXPECT_EQ(status->uplink_lost, std::vector{r("vm1")});
  EXPECT_EQ(status->problems, std::vector<std::string>{"the network of vm1 has no uplink"});
}

}  // namespace
}  // namespace haven::story

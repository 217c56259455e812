// Who is suspected, from when on, and what is no reason to suspect anybody (S5, S6).
#include "core/liveness/suspicion.hpp"

#include "core/bench_node.hpp"

namespace haven {
namespace {
using namespace story;

constexpr Instant kStart{1000s};

struct Observer {
  Losses losses;
  Sightings seen;
  void look(const View& view, Instant at) { fold_losses(losses, seen, view, at); }
};

AwayRecord away(const std::string& host, AwayKind kind) { return {boot_of(h(host)), kind}; }

Records all_up(Spec spec = three_hosts({})) {
  Records records(std::move(spec));
  for (const auto* host : {"h1", "h2", "h3"}) records.member(host);
  return records;
}

TEST(Suspicion, AHostSeenRegisteredIsAccusableTheMomentItsLeaseIsGone) {
  Observer observer;
  observer.look(all_up().view(), kStart);
  EXPECT_TRUE(observer.losses.empty());
  const View after = Records(three_hosts({})).member("h1").lost("h2").member("h3").view();
  observer.look(after, kStart + 10s);
  ASSERT_TRUE(observer.losses.contains(h("h2")));
  EXPECT_EQ(accusable_from(observer.losses, after, h("h2")), kStart + 10s);
}

TEST(Suspicion, AHostThatNobodyHereSawGoingGetsOneMoreLeaseTime) {
  Observer observer;
  const View view = Records(three_hosts({})).member("h1").lost("h2").member("h3").view();
  observer.look(view, kStart);
  EXPECT_EQ(accusable_from(observer.losses, view, h("h2")), kStart + 3s);
}

TEST(Suspicion, ComingBackEndsTheSuspicion) {
  Observer observer;
  observer.look(Records(three_hosts({})).member("h1").lost("h2").member("h3").view(), kStart);
  observer.look(all_up().view(), kStart + 1s);
  EXPECT_TRUE(observer.losses.empty());
}

TEST(Suspicion, ATimeOfLossIsKeptFromTheFirstSightOn) {
  Observer observer;
  const View view = Records(three_hosts({})).member("h1").lost("h2").member("h3").view();
  observer.look(view, kStart);
  observer.look(view, kStart + 2s);
  EXPECT_EQ(observer.losses.at(h("h2")).since, kStart);
}

TEST(Suspicion, WhoNeverJoinedIsMissedByNobody) {
  const View view = Records(three_hosts({})).member("h1").view();
  EXPECT_FALSE(missing_incarnation(view, h("h2")));
}

TEST(Suspicion, APlannedAbsenceIsNoLoss) {
  for (const AwayKind kind : {AwayKind::restarting, AwayKind::down}) {
    const View view = Records(three_hosts({})).lost("h2").put(path::away(h("h2")), away("h2", kind)).view();
    EXPECT_FALSE(missing_incarnation(view, h("h2")));
  }
}

TEST(Suspicion, AHostThatDiesWhileItIsLeavingIsALoss) {
  const View view = Records(three_hosts({})).lost("h2").put(path::away(h("h2")), away("h2", AwayKind::leaving)).view();
  EXPECT_EQ(missing_incarnation(view, h("h2")), boot_of(h("h2")));
}

TEST(Suspicion, ThePlannedAbsenceOfAnotherBootExcusesNothing) {
  const View view = Records(three_hosts({}))
                        .lost("h2")
                        .put(path::away(h("h2")), AwayRecord{Incarnation("an-older-boot"), AwayKind::down})
                        .view();
  EXPECT_TRUE(missing_incarnation(view, h("h2")));
}

TEST(Suspicion, WhatIsProvedDeadIsNotSuspectedAgain) {
  FenceRecord proof;
  proof.state = FenceState::proved;
  const View view = Records(three_hosts({})).lost("h2").put(path::fence(h("h2"), boot_of(h("h2"))), proof).view();
  EXPECT_FALSE(missing_incarnation(view, h("h2")));
}

TEST(Suspicion, MoreLossesThanTheReserveAreHeldForOneLeaseTimeAfterTheLast) {
  Observer observer;
  observer.look(all_up().view(), kStart);
  observer.look(Records(three_hosts({})).member("h1").lost("h2").member("h3").view(), kStart + 10s);
  const View both = Records(three_hosts({})).member("h1").lost("h2").lost("h3").view();
  observer.look(both, kStart + 12s);
  EXPECT_EQ(accusable_from(observer.losses, both, h("h2")), kStart + 15s);
  EXPECT_EQ(accusable_from(observer.losses, both, h("h3")), kStart + 15s);
}

TEST(Suspicion, LossesFarApartAreLossesOfHosts) {
  Observer observer;
  observer.look(all_up().view(), kStart);
  observer.look(Records(three_hosts({})).member("h1").lost("h2").member("h3").view(), kStart + 10s);
  const View both = Records(three_hosts({})).member("h1").lost("h2").lost("h3").view();
  observer.look(both, kStart + 20s);
  EXPECT_EQ(accusable_from(observer.losses, both, h("h3")), kStart + 20s);
}

TEST(Suspicion, ALargerReserveExpectsMoreLosses) {
  Spec spec = three_hosts({});
  spec.cluster.reserve = 2;
  Observer observer;
  observer.look(all_up(spec).view(), kStart);
  const View both = Records(spec).member("h1").lost("h2").lost("h3").view();
  observer.look(both, kStart + 10s);
  EXPECT_EQ(accusable_from(observer.losses, both, h("h2")), kStart + 10s);
}

TEST(Suspicion, ARackLostWholeIsOneLossWhereTheReserveCountsRacks) {
  Spec spec = three_hosts({});
  spec.cluster.reserve_domain = FailureDomain::rack;
  spec.hosts[1].rack = spec.hosts[2].rack = "r2";
  Observer observer;
  observer.look(all_up(spec).view(), kStart);
  const View both = Records(spec).member("h1").lost("h2").lost("h3").view();
  observer.look(both, kStart + 10s);
  EXPECT_EQ(accusable_from(observer.losses, both, h("h2")), kStart + 10s);
}

TEST(Suspicion, WhoLeftTheFileIsForgotten) {
  Observer observer;
  observer.look(Records(three_hosts({})).member("h1").lost("h3").view(), kStart);
  Spec smaller = three_hosts({});
  smaller.hosts.pop_back();
  observer.look(Records(smaller).member("h1").lost("h3").view(), kStart + 1s);
  EXPECT_FALSE(observer.losses.contains(h("h3")));
}

}  // namespace
}  // namespace haven

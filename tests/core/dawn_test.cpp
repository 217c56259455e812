// Stories about a cluster that comes up after all of it lost its power (B3).
#include "core/liveness/dawn.hpp"

#include "core/court.hpp"
#include "core/liveness/heartbeat.hpp"
#include "core/reigning.hpp"

namespace haven::story {
namespace {

// Each has a fence device of its own: the proof against one says nothing of the others.
Spec fenced_apart() {
  Spec spec = three_hosts({});
  for (auto& host : spec.hosts) host.fence = {device(1, "fence_" + host.name.str())};
  return spec;
}

// h1 boots where h2 and h3 were members once and nobody is now.
struct Dawn : Bench {
  Dawn() : Bench(fenced_apart()) {
    boot();
    run_for(2s);
    die("h2");
    die("h3");
    node.reset();
    run_until_lease_is_gone();
    reboot(Incarnation("second-boot-of-h1"));
  }
  void run_until_lease_is_gone() { pass_time(10s); }
  [[nodiscard]] const DawnRecord* dawn() const { return get<DawnRecord>(path::kDawn); }
};

TEST(Dawn, TheFirstBootThatRegistersWhereNobodyIsAMemberBeginsOne) {
  Dawn b;
  b.run_for(2s);
  ASSERT_NE(b.dawn(), nullptr);
  EXPECT_EQ(b.dawn()->by, kSelf);
}

TEST(Dawn, WhoMayStillBeBootingHasTheTimeOfABoot) {
  Dawn b;
  b.run_for(kBootPatience - 5s);
  EXPECT_EQ(b.fence("h2"), nullptr);
  b.run_for(15s);
  EXPECT_NE(b.fence("h2"), nullptr);
}

TEST(Dawn, WhoHasReportedSinceIsJudgedLikeAnybody) {
  Dawn b;
  b.run_for(2s);
  const Incarnation boot("second-boot-of-h2");
  b.join("h2", boot);
  b.run_for(2s);
  b.die("h2");
  b.run_for(5s);
  EXPECT_NE(b.fence("h2", boot), nullptr);
  EXPECT_EQ(b.fence("h3"), nullptr);
}

TEST(Dawn, ItEndsWhenEverybodyIsBack) {
  Dawn b;
  b.run_for(2s);
  b.join("h2", Incarnation("second-boot-of-h2"));
  b.join("h3", Incarnation("second-boot-of-h3"));
  b.run_for(5s);
  EXPECT_EQ(b.dawn(), nullptr);
}

TEST(Dawn, ANewBootAmongMembersBeginsNone) {
  Reigning b(three_hosts({}));
  b.reboot(Incarnation("second-boot-of-h1"));
  b.run_for(10s);
  EXPECT_EQ(b.get<DawnRecord>(path::kDawn), nullptr);
}

TEST(Dawn, WhoLivesReportsAtOnceWhereOneBegins) {
  Reigning b(three_hosts({}));
  b.put(path::kDawn, DawnRecord{h("h3"), Incarnation("second-boot-of-h3")});
  b.run_for(1s);
  EXPECT_GT(b.mod(path::status(kSelf)), b.mod(path::kDawn));
}

TEST(Dawn, AnIntentFromBeforeItIsNotFollowedWhileTheAccusedMayBoot) {
  Dawn b;
  b.put(path::fence(h("h2"), boot_of(h("h2"))), intent_of("reign-before", FenceState::shooting));
  b.run_for(kBootPatience - 5s);
  EXPECT_TRUE(b.did<RunAgent>().empty());
  b.run_for(20s);
  EXPECT_FALSE(b.did<RunAgent>().empty());
}

SelfView self_of(const Incarnation& boot) {
  SelfView self;
  self.host = kSelf;
  self.incarnation = boot;
  return self;
}

// What h1 hears of the others: of h2 the boot that it is asked about.
View hearing(View view, const Incarnation& boot_of_h2, bool heard) {
  PeerHeard peer;
  peer.host = h("h2");
  peer.boot = boot_digest(boot_of_h2);
  peer.links = heard ? 1 : 0;
  view.heard = PeersHeard{{peer}};
  return view;
}

bool begins(const View& view, bool listened) {
  Commit registration;
  add_dawn(registration, view, self_of(Incarnation("second-boot-of-h1")), listened);
  return !registration.writes.empty();
}

// The engine was down as well, and has granted the leases of the boots before their whole time anew.
TEST(Dawn, KeysOfBootsThatNobodyHearsAreNoLivingMembers) {
  const View view = Records(three_hosts({})).lost("h1").member("h2").member("h3").view();
  EXPECT_TRUE(begins(hearing(view, boot_of(h("h2")), false), true));
  EXPECT_TRUE(begins(hearing(view, Incarnation("second-boot-of-h2"), true), true)) << "another boot than its key's";
  EXPECT_FALSE(begins(hearing(view, boot_of(h("h2")), true), true)) << "h2 lives";
  EXPECT_FALSE(begins(hearing(view, boot_of(h("h2")), false), false)) << "it has only begun to listen";
  EXPECT_FALSE(begins(view, true)) << "heartbeats are off";
}

TEST(Dawn, ABootThatWasThereBeforeEndsIt) {
  Records records = Records(three_hosts({})).lost("h1").lost("h2");
  records.put(path::kDawn, DawnRecord{h("h3"), Incarnation("second-boot-of-h3")});
  Commit registration;
  add_dawn(registration, records.view(), self_of(boot_of(h("h1"))), true);
  ASSERT_EQ(registration.writes.size(), 1U);
  EXPECT_EQ(registration.writes.front().path, path::kDawn);
  EXPECT_FALSE(registration.writes.front().value);
}

TEST(Dawn, ItRestsOnNobodyBeingAMember) {
  const View view = Records(three_hosts({})).lost("h1").lost("h2").lost("h3").view();
  Commit registration;
  add_dawn(registration, view, self_of(Incarnation("second-boot-of-h1")), false);
  EXPECT_TRUE(compares(registration, path::member(h("h2"))));
  EXPECT_TRUE(compares(registration, path::member(h("h3"))));
}

}  // namespace
}  // namespace haven::story

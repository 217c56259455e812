// Who hears whom, and from when on not any more (S1, S2, S4).
#include "core/liveness/hearing.hpp"

#include <gtest/gtest.h>

#include "core/liveness/ears.hpp"

namespace haven {
namespace {
using story::Ears;

struct Three : Ears {
  explicit Three(std::size_t links = 1) : Ears(3, links) { run_for(1s); }
};

TEST(Hearing, EverybodyHearsEverybodyWithinAFewPackets) {
  Ears ears(3, 2);
  ears.run_for(300ms);
  for (std::size_t a = 0; a < 3; ++a)
    for (std::size_t b = 0; b < 3; ++b) {
      if (a == b) continue;
      EXPECT_EQ(ears.peer(a, b).links, 0b11);
      EXPECT_EQ(ears.peer(a, b).of, 2U);
      EXPECT_EQ(ears.peer(a, b).boot, ears.boot_of_ear(b));
      EXPECT_EQ(ears.opinion(a, b, 3 - a - b), 1);
    }
}

TEST(Hearing, ADeadHostIsSilentAfterTheTimeToSuspectAtTheLatestAndNotMuchEarlier) {
  Three ears;
  ears.die(2);
  ears.run_for(250ms);
  EXPECT_TRUE(ears.hears(0, 2)) << "two packets missed are no silence";
  ears.run_for(251ms);
  EXPECT_FALSE(ears.hears(0, 2));
  EXPECT_FALSE(ears.hears(1, 2));
  EXPECT_EQ(ears.opinion(0, 1, 2), -1) << "each tells the other at once";
}

TEST(Hearing, ALinkThatCarriesOneWayOnlyIsSilentAtBothEnds) {
  Three ears;
  ears.lost = [](std::size_t from, std::size_t to, std::size_t) { return from == 0 && to == 2; };
  ears.run_for(600ms);
  EXPECT_FALSE(ears.hears(2, 0));
  EXPECT_FALSE(ears.hears(0, 2)) << "what comes echoes an old number (S1)";
  EXPECT_TRUE(ears.hears(0, 1));
  EXPECT_TRUE(ears.hears(1, 2));
}

TEST(Hearing, OneLinkOfTwoThatIsLostSilencesNobody) {
  Three ears(2);
  ears.lost = [](std::size_t, std::size_t to, std::size_t link) { return to == 2 && link == 1; };
  ears.run_for(600ms);
  EXPECT_EQ(ears.peer(0, 2).links, 0b01);
  ears.lost = nullptr;
  ears.run_for(300ms);
  EXPECT_EQ(ears.peer(0, 2).links, 0b11);
}

TEST(Hearing, WhatWaitedInTheSocketOfAHungHostIsNotFresh) {
  Three ears;
  ears.stall(0, true);
  ears.run_for(200ms);
  ears.die(2);  // its last packets wait at h1
  ears.run_for(2s);
  ears.stall(0, false);
  const Instant woke = ears.clock(0);
  ears.run_for(499ms);
  EXPECT_FALSE(ears.hears(0, 2));
  EXPECT_LT(ears.peer(0, 2).last, woke) << "its echo is from before the stall";
}

TEST(Hearing, AnObserverThatStalledForgivesEverybodyTheLengthOfItsStall) {
  Three ears;
  ears.stall(0, true);
  ears.run_for(3s);
  ears.stall(0, false);
  for (int i = 0; i < 400; ++i) {
    ears.run_for(1ms);
    ASSERT_TRUE(ears.hears(0, 1) && ears.hears(0, 2)) << i << " ms after it woke up";
  }
}

TEST(Hearing, AnObserverThatStallsAgainAndAgainStillFindsTheDead) {
  Three ears;
  ears.die(2);
  for (int i = 0; i < 10; ++i) {
    ears.stall(0, true);
    ears.run_for(400ms);
    ears.stall(0, false);
    ears.run_for(120ms);
  }
  EXPECT_FALSE(ears.hears(0, 2));
}

TEST(Hearing, AHungHostIsSilentToTheOthersAndHeardAgainOnceItTurns) {
  Three ears;
  ears.stall(2, true);
  ears.run_for(600ms);
  EXPECT_FALSE(ears.hears(0, 2));
  ears.stall(2, false);
  ears.run_for(250ms);
  EXPECT_TRUE(ears.hears(0, 2));
}

TEST(Hearing, ADeadBrainWithALiveThreadIsSilent) {
  Three ears;
  ears.hearing(2).take_brain({false, true, 0, Load::idle});
  ears.run_for(600ms);
  EXPECT_FALSE(ears.hears(0, 2));
  EXPECT_TRUE(ears.hears(2, 0)) << "it hears the others all the same";
}

TEST(Hearing, AReplayedPacketIsRefused) {
  Three ears;
  Heartbeat old;
  for (const auto& packet : ears.sent)
    if (packet.from == host_digest(HostName("h3")) && packet.to == host_digest(HostName("h1"))) old = packet;
  EXPECT_EQ(ears.hearing(0).take(old, ears.clock(0)), Taken::refused);
}

TEST(Hearing, ReplayedPacketsOfAnEarlierBootReviveNobody) {
  Three ears;
  const auto recorded = ears.sent;
  ears.die(2);
  ears.run_for(600ms);
  ASSERT_FALSE(ears.hears(0, 2));
  ears.restart(0);  // it has forgotten every number
  for (const auto& packet : recorded)
    if (packet.from == host_digest(HostName("h3"))) (void)ears.hearing(0).take(packet, ears.clock(0));
  ears.run_for(300ms);
  EXPECT_FALSE(ears.hears(0, 2));
}

TEST(Hearing, APacketThatEchoesWhatWasNeverSentIsRefused) {
  Three ears;
  Heartbeat packet = ears.hearing(2).compose(0, 0);
  packet.sent = packet.sent + 1s;
  packet.echo = ears.clock(0) + 1s;
  EXPECT_EQ(ears.hearing(0).take(packet, ears.clock(0)), Taken::refused);
}

TEST(Hearing, StrangersAndUnknownLinksAreNotListenedTo) {
  Three ears;
  Heartbeat packet = ears.hearing(2).compose(0, 0);
  packet.sent = packet.sent + 1s;
  Heartbeat stranger = packet, elsewhere = packet, linkless = packet, nameless = packet;
  stranger.from = host_digest(HostName("h9"));
  elsewhere.to = host_digest(HostName("h2"));
  linkless.link = 1;
  nameless.boot = {};
  for (const auto& bad : {stranger, elsewhere, linkless, nameless})
    EXPECT_EQ(ears.hearing(0).take(bad, ears.clock(0)), Taken::stranger);
}

TEST(Hearing, ANewBootIsHeardAsSuchAndTheOldOneNoMore) {
  Three ears;
  const auto before = ears.boot_of_ear(2);
  ears.die(2);
  ears.run_for(1s);
  EXPECT_EQ(ears.peer(0, 2).boot, before);
  ears.boot(2);
  ears.run_for(300ms);
  EXPECT_TRUE(ears.hears(0, 2));
  EXPECT_EQ(ears.peer(0, 2).boot, ears.boot_of_ear(2));
}

TEST(Hearing, ARestartedHavendOfTheSameBootIsHeardAtOnce) {
  Three ears;
  ears.restart(2);
  ears.run_for(300ms);
  EXPECT_TRUE(ears.hears(0, 2));
  EXPECT_TRUE(ears.hears(2, 0));
}

TEST(Hearing, AMachineThatAnswersForADeadHavendIsNotSilent) {
  Three ears;
  ears.die(2);
  for (int i = 0; i < 8; ++i) {
    ears.run_for(100ms);
    for (const std::size_t observer : {0U, 1U}) ears.hearing(observer).take_refusal(2, ears.clock(observer));
  }
  EXPECT_FALSE(ears.hears(0, 2));
  EXPECT_TRUE(ears.peer(0, 2).shut);
  EXPECT_EQ(ears.opinion(0, 1, 2), 0) << "nobody says that it is silent";
  ears.run_for(700ms);  // and now the machine is gone as well
  EXPECT_FALSE(ears.peer(0, 2).shut);
  EXPECT_EQ(ears.opinion(0, 1, 2), -1);
}

TEST(Hearing, ChangesAreToldOnceAndNothingIsToldWhileNothingChanges) {
  Three ears;
  ears.run_for(200ms);
  for (int i = 0; i < 1000; ++i) {
    ears.run_for(1ms);
    ASSERT_FALSE(ears.hearing(0).news());
  }
}

TEST(Hearing, WhatAPeerSaysOfItselfIsNews) {
  Three ears;
  ears.hearing(2).take_brain({true, false, 7, Load::full});
  ears.run_for(200ms);
  EXPECT_EQ(ears.peer(0, 2).brain, (Brain{true, false, 7, Load::full}));
}

TEST(Hearing, WhoLeavesTheFileIsForgottenAndWhoJoinsIsHeard) {
  Three ears;
  PeerRoster two = ears.roster;
  two.members.pop_back();
  ears.hearing(0).take_roster(two, ears.clock(0));
  ears.run_for(200ms);
  EXPECT_EQ(ears.peer(0, 2).of, 0U);
  ears.hearing(0).take_roster(ears.roster, ears.clock(0));
  ears.run_for(300ms);
  EXPECT_TRUE(ears.hears(0, 2));
}

TEST(Hearing, AHostAloneSendsNothing) {
  Ears ears(1);
  ears.run_for(1s);
  EXPECT_EQ(ears.hearing(0).wake_at(), kNever);
  EXPECT_TRUE(ears.sent.empty());
}

TEST(Hearing, SkippedTimeIsAsIfEverybodyHadGoneOnSending) {
  Three ears;
  ears.die(2);
  ears.run_for(1s);
  for (std::size_t host : {0U, 1U}) ears.hearing(host).skip(10h);
  ears.now = ears.now + 10h;
  ears.run_for(1ms);
  EXPECT_TRUE(ears.hears(0, 1));
  EXPECT_FALSE(ears.hears(0, 2));
  ears.run_for(1s);
  EXPECT_TRUE(ears.hears(0, 1));
  ears.die(1);
  ears.run_for(501ms);
  EXPECT_FALSE(ears.hears(0, 1));
}

}  // namespace
}  // namespace haven

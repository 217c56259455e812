// Hosts that hear each other, with keys that change and addresses that are not there.
#include "adapter/heartbeat/heart.hpp"

#include <sched.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "adapter/heartbeat/hearts.hpp"
#include "adapter/heartbeat/socket.hpp"
#include "adapter/heartbeat/wire.hpp"

namespace haven::adapter {
namespace {

namespace fs = std::filesystem;

TEST_F(Hearts, HearEachOtherOverEveryLink) {
  begin_all();
  for (const auto* a : {"h1", "h2", "h3"})
    for (const auto* b : {"h1", "h2", "h3"}) {
      if (std::string(a) == b) continue;
      EXPECT_TRUE(ears_[a].wait_heard(b, 0b11)) << a << " " << b;
    }
}

TEST_F(Hearts, SayWhenTheBrainStandsStill) {
  roster_.roster.suspect = 500ms;
  std::atomic<bool> turns{true};
  begin("h1");
  begin("h2", [&] { return Brain{turns, true, 3, Load::busy}; });
  ASSERT_TRUE(ears_["h1"].wait_heard("h2", 0b11));
  EXPECT_TRUE(ears_["h1"].wait_peer("h2", [](const PeerHeard& peer) { return peer.brain.epoch == 3; }));
  turns = false;
  EXPECT_TRUE(ears_["h1"].wait_heard("h2", 0)) << "a dead brain with a live thread is silent";
  turns = true;
  EXPECT_TRUE(ears_["h1"].wait_heard("h2", 0b11));
  hearts_.clear();
}

TEST_F(Hearts, TellAHavendThatIsGoneFromAHostThatIsDead) {
  roster_.roster.suspect = 500ms;
  begin("h1");
  begin("h2");
  ASSERT_TRUE(ears_["h1"].wait_heard("h2", 0b11));
  hearts_.erase("h2");  // its port is closed, its kernel answers
  EXPECT_TRUE(ears_["h1"].wait_peer("h2", [](const PeerHeard& peer) { return peer.shut; }));
  begin("h2");
  EXPECT_TRUE(ears_["h1"].wait_heard("h2", 0b11));
}

TEST_F(Hearts, DoNotHearWhoHasAnotherKey) {
  write_keys("h2", kNew);
  begin_all();
  ASSERT_TRUE(ears_["h1"].wait_heard("h3", 0b11));
  ASSERT_TRUE(ears_["h3"].wait_heard("h1", 0b11));
  EXPECT_TRUE(ears_["h1"].wait_peer("h2", [](const PeerHeard& peer) { return peer.boot == BootDigest{}; }));
}

TEST_F(Hearts, RollTheirKeyOverWithoutMissingOne) {
  begin("h1");
  begin("h2");
  ASSERT_TRUE(ears_["h1"].wait_heard("h2", 0b11));
  ASSERT_TRUE(ears_["h2"].wait_heard("h1", 0b11));
  ears_["h1"].watch("h2");
  ears_["h2"].watch("h1");
  for (const auto* host : {"h1", "h2"}) write_keys(host, kOld + kNew);
  // One that has the new key alone hears those who have read it.
  write_keys("h3", kNew);
  begin("h3");
  ASSERT_TRUE(ears_["h3"].wait_heard("h1", 0b11));
  ASSERT_TRUE(ears_["h3"].wait_heard("h2", 0b11));
  for (const auto* host : {"h1", "h2"}) write_keys(host, kNew);
  EXPECT_FALSE(ears_["h1"].fell_silent() || ears_["h2"].fell_silent());
}

TEST_F(Hearts, BeginToBeatOnceTheirKeyFileIsThere) {
  fs::remove(key_file("h2"));
  begin("h1");
  begin("h2");
  ASSERT_TRUE(ears_["h2"].wait_alarm("heartbeat/key", true));
  write_keys("h2", kOld);
  EXPECT_TRUE(ears_["h2"].wait_alarm("heartbeat/key", false));
  EXPECT_TRUE(ears_["h1"].wait_heard("h2", 0b11));
}

TEST_F(Hearts, KeepTheirKeysWhenTheFileIsSpoiled) {
  begin("h1");
  begin("h2");
  ASSERT_TRUE(ears_["h1"].wait_heard("h2", 0b11));
  ears_["h1"].watch("h2");
  write_keys("h2", "not a key\n");
  ASSERT_TRUE(ears_["h2"].wait_alarm("heartbeat/key", true));
  begin("h3");
  EXPECT_TRUE(ears_["h3"].wait_heard("h2", 0b11));
  EXPECT_FALSE(ears_["h1"].fell_silent());
}

TEST_F(Hearts, SayWhichLinkHasNoAddressHere) {
  roster_.links[0][1] = "192.0.2.1";
  begin("h1");
  begin("h2");
  EXPECT_TRUE(ears_["h1"].wait_alarm("heartbeat/link/2", true));
  EXPECT_TRUE(ears_["h2"].wait_heard("h1", 0b01));
}

TEST_F(Hearts, TolerateFloodsOfNonsense) {
  begin("h1");
  begin("h2");
  ASSERT_TRUE(ears_["h1"].wait_heard("h2", 0b11));
  ears_["h1"].watch("h2");
  const auto victim = resolve("127.77.1.1", port_);
  auto attacker = UdpSocket::bind(*resolve("127.77.9.9", port_));
  ASSERT_TRUE(victim && attacker);
  std::vector<std::uint8_t> bytes(kLargestPacket + 500, 0x48);
  for (std::size_t i = 0; i < 20'000; ++i) attacker->send(*victim, std::span(bytes.data(), i % bytes.size()));
  begin("h3");
  EXPECT_TRUE(ears_["h1"].wait_heard("h3", 0b11));
  EXPECT_FALSE(ears_["h1"].fell_silent());
}

// In a network of its own, which ends with the thread: IPv6 has one loopback address only.
TEST_F(Hearts, BeatOverIpv6) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root for a network namespace";
  std::thread([this] {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    ASSERT_EQ(std::system("ip link set lo up && ip addr add fd77::1/128 dev lo nodad && "
                          "ip addr add fd77::2/128 dev lo nodad"),
              0);
    for (auto& links : roster_.links) links.pop_back();
    for (auto& member : roster_.roster.members) member.links = 1;
    roster_.links[0] = {"fd77::1"};
    roster_.links[1] = {"fd77::2"};
    begin("h1");
    begin("h2");
    EXPECT_TRUE(ears_["h1"].wait_heard("h2", 0b1));
    EXPECT_TRUE(ears_["h2"].wait_heard("h1", 0b1));
    hearts_.clear();
  }).join();
}

}  // namespace
}  // namespace haven::adapter

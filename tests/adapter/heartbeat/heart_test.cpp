// Hearts that beat over loopback addresses: real sockets, real time. Every wait ends with an event or fails at its
// deadline; how long anything took is nobody's business here.
#include "adapter/heartbeat/heart.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "adapter/heartbeat/socket.hpp"
#include "adapter/heartbeat/wire.hpp"

namespace haven::adapter {
namespace {

namespace fs = std::filesystem;
const std::string kOld = std::string(64, 'a') + "\n", kNew = std::string(64, 'b') + "\n";

// What one heart said, for a story to wait upon.
class Ear {
 public:
  void hear(PeersHeard heard) {
    const std::lock_guard lock(mutex_);
    latest_ = std::move(heard);
    for (const auto& peer : latest_.peers) fell_silent_ |= peer.host == watched_ && peer.links == 0;
    changed_.notify_all();
  }
  void alarm(const std::string& key, const std::string& text) {
    const std::lock_guard lock(mutex_);
    alarms_[key] = text;
    changed_.notify_all();
  }
  template <class Predicate>
  bool wait(Predicate predicate) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return predicate(*this); });
  }
  bool wait_peer(const std::string& host, const std::function<bool(const PeerHeard&)>& is) {
    return wait([&](const Ear& ear) {
      for (const auto& peer : ear.latest_.peers)
        if (peer.host == HostName(host)) return is(peer);
      return false;
    });
  }
  bool wait_heard(const std::string& host, LinkSet links = 1) {
    return wait_peer(host, [links](const PeerHeard& peer) { return peer.links == links; });
  }
  bool wait_alarm(const std::string& key, bool standing) {
    return wait([&](const Ear& ear) {
      const auto found = ear.alarms_.find(key);
      return found != ear.alarms_.end() && found->second.empty() != standing;
    });
  }
  // Whether this peer falls silent from now on.
  void watch(const std::string& host) {
    const std::lock_guard lock(mutex_);
    watched_ = HostName(host);
    fell_silent_ = false;
  }
  [[nodiscard]] bool fell_silent() {
    const std::lock_guard lock(mutex_);
    return fell_silent_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  PeersHeard latest_;
  std::map<std::string, std::string> alarms_;
  HostName watched_;
  bool fell_silent_ = false;
};

class Hearts : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("haven-heart-" + std::to_string(getpid()));
    fs::create_directories(folder_);
    port_ = static_cast<std::uint16_t>(20'000 + getpid() % 20'000);
    for (int i = 1; i <= 3; ++i) {
      const std::string host = "h" + std::to_string(i);
      // Slow enough for a machine that is busy with other things.
      roster_.roster.members.push_back({HostName(host), 2});
      roster_.links.push_back({"127.77.1." + std::to_string(i), "127.77.2." + std::to_string(i)});
      write_keys(host, kOld);
    }
    roster_.roster.heartbeat = 50ms;
    roster_.roster.suspect = 5s;
  }
  void TearDown() override {
    hearts_.clear();
    fs::remove_all(folder_);
  }
  std::string key_file(const std::string& host) const { return folder_ / host / "heartbeat.key"; }
  // As an operator would: the whole file at once.
  void write_keys(const std::string& host, const std::string& text) {
    fs::create_directories(folder_ / host);
    const std::string fresh = key_file(host) + ".new";
    std::ofstream(fresh) << text;
    chmod(fresh.c_str(), 0600);
    fs::rename(fresh, key_file(host));
  }
  void begin(
      const std::string& host, std::function<Brain()> brain = [] { return Brain{}; }) {
    HeartConfig config{HostName(host), Incarnation("boot-of-" + host), key_file(host), port_};
    Ear& ear = ears_[host];
    hearts_[host] = std::make_unique<Heart>(
        config, Heart::Callbacks{[&ear](PeersHeard heard) { ear.hear(std::move(heard)); }, std::move(brain),
                                 [&ear](const std::string& key, const std::string& text) { ear.alarm(key, text); }});
    hearts_[host]->know(roster_);
  }
  void begin_all() {
    for (const auto* host : {"h1", "h2", "h3"}) begin(host);
  }

  fs::path folder_;
  std::uint16_t port_ = 0;
  HeartRoster roster_;
  std::map<std::string, Ear> ears_;
  std::map<std::string, std::unique_ptr<Heart>> hearts_;
};

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

// The witness: the file gives it no address.
TEST_F(Hearts, AnswerAMemberWithoutAddressesWhereItsPacketsComeFrom) {
  HeartRoster blind = roster_;
  blind.links[1].clear();
  begin("h1");
  hearts_["h1"]->know(blind);
  begin("h2");
  EXPECT_TRUE(ears_["h1"].wait_heard("h2", 0b11));
  EXPECT_TRUE(ears_["h2"].wait_heard("h1", 0b11));
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

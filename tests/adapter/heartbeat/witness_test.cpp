// Two hosts and the witness, whom the file gives no address: what it hears decides when the two do not hear each other
// (S3).
#include <poll.h>

#include <atomic>
#include <thread>
#include <vector>

#include "adapter/heartbeat/hearts.hpp"
#include "adapter/heartbeat/socket.hpp"
#include "adapter/heartbeat/wire.hpp"
#include "core/liveness/silence.hpp"

namespace haven::adapter {
namespace {

const HostName kH1{"h1"}, kH2{"h2"}, kWitness{"w"};

// Whom h1 suspects once it hears this, with both hosts registered.
std::set<HostName> suspects(const PeersHeard& heard) {
  auto spec = std::make_shared<Spec>();
  spec->cluster.witness = kWitness.str();
  EngineListed engine{{{path::kSpec, SpecRecord{spec}, {1}}}, {1}};
  for (const auto& host : {kH1, kH2}) {
    spec->hosts.emplace_back().name = host;
    MemberRecord member;
    member.incarnation = Incarnation("boot-of-" + host.str());
    engine.entries.push_back({path::member(host), member, {1}});
  }
  View view;
  view.take(engine);
  view.heard = heard;
  return silent_hosts(view, kH1);
}

const PeerHeard* find(const PeersHeard& heard, const HostName& host) {
  for (const auto& peer : heard.peers)
    if (peer.host == host) return &peer;
  return nullptr;
}

// The witness is heard, and says this of h2.
bool witness_says(const PeersHeard& heard, bool hears_h2) {
  const PeerHeard* witness = find(heard, kWitness);
  if (witness == nullptr || witness->links == 0) return false;
  for (const auto& opinion : witness->opinions)
    if (opinion.about == kH2) return opinion.heard == hears_h2;
  return false;
}

bool silent(const PeersHeard& heard, const HostName& host) {
  const PeerHeard* peer = find(heard, host);
  return peer != nullptr && peer->boot != BootDigest{} && peer->links == 0 && !peer->shut;
}

class WithAWitness : public Hearts {
 protected:
  void SetUp() override {
    Hearts::SetUp();
    roster_.roster.members[2] = {kWitness, 1};
    roster_.links[2].clear();
    roster_.roster.suspect = 1s;
    write_keys("w", kOld);
  }
  // It knows its own address.
  void begin_witness(const std::string& address = "127.77.1.3") {
    HeartRoster own = roster_;
    own.links[2] = {address};
    begin("w");
    hearts_["w"]->know(own);
  }
  void begin_three() {
    begin("h1");
    begin("h2");
    begin_witness();
    ASSERT_TRUE(ears_["h1"].wait_heard("h2", 0b11));
    ASSERT_TRUE(ears_["h2"].wait_heard("h1", 0b11));
    for (const auto* host : {"h1", "h2"}) {
      ASSERT_TRUE(ears_[host].wait_heard("w"));
      ASSERT_TRUE(ears_["w"].wait_heard(host));
    }
    ASSERT_TRUE(ears_["h1"].wait_all([](const PeersHeard& heard) { return witness_says(heard, true); }));
  }
  // Takes what is sent there, and says nothing: not even that nobody listens.
  void deafen(const std::string& address) {
    auto socket = UdpSocket::bind(*resolve(address, port_));
    ASSERT_TRUE(socket) << socket.error();
    deaf_.push_back(std::move(*socket));
  }
  // What `host` sends to the other goes nowhere from now on, on every link.
  void cut(const std::string& host, std::size_t other) {
    HeartRoster wrong = roster_;
    for (auto& address : wrong.links[other]) {
      address.replace(0, std::string("127.77").size(), "127.78");
      deafen(address);
    }
    hearts_[host]->know(wrong);
  }

  std::vector<UdpSocket> deaf_;
  std::atomic<std::uint64_t> epoch_{0};
};

TEST_F(WithAWitness, AHostThatTheOtherDoesNotHearIsNotSuspectedWhileTheWitnessHearsIt) {
  begin_three();
  cut("h1", 1);
  cut("h2", 0);
  EXPECT_TRUE(ears_["h1"].wait_all([](const PeersHeard& heard) {
    return silent(heard, kH2) && witness_says(heard, true) && suspects(heard).empty();
  }));
  hearts_.erase("w");
  deafen("127.77.1.3");
  EXPECT_TRUE(ears_["h1"].wait_all([](const PeersHeard& heard) {
    return silent(heard, kWitness) && suspects(heard) == std::set{kH2};
  })) << "of two, by the other";
}

TEST_F(WithAWitness, ADeadHostIsSuspectedWithTheWitnesssWord) {
  begin_three();
  hearts_.erase("h2");
  for (const auto& address : roster_.links[1]) deafen(address);
  EXPECT_TRUE(ears_["h1"].wait_all([](const PeersHeard& heard) {
    return silent(heard, kH2) && witness_says(heard, false) && suspects(heard) == std::set{kH2};
  }));
}

TEST_F(WithAWitness, ItIsAnsweredElsewhereOnceItHasMoved) {
  begin_three();
  hearts_.erase("w");
  deafen("127.77.1.3");
  ASSERT_TRUE(ears_["h1"].wait_heard("w", 0));
  begin_witness("127.77.1.4");
  EXPECT_TRUE(ears_["h1"].wait_heard("w")) << "which takes an answer";
}

// Whoever heard packets once can send them again, signed as they are; none of them makes a host answer him.
TEST_F(WithAWitness, PacketsOfAnEarlierBootDrawNoAnswer) {
  roster_.roster.suspect = 5s;
  begin("h1", [this] { return Brain{true, true, epoch_, Load::idle}; });
  begin_witness();
  ASSERT_TRUE(ears_["h1"].wait_heard("w"));
  const auto victim = resolve("127.77.1.1", port_);
  auto attacker = UdpSocket::bind(*resolve("127.77.9.9", port_));
  ASSERT_TRUE(victim && attacker);
  const auto keys = *parse_keys(kOld);
  Heartbeat old;
  old.from = host_digest(kWitness);
  old.boot = boot_digest(Incarnation("an-earlier-boot"));
  old.to = host_digest(kH1);
  std::atomic<bool> done{false};
  int answers = 0;
  std::thread attack([&] {
    for (int number = 1; !done; ++number) {
      old.sent = Instant{std::chrono::seconds(number)};
      attacker->send(*victim, encode(old, keys.newest(), keys.newest().id));
      pollfd answer{attacker->fd(), POLLIN, 0};
      ::poll(&answer, 1, 1);
      attacker->drain([&](auto, const UdpAddress&) { ++answers; }, [](const UdpAddress&) {});
    }
  });
  // Each time around h1 has sent at least once more.
  bool heard = true;
  for (epoch_ = 1; heard && epoch_ <= 20; ++epoch_)
    heard = ears_["w"].wait_peer("h1", [&](const PeerHeard& peer) { return peer.brain.epoch == epoch_; });
  done = true;
  attack.join();
  EXPECT_TRUE(heard);
  EXPECT_EQ(answers, 0);
}

}  // namespace
}  // namespace haven::adapter

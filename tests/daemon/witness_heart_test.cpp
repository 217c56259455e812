// The witness hears and is heard: real heartbeats over loopback addresses, and an engine that tells what the test says.
#include "daemon/etcd_member/witness_heart.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/fakes.hpp"

namespace haven::daemon {
namespace {

// Says nothing of its own accord.
class ToldEngine final : public port::Engine {
 public:
  void watch(const std::string& prefix) override { watched = prefix; }
  void commit(CallId, port::Transaction, Duration) override {}
  void grant_lease(CallId, Duration, Duration) override {}
  void keep_alive(CallId, LeaseId, Duration) override {}
  void revoke_lease(CallId, LeaseId, Duration) override {}
  void read(CallId, const std::string&, Duration) override {}
  void ask_voters(CallId, Duration) override {}
  std::string watched;
};

// What was said last, by whom, for a story to wait upon.
template <class T>
class Latest {
 public:
  void set(const std::string& whose, T value) {
    const std::lock_guard lock(mutex_);
    values_[whose] = std::move(value);
    changed_.notify_all();
  }
  bool wait(const std::string& whose, const std::function<bool(const T&)>& is) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30),
                             [&] { return values_.contains(whose) && is(values_[whose]); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, T> values_;
};

class Witness : public testing::Test {
 protected:
  void SetUp() override {
    test::write_text(folder_ / "heartbeat.key", std::string(64, 'a') + "\n");
    ::chmod((folder_ / "heartbeat.key").c_str(), 0600);
    spec_.cluster.name = "prod";
    spec_.cluster.witness = "w";
    spec_.cluster.heartbeat = 50ms;
    spec_.cluster.suspect = 5s;  // slow enough for a machine that is busy with other things
    add_host(1);
    add_host(2);
    witness_ = std::make_unique<WitnessHeart>(
        WitnessHeart::Place{heart_config("w"), "127.79.0.9", "prod", 4},
        WitnessHeart::Edges{[this](const std::string& key, const std::string& text) { alarms_.set(key, text); },
                            [this](const std::string& line) { said_.set("w", line); }, [] { std::abort(); }});
    sink_ = witness_->sink();
    thread_ = std::thread([this] { witness_->run(engine_); });
  }
  void TearDown() override {
    hosts_.clear();
    witness_->end();
    thread_.join();
    EXPECT_EQ(engine_.watched, "/haven/prod/spec/");
  }

  void add_host(int number) {
    Host host;
    host.name = HostName("h" + std::to_string(number));
    host.address = "127.79.0." + std::to_string(number);
    spec_.hosts.push_back(host);
  }
  adapter::HeartConfig heart_config(const std::string& name) {
    return {HostName(name), Incarnation("boot-of-" + name), folder_ / "heartbeat.key",
            static_cast<std::uint16_t>(20'000 + getpid() % 20'000)};
  }
  void begin(const std::string& name) {
    hosts_[name] = std::make_unique<adapter::Heart>(
        heart_config(name),
        adapter::Heart::Callbacks{[this, name](PeersHeard heard) { heard_.set(name, std::move(heard)); },
                                  [] { return Brain{}; }, [](const auto&, const auto&) {}});
    hosts_[name]->know(adapter::heart_roster_of(spec_));
  }
  // The engine holds this file now, and nothing else.
  void tell_spec() {
    const auto cut = codec::cut({"cluster.toml", "", {}, std::make_shared<Spec>(spec_)});
    ASSERT_TRUE(cut) << cut.error();
    port::Listed listed{{}, {++revision_}};
    const auto put = [&](const std::string& path, const std::string& value) {
      listed.entries.push_back({"/haven/prod/" + path, value, {revision_}, {revision_}, {}});
    };
    for (const auto& chunk : cut->chunks) put(chunk.path, chunk.value);
    put(path::kSpec, cut->current);
    sink_(listed);
  }
  void tell_spec_that_nobody_can_read() {
    sink_(port::Changed{{{"/haven/prod/spec/current", false, "{}", {++revision_}, {1}, {}}}, {revision_}});
  }
  bool says(const std::string& words) {
    return said_.wait("w", [&](const std::string& line) { return line == "the witness: " + words; });
  }
  bool hears_witness(const std::string& host, const std::function<bool(const PeerHeard&)>& is) {
    return heard_.wait(host, [&](const PeersHeard& heard) {
      for (const auto& peer : heard.peers)
        if (peer.host == HostName("w") && peer.links == 1) return is(peer);
      return false;
    });
  }
  bool alarm_stands(const std::string& key, bool stands) {
    return alarms_.wait(key, [stands](const std::string& text) { return text.empty() != stands; });
  }

  test::TemporaryFolder folder_;
  Spec spec_;
  ToldEngine engine_;
  std::int64_t revision_ = 1;
  Latest<std::string> alarms_, said_;
  Latest<PeersHeard> heard_;
  std::unique_ptr<WitnessHeart> witness_;
  port::EngineSink sink_;
  std::thread thread_;
  std::map<std::string, std::unique_ptr<adapter::Heart>> hosts_;
};

TEST_F(Witness, HearsTheHostsOfTheFileAndSaysSo) {
  begin("h1");
  begin("h2");
  tell_spec();
  EXPECT_TRUE(says("it hears h1 and h2"));
  for (const auto* host : {"h1", "h2"})
    EXPECT_TRUE(hears_witness(host, [](const PeerHeard& peer) {
      return peer.brain == Brain{true, true, 4, Load::idle} && !peer.opinions.empty();
    })) << host;
  EXPECT_EQ(witness_->hears(), "it hears h1 and h2");
}

TEST_F(Witness, FollowsTheFile) {
  begin("h1");
  begin("h2");
  tell_spec();
  ASSERT_TRUE(says("it hears h1 and h2"));
  add_host(3);
  tell_spec();
  EXPECT_TRUE(says("it hears h1 and h2, and not h3"));
  for (const auto* host : {"h1", "h2", "h3"}) begin(host);
  EXPECT_TRUE(says("it hears h1, h2 and h3"));
}

TEST_F(Witness, SaysWhetherItReachesTheEngine) {
  begin("h1");
  tell_spec();
  ASSERT_TRUE(hears_witness("h1", [](const PeerHeard& peer) { return peer.brain.engine; }));
  sink_(port::WatchLost{"no answer"});
  EXPECT_TRUE(hears_witness("h1", [](const PeerHeard& peer) { return !peer.brain.engine; }));
  sink_(port::Resumed{});
  EXPECT_TRUE(hears_witness("h1", [](const PeerHeard& peer) { return peer.brain.engine; }));
}

TEST_F(Witness, HearsNobodyWhereTheFileNamesAnother) {
  begin("h1");
  tell_spec();
  ASSERT_TRUE(says("it hears h1, and not h2"));
  spec_.cluster.witness = "x";
  tell_spec();
  EXPECT_TRUE(alarm_stands("witness/name", true));
  EXPECT_TRUE(says("it hears nobody"));
  spec_.cluster.witness = "w";
  tell_spec();
  EXPECT_TRUE(alarm_stands("witness/name", false));
  EXPECT_TRUE(says("it hears h1, and not h2"));
}

TEST_F(Witness, GoesOnWithTheFileThatItKnewWhereItCannotReadTheNewOne) {
  tell_spec();
  ASSERT_TRUE(says("it does not hear h1 and h2"));
  tell_spec_that_nobody_can_read();
  ASSERT_TRUE(alarm_stands("witness/spec", true));
  begin("h1");
  EXPECT_TRUE(says("it hears h1, and not h2"));
  tell_spec();
  EXPECT_TRUE(alarm_stands("witness/spec", false));
}

}  // namespace
}  // namespace haven::daemon

// Members that die, return and are replaced.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "adapter/engine_members/machines.hpp"
#include "daemon/codec.hpp"
#include "daemon/etcd_member/seats.hpp"

namespace haven::test {
namespace {

using Names = std::vector<std::string>;
using daemon::MemberKeeper;

struct Three : testing::Test {
  Three() {
    for (const char* name : {"h2", "h3"}) machines.join(name);
    EXPECT_TRUE(machines.becomes({"h1", "h2", "h3"}));
  }
  Machines machines{4, "", 1s};
};

TEST_F(Three, AProvedDeathIsReplacedAndItsReturnUndoesThat) {
  machines.join("h4");
  machines.kill("h2");
  machines.proved_dead("h2");
  EXPECT_TRUE(machines.becomes({"h1", "h3", "h4"}));
  machines.boot("h2");
  EXPECT_TRUE(machines.becomes({"h1", "h2", "h3"}));
  // Its old data was of a member that is gone for good.
  EXPECT_TRUE(machines.keeper("h2").process().running);
  // Taken out, h4 stops its member within one look.
  const auto deadline = std::chrono::steady_clock::now() + 4 * MemberKeeper::kIdleTick;
  while (machines.keeper("h4").file().member != 0 || machines.keeper("h4").process().running) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::sleep_for(50ms);
  }
}

// A host of which nothing runs here but the promise that stands in the engine.
class Promising {
 public:
  explicit Promising(Machines& machines) : machines_(machines) {}
  void name(const VoterList& voters) {
    if (std::find(promise_.voters.begin(), promise_.voters.end(), voters) != promise_.voters.end()) return;
    promise_.voters.push_back(voters);
    const auto done =
        admin_->commit(machines_.survey().endpoint,
                       {{}, {port::Put{key(path::promise(HostName("h9"))), codec::encode(promise_), {}}}}, 5s);
    EXPECT_EQ(done.outcome, port::Outcome::committed) << done.message;
  }
  [[nodiscard]] VoterList declared() const {
    const auto read = admin_->read(machines_.survey().endpoint, key(path::kVoters), 5s);
    if (!read || read->entries.empty()) return {};
    return std::get<VotersRecord>(*codec::decode(path::kVoters, read->entries.front().value)).next;
  }

 private:
  static std::string key(const std::string& path) { return daemon::engine_key::of(Machines::kCluster, path); }
  Machines& machines_;
  std::unique_ptr<adapter::EtcdAdmin> admin_ = std::move(*adapter::EtcdAdmin::open({}));
  PromiseRecord promise_{Incarnation(std::string(32, 'a')), 30s, 5s, {}};
};

TEST(Promised, NobodyVotesBeforeEveryPromiseNamesTheNewVoters) {
  Machines machines(3);
  Promising host(machines);
  host.name({adapter::etcd_voter_id(machines.survey().members.front().member.id)});
  for (const char* name : {"h2", "h3"}) machines.join(name);
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (machines.keeper("h1").doing().find("the promise of h9") == std::string::npos) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << machines.keeper("h1").doing();
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_EQ(host.declared().size(), 2U);
  EXPECT_EQ(machines.voters(), Names{"h1"});
  while (machines.voters() != Names{"h1", "h2", "h3"}) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << machines.keeper("h1").doing();
    host.name(host.declared());
    std::this_thread::sleep_for(200ms);
  }
}

TEST_F(Three, AMemberThatIsKilledIsStartedAgain) {
  const auto before = machines.keeper("h2").process();
  ::kill(before.pid, SIGKILL);
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (machines.survey().members.size() != 3 || machines.keeper("h2").process().pid == before.pid ||
         !machines.keeper("h2").process().running) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_EQ(machines.keeper("h2").process().ends, 1);
}

TEST_F(Three, ADeposedControllerChangesNothing) {
  machines.leader_mod({12345});
  machines.join("h4");
  machines.kill("h2");
  machines.proved_dead("h2");
  std::this_thread::sleep_for(4s);
  EXPECT_EQ(machines.voters(), (Names{"h1", "h2", "h3"}));
}

TEST_F(Three, WhoeverWouldTakeTheMajorityAwayStays) {
  machines.kill("h3");
  const auto left = machines.keeper("h2").leave();
  ASSERT_FALSE(left);
  EXPECT_NE(left.error().find("no majority"), std::string::npos) << left.error();
  EXPECT_EQ(machines.voters(), (Names{"h1", "h2", "h3"}));
}

TEST_F(Three, AllComeBackFromTheDark) {
  for (const char* name : {"h1", "h2", "h3"}) machines.kill(name);
  for (const char* name : {"h1", "h2", "h3"}) machines.boot(name);
  EXPECT_TRUE(machines.becomes({"h1", "h2", "h3"}));
}

}  // namespace
}  // namespace haven::test

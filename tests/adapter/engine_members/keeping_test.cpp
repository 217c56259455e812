// Members that die, return and are replaced.
#include <gtest/gtest.h>
#include <signal.h>

#include "adapter/engine_members/machines.hpp"

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

// The real fence_ipmilan against a simulated BMC.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapter/fence_agent/answers.hpp"
#include "adapter/fence_agent/fence_agents.hpp"
#include "adapter/fence_agent/ipmi_simulator.hpp"

namespace haven::test {
namespace {

using adapter::FenceAgents;
using port::AgentAnswer;
using port::FenceVerb;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Ipmi : public testing::Test {
 protected:
  Ipmi() {
    folder.write("pw", std::string(IpmiSimulator::kPassword) + "\n");
    config = {"fence_ipmilan",
              {{"ip", "127.0.0.1"},
               {"ipport", std::to_string(bmc.port())},
               {"username", IpmiSimulator::kUser},
               {"password_file", folder.file("pw")},
               {"lanplus", "1"},
               {"cipher", "3"},  // ipmi_sim does not tell its cipher suites: ipmitool would ask for them for 10 s
               {"power_wait", "0"},
               {"login_timeout", "2"}}};
  }
  port::AgentDone ask(FenceVerb verb, Duration timeout = 30s) {
    const CallId call{++last_call};
    agents.run(call, config, verb, timeout);
    return answers.wait(call, timeout + 5s);
  }

  IpmiSimulator bmc;
  AgentFolder folder;
  Answers answers;
  FenceAgents agents{"/usr/sbin", answers.sink()};
  port::FenceDeviceConfig config;
  std::uint64_t last_call = 0;
};

TEST_F(Ipmi, SwitchesOffAndOnAndTellsWhichItIs) {
  EXPECT_THAT(agents.validate(config, 20s), IsEmpty());
  EXPECT_EQ(ask(FenceVerb::status).answer, AgentAnswer::is_on);
  EXPECT_EQ(ask(FenceVerb::off).answer, AgentAnswer::done);
  EXPECT_FALSE(bmc.is_on());
  EXPECT_EQ(ask(FenceVerb::status).answer, AgentAnswer::is_off);
  EXPECT_EQ(ask(FenceVerb::off).answer, AgentAnswer::done);
  EXPECT_EQ(ask(FenceVerb::on).answer, AgentAnswer::done);
  EXPECT_TRUE(bmc.is_on());
  EXPECT_EQ(ask(FenceVerb::status).answer, AgentAnswer::is_on);
}

TEST_F(Ipmi, TellsWhichMachineItBelongsTo) {
  const CallId call{++last_call};
  agents.probe(call, config, 30s);
  const port::AgentDone done = answers.wait(call, 35s);
  EXPECT_EQ(done.answer, AgentAnswer::is_on);
  // As ipmitool reads IPMI's byte order; the simulator was given a1234567-89ab-cdef-a123-456789abcdef.
  EXPECT_EQ(done.guid, "efcdab89-6745-23a1-efcd-ab89674523a1");
}

TEST_F(Ipmi, AProbeOfADeadBmcFailsAndTellsNoMachine) {
  bmc.kill();
  const CallId call{++last_call};
  agents.probe(call, config, 5s);
  const port::AgentDone done = answers.wait(call, 10s);
  EXPECT_TRUE(done.answer == AgentAnswer::failed || done.answer == AgentAnswer::timed_out);
  EXPECT_EQ(done.guid, "");
}

TEST_F(Ipmi, AWrongPasswordFailsWithinItsTimeAndIsNotRepeated) {
  folder.write("pw", "wrong password\n");
  for (const FenceVerb verb : {FenceVerb::status, FenceVerb::off}) {
    const port::AgentDone done = ask(verb, 5s);
    EXPECT_TRUE(done.answer == AgentAnswer::failed || done.answer == AgentAnswer::timed_out);
    EXPECT_THAT(done.message, Not(HasSubstr("wrong password")));
    EXPECT_FALSE(done.message.empty());
  }
  EXPECT_TRUE(bmc.is_on());
}

TEST_F(Ipmi, ADeadBmcFailsWithinItsTime) {
  bmc.kill();
  const Stopwatch stopwatch;
  const port::AgentDone done = ask(FenceVerb::status, 4s);
  EXPECT_TRUE(done.answer == AgentAnswer::failed || done.answer == AgentAnswer::timed_out);
  EXPECT_LE(stopwatch.passed(), Duration(6s));
}

}  // namespace
}  // namespace haven::test

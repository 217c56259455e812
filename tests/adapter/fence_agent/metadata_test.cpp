// Metadata as the agents of the distribution write it.
#include "adapter/fence_agent/metadata.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "adapter/fence_agent/answers.hpp"
#include "adapter/fence_agent/fence_agents.hpp"

namespace haven::adapter {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kAgents = "/usr/sbin";

class RealAgents : public testing::Test {
 protected:
  test::Answers answers;
  FenceAgents agents{kAgents, answers.sink()};
};

TEST_F(RealAgents, IpmilanKnowsTheOptionsOfTheDocumentation) {
  EXPECT_THAT(
      agents.validate(
          {"fence_ipmilan", {{"ip", "10.9.0.1"}, {"username", "admin"}, {"lanplus", "1"}, {"power_wait", "0"}}}, 20s),
      IsEmpty());
  EXPECT_THAT(agents.validate({"fence_ipmilan", {{"ipaddr", "10.9.0.1"}, {"login", "admin"}}}, 20s), IsEmpty());
  EXPECT_THAT(agents.validate({"fence_ipmilan", {{"lanplsu", "1"}}}, 20s),
              ElementsAre("fence_ipmilan has no option \"lanplsu\", did you mean \"lanplus\"?"));
  EXPECT_THAT(agents.validate({"fence_ipmilan", {{"password_file", "/nonexistent/pw"}}}, 20s),
              ElementsAre(HasSubstr("/nonexistent/pw")));
}

TEST_F(RealAgents, VirshNeedsItsPlug) {
  EXPECT_THAT(
      agents.validate({"fence_virsh", {{"ip", "a"}, {"username", "root"}, {"identity_file", "/etc/haven/id"}}}, 20s),
      ElementsAre("fence_virsh needs the option \"plug\""));
  EXPECT_THAT(agents.validate({"fence_virsh", {{"ip", "a"}, {"login", "root"}, {"port", "vm1"}}}, 20s), IsEmpty());
}

TEST_F(RealAgents, OneThatCannotTellTheStatusProvesNothing) {
  EXPECT_THAT(agents.validate({"fence_kdump", {{"nodename", "h1"}}}, 20s), Contains(HasSubstr("cannot \"status\"")));
}

TEST(Metadata, RefusesWhatIsNoMetadata) {
  for (const char* text :
       {"", "plain", "<resource-agent>", "<other/>", "<resource-agent><parameters/></resource-agent>"}) {
    EXPECT_FALSE(parse_metadata(text)) << text;
  }
}

TEST(Metadata, ReadsNoFileThatItsXmlNames) {
  const auto metadata = parse_metadata(
      "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><resource-agent><parameters>"
      "<parameter name=\"a\">&x;</parameter></parameters></resource-agent>");
  ASSERT_TRUE(metadata);
  EXPECT_EQ(metadata->parameters.size(), 1U);
}

TEST(Metadata, AgentNamesLeadNowhereElse) {
  EXPECT_TRUE(is_agent_name("fence_ipmilan"));
  for (const char* name : {"", "fence_", "fence_../x", "ipmilan", "fence_A", "/usr/sbin/fence_apc", "fence_a b"})
    EXPECT_FALSE(is_agent_name(name)) << name;
}

}  // namespace
}  // namespace haven::adapter

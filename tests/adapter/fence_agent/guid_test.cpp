// Who may be asked for a GUID, and that no secret shows while it is.
#include "adapter/fence_agent/guid.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace haven::adapter {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

port::FenceDeviceConfig bmc() {
  return {"fence_ipmilan",
          {{"ip", "10.9.0.1"}, {"username", "admin"}, {"password_file", "/etc/haven/h1.pw"}, {"lanplus", "1"}}};
}

TEST(Guid, AsksIpmitoolWithThePasswordInItsFile) {
  const auto question = guid_question(bmc());
  ASSERT_TRUE(question);
  EXPECT_EQ(question->program, "/usr/bin/ipmitool");
  EXPECT_THAT(question->arguments,
              ElementsAre("-I", "lanplus", "-H", "10.9.0.1", "-U", "admin", "-f", "/etc/haven/h1.pw", "mc", "guid"));
}

TEST(Guid, WhatCouldOnlyBeAskedWithASecretInTheArgumentsIsNotAsked) {
  for (const char* option : {"password", "passwd", "hexadecimal_kg", "password_script"}) {
    auto device = bmc();
    device.options[option] = "s3cret";
    EXPECT_FALSE(guid_question(device)) << option;
  }
}

TEST(Guid, OtherAgentsTellNoMachine) {
  EXPECT_FALSE(guid_question({"fence_apc_snmp", {{"ip", "10.9.1.1"}}}));
  EXPECT_FALSE(guid_question({"fence_ipmilan", {{"username", "admin"}}}));
}

TEST(Guid, IsReadFromIpmitoolsAnswer) {
  EXPECT_EQ(guid_in("System GUID  : EFCDAB89-6745-23a1-efcd-ab89674523a1\nGUID Encoding : IPMI\n"),
            "efcdab89-6745-23a1-efcd-ab89674523a1");
  EXPECT_EQ(guid_in("System GUID  : 31303043-534d-2500-90d8-7a5100000001\nTimestamp\t: 08/12/1996\n"),
            "31303043-534d-2500-90d8-7a5100000001");
  EXPECT_EQ(guid_in("Get GUID command failed: Invalid command\n"), "");
  EXPECT_EQ(guid_in(""), "");
}

}  // namespace
}  // namespace haven::adapter

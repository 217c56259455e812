// The contract, put to real processes; then what only processes can do.
#include "adapter/fence_agent/fence_agents.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapter/fence_agent/fence_device_contract.hpp"
#include "adapter/fence_agent/folder.hpp"

namespace haven::test {
namespace {

using adapter::FenceAgents;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Its power is a file; its mode another.
constexpr const char* kSwitch = R"sh(case "$(cat "$here/mode")" in
broken) echo "Failed: Unable to connect" >&2; exit 1;;
hanging) sleep 60;;
lying) [ "$action" = off ] && exit 0;;
esac
case "$action" in
on) echo on > "$here/power";;
off) echo off > "$here/power";;
status) [ "$(cat "$here/power")" = off ] && { echo "Status: OFF"; exit 2; }; echo "Status: ON";;
esac
exit 0)sh";

class ProcessRig {
 public:
  ProcessRig() {
    folder_.agent("fence_fake", kSwitch);
    folder_.write("power", "on\n");
    set_mode(Mode::working);
  }
  port::FenceDevice& device() { return device_; }
  static port::FenceDeviceConfig config() { return {"fence_fake", {{"plug", "1"}}}; }
  void set_mode(Mode mode) {
    static constexpr std::array<const char*, 4> kWords{"working", "broken", "hanging", "lying"};
    folder_.write("mode", kWords.at(static_cast<std::size_t>(mode)));
  }
  bool is_on() { return folder_.read("power") == "on\n"; }
  Answers answers;

 private:
  AgentFolder folder_;
  FenceAgents device_{folder_.path(), answers.sink()};
};

class FenceAgentsTest : public testing::Test {
 protected:
  port::AgentDone ask(const port::FenceDeviceConfig& config, FenceVerb verb, Duration timeout = 10s) {
    const CallId call{++last_call};
    agents.run(call, config, verb, timeout);
    return answers.wait(call, timeout + 5s);
  }
  port::AgentDone ask(FenceVerb verb, const std::string& body) {
    folder.agent("fence_fake", body);
    return ask(config, verb);
  }

  AgentFolder folder;
  Answers answers;
  FenceAgents agents{folder.path(), answers.sink()};
  port::FenceDeviceConfig config{"fence_fake", {{"plug", "1"}}};
  std::uint64_t last_call = 0;
};

TEST_F(FenceAgentsTest, ExitCodesMeanWhatTheAgentsMean) {
  for (const int code : {0, 1, 2, 3, 42, 127, 255}) {
    const std::string body = "exit " + std::to_string(code);
    const AgentAnswer status = code == 0 ? AgentAnswer::is_on : code == 2 ? AgentAnswer::is_off : AgentAnswer::failed;
    const AgentAnswer done = code == 0 ? AgentAnswer::done : AgentAnswer::failed;
    EXPECT_EQ(ask(FenceVerb::status, body).answer, status) << code;
    EXPECT_EQ(ask(FenceVerb::off, body).answer, done) << code;
    EXPECT_EQ(ask(FenceVerb::on, body).answer, done) << code;
  }
}

TEST_F(FenceAgentsTest, EndedByASignalIsAFailure) {
  const port::AgentDone done = ask(FenceVerb::status, "kill -9 $$");
  EXPECT_EQ(done.answer, AgentAnswer::failed);
  EXPECT_THAT(done.message, HasSubstr("signal 9"));
}

TEST_F(FenceAgentsTest, AnExitCodeOfTwoThatComplainsIsNoProof) {
  // Bad usage ends a shell, Python and the agents' library with 2 as well.
  EXPECT_EQ(ask(FenceVerb::status, "echo 'syntax error' >&2; exit 2").answer, AgentAnswer::failed);
  EXPECT_EQ(ask(FenceVerb::status, "if then fi").answer, AgentAnswer::failed);
  EXPECT_EQ(ask(FenceVerb::status, "echo 'Status: ON'; exit 2").answer, AgentAnswer::failed);
  EXPECT_EQ(ask(FenceVerb::status, "echo warning >&2; echo 'Status: OFFLINE'; exit 2").answer, AgentAnswer::failed);
  EXPECT_EQ(ask(FenceVerb::status, "echo warning >&2; echo 'Status: OFF'; exit 2").answer, AgentAnswer::is_off);
}

TEST_F(FenceAgentsTest, TheMessageIsTheLastLineOfError) {
  const port::AgentDone done = ask(FenceVerb::off, "echo first >&2; echo 'Failed: login denied' >&2; echo >&2; exit 3");
  EXPECT_EQ(done.message, "Failed: login denied");
  EXPECT_EQ(ask(FenceVerb::off, "exit 3").message, "the agent ended with exit code 3");
  EXPECT_EQ(ask(FenceVerb::off, "echo warning >&2").message, "");
}

TEST_F(FenceAgentsTest, AnAgentThatIsNotThereFails) {
  EXPECT_THAT(ask({"fence_none", {}}, FenceVerb::off).message, HasSubstr("there is no fence agent fence_none"));
  EXPECT_EQ(ask({"fence_none", {}}, FenceVerb::off).answer, AgentAnswer::failed);
  EXPECT_THAT(ask({"../../bin/true", {}}, FenceVerb::off).message, HasSubstr("no name of a fence agent"));
  folder.write("fence_broken", "#!/no/such/interpreter\n", 0700);
  const port::AgentDone done = ask({"fence_broken", {}}, FenceVerb::status);
  EXPECT_EQ(done.answer, AgentAnswer::failed);
  EXPECT_THAT(done.message, HasSubstr("cannot be executed"));
}

TEST_F(FenceAgentsTest, OptionsAreGivenAsLinesOnStandardInput) {
  folder.agent("fence_fake", "printf '%s\\n' \"$input\" > \"$here/input\"");
  EXPECT_EQ(ask({"fence_fake", {{"plug", "a b=c $(d)"}, {"ip", "10.0.0.1"}}}, FenceVerb::off).answer,
            AgentAnswer::done);
  EXPECT_EQ(folder.read("input"), "action=off\nip=10.0.0.1\nplug=a b=c $(d)\n");
}

TEST_F(FenceAgentsTest, AnOptionCannotSmuggleALine) {
  folder.agent("fence_fake", "touch \"$here/ran\"");
  EXPECT_EQ(ask({"fence_fake", {{"plug", "1\naction=on"}}}, FenceVerb::off).answer, AgentAnswer::failed);
  EXPECT_EQ(ask({"fence_fake", {{"action", "on"}}}, FenceVerb::off).answer, AgentAnswer::failed);
  EXPECT_FALSE(std::filesystem::exists(folder.file("ran")));
}

TEST_F(FenceAgentsTest, ASecretComesFromItsFileOnly) {
  folder.write("pw", "hunter2\n");
  folder.agent("fence_fake", R"(printf '%s' "$password" > "$here/seen"
tr '\0' ' ' < /proc/$$/cmdline > "$here/cmdline"
tr '\0' ' ' < /proc/$$/environ > "$here/environ")");
  const port::FenceDeviceConfig secret{"fence_fake", {{"plug", "1"}, {"password_file", folder.file("pw")}}};
  EXPECT_EQ(ask(secret, FenceVerb::off).answer, AgentAnswer::done);
  EXPECT_EQ(folder.read("seen"), "hunter2");
  EXPECT_THAT(folder.read("cmdline"), HasSubstr("fence_fake"));
  EXPECT_THAT(folder.read("cmdline"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(folder.read("environ"), HasSubstr("LC_ALL=C"));
  EXPECT_THAT(folder.read("environ"), Not(HasSubstr("hunter2")));
}

TEST_F(FenceAgentsTest, AFileOptionOfTheAgentsOwnIsPassedAsItIs) {
  folder.agent("fence_fake", "printf '%s\\n' \"$input\" > \"$here/input\"");
  EXPECT_EQ(ask({"fence_fake", {{"plug", "1"}, {"identity_file", "/etc/key"}}}, FenceVerb::off).answer,
            AgentAnswer::done);
  EXPECT_THAT(folder.read("input"), HasSubstr("identity_file=/etc/key\n"));
}

TEST_F(FenceAgentsTest, ASecretIsNotRepeatedInAMessage) {
  folder.write("pw", "it's\n");
  folder.agent("fence_fake", R"(echo "login with $password, run: ipmitool -P 'it'\"'\"'s' failed" >&2; exit 1)");
  const port::AgentDone done =
      ask({"fence_fake", {{"plug", "1"}, {"password_file", folder.file("pw")}}}, FenceVerb::off);
  EXPECT_EQ(done.message, "login with ***, run: ipmitool -P '***' failed");
}

TEST_F(FenceAgentsTest, ASecretFileThatOthersCanReadIsRefused) {
  folder.agent("fence_fake", "touch \"$here/ran\"");
  folder.write("pw", "hunter2\n", 0640);
  const port::FenceDeviceConfig secret{"fence_fake", {{"plug", "1"}, {"password_file", folder.file("pw")}}};
  const std::string cure = "chmod 600 " + folder.file("pw");
  EXPECT_THAT(ask(secret, FenceVerb::off).message, HasSubstr(cure));
  EXPECT_THAT(agents.validate(secret, 5s), ElementsAre(HasSubstr(cure)));
  EXPECT_FALSE(std::filesystem::exists(folder.file("ran")));
  for (const auto& [text, why] : {std::pair("", "it is empty"), std::pair("a\nb\n", "more than one line")}) {
    folder.write("pw", text);
    EXPECT_THAT(agents.validate(secret, 5s), ElementsAre(HasSubstr(why)));
  }
  std::filesystem::remove(folder.file("pw"));
  EXPECT_THAT(agents.validate(secret, 5s), ElementsAre(HasSubstr("No such file")));
}

TEST_F(FenceAgentsTest, MetadataIsAskedOnceUntilTheAgentChanges) {
  folder.agent("fence_fake", "exit 0");
  EXPECT_THAT(agents.validate(config, 5s), IsEmpty());
  EXPECT_THAT(agents.validate(config, 5s), IsEmpty());
  EXPECT_EQ(folder.read("metadata.log"), "asked\n");
  folder.agent("fence_fake", "exit 0 # upgraded");
  EXPECT_THAT(agents.validate(config, 5s), IsEmpty());
  EXPECT_EQ(folder.read("metadata.log"), "asked\nasked\n");
}

TEST_F(FenceAgentsTest, ValidateNamesWhatIsWrong) {
  folder.agent("fence_fake", "exit 0");
  const auto faults = [&](std::map<std::string, std::string> options) {
    return agents.validate({"fence_fake", std::move(options)}, 5s);
  };
  EXPECT_THAT(faults({{"port", "1"}}), IsEmpty()) << "an old name is accepted";
  EXPECT_THAT(faults({{"plugg", "1"}}), ElementsAre("fence_fake has no option \"plugg\", did you mean \"plug\"?",
                                                    "fence_fake needs the option \"plug\""));
  EXPECT_THAT(faults({{"plug", "1"}, {"port", "1"}}), ElementsAre(HasSubstr("say the same thing twice")));
  EXPECT_THAT(faults({{"plug", "1"}, {"action", "off"}}), ElementsAre(HasSubstr("Haven's to say")));
  const auto in_the_open = faults({{"plug", "1"}, {"password", "hunter2"}});
  EXPECT_THAT(in_the_open, ElementsAre(HasSubstr("password_file = PATH")));
  EXPECT_THAT(in_the_open[0], Not(HasSubstr("hunter2")));
  EXPECT_THAT(faults({{"plug", "1"}, {"nothing_file", "/x"}}), ElementsAre(HasSubstr("no option \"nothing_file\"")));
  EXPECT_THAT(agents.validate({"fence_none", {}}, 5s), ElementsAre(HasSubstr("there is no fence agent")));
}

TEST_F(FenceAgentsTest, ValidateEndsAtItsTimeoutAndLeavesNothingBehind) {
  folder.write("fence_slow", "#!/bin/sh\nsleep 60\n", 0700);
  const Stopwatch stopwatch;
  EXPECT_THAT(agents.validate({"fence_slow", {}}, 300ms), ElementsAre(HasSubstr("within its time")));
  EXPECT_LE(stopwatch.passed(), Duration(5s));
  folder.write("fence_mute", "#!/bin/sh\necho oh no >&2\nexit 1\n", 0700);
  EXPECT_THAT(agents.validate({"fence_mute", {}}, 5s), ElementsAre(HasSubstr("oh no")));
  folder.write("fence_chatty", "#!/bin/sh\necho '<html/>'\n", 0700);
  EXPECT_THAT(agents.validate({"fence_chatty", {}}, 5s), ElementsAre(HasSubstr("not that of an agent")));
}

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Processes, FenceDeviceContract, ProcessRig);

}  // namespace haven::test

// Fence devices are asked on a schedule, and must belong to the machine that they are configured for (F5).
#include "core/liveness/probes.hpp"

#include "core/court.hpp"

namespace haven {
namespace {
using namespace story;

bool alarmed(const Bench& b, const std::string& key) {
  const auto alarms = alarms_of(b.node->view());
  return std::any_of(alarms.begin(), alarms.end(), [&](const Alarm& a) { return a.key.starts_with(key); });
}
std::set<std::string> asked(const Bench& b) {
  std::set<std::string> hosts;
  for (const auto& probe : b.did<ProbeDevice>()) hosts.insert(probe.host.str());
  return hosts;
}

TEST(Probes, TheControllerAsksTheOthersDevicesAndNotItsOwn) {
  Court b;
  b.run_for(kProbeInterval + 1s);
  EXPECT_EQ(asked(b), (std::set<std::string>{"h2", "h3"}));
}

TEST(Probes, AnotherHostAsksTheControllersDevices) {
  Bench b(three_hosts({}));
  b.lead("h2");
  b.boot();
  b.run_for(1min);
  EXPECT_EQ(asked(b), (std::set<std::string>{"h2"})) << "h1 is the first of the others";
}

TEST(Probes, WhoIsAloneAsksItsOwn) {
  Spec spec = three_hosts({});
  spec.hosts.resize(1);
  Court b(spec);
  b.run_for(kProbeInterval + 1s);
  EXPECT_EQ(asked(b), (std::set<std::string>{"h1"}));
}

TEST(Probes, ADeviceThatDoesNotAnswerTwiceIsAnAlarmUntilItAnswers) {
  Court b;
  bool dead = false;
  b.probe = [&](CallId call, const ProbeDevice& probe) {
    const bool fails = dead && probe.host == h("h2");
    return DeviceProbed{call, fails ? AgentResult::failed : AgentResult::is_on, "", fails ? "no route to host" : ""};
  };
  b.run_for(kProbeInterval);
  EXPECT_FALSE(alarmed(b, "device/h2"));
  dead = true;
  b.run_for(kProbeInterval);
  EXPECT_FALSE(alarmed(b, "device/h2")) << "once may be a blink";
  b.run_for(kProbeAgain + 1s);
  EXPECT_TRUE(alarmed(b, "device/h2"));
  EXPECT_FALSE(alarmed(b, "device/h3"));
  EXPECT_EQ(b.node->report().hosts[1].fence[0].problem, "fence_story does not answer");
  dead = false;
  b.run_for(kProbeAgain + 1s);
  EXPECT_FALSE(alarmed(b, "device/h2"));
}

TEST(Probes, NothingIsWrittenWhileNothingChanges) {
  Court b;
  b.run_for(kProbeInterval);
  b.forget();
  b.run_for(10 * kProbeInterval);
  EXPECT_TRUE(b.commits("device/").empty());
  EXPECT_GE(b.did<ProbeDevice>().size(), 18U);
}

TEST(Probes, ADeviceIsLeftAloneWhileItsHostIsFenced) {
  Court b;
  b.agent = [](const RunAgent&) { return AgentResult::failed; };
  b.die("h2");
  b.run_for(10s);
  b.forget();
  b.run_for(kProbeInterval);
  EXPECT_FALSE(asked(b).contains("h2"));
}

TEST(Probes, ABmcOfAnotherMachineIsAnAlarmAndProvesNothing) {
  Court b;
  b.probe = [&](CallId call, const ProbeDevice& probe) {
    const bool swapped = probe.host == h("h2");
    return DeviceProbed{call, AgentResult::is_on, swapped ? "a1234567-89ab-cdef-a123-456789abcdef" : "", ""};
  };
  MemberRecord member = b.node->view().members.at(h("h2")).value;
  member.machine.firmware_uuid = "4c4c4544-0031-3010-8050-b8c04f4d3732";
  b.put(path::member(h("h2")), member);
  b.run_for(kProbeInterval + 1s);
  EXPECT_TRUE(alarmed(b, "device/h2"));
  b.forget();
  b.erase(path::member(h("h2")));
  b.run_for(1min);
  EXPECT_TRUE(b.did<RunAgent>().empty()) << "it would switch somebody else off";
  EXPECT_FALSE(b.state());
  EXPECT_TRUE(alarmed(b, "blast/h2"));
}

TEST(Probes, AGuidFitsHoweverItsBytesAreOrdered) {
  const std::string firmware = "4c4c4544-0031-3010-8050-b8c04f4d3732";
  EXPECT_TRUE(guid_fits("4C4C4544-0031-3010-8050-B8C04F4D3732", firmware));
  EXPECT_TRUE(guid_fits("44454c4c-3100-1030-8050-b8c04f4d3732", firmware)) << "the first groups swapped";
  EXPECT_TRUE(guid_fits("32374d4f-c0b8-5080-1030-310044454c4c", firmware)) << "all of it reversed";
  EXPECT_FALSE(guid_fits("4c4c4544-0031-3010-8050-b8c04f4d3733", firmware));
  EXPECT_TRUE(guid_fits("", firmware)) << "who tells nothing contradicts nothing";
  EXPECT_TRUE(guid_fits("4c4c4544-0031-3010-8050-b8c04f4d3733", ""));
  EXPECT_TRUE(guid_fits("00000000-0000-0000-0000-000000000000", firmware)) << "never set";
}

}  // namespace
}  // namespace haven

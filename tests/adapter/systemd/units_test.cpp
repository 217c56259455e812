#include "adapter/systemd/units.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "adapter/systemd/fake_systemctl.hpp"
#include "daemon/fakes.hpp"

namespace haven::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
const std::string kGuests = "libvirt-guests.service";
const std::string kScript = "/usr/lib/libvirt/libvirt-guests.sh";

class UnitsTest : public testing::Test {
 protected:
  void add_libvirt_guests(bool enabled, bool active) {
    systemd_.add(kGuests, {kScript + " start"}, enabled, active);
    systemd_.write("/units/" + kGuests + ".stops", kScript + " stop\n");
  }
  systemd::TurnedOff turn_off() {
    systemd::Rules rules;
    rules.is_protected = [](const std::string& word) { return word == "web1" || word == "/etc/web2.xml"; };
    rules.remember = [this](const std::string& unit) {
      EXPECT_TRUE(systemd_.enabled(unit)) << "remembered before it is changed";
      remembered_.insert(unit);
      return may_remember_;
    };
    return systemd::turn_units_off(systemd_.config, rules);
  }
  [[nodiscard]] bool drop_in() const {
    return std::filesystem::exists(folder_ / ("etc/" + kGuests + ".d/50-haven.conf"));
  }

  TemporaryFolder folder_;
  FakeSystemd systemd_{folder_.path()};
  std::set<std::string> remembered_;
  bool may_remember_ = true;
};

TEST_F(UnitsTest, DisablesLibvirtGuestsWithoutStoppingItAndTakesItsCommandsAway) {
  add_libvirt_guests(true, true);
  const auto off = turn_off();
  EXPECT_THAT(off.problems, IsEmpty());
  EXPECT_THAT(off.units, ElementsAre(kGuests));
  EXPECT_THAT(remembered_, ElementsAre(kGuests));
  EXPECT_FALSE(systemd_.enabled(kGuests));
  EXPECT_TRUE(drop_in());
  // Its stop would shut every guest down.
  EXPECT_THAT(systemd_.calls(), Not(HasSubstr("stop")));
  EXPECT_THAT(systemd_.calls(), Not(HasSubstr("--now")));
  const auto again = turn_off();
  EXPECT_THAT(again.units, IsEmpty());
  EXPECT_THAT(again.problems, IsEmpty());
}

TEST_F(UnitsTest, MakesADisabledButActiveLibvirtGuestsHarmless) {
  add_libvirt_guests(false, true);
  EXPECT_THAT(turn_off().problems, IsEmpty());
  EXPECT_TRUE(drop_in());
  EXPECT_THAT(remembered_, IsEmpty()) << "it was not enabled, so it is not to be enabled again";
}

TEST_F(UnitsTest, LeavesAloneWhatIsNeitherEnabledNorActiveNorThere) {
  add_libvirt_guests(false, false);
  EXPECT_THAT(turn_off().units, IsEmpty());
  EXPECT_FALSE(drop_in());
}

TEST_F(UnitsTest, NothingIsToBeDoneWithoutSystemd) {
  add_libvirt_guests(true, true);
  std::filesystem::remove(folder_ / "booted");
  const auto off = turn_off();
  EXPECT_THAT(off.units, IsEmpty());
  EXPECT_THAT(off.problems, IsEmpty());
  EXPECT_THAT(systemd_.calls(), IsEmpty());
}

TEST_F(UnitsTest, ARefusalATimeOutAndALieAreProblems) {
  add_libvirt_guests(true, true);
  systemd_.write("/fail-disable", "");
  EXPECT_THAT(turn_off().problems,
              ElementsAre(HasSubstr("systemctl disable: exit 1: Failed to disable: access denied")));
  std::filesystem::remove(folder_ / "fail-disable");
  systemd_.write("/lie-disable", "");
  EXPECT_THAT(turn_off().problems, ElementsAre(HasSubstr("still enabled")));
  std::filesystem::remove(folder_ / "lie-disable");
  std::filesystem::remove_all(folder_ / ("etc/" + kGuests + ".d"));
  std::filesystem::remove(folder_ / ("units/" + kGuests + ".harmless"));
  systemd_.write("/lie-daemon-reload", "");
  EXPECT_THAT(turn_off().problems, ElementsAre(HasSubstr("its commands stand in spite of the drop-in")));
  EXPECT_TRUE(systemd_.enabled(kGuests)) << "not disabled while its stop would still shut guests down";
  systemd_.write("/hang", "");
  systemd_.config.timeout = 200ms;
  EXPECT_THAT(turn_off().problems, ElementsAre(HasSubstr("no end within its time")));
}

TEST_F(UnitsTest, ASystemctlThatIsNotThereIsAProblem) {
  add_libvirt_guests(true, true);
  systemd_.config.systemctl = folder_ / "nowhere";
  EXPECT_THAT(turn_off().problems, ElementsAre(HasSubstr("cannot be executed")));
}

TEST_F(UnitsTest, WhatCannotBeRememberedIsLeftAsItIs) {
  add_libvirt_guests(true, true);
  systemd_.add("web1.service", {"/usr/bin/virsh start web1"}, true);
  may_remember_ = false;
  EXPECT_THAT(turn_off().problems, ElementsAre(HasSubstr("cannot be remembered"), HasSubstr("cannot be remembered")));
  EXPECT_TRUE(systemd_.enabled(kGuests));
  EXPECT_TRUE(systemd_.enabled("web1.service"));
  EXPECT_FALSE(drop_in());
}

TEST_F(UnitsTest, DisablesUnitsThatDoNothingButStartProtectedDomains) {
  systemd_.add("web1.service", {"/usr/bin/virsh -c qemu:///system start --paused web1"}, true);
  systemd_.add("vm@web1.service", {"/usr/bin/virsh create /etc/web2.xml"}, true);
  systemd_.add("other.service", {"/usr/bin/virsh start stranger"}, true);
  systemd_.add("looks.service", {"/usr/bin/virsh dominfo web1"}, true);
  systemd_.add("off.service", {"/usr/bin/virsh start web1"}, false);
  systemd_.write("/etc/multi-user.target.wants/vm@.service", "");
  const auto off = turn_off();
  EXPECT_THAT(off.problems, IsEmpty());
  EXPECT_THAT(off.units, UnorderedElementsAre("web1.service", "vm@web1.service"));
  EXPECT_TRUE(systemd_.enabled("other.service"));
  EXPECT_TRUE(systemd_.enabled("looks.service"));
  EXPECT_THAT(remembered_, UnorderedElementsAre("web1.service", "vm@web1.service"));
}

TEST_F(UnitsTest, TellsOfAUnitThatDoesOtherThingsAsWell) {
  systemd_.add("all.service", {"/usr/sbin/mount-things", "/usr/bin/virsh start web1"}, true);
  systemd_.add("shell.service", {"/bin/sh -c virsh start web1; echo up"}, true);
  const auto off = turn_off();
  EXPECT_THAT(off.units, IsEmpty());
  EXPECT_THAT(off.problems, ElementsAre(HasSubstr("all.service"), HasSubstr("shell.service")));
  EXPECT_TRUE(systemd_.enabled("all.service"));
}

TEST_F(UnitsTest, DisablesTheTimerThatTriggersOne) {
  systemd_.add("morning.timer", {}, true);
  systemd_.write("/units/morning.timer.triggers", "morning.service");
  systemd_.add("morning.service", {"/usr/bin/virsh start web1"}, false);
  EXPECT_THAT(turn_off().units, ElementsAre("morning.timer"));
  EXPECT_FALSE(systemd_.enabled("morning.timer"));
}

TEST_F(UnitsTest, LooksAtMoreUnitsThanOneCallTakes) {
  for (int i = 0; i < 40; ++i) systemd_.add("a" + std::to_string(i) + ".service", {"/usr/bin/true"}, true);
  systemd_.add("z.service", {"/usr/bin/virsh start web1"}, true);
  EXPECT_THAT(turn_off().units, ElementsAre("z.service"));
}

TEST_F(UnitsTest, GivesBackWhatItTook) {
  add_libvirt_guests(true, true);
  systemd_.add("web1.service", {"/usr/bin/virsh start web1"}, true);
  ASSERT_THAT(turn_off().problems, IsEmpty());
  const std::vector<std::string> units(remembered_.begin(), remembered_.end());
  EXPECT_THAT(systemd::turn_units_on(systemd_.config, units), ElementsAre(HasSubstr("systemctl enable web1.service")));
  EXPECT_TRUE(systemd_.enabled(kGuests));
  EXPECT_FALSE(systemd_.enabled("web1.service")) << "what it starts may run on another host";
  EXPECT_FALSE(drop_in());
  EXPECT_THAT(systemd_.calls(), Not(HasSubstr("stop")));
}

TEST_F(UnitsTest, StopsHavendBeforeWhatWouldHaveItsGuestsStopped) {
  systemd_.add("havend.service", {"/usr/sbin/havend"}, true, true);
  systemd_.add("haven-shutdown.service", {"/usr/bin/true"}, true, true);
  EXPECT_TRUE(systemd::stop_havend(systemd_.config));
  EXPECT_FALSE(systemd_.enabled("havend.service"));
  const std::string calls = systemd_.calls();
  EXPECT_LT(calls.find("stop -- havend.service"), calls.find("stop -- haven-shutdown.service"));
}

TEST_F(UnitsTest, LeavesTheShutdownUnitAloneWhileHavendRuns) {
  systemd_.add("havend.service", {"/usr/sbin/havend"}, true, true);
  systemd_.add("haven-shutdown.service", {"/usr/bin/true"}, true, true);
  for (const std::string fault : {"/fail-stop", "/lie-stop"}) {
    systemd_.write(fault, "");
    EXPECT_FALSE(systemd::stop_havend(systemd_.config)) << fault;
    EXPECT_EQ(systemd_.calls().find("stop -- haven-shutdown.service"), std::string::npos) << fault;
    std::filesystem::remove(folder_ / fault);
  }
}

}  // namespace
}  // namespace haven::test

// What each host puts in order for itself.
#include "daemon/upkeep.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>

#include "adapter/systemd/fake_systemctl.hpp"
#include "daemon/fakes.hpp"

namespace haven::daemon {
namespace {

using test::uuid_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class UpkeepTest : public testing::Test {
 protected:
  UpkeepTest() {
    // Both hooks are Haven's.
    test::write_text(folder_ / "haven-hook", "");
    std::filesystem::create_directories(folder_ / "etc/libvirt/hooks");
    for (const char* driver : {"qemu", "lxc"})
      std::filesystem::create_symlink(folder_ / "haven-hook", folder_ / "etc/libvirt/hooks/" + driver);
    spec_.hosts.resize(1);
    spec_.hosts[0].name = HostName("h2");
    Resource web;
    web.name = ResourceName("web1");
    web.uuid = uuid_of(1);
    web.xml = test::domain_xml(1);
    spec_.resources.push_back(web);
  }
  bool tend() {
    Upkeep::Edges edges;
    edges.etc = folder_ / "etc";
    edges.systemd = systemd_.config;
    edges.keep_list = [this](const auto& uuids) -> OrWhy<void> {
      kept_ = uuids;
      if (!list_trouble_.empty()) return tl::unexpected(list_trouble_);
      return {};
    };
    edges.autostart_off = [this](const auto& uuids, const auto& remember) -> OrWhy<libvirt::Autostart> {
      if (!libvirt_trouble_.empty()) return tl::unexpected(libvirt_trouble_);
      libvirt::Autostart result;
      result.names = {"web1"};
      if (on_ && remember(uuids.front())) {
        on_ = false;
        result.turned_off = uuids;
      }
      result.failures = failures_;
      return result;
    };
    edges.say = [this](const std::string& line) { said_.push_back(line); };
    Upkeep upkeep(std::move(edges), HostName("h2"), note_, fence_, alarms_);
    return upkeep.tend({{uuid_of(1)}, std::make_shared<const Spec>(spec_)});
  }
  std::vector<std::string> sentences() const {
    std::vector<std::string> texts;
    for (const auto& alarm : alarms_.all()) texts.push_back(alarm.text);
    return texts;
  }

  test::TemporaryFolder folder_;
  test::FakeSystemd systemd_{folder_ / "systemd"};
  Spec spec_;
  std::shared_ptr<TurnedOff> note_ = std::make_shared<TurnedOff>(folder_ / "turned-off");
  test::ObedientFence fence_{[](auto) {}};
  LocalAlarms alarms_;
  bool on_ = true;
  std::string list_trouble_, libvirt_trouble_;
  std::vector<std::string> failures_, kept_, said_;
};

TEST_F(UpkeepTest, TurnsOffAndRemembersWhatWasOn) {
  systemd_.add("libvirt-guests.service", {"/usr/lib/libvirt/libvirt-guests.sh start"}, true, true);
  systemd_.add("web1.service", {"/usr/bin/virsh start web1"}, true);
  EXPECT_TRUE(tend());
  EXPECT_THAT(sentences(), IsEmpty());
  EXPECT_THAT(kept_, ElementsAre(uuid_of(1)));
  EXPECT_EQ(said_.size(), 3U);
  const auto note = note_->read();
  ASSERT_TRUE(note) << note.error();
  EXPECT_THAT(note->autostart, ElementsAre(uuid_of(1)));
  EXPECT_THAT(note->units, ElementsAre("libvirt-guests.service", "web1.service"));
  // Another havend of this host knows it still, and does not forget it by finding everything off.
  note_ = std::make_shared<TurnedOff>(folder_ / "turned-off");
  EXPECT_TRUE(tend());
  EXPECT_EQ(note_->read()->units.size(), 2U);
}

TEST_F(UpkeepTest, WhatCannotBeRememberedStaysOnAndIsTold) {
  test::write_text(folder_ / "turned-off", "nonsense\n");
  systemd_.add("web1.service", {"/usr/bin/virsh start web1"}, true);
  EXPECT_FALSE(tend());
  EXPECT_TRUE(on_);
  EXPECT_TRUE(systemd_.enabled("web1.service"));
  EXPECT_THAT(sentences(), ElementsAre(HasSubstr("cannot be remembered")));
}

TEST_F(UpkeepTest, TellsWhatCannotBePutInOrderAndTakesItBackOnceItIs) {
  list_trouble_ = "disk full";
  libvirt_trouble_ = "libvirt did not answer in time";
  std::filesystem::remove(folder_ / "etc/libvirt/hooks/lxc");
  spec_.hosts[0].fence = {FenceDevice{test::ObedientFence::kUnknown, {}, 1}};
  spec_.resources[0].xml = test::domain_xml(1, "/nowhere/web1.raw");
  EXPECT_FALSE(tend());
  const auto told = sentences();
  EXPECT_THAT(told, ElementsAre(HasSubstr("autostart is off cannot be told"), HasSubstr("/nowhere/web1.raw"),
                                HasSubstr("there is no agent"), HasSubstr("lxc hook"), HasSubstr("disk full")));
  list_trouble_ = libvirt_trouble_ = "";
  failures_ = {uuid_of(1) + ": read-only"};
  EXPECT_FALSE(tend());
  EXPECT_EQ(sentences().size(), 4U);
  EXPECT_THAT(sentences().front(), HasSubstr("read-only"));
  failures_.clear();
  std::filesystem::create_symlink(folder_ / "haven-hook", folder_ / "etc/libvirt/hooks/lxc");
  spec_.hosts[0].fence.clear();
  spec_.resources[0].xml = test::domain_xml(1);
  EXPECT_TRUE(tend());
  EXPECT_THAT(sentences(), IsEmpty());
}

TEST_F(UpkeepTest, AHostThatNeverRunsItNeedNotHaveItsDisks) {
  spec_.resources[0].xml = test::domain_xml(1, "/nowhere/web1.raw");
  spec_.resources[0].hosts.never = {HostName("h2")};
  EXPECT_TRUE(tend());
}

TEST(LocalAlarms, TellTheStatusOnceForEachChange) {
  LocalAlarms alarms;
  std::vector<std::vector<std::string>> told;
  alarms.on_change([&](auto sentences) { told.push_back(std::move(sentences)); });
  alarms.set("a", "one");
  alarms.set("a", "one");
  alarms.set("b", "");
  alarms.replace("b", {"two", "three"});
  alarms.set("a", "");
  EXPECT_THAT(told, ElementsAre(ElementsAre("one"), ElementsAre("one", "two", "three"), ElementsAre("two", "three")));
  alarms.replace("b", std::vector<std::string>(20, std::string(1000, 'x')));
  EXPECT_EQ(told.back().size(), LocalAlarms::kMostOfAKind);
  EXPECT_EQ(told.back().back(), "and 13 more of this kind");
  EXPECT_EQ(told.back().front().size(), LocalAlarms::kMostBytes);
}

// Waits for so many calls of the work; counts them.
struct Calls {
  std::mutex mutex;
  std::condition_variable changed;
  int count = 0;
  bool come(int wanted) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, [&] { return count >= wanted; });
  }
};

TEST(Chores, AreDoneAgainUntilDoneAndThenOnASchedule) {
  for (const bool done : {false, true}) {
    Calls calls;
    Chores chores(
        [&](const Protected& wanted) {
          const std::lock_guard lock(calls.mutex);
          EXPECT_EQ(wanted.uuids.size(), 1U);
          ++calls.count;
          calls.changed.notify_all();
          return done;
        },
        done ? Duration(1h) : Duration(1ms), done ? Duration(1ms) : Duration(1h));
    chores.want({{uuid_of(1)}, nullptr});
    EXPECT_TRUE(calls.come(3)) << (done ? "looked at again" : "tried again");
  }
}

}  // namespace
}  // namespace haven::daemon

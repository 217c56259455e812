// Real bridges with real ports, in a network namespace of the test's own.
#include "adapter/network/uplinks.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "private_mounts.hpp"

namespace haven::adapter {
namespace {

using Names = std::vector<std::string>;

// Runs `ip` with these words, without a shell.
void ip(std::initializer_list<const char*> words) {
  std::vector<char*> arguments{const_cast<char*>("/usr/sbin/ip")};
  for (const char* word : words) arguments.push_back(const_cast<char*>(word));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  ASSERT_EQ(::posix_spawn(&pid, arguments[0], nullptr, nullptr, arguments.data(), environ), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "ip " << *words.begin();
}

// br0 has one end of a cable as its port; the other end is the switch's.
class Uplinks : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(::geteuid(), 0U) << "namespaces need root";
    ASSERT_EQ(::unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
    ASSERT_NE(test::make_mounts_private(), test::Root::unknown);
    sysfs_ = std::filesystem::temp_directory_path() / ("haven-sysfs-" + std::to_string(::getpid()));
    std::filesystem::create_directories(sysfs_);
    ASSERT_EQ(::mount("sysfs", sysfs_.c_str(), "sysfs", 0, nullptr), 0);
  }
  static void TearDownTestSuite() {
    ::umount2(sysfs_.c_str(), MNT_DETACH);
    std::filesystem::remove(sysfs_);
  }
  void SetUp() override {
    ip({"link", "add", "br0", "type", "bridge"});
    ip({"link", "add", "uplink0", "type", "veth", "peer", "name", "switch0"});
    ip({"link", "set", "uplink0", "master", "br0"});
    for (const char* link : {"br0", "uplink0", "switch0"}) ip({"link", "set", link, "up"});
  }
  void TearDown() override {
    for (const char* link : {"br0", "uplink0"}) ip({"link", "del", link});
  }
  static Names lost(const Names& links) { return without_uplink(links, sysfs_ / "class/net"); }

  static std::filesystem::path sysfs_;
};
std::filesystem::path Uplinks::sysfs_;

TEST_F(Uplinks, ABridgeWhosePortHasACarrierReachesOn) { EXPECT_EQ(lost({"br0"}), Names{}); }

TEST_F(Uplinks, APulledCableIsALostUplink) {
  ip({"link", "set", "switch0", "down"});
  EXPECT_EQ(lost({"br0"}), Names{"br0"});
  ip({"link", "set", "switch0", "up"});
  EXPECT_EQ(lost({"br0"}), Names{});
}

TEST_F(Uplinks, ASwitchedOffPortIsOneAsWell) {
  ip({"link", "set", "uplink0", "down"});
  EXPECT_EQ(lost({"br0"}), Names{"br0"});
}

TEST_F(Uplinks, AGuestsPortIsNoWayOut) {
  ip({"tuntap", "add", "dev", "tap0", "mode", "tap"});
  ip({"link", "set", "tap0", "master", "br0"});
  ip({"link", "add", "vnet7", "type", "veth", "peer", "name", "inside7"});
  ip({"link", "set", "vnet7", "master", "br0"});
  for (const char* link : {"tap0", "vnet7", "inside7"}) ip({"link", "set", link, "up"});
  ip({"link", "set", "switch0", "down"});
  EXPECT_EQ(lost({"br0"}), Names{"br0"});
  for (const char* link : {"tap0", "vnet7"}) ip({"link", "del", link});
}

TEST_F(Uplinks, OneOfTwoPortsIsEnough) {
  ip({"link", "add", "uplink1", "type", "veth", "peer", "name", "switch1"});
  ip({"link", "set", "uplink1", "master", "br0"});
  for (const char* link : {"uplink1", "switch1"}) ip({"link", "set", link, "up"});
  ip({"link", "set", "switch0", "down"});
  EXPECT_EQ(lost({"br0"}), Names{});
  ip({"link", "del", "uplink1"});
}

TEST_F(Uplinks, ABridgeWithoutAnyPortHasNothingToLose) {
  ip({"link", "set", "uplink0", "nomaster"});
  EXPECT_EQ(lost({"br0"}), Names{});
}

TEST_F(Uplinks, ADeviceIsItsOwnUplinkAndWhatIsNotThereIsNotJudged) {
  EXPECT_EQ(lost({"uplink0", "br9"}), Names{});
  ip({"link", "set", "switch0", "down"});
  EXPECT_EQ(lost({"uplink0", "br9"}), Names{"uplink0"});
}

}  // namespace
}  // namespace haven::adapter

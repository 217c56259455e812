// A real guest agent in a real guest, asked through a real libvirtd.
#include "adapter/guest/libvirt_edges.hpp"

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "adapter/guest/guest_probes.hpp"
#include "adapter/libvirt/private_libvirtd.hpp"

namespace haven::adapter::guest {
namespace {

using haven::testing::PrivateLibvirtd;

const std::string kUuid = "11111111-2222-3333-4444-555555555555";
constexpr Duration kBoots = 120s;

std::string domain_xml(const std::string& folder) {
  return "<domain type='qemu'><name>agent</name><uuid>" + kUuid +
         "</uuid><memory unit='MiB'>192</memory><vcpu>1</vcpu><os><type arch='x86_64' "
         "machine='q35'>hvm</type><kernel>" +
         folder + "/kernel</kernel><initrd>" + folder +
         "/initramfs</initrd><cmdline>console=ttyS0 quiet panic=1 mitigations=off</cmdline></os>"
         "<features><acpi/></features><cpu mode='custom' match='exact' check='none'><model>qemu64</model></cpu>"
         "<on_poweroff>destroy</on_poweroff><on_crash>destroy</on_crash><devices>"
         "<emulator>/usr/bin/qemu-system-x86_64</emulator><disk type='file' device='disk'>"
         "<driver name='qemu' type='raw' cache='none'/><source file='" +
         folder +
         "/disk'/><target dev='vda' bus='virtio'/></disk><controller type='usb' model='none'/>"
         "<serial type='file'><source path='" +
         folder +
         "/console'/><target port='0'/></serial>"
         "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
         "<memballoon model='virtio'/><video><model type='none'/></video></devices></domain>";
}

// One guest for all tests: it takes its time to boot.
class AgentGuest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string name = "/var/lib/haven-agent-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    ASSERT_EQ(std::system((std::string(HAVEN_BUILD_AGENT_GUEST) + " " + folder_).c_str()), 0);
    std::ofstream(folder_ + "/disk").close();
    std::filesystem::resize_file(folder_ + "/disk", 1 << 20);
    std::filesystem::permissions(folder_, std::filesystem::perms::all);
    libvirtd_ = new PrivateLibvirtd();
    libvirt::Connection connection;
    ASSERT_FALSE(connection.ensure("qemu:///system"));
    const libvirt::DomainRef domain(virDomainCreateXML(connection.get(), domain_xml(folder_).c_str(), 0));
    ASSERT_TRUE(domain) << libvirt::last_error().message;
  }
  static void TearDownTestSuite() {
    delete libvirtd_;
    std::filesystem::remove_all(folder_);
  }
  void SetUp() override {
    const auto until = std::chrono::steady_clock::now() + kBoots;
    while (!answer(check_of(CheckKind::guest_agent)).passed) {
      ASSERT_LT(std::chrono::steady_clock::now(), until) << "its agent never came up";
      std::this_thread::sleep_for(500ms);
    }
  }

  static GuestCheck check_of(CheckKind kind, GuestCommand command = {}) {
    GuestCheck check;
    check.kind = kind;
    check.command = std::move(command);
    check.timeout = 10s;
    return check;
  }
  CheckAnswer answer(const GuestCheck& check) {
    std::unique_lock lock(mutex_);
    const std::uint64_t number = ++last_;
    lock.unlock();
    probes_.check(number, kUuid, check);
    lock.lock();
    EXPECT_TRUE(changed_.wait_for(lock, 30s, [&] { return answers_.contains(number); }));
    return answers_[number].value_or(CheckAnswer{false, false, "it was not asked", {}});
  }
  port::CallDone treat(const std::vector<GuestCommand>& commands, Duration timeout = 20s) {
    std::unique_lock lock(mutex_);
    done_.reset();
    probes_.treat(CallId{1}, kUuid, commands, timeout);
    EXPECT_TRUE(changed_.wait_for(lock, 60s, [&] { return done_.has_value(); }));
    return done_.value_or(port::CallDone{});
  }

  static inline std::string folder_;
  static inline PrivateLibvirtd* libvirtd_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, std::optional<CheckAnswer>> answers_;
  std::optional<port::CallDone> done_;
  std::uint64_t last_ = 0;
  GuestProbes probes_{libvirt::guest_edges(),
                      [this](port::GuestChecked checked) {
                        const std::lock_guard lock(mutex_);
                        answers_[checked.number] = std::move(checked.answer);
                        changed_.notify_all();
                      },
                      [this](port::CallDone done) {
                        const std::lock_guard lock(mutex_);
                        done_ = std::move(done);
                        changed_.notify_all();
                      }};
};

TEST_F(AgentGuest, RunsCommandsAndTellsHowTheyEnd) {
  EXPECT_TRUE(answer(check_of(CheckKind::exec, {"/bin/true"})).passed);
  const CheckAnswer no = answer(check_of(CheckKind::exec, {"/bin/false"}));
  EXPECT_FALSE(no.passed);
  EXPECT_FALSE(no.silent);
  EXPECT_EQ(no.said, "exit status 1");
  GuestCheck says = check_of(CheckKind::exec, {"/bin/echo", "it is \"fine\" here; $HOME"});
  says.contains = "\"fine\" here; $HOME";
  EXPECT_TRUE(answer(says).passed) << "no shell is between";
  const CheckAnswer absent = answer(check_of(CheckKind::exec, {"/bin/absent"}));
  EXPECT_FALSE(absent.passed);
  EXPECT_FALSE(absent.silent) << absent.said;
  EXPECT_NE(absent.said.find("absent"), std::string::npos) << absent.said;
}

TEST_F(AgentGuest, ACommandThatNeverEndsCostsItsTime) {
  GuestCheck check = check_of(CheckKind::exec, {"/bin/sleep", "3600"});
  check.timeout = 2s;
  EXPECT_TRUE(answer(check).silent);
  EXPECT_TRUE(answer(check_of(CheckKind::guest_agent)).passed) << "and nothing else";
}

TEST_F(AgentGuest, ACommandThatPrintsWithoutEndCostsItsTime) {
  GuestCheck check = check_of(CheckKind::exec, {"/bin/yes"});
  check.timeout = 2s;
  EXPECT_TRUE(answer(check).silent);
  EXPECT_EQ(treat({{"/bin/sh", "-c", "kill $(pidof yes); true"}}).result, port::CallResult::done);
  EXPECT_TRUE(answer(check_of(CheckKind::guest_agent)).passed);
}

TEST_F(AgentGuest, TellsItsMemoryAndItsDisks) {
  GuestCheck memory = check_of(CheckKind::memory);
  const auto until = std::chrono::steady_clock::now() + 60s;
  CheckAnswer told = answer(memory);
  // The balloon is asked to tell from the first look on.
  while (!(told.pulse && told.pulse->available) && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(1s);
    told = answer(memory);
  }
  ASSERT_TRUE(told.pulse && told.pulse->available);
  EXPECT_GT(told.pulse->available->count, 16);
  EXPECT_LT(told.pulse->available->count, 192);
  EXPECT_GT(told.pulse->cpu, 0s);
  const CheckAnswer disks = answer(check_of(CheckKind::disk_io));
  EXPECT_TRUE(disks.passed) << disks.said;
  EXPECT_TRUE(disks.pulse);
}

TEST_F(AgentGuest, TreatsInOrderAndStopsAtTheFirstThatFails) {
  EXPECT_EQ(treat({{"/bin/true"}, {"/bin/true"}}).result, port::CallResult::done);
  const port::CallDone failed = treat({{"/bin/sh", "-c", "echo broken >&2; exit 3"}, {"/bin/true"}});
  EXPECT_EQ(failed.result, port::CallResult::failed);
  EXPECT_EQ(failed.message, "/bin/sh: exit status 3: broken");
  EXPECT_EQ(treat({{"/bin/sleep", "3600"}}, 2s).result, port::CallResult::unknown);
}

// The last: nobody wakes it up again.
TEST_F(AgentGuest, WhoseAgentIsStoppedIsSilentWithItsCounters) {
  (void)treat({{"/bin/sh", "-c", "(sleep 1; kill -STOP $(pidof qemu-ga)) >/dev/null 2>&1 & true"}});
  std::this_thread::sleep_for(3s);
  GuestCheck ping = check_of(CheckKind::guest_agent);
  ping.timeout = 2s;
  const CheckAnswer silent = answer(ping);
  EXPECT_TRUE(silent.silent) << silent.said;
  EXPECT_TRUE(silent.pulse) << "the hypervisor still counts";
}

}  // namespace
}  // namespace haven::adapter::guest

int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }

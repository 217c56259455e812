// What libvirt says of guests that panic, whose watchdog bites, whose disk fails: on real QEMUs, whose guest is a boot
// sector that does the deed. And a libvirtd that hangs, restarted under a running guest.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "adapter/libvirt/heard.hpp"
#include "adapter/libvirt/hypervisor.hpp"
#include "adapter/libvirt/private_libvirtd.hpp"
#include "adapter/libvirt/service.hpp"

namespace haven::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;
using port::DomainState;
using port::LifecycleKind;

constexpr Duration kPatience = 30s;
const std::string kUuid = "bbbbbbbb-0000-4000-8000-000000000001";

// Each ends in `hlt` for ever, or does it again.
constexpr auto kPanics = "\xBA\x05\x05\xB0\x01\xEE\xF4\xEB\xFD"sv;           // out 0x505 (pvpanic), 1
constexpr auto kArmsItsWatchdog = "\xBA\x43\x04\xB0\x0F\xEE\xF4\xEB\xFD"sv;  // out 0x443 (ib700), at once
constexpr auto kWritesItsDisk =
    "\x31\xC0\x8E\xD8\x8E\xC0\xBB\x00\x7C\xB8\x01\x03\xB9\x10\x00\xBA\x80\x00\xCD\x13\xEB\xF3"sv;  // int 13h, sector 16

// 64 KiB of which only the boot sector is there.
std::string boot_disk(const fs::path& path, std::string_view code) {
  std::string sector(code);
  sector.resize(510, '\0');
  sector += "\x55\xAA";
  std::ofstream(path, std::ios::binary) << sector;
  fs::resize_file(path, 64 * 1024);
  return path;
}

std::string guest(const std::string& disk, const std::string& more, const std::string& on_crash = "destroy") {
  return "<domain type='qemu'><name>faulty</name><uuid>" + kUuid +
         "</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>"
         "<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>"
         "<on_poweroff>destroy</on_poweroff><on_crash>" +
         on_crash +
         "</on_crash><devices><emulator>/usr/bin/qemu-system-x86_64</emulator><controller type='usb' model='none'/>"
         "<memballoon model='none'/><video><model type='none'/></video>"
         "<disk type='file' device='disk'><driver name='qemu' type='raw' error_policy='stop'/><source file='" +
         disk + "'/><target dev='hda' bus='ide'/></disk>" + more + "</devices></domain>";
}

class GuestFaults : public ::testing::Test {
 protected:
  port::CallDone answer(CallId call) {
    const auto done = heard_.first<port::CallDone>([&](const auto& event) { return event.call == call; }, kPatience);
    return done.value_or(port::CallDone{call, port::CallResult::unknown, "not answered"});
  }
  void start(const std::string& xml) {
    const CallId call{++calls_};
    hypervisor_.start(call, xml, kPatience);
    const auto done = answer(call);
    ASSERT_EQ(done.result, port::CallResult::done) << done.message;
  }
  port::Inspected inspect(Duration timeout = 5s) {
    const CallId call{++calls_};
    hypervisor_.inspect(call, timeout, {});
    const auto seen = heard_.first<port::Inspected>([&](const auto& event) { return event.call == call; }, kPatience);
    return seen.value_or(port::Inspected{call, false, {}, {}});
  }
  static DomainState state_in(const port::Inspected& seen) {
    const auto found = std::ranges::find(seen.domains, kUuid, &port::Domain::uuid);
    return found == seen.domains.end() ? DomainState::absent : found->state;
  }
  bool becomes(DomainState state) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    do {
      const auto seen = inspect();
      if (seen.reached && state_in(seen) == state) return true;
    } while (std::chrono::steady_clock::now() < deadline);
    return false;
  }
  bool told(LifecycleKind kind) {
    return heard_.first<port::Lifecycle>([&](const auto& e) { return e.uuid == kUuid && e.kind == kind; }, kPatience)
        .has_value();
  }
  std::size_t times_told(LifecycleKind kind) {
    return heard_.count<port::Lifecycle>([&](const auto& e) { return e.uuid == kUuid && e.kind == kind; });
  }
  std::string disk(std::string_view code) { return boot_disk("/var/lib/haven/faulty.img", code); }

  PrivateLibvirtd libvirtd_;
  Heard heard_;
  libvirt::LibvirtHypervisor hypervisor_{libvirt::LibvirtConfig{}, heard_.sink()};
  std::uint64_t calls_ = 0;
};

TEST_F(GuestFaults, APanicIsACrashAndItsDomainIsGone) {
  start(guest(disk(kPanics), "<panic model='isa'/>"));
  EXPECT_TRUE(told(LifecycleKind::crashed));
  EXPECT_TRUE(becomes(DomainState::absent));
  EXPECT_EQ(times_told(LifecycleKind::powered_off), 0U);
}

TEST_F(GuestFaults, APanicThatIsKeptIsSeenAsCrashed) {
  start(guest(disk(kPanics), "<panic model='isa'/>", "preserve"));
  EXPECT_TRUE(becomes(DomainState::crashed));
}

TEST_F(GuestFaults, AWatchdogThatPausesLeavesACrashedGuest) {
  start(guest(disk(kArmsItsWatchdog), "<watchdog model='ib700' action='pause'/>"));
  EXPECT_TRUE(told(LifecycleKind::crashed));
  EXPECT_TRUE(becomes(DomainState::crashed));
}

TEST_F(GuestFaults, AWatchdogThatSwitchesOffIsNotTheGuestsOwnWish) {
  start(guest(disk(kArmsItsWatchdog), "<watchdog model='ib700' action='poweroff'/>"));
  EXPECT_TRUE(becomes(DomainState::absent));
  EXPECT_TRUE(told(LifecycleKind::failed));
  EXPECT_EQ(times_told(LifecycleKind::powered_off), 0U);
}

TEST_F(GuestFaults, AWatchdogThatResetsIsTheGuestsOwnAffair) {
  start(guest(disk(kArmsItsWatchdog), "<watchdog model='ib700' action='reset'/>"));
  for (int look = 0; look < 20; ++look) EXPECT_EQ(state_in(inspect()), DomainState::running);
  EXPECT_EQ(times_told(LifecycleKind::crashed), 0U);
  EXPECT_EQ(times_told(LifecycleKind::failed), 0U);
}

TEST_F(GuestFaults, AFullDiskPausesAndAResumeGoesOnOnceThereIsRoom) {
  const fs::path small = "/var/lib/haven/small";
  fs::create_directories(small);
  ASSERT_EQ(::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=64k"), 0);
  const std::string image = boot_disk(small / "faulty.img", kWritesItsDisk);
  std::ofstream(small / "rest", std::ios::binary) << std::string(64 * 1024, 'x');
  start(guest(image, ""));
  EXPECT_TRUE(told(LifecycleKind::paused_io_error));
  EXPECT_TRUE(becomes(DomainState::paused_io_error));
  fs::remove(small / "rest");
  const CallId call{++calls_};
  hypervisor_.resume(call, kUuid, kPatience);
  EXPECT_EQ(answer(call).result, port::CallResult::done);
  EXPECT_TRUE(becomes(DomainState::running));
  const CallId end{++calls_};
  hypervisor_.destroy(end, kUuid, kPatience);
  EXPECT_EQ(answer(end).result, port::CallResult::done);
  EXPECT_EQ(::umount2(small.c_str(), MNT_DETACH), 0);
}

TEST_F(GuestFaults, AHungLibvirtdIsRestartedUnderARunningGuest) {
  start(guest(disk("\xF4\xEB\xFD"sv), ""));
  const auto before = inspect();
  ASSERT_EQ(before.processes.size(), 1U);
  libvirtd_.freeze();
  const auto hung = inspect(1s);
  EXPECT_FALSE(hung.reached);
  ASSERT_EQ(hung.processes.size(), 1U);
  EXPECT_EQ(hung.processes.front().pid, before.processes.front().pid);

  // What stands in for a service manager here.
  const fs::path program = "/var/lib/haven/restart-libvirtd";
  std::ofstream(program) << "#!/bin/sh\nkill -9 $(cat /run/libvirtd.pid)\nexec /usr/sbin/libvirtd -d\n";
  fs::permissions(program, fs::perms::owner_all);
  ::setenv("HAVEN_LIBVIRT_RESTART", program.c_str(), 1);
  const auto done = libvirt::restart_service(libvirt::restart_command("/proc/none"), kPatience);
  ::unsetenv("HAVEN_LIBVIRT_RESTART");
  ASSERT_TRUE(done) << done.error();
  EXPECT_TRUE(becomes(DomainState::running));
  const auto after = inspect();
  ASSERT_EQ(after.processes.size(), 1U);
  EXPECT_EQ(after.processes.front().pid, before.processes.front().pid);
}

TEST(LibvirtService, WithoutAnybodyWhoCanItSaysSo) {
  EXPECT_TRUE(libvirt::restart_command("/proc/none").empty());
  const auto done = libvirt::restart_service({}, 1s);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().find("HAVEN_LIBVIRT_RESTART"), std::string::npos);
}

TEST(LibvirtService, SystemdIsAskedByItsOwnProgramAndNoShell) {
  EXPECT_EQ(libvirt::restart_command("/"),
            (std::vector<std::string>{"/usr/bin/systemctl", "restart", "libvirtd.service"}));
}

TEST(LibvirtService, AProgramThatFailsOrDoesNotEndHasNotRestartedIt) {
  EXPECT_FALSE(libvirt::restart_service({"/bin/false"}, 5s));
  EXPECT_FALSE(libvirt::restart_service({"/proc/none"}, 5s));
  EXPECT_FALSE(libvirt::restart_service({"/bin/sleep", "60"}, 100ms));
  EXPECT_TRUE(libvirt::restart_service({"/bin/true"}, 5s));
}

}  // namespace
}  // namespace haven::testing

int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }

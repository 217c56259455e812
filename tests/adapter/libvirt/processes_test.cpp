// VM processes as /proc shows them: a made-up /proc for what is hard to bring about, real processes for the rest.
#include "adapter/libvirt/processes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

namespace haven::libvirt {
namespace {

namespace fs = std::filesystem;
using port::VmProcess;

class FakeProc : public ::testing::Test {
 protected:
  FakeProc() {
    std::string pattern = fs::temp_directory_path() / "haven-proc-XXXXXX";
    path = ::mkdtemp(pattern.data());
    process("self", {"havend"}, "pid:[1]");
  }
  ~FakeProc() override { fs::remove_all(path); }

  static std::string zero_ended(const std::vector<std::string>& texts) {
    std::string bytes;
    for (const auto& text : texts) bytes += text + '\0';
    return bytes;
  }
  void process(const std::string& pid, const std::vector<std::string>& arguments,
               const std::string& pid_namespace = "pid:[1]") {
    fs::create_directories(path / pid / "ns");
    fs::create_symlink(pid_namespace, path / pid / "ns/pid");
    std::ofstream(path / pid / "cmdline") << zero_ended(arguments);
  }
  [[nodiscard]] std::vector<VmProcess> found() const {
    return find_vm_processes(path).value_or(std::vector<VmProcess>{});
  }
  fs::path path;
};

TEST_F(FakeProc, TellsQemuByItsUuidAndAContainerByItsName) {
  process("100",
          {"/usr/bin/qemu-system-x86_64", "-name", "guest=a,,b,debug-threads=on", "-S", "-uuid", "u1", "-m", "32"});
  process("101", {"/usr/lib/libvirt/libvirt_lxc", "--name", "ct1", "--console", "22"});
  process("102", {"/usr/bin/vim", "-uuid", "u2"});
  process("103", {"qemu-system-x86_64", "-m", "32"});
  const auto processes = found();
  ASSERT_EQ(processes.size(), 2U);
  EXPECT_EQ(processes[0].uuid, "u1");
  EXPECT_EQ(processes[0].name, "a,b");
  EXPECT_EQ(processes[0].pid, 100);
  EXPECT_EQ(processes[1].uuid, "");
  EXPECT_EQ(processes[1].name, "ct1");
}

TEST_F(FakeProc, AProcessWhoseFirstThreadIsDeadStillCounts) {
  process("100", {});
  fs::create_directories(path / "100/task/100");
  fs::create_directories(path / "100/task/104");
  std::ofstream(path / "100/task/100/cmdline") << "";
  std::ofstream(path / "100/task/104/cmdline") << zero_ended({"qemu-system-x86_64", "-uuid", "u1"});
  ASSERT_EQ(found().size(), 1U);
  EXPECT_EQ(found()[0].uuid, "u1");
}

TEST_F(FakeProc, AContainerThatOutlivedItsControllerIsToldByItsInit) {
  process("100", {"/sbin/init"}, "pid:[2]");
  std::ofstream(path / "100/environ") << zero_ended({"PATH=/bin", "LIBVIRT_LXC_UUID=u1", "LIBVIRT_LXC_NAME=ct1"});
  std::ofstream(path / "100/status") << "Name:\tinit\nNSpid:\t100\t1\nThreads:\t1\n";
  process("101", {"/bin/sh"}, "pid:[2]");
  std::ofstream(path / "101/environ") << zero_ended({"LIBVIRT_LXC_UUID=u1", "LIBVIRT_LXC_NAME=ct1"});
  std::ofstream(path / "101/status") << "Name:\tsh\nNSpid:\t101\t7\nThreads:\t1\n";
  ASSERT_EQ(found().size(), 1U);
  EXPECT_EQ(found()[0].uuid, "u1");
  EXPECT_EQ(found()[0].name, "ct1");
}

TEST_F(FakeProc, ATableThatCannotBeReadIsNoEmptyTable) { EXPECT_FALSE(find_vm_processes(path / "none")); }

TEST(BelongsTo, TheUuidDecidesWhereItIsKnown) {
  EXPECT_TRUE(belongs_to({"u1", "other", 1}, "u1", "web1"));
  EXPECT_FALSE(belongs_to({"u2", "web1", 1}, "u1", "web1"));
  EXPECT_TRUE(belongs_to({"", "web1", 1}, "u1", "web1"));
  EXPECT_FALSE(belongs_to({"", "", 1}, "u1", ""));
}

// A process that looks like a QEMU of that uuid, and dies with the test.
pid_t pretend_qemu(const std::string& uuid) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execl("/usr/bin/python3", "qemu-system-x86_64", "-c", "import time; time.sleep(60)", "-uuid", uuid.c_str(),
            nullptr);
    _exit(127);
  }
  return child;
}

TEST(Kill, EndsEveryProcessOfThatUuidAndNoOther) {
  const std::string uuid = "test-" + std::to_string(::getpid());
  const pid_t first = pretend_qemu(uuid);
  const pid_t second = pretend_qemu(uuid);
  const pid_t bystander = pretend_qemu(uuid + "-not");
  const auto all_seen = [&] {
    const auto processes = find_vm_processes("/proc");
    return processes && std::ranges::count_if(*processes, [&](const auto& p) { return p.uuid.starts_with(uuid); }) == 3;
  };
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  while (!all_seen() && Clock::now() < deadline) ::usleep(1000);
  ASSERT_TRUE(all_seen());

  const auto refused = kill_vm_processes("/proc", uuid, "", deadline, [] { return false; });
  EXPECT_FALSE(refused);
  EXPECT_TRUE(all_seen()) << "a no before the first signal ends the attempt";

  const auto gone = kill_vm_processes("/proc", uuid, "", deadline, [] { return true; });
  EXPECT_TRUE(gone) << gone.error();
  int status = 0;
  EXPECT_EQ(::waitpid(first, &status, WNOHANG), first);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(::waitpid(second, &status, WNOHANG), second);
  EXPECT_EQ(::waitpid(bystander, &status, WNOHANG), 0);
  ::kill(bystander, SIGKILL);
  ::waitpid(bystander, &status, 0);
}

}  // namespace
}  // namespace haven::libvirt

// A host of its own for a test: net, mount, pid, uts, ipc and cgroup namespaces with private /run, /etc/libvirt,
// /var/lib, /proc and /sys, and in it a real libvirtd for QEMU and LXC. Nothing of it is seen outside, two at once do
// not meet, and all of it dies with the test program, even if that is killed. Needs root.
//
//   int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }
#pragma once

#include <sys/types.h>

#include <string>

namespace haven::testing {

// Runs the GoogleTest program inside such a host; with --gtest_list_tests right here. Returns its exit code.
int run_in_private_host(int argc, char** argv);

// Whether QEMU's guests get control groups of the kernel's cpu controller; containers always do.
enum class CpuController { unused, used };

// The libvirtd of this host. One at a time. Assertions of the test fail where it does not do as told.
class PrivateLibvirtd {
 public:
  explicit PrivateLibvirtd(CpuController cpu = CpuController::unused);  // runs and accepts connections
  ~PrivateLibvirtd();                                                   // killed, and with it every domain of this host
  PrivateLibvirtd(const PrivateLibvirtd&) = delete;
  PrivateLibvirtd& operator=(const PrivateLibvirtd&) = delete;

  void freeze();  // SIGSTOP: calls to it hang
  void thaw();
  void kill();   // SIGKILL; its domains run on
  void start();  // again, after a kill

 private:
  pid_t pid_ = -1;
};

// Puts the program there as a hook of both drivers, as packaging does. A libvirtd finds hooks only when it starts.
void install_libvirt_hook(const std::string& program);

// A container's root, made at once: busybox as its init, which ends on SIGTERM as a container should.
[[nodiscard]] std::string container_root();

// Whether the container's init has come up: `done` of a start says that its controller has. Waits for some seconds.
[[nodiscard]] bool container_runs(const std::string& uuid);

// Domains that need nothing but this host: a QEMU that stays in its firmware, and a container.
[[nodiscard]] std::string qemu_domain(const std::string& uuid, const std::string& name);
[[nodiscard]] std::string lxc_domain(const std::string& uuid, const std::string& name);

}  // namespace haven::testing

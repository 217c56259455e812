#include "adapter/libvirt/private_libvirtd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string_view>
#include <thread>
#include <vector>

#include "adapter/libvirt/processes.hpp"
#include "private_mounts.hpp"

namespace haven::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr const char* kCgroups = "/sys/fs/cgroup";
constexpr const char* kSocket = "/run/libvirt/libvirt-sock";
const std::string kCgroupPrefix = "haven-test-";

[[noreturn]] void give_up(const std::string& what) {
  std::cerr << "private host: " << what << ": " << std::strerror(errno) << std::endl;
  _exit(1);
}
void must(bool done, const std::string& what) {
  if (!done) give_up(what);
}
void write_file(const fs::path& path, std::string_view text) {
  std::ofstream file(path);
  file << text;
  must(static_cast<bool>(file.flush()), "write " + path.string());
}

// Version 1 mounts a folder per controller, version 2 has its own file there.
std::vector<fs::path> hierarchies() {
  if (fs::exists(fs::path(kCgroups) / "cgroup.procs")) return {kCgroups};
  std::vector<fs::path> result;
  for (const auto& entry : fs::directory_iterator(kCgroups))
    if (entry.is_directory() && fs::exists(entry.path() / "cgroup.procs")) result.push_back(entry.path());
  return result;
}

// A cgroup is removed leaf first; its files are the kernel's.
void remove_cgroup(const fs::path& cgroup) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(cgroup, error))
    if (entry.is_directory(error)) remove_cgroup(entry.path());
  ::rmdir(cgroup.c_str());
}

// What a killed test could not take away itself.
void sweep_cgroups() {
  for (const auto& hierarchy : hierarchies()) {
    std::vector<fs::path> old;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(hierarchy, error)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with(kCgroupPrefix)) continue;
      if (::kill(std::atoi(name.c_str() + kCgroupPrefix.size()), 0) != 0) old.push_back(entry.path());
    }
    for (const auto& cgroup : old) remove_cgroup(cgroup);
  }
}

void join_cgroup(const std::string& name) {
  for (const auto& hierarchy : hierarchies()) {
    const auto cgroup = hierarchy / name;
    fs::create_directory(cgroup);
    for (const char* inherited : {"cpuset.cpus", "cpuset.mems"}) {
      std::string value;
      if (std::getline(std::ifstream(hierarchy / inherited), value) && !value.empty())
        write_file(cgroup / inherited, value);
    }
    write_file(cgroup / "cgroup.procs", "0");
  }
}

void mount_cgroups(const std::vector<fs::path>& hierarchies) {
  if (hierarchies.size() == 1 && hierarchies[0] == kCgroups)
    return must(::mount("cgroup2", kCgroups, "cgroup2", 0, nullptr) == 0, "mount cgroup2");
  must(::mount("tmpfs", kCgroups, "tmpfs", 0, "mode=755") == 0, "mount cgroups");
  for (const auto& hierarchy : hierarchies) {
    const std::string name = hierarchy.filename().string();
    if (name == "unified") continue;
    fs::create_directory(hierarchy);
    const std::string options = name == "systemd" ? "none,name=systemd" : name;
    must(::mount("cgroup", hierarchy.c_str(), "cgroup", 0, options.c_str()) == 0, "mount cgroup " + name);
  }
  if (std::ofstream clone(fs::path(kCgroups) / "cpuset/cgroup.clone_children"); clone) clone << "1";
}

// / becomes a mount point where it is none: libvirt's containers need that.
void make_mounts_private() {
  const auto root = test::make_mounts_private();
  if (root == test::Root::mount_point) return;
  must(root == test::Root::folder, "read the mounts");
  must(::mount("/", "/mnt", nullptr, MS_BIND | MS_REC, nullptr) == 0, "bind /");
  must(::chroot("/mnt") == 0 && ::chdir("/") == 0, "enter the new /");
}

void mount_private(const std::vector<fs::path>& hierarchies) {
  make_mounts_private();
  must(::mount("proc", "/proc", "proc", 0, nullptr) == 0, "mount /proc");
  ::umount2("/sys", MNT_DETACH);
  must(::mount("sysfs", "/sys", "sysfs", 0, nullptr) == 0, "mount /sys");
  mount_cgroups(hierarchies);
  for (const char* path : {"/run", "/etc/libvirt", "/var/lib", "/var/log/libvirt", "/var/cache/libvirt"})
    must(::mount("tmpfs", path, "tmpfs", 0, "mode=755") == 0, std::string("mount ") + path);
  for (const char* path : {"/run/libvirt", "/run/lock", "/run/haven", "/var/lib/libvirt", "/var/lib/haven"})
    fs::create_directory(path);
}

void write_qemu_configuration(CpuController cpu) {
  const std::string controllers = cpu == CpuController::used ? "\"cpu\", \"cpuacct\"" : "";
  write_file("/etc/libvirt/qemu.conf",
             "security_driver = \"none\"\nuser = \"root\"\ngroup = \"root\"\ndynamic_ownership = 0\n"
             "remember_owner = 0\nnamespaces = []\ncgroup_controllers = [" +
                 controllers + "]\nstdio_handler = \"file\"\n");
}

void write_configuration() {
  write_file("/etc/libvirt/libvirtd.conf",
             "host_uuid = \"00000000-0000-4000-8000-00000000beef\"\n"
             "auth_unix_ro = \"none\"\nauth_unix_rw = \"none\"\nunix_sock_rw_perms = \"0700\"\n"
             "log_outputs = \"3:file:/var/log/libvirt/libvirtd.log\"\n");
}

int exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

// Waits for this child, taking away whatever else was left to this process.
int reap_until(pid_t child) {
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended == child) return exit_code(status);
    if (ended < 0 && errno != EINTR) return 1;
  }
}

pid_t fork_that_dies_with_us() {
  const pid_t child = ::fork();
  must(child >= 0, "fork");
  if (child == 0) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  return child;
}

// Process 1 of the new host; its end is the end of everything in it.
[[noreturn]] void be_init(const std::vector<fs::path>& hierarchies) {
  mount_private(hierarchies);
  write_configuration();
  must(::sethostname("private", 7) == 0, "set the host's name");
  const pid_t tests = ::fork();
  must(tests >= 0, "fork");
  if (tests == 0) _exit(RUN_ALL_TESTS());
  std::cout.flush();
  _exit(reap_until(tests));
}

// What one libvirtd knew of domains, the next must not find.
void forget_domains() {
  for (const char* folder : {"/etc/libvirt/qemu", "/etc/libvirt/lxc", "/run/libvirt", "/var/lib/libvirt"})
    fs::remove_all(folder);
  for (const char* folder : {"/run/libvirt", "/var/lib/libvirt"}) fs::create_directories(folder);
}

}  // namespace

int run_in_private_host(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);  // as havend: libvirt's client writes to daemons that have just died
  bool listing = false;
  for (int i = 1; i < argc; ++i) listing = listing || std::string_view(argv[i]) == "--gtest_list_tests";
  ::testing::InitGoogleTest(&argc, argv);
  if (listing) return RUN_ALL_TESTS();
  must(::geteuid() == 0, "this test needs root for its namespaces");
  sweep_cgroups();
  const std::string name = kCgroupPrefix + std::to_string(::getpid());
  const auto found = hierarchies();
  const pid_t outer = fork_that_dies_with_us();
  if (outer == 0) {
    join_cgroup(name);
    must(::unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP) == 0,
         "unshare");
    const pid_t init = fork_that_dies_with_us();
    if (init == 0) be_init(found);
    _exit(reap_until(init));
  }
  const int code = reap_until(outer);
  for (const auto& hierarchy : found) remove_cgroup(hierarchy / name);
  return code;
}

PrivateLibvirtd::PrivateLibvirtd(CpuController cpu) {
  write_qemu_configuration(cpu);
  start();
}

void PrivateLibvirtd::start() {
  ::unlink(kSocket);
  const std::string program = "/usr/sbin/libvirtd";
  std::vector<char*> arguments{const_cast<char*>(program.c_str()), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, "/var/log/libvirt/stdout.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  ASSERT_EQ(::posix_spawn(&pid_, program.c_str(), &files, nullptr, arguments.data(), environ), 0);
  posix_spawn_file_actions_destroy(&files);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, kSocket);
  const auto deadline = steady_clock::now() + std::chrono::seconds(30);
  for (bool accepted = false; !accepted;) {
    ASSERT_LT(steady_clock::now(), deadline) << "libvirtd does not accept connections";
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    accepted = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    if (!accepted) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void PrivateLibvirtd::freeze() {
  ASSERT_EQ(::kill(pid_, SIGSTOP), 0);
  siginfo_t stopped{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED | WNOWAIT), 0);
}

void PrivateLibvirtd::thaw() { ASSERT_EQ(::kill(pid_, SIGCONT), 0); }

void PrivateLibvirtd::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

// Every domain is a child of process 1 by now, and this host's only other processes are the test and its init.
PrivateLibvirtd::~PrivateLibvirtd() {
  kill();
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid > 1 && pid != ::getpid()) ::kill(pid, SIGKILL);
  }
  forget_domains();
}

void install_libvirt_hook(const std::string& program) {
  for (const char* driver : {"qemu", "lxc"}) {
    const fs::path folder = fs::path("/etc/libvirt/hooks") / (std::string(driver) + ".d");
    fs::create_directories(folder);
    fs::copy_file(program, folder / "haven", fs::copy_options::overwrite_existing);
  }
}

std::string container_root() {
  const fs::path root = "/var/lib/haven-container";
  for (const char* folder : {"bin", "sbin", "dev", "proc", "sys", "tmp"}) fs::create_directories(root / folder);
  fs::copy_file("/bin/busybox", root / "bin/busybox", fs::copy_options::skip_existing);
  const fs::path init = root / "sbin/init";
  if (fs::exists(init)) return root;  // a container may be about to run it
  write_file(init, "#!/bin/busybox sh\ntrap 'exit 0' TERM\nwhile :; do /bin/busybox sleep 1 & wait; done\n");
  ::chmod(init.c_str(), 0755);
  return root;
}

bool container_runs(const std::string& uuid) {
  const auto deadline = steady_clock::now() + std::chrono::seconds(10);
  do {
    const auto processes = libvirt::find_vm_processes("/proc");
    if (processes && std::ranges::find(*processes, uuid, &port::VmProcess::uuid) != processes->end()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  } while (steady_clock::now() < deadline);
  return false;
}

std::string qemu_domain(const std::string& uuid, const std::string& name) {
  return "<domain type='qemu'><name>" + name + "</name><uuid>" + uuid +
         "</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>"
         "<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>"
         "<on_poweroff>destroy</on_poweroff><on_crash>destroy</on_crash>"
         "<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><controller type='usb' model='none'/>"
         "<memballoon model='none'/><video><model type='none'/></video></devices></domain>";
}

std::string lxc_domain(const std::string& uuid, const std::string& name) {
  return "<domain type='lxc'><name>" + name + "</name><uuid>" + uuid +
         "</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
         "<os><type>exe</type><init>/sbin/init</init></os><on_poweroff>destroy</on_poweroff>"
         "<devices><emulator>/usr/lib/libvirt/libvirt_lxc</emulator><filesystem type='mount'><source dir='" +
         container_root() + "'/><target dir='/'/></filesystem><console type='pty'/></devices></domain>";
}

}  // namespace haven::testing

// Migration between two real libvirtds. The second one has mounts and a name of its own in the test's private host;
// processes and the loopback are common, so that a guest is looked for by libvirt's word alone.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "adapter/libvirt/hypervisor.hpp"
#include "adapter/libvirt/migration_contract.hpp"
#include "adapter/libvirt/private_libvirtd.hpp"
#include "adapter/libvirt/processes.hpp"

namespace haven::testing {
namespace {

namespace fs = std::filesystem;

// libvirt takes nobody for another machine whose address is 127.0.0.1: one more address of the private host's loopback.
constexpr std::uint16_t kPort = 16509;
const std::string kAddress = "10.99.0.2";

sockaddr_in address_of_peer() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  ::inet_pton(AF_INET, kAddress.c_str(), &address.sin_addr);
  return address;
}

void raise_loopback() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  ASSERT_EQ(::ioctl(fd, SIOCSIFFLAGS, &request), 0);
  ifreq second{};
  std::strcpy(second.ifr_name, "lo:1");
  const sockaddr_in address = address_of_peer();
  std::memcpy(&second.ifr_addr, &address, sizeof address);
  ASSERT_EQ(::ioctl(fd, SIOCSIFADDR, &second), 0);
  ::close(fd);
}

[[noreturn]] void be_libvirtd() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  bool well = ::unshare(CLONE_NEWNS | CLONE_NEWUTS) == 0 && ::sethostname("peer", 4) == 0;
  for (const char* path : {"/run", "/etc/libvirt", "/var/lib", "/var/log/libvirt", "/var/cache/libvirt"})
    well = well && ::mount("tmpfs", path, "tmpfs", 0, "mode=755") == 0;
  if (!well) ::_exit(1);
  for (const char* path : {"/run/libvirt", "/run/lock", "/var/lib/libvirt"}) fs::create_directory(path);
  std::ofstream("/etc/libvirt/libvirtd.conf")
      << "host_uuid = \"00000000-0000-4000-8000-00000000cafe\"\nauth_unix_rw = \"none\"\nlisten_tls = 0\n"
         "listen_tcp = 1\nlisten_addr = \""
      << kAddress << "\"\ntcp_port = \"" << kPort
      << "\"\nauth_tcp = \"none\"\n"
         "log_outputs = \"3:file:/var/log/libvirt/libvirtd.log\"\n";
  std::ofstream("/etc/libvirt/qemu.conf")
      << "security_driver = \"none\"\nuser = \"root\"\ngroup = \"root\"\ndynamic_ownership = 0\nremember_owner = 0\n"
         "namespaces = []\ncgroup_controllers = []\nstdio_handler = \"file\"\nmigration_address = \""
      << kAddress << "\"\nmigration_host = \"" << kAddress << "\"\n";
  ::execl("/usr/sbin/libvirtd", "libvirtd", "--listen", nullptr);
  ::_exit(1);
}

class Peer {
 public:
  Peer() {
    raise_loopback();
    pid_ = ::fork();
    if (pid_ == 0) be_libvirtd();
    wait_until_it_listens();
  }
  ~Peer() { end(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  void end() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  static void wait_until_it_listens() {
    const sockaddr_in address = address_of_peer();
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    for (bool accepted = false; !accepted;) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the other libvirtd does not accept connections";
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      accepted = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
      ::close(fd);
      if (!accepted) std::this_thread::sleep_for(20ms);
    }
  }
  pid_t pid_ = -1;
};

libvirt::LibvirtConfig sending(bool slowly) {
  libvirt::LibvirtConfig config;
  config.migration.tls = false;
  if (slowly) config.migration.bandwidth_per_second = MiB{1};
  return config;
}

class LibvirtMigrationBench final : public MigrationBench {
 public:
  explicit LibvirtMigrationBench(bool slowly) : source_(sending(slowly), source_heard_.sink()) {}
  MigrationEnd source() override { return {source_, source_heard_}; }
  MigrationEnd destination() override { return {destination_, destination_heard_}; }
  std::string domain(const std::string& uuid, const std::string& name) override { return qemu_domain(uuid, name); }
  std::string address() override { return kAddress; }
  std::string nobodys_address() override { return kAddress + ":9"; }
  // The youngest of both is the one that came in.
  void end_destination() override {
    peer_.end();
    const auto found = libvirt::find_vm_processes("/proc");
    ASSERT_TRUE(found);
    int youngest = 0;
    for (const auto& process : *found) youngest = std::max(youngest, process.pid);
    ASSERT_EQ(::kill(youngest, SIGKILL), 0);
  }

 private:
  PrivateLibvirtd libvirtd_;
  Peer peer_;
  Heard source_heard_, destination_heard_;
  libvirt::LibvirtHypervisor source_;
  libvirt::LibvirtHypervisor destination_{{"qemu+tcp://" + kAddress + "/system", "", "/proc", {}},
                                          destination_heard_.sink()};
};

INSTANTIATE_TEST_SUITE_P(Every, MigrationContract,
                         ::testing::Values(NamedMigrationBench{
                             "Qemu", [](bool slowly) { return std::make_unique<LibvirtMigrationBench>(slowly); }}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace haven::testing

int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }

#include "adapter/libvirt/peer_libvirtd.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

namespace haven::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::uint16_t kTcpPort = 16509, kTlsPort = 16514;

sockaddr_in address_of_peer(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, PeerLibvirtd::kAddress.c_str(), &address.sin_addr);
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
  const sockaddr_in address = address_of_peer(kTcpPort);
  std::memcpy(&second.ifr_addr, &address, sizeof address);
  ASSERT_EQ(::ioctl(fd, SIOCSIFADDR, &second), 0);
  ::close(fd);
}

[[noreturn]] void be_libvirtd(bool tls, const std::function<bool()>& prepare) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  bool well = ::unshare(CLONE_NEWNS | CLONE_NEWUTS) == 0 && ::sethostname("peer", 4) == 0;
  for (const char* path : {"/run", "/etc/libvirt", "/var/lib", "/var/log/libvirt", "/var/cache/libvirt"})
    well = well && ::mount("tmpfs", path, "tmpfs", 0, "mode=755") == 0;
  if (!well || (prepare && !prepare())) ::_exit(1);
  for (const char* path : {"/run/libvirt", "/run/lock", "/var/lib/libvirt"}) fs::create_directory(path);
  std::ofstream("/etc/libvirt/libvirtd.conf")
      << "host_uuid = \"00000000-0000-4000-8000-00000000cafe\"\nauth_unix_rw = \"none\"\nlisten_tls = " << (tls ? 1 : 0)
      << "\ntls_port = \"" << kTlsPort << "\"\nauth_tls = \"none\"\nlisten_tcp = 1\nlisten_addr = \""
      << PeerLibvirtd::kAddress << "\"\ntcp_port = \"" << kTcpPort
      << "\"\nauth_tcp = \"none\"\n"
         "log_outputs = \"3:file:/var/log/libvirt/libvirtd.log\"\n";
  std::ofstream("/etc/libvirt/qemu.conf")
      << "security_driver = \"none\"\nuser = \"root\"\ngroup = \"root\"\ndynamic_ownership = 0\nremember_owner = 0\n"
         "namespaces = []\ncgroup_controllers = []\nstdio_handler = \"file\"\nmigration_address = \""
      << PeerLibvirtd::kAddress << "\"\nmigration_host = \"" << PeerLibvirtd::kAddress << "\"\n";
  ::execl("/usr/sbin/libvirtd", "libvirtd", "--listen", nullptr);
  ::_exit(1);
}

void wait_until_it_listens(std::uint16_t port) {
  const sockaddr_in address = address_of_peer(port);
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  for (bool accepted = false; !accepted;) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the other libvirtd does not accept connections";
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    accepted = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    if (!accepted) std::this_thread::sleep_for(20ms);
  }
}

}  // namespace

PeerLibvirtd::PeerLibvirtd(Listens listens, const std::function<bool()>& prepare) {
  raise_loopback();
  const bool tls = listens == Listens::tcp_and_tls;
  pid_ = ::fork();
  if (pid_ == 0) be_libvirtd(tls, prepare);
  wait_until_it_listens(kTcpPort);
  if (tls) wait_until_it_listens(kTlsPort);
}

void PeerLibvirtd::end() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace haven::testing

#include "adapter/fence_agent/ipmi_simulator.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "adapter/fence_agent/answers.hpp"

namespace haven::test {
namespace {

int udp_socket(sockaddr_in& address, int port) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return fd;
}

int free_port() {
  sockaddr_in address{};
  const int fd = udp_socket(address, 0);
  socklen_t size = sizeof address;
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (!bound) ADD_FAILURE() << "no free UDP port";
  close(fd);
  return ntohs(address.sin_port);
}

// An RMCP presence ping; a BMC that runs answers it.
bool answers_ping(int port, Duration patience) {
  static constexpr std::array<unsigned char, 12> kPing{6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x80, 1, 0, 0};
  sockaddr_in address{};
  const int fd = udp_socket(address, port);
  bool answered = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  const Stopwatch stopwatch;
  while (answered && stopwatch.passed() < patience) {
    // Refused as long as nobody listens: asked again a little later.
    const bool sent = send(fd, kPing.data(), kPing.size(), 0) > 0;
    pollfd wait{fd, POLLIN, 0};
    std::array<char, 256> reply{};
    if (poll(&wait, 1, 50) > 0 && sent && recv(fd, reply.data(), reply.size(), 0) > 0) {
      close(fd);
      return true;
    }
  }
  close(fd);
  return false;
}

// Its power is the file `power`, which the simulator asks and sets through this program.
constexpr const char* kChassis = R"sh(
case "$2 $3" in
"get power") echo "power:$(cat power)";;
"set power") echo "$4" > power.new && mv power.new power;;
"get boot") echo boot:default;;
"set boot") ;;
*) exit 1;;
esac
)sh";

constexpr const char* kCommands =
    "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nsel_enable 0x20 1000 0x0a\nmc_enable "
    "0x20\n";

std::string lan_conf(int port, const std::string& chassis) {
  const std::string auth = "none md2 md5 straight";
  std::string text =
      "name \"bmc\"\nset_working_mc 0x20\nstartlan 1\naddr 127.0.0.1 " + std::to_string(port) + "\npriv_limit admin\n";
  for (const char* level : {"callback", "user", "operator", "admin"})
    text += "allowed_auths_" + std::string(level) + " " + auth + "\n";
  text += "guid a123456789abcdefa123456789abcdef\nendlan\nchassis_control \"" + chassis + " 0x20\"\n";
  return text + "user 2 true \"" + IpmiSimulator::kUser + "\" \"" + IpmiSimulator::kPassword + "\" admin 10 " + auth +
         "\n";
}

}  // namespace

IpmiSimulator::IpmiSimulator() : port_(free_port()) {
  folder_.write("power", "1\n");
  folder_.write("chassis", "#!/bin/sh\ncd '" + folder_.path() + "' || exit 1" + kChassis, 0700);
  folder_.write("commands", kCommands);
  folder_.write("lan.conf", lan_conf(port_, folder_.file("chassis")));
  const std::string lan = folder_.file("lan.conf"), commands = folder_.file("commands"), log = folder_.file("log");
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    const int null = open("/dev/null", O_RDONLY), out = open(log.c_str(), O_WRONLY | O_CREAT, 0600);
    dup2(null, 0);
    dup2(out, 1);
    dup2(out, 2);
    execl("/usr/bin/ipmi_sim", "ipmi_sim", "-n", "-p", "-c", lan.c_str(), "-f", commands.c_str(), "-s",
          folder_.path().c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  if (!answers_ping(port_, 10s)) ADD_FAILURE() << "ipmi_sim does not answer: " << folder_.read("log");
}

void IpmiSimulator::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

IpmiSimulator::~IpmiSimulator() { kill(); }

}  // namespace haven::test

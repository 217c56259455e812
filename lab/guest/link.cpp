#include "link.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace lab {
namespace {

struct Arp {
  unsigned short hardware = htons(1);
  unsigned short protocol = htons(ETH_P_IP);
  unsigned char hardware_bytes = 6;
  unsigned char protocol_bytes = 4;
  unsigned short operation = htons(1);
  unsigned char sender_mac[6] = {};
  unsigned char sender_ip[4] = {};
  unsigned char target_mac[6] = {};
  unsigned char target_ip[4] = {};
};
static_assert(sizeof(Arp) == 28);

ifreq request_for(const char* name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  return request;
}

void put_address(ifreq& request, in_addr address) {
  sockaddr_in inet{};
  inet.sin_family = AF_INET;
  inet.sin_addr = address;
  std::memcpy(&request.ifr_addr, &inet, sizeof inet);
}

bool switch_on(int fd, const char* name) {
  ifreq request = request_for(name);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

}  // namespace

bool bring_up(const char* name, const std::string& address) {
  const std::size_t slash = address.find('/');
  in_addr ip{};
  if (slash == std::string::npos || inet_aton(address.substr(0, slash).c_str(), &ip) == 0) return false;
  const int bits = std::atoi(address.c_str() + slash + 1);
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = request_for(name);
  put_address(request, ip);
  bool good = switch_on(fd, "lo") && ioctl(fd, SIOCSIFADDR, &request) == 0;
  put_address(request, in_addr{bits == 0 ? 0 : htonl(~0U << (32 - bits))});
  good = good && ioctl(fd, SIOCSIFNETMASK, &request) == 0 && switch_on(fd, name);
  close(fd);
  return good;
}

bool Announcer::open(const char* name, const std::string& address) {
  fd_ = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = request_for(name);
  if (fd_ < 0 || ioctl(fd_, SIOCGIFHWADDR, &request) != 0) return false;
  std::memcpy(mac_, request.ifr_hwaddr.sa_data, sizeof mac_);
  index_ = static_cast<int>(if_nametoindex(name));
  return inet_pton(AF_INET, address.substr(0, address.find('/')).c_str(), ip_) == 1;
}

void Announcer::announce() const {
  Arp packet;
  std::memcpy(packet.sender_mac, mac_, sizeof mac_);
  std::memcpy(packet.sender_ip, ip_, sizeof ip_);
  std::memcpy(packet.target_ip, ip_, sizeof ip_);
  sockaddr_ll everybody{};
  everybody.sll_family = AF_PACKET;
  everybody.sll_protocol = htons(ETH_P_ARP);
  everybody.sll_ifindex = index_;
  everybody.sll_halen = 6;
  std::memset(everybody.sll_addr, 0xff, 6);
  sendto(fd_, &packet, sizeof packet, 0, reinterpret_cast<sockaddr*>(&everybody), sizeof everybody);
}

}  // namespace lab

#include "adapter/heartbeat/socket.hpp"

#include <linux/errqueue.h>
#include <netdb.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "adapter/heartbeat/wire.hpp"

namespace haven::adapter {
namespace {

constexpr int kPacketsAtATime = 256;

int port_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) return reinterpret_cast<const sockaddr_in6&>(address).sin6_port;
  return reinterpret_cast<const sockaddr_in&>(address).sin_port;
}

bool set(int fd, int level, int option) {
  const int on = 1;
  return ::setsockopt(fd, level, option, &on, sizeof on) == 0;
}

// True: the kernel of the machine that was written to says that nobody listens at that port.
bool is_refusal(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    const bool v4 = part->cmsg_level == SOL_IP && part->cmsg_type == IP_RECVERR;
    const bool v6 = part->cmsg_level == SOL_IPV6 && part->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    sock_extended_err error{};
    std::memcpy(&error, CMSG_DATA(part), sizeof error);
    // Another machine's word, a router's, is "unreachable" and tells nothing about this one.
    const bool icmp = error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6;
    if (icmp && error.ee_errno == ECONNREFUSED) return true;
  }
  return false;
}

}  // namespace

bool operator==(const UdpAddress& a, const UdpAddress& b) {
  if (a.storage.ss_family != b.storage.ss_family || port_of(a.storage) != port_of(b.storage)) return false;
  if (a.storage.ss_family == AF_INET6) {
    return std::memcmp(&reinterpret_cast<const sockaddr_in6&>(a.storage).sin6_addr,
                       &reinterpret_cast<const sockaddr_in6&>(b.storage).sin6_addr, sizeof(in6_addr)) == 0;
  }
  return reinterpret_cast<const sockaddr_in&>(a.storage).sin_addr.s_addr ==
         reinterpret_cast<const sockaddr_in&>(b.storage).sin_addr.s_addr;
}

std::optional<UdpAddress> resolve(const std::string& address, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  const std::string service = std::to_string(port);
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), service.c_str(), &hints, &found) != 0) {
    hints.ai_flags = AI_NUMERICSERV;
    if (::getaddrinfo(address.c_str(), service.c_str(), &hints, &found) != 0) return std::nullopt;
  }
  UdpAddress result;
  std::memcpy(&result.storage, found->ai_addr, found->ai_addrlen);
  result.size = found->ai_addrlen;
  ::freeaddrinfo(found);
  return result;
}

tl::expected<UdpSocket, std::string> UdpSocket::bind(const UdpAddress& address) {
  const int fd = ::socket(address.storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return tl::make_unexpected(std::string(std::strerror(errno)));
  UdpSocket made(fd);
  const bool six = address.storage.ss_family == AF_INET6;
  const bool ready = (!six || set(fd, IPPROTO_IPV6, IPV6_V6ONLY)) &&
                     (six ? set(fd, SOL_IPV6, IPV6_RECVERR) : set(fd, SOL_IP, IP_RECVERR)) &&
                     ::bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0;
  if (!ready) return tl::make_unexpected(std::string(std::strerror(errno)));
  return made;
}

void UdpSocket::send(const UdpAddress& to, std::span<const std::uint8_t> bytes) const {
  // The first call may hand out the error of an earlier packet instead of sending this one.
  for (int tries = 0; tries < 2; ++tries) {
    const auto sent = ::sendto(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                               reinterpret_cast<const sockaddr*>(&to.storage), to.size);
    if (sent >= 0 || errno != ECONNREFUSED) return;
  }
}

void UdpSocket::drain(const std::function<void(std::span<const std::uint8_t>, const UdpAddress&)>& packet,
                      const std::function<void(const UdpAddress&)>& refusal) const {
  std::array<std::uint8_t, kLargestPacket + 1> buffer;
  std::array<char, 512> control;
  for (int round = 0; round < kPacketsAtATime; ++round) {
    UdpAddress about;
    iovec part{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = &about.storage;
    message.msg_namelen = sizeof about.storage;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(fd_.get(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {
      about.size = message.msg_namelen;
      if (is_refusal(message)) refusal(about);
      continue;
    }
    message.msg_namelen = sizeof about.storage;
    message.msg_controllen = 0;
    const auto size = ::recvmsg(fd_.get(), &message, MSG_DONTWAIT);
    if (size < 0 && errno == ECONNREFUSED) continue;  // it stands in the error queue
    if (size < 0) return;
    about.size = message.msg_namelen;
    packet(std::span(buffer.data(), static_cast<std::size_t>(size)), about);
  }
}

}  // namespace haven::adapter

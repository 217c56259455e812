// One UDP socket on one of this host's link addresses. It also hears of machines that answer "nobody listens here".
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "adapter/descriptor.hpp"

namespace haven::adapter {

// An IPv4 or IPv6 address with its port.
struct UdpAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  // Same address and port.
  friend bool operator==(const UdpAddress& a, const UdpAddress& b);
};

// Numeric addresses at once; names by asking, which may take long. nullopt: there is none.
[[nodiscard]] std::optional<UdpAddress> resolve(const std::string& address, std::uint16_t port);

class UdpSocket {
 public:
  // An error, in errno's words: not bound, as when the address is not there yet.
  [[nodiscard]] static tl::expected<UdpSocket, std::string> bind(const UdpAddress& address);

  [[nodiscard]] int fd() const { return fd_.get(); }
  // Never waits; what cannot be sent is lost, as packets are.
  void send(const UdpAddress& to, std::span<const std::uint8_t> bytes) const;
  // What came, at most so much at a time that a flood cannot hold the thread. A packet larger than `largest` is handed
  // out cut, and as one that is too large.
  void drain(const std::function<void(std::span<const std::uint8_t>, const UdpAddress& from)>& packet,
             const std::function<void(const UdpAddress& whose)>& refusal) const;

 private:
  explicit UdpSocket(int fd) : fd_(fd) {}
  Descriptor fd_;
};

}  // namespace haven::adapter

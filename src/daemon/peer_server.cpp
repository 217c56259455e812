#include "daemon/peer_server.hpp"

#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "adapter/descriptor.hpp"

namespace haven::daemon {
namespace {

class PeerStream final : public httplib::Stream {
 public:
  explicit PeerStream(int socket) : socket_(socket), peer_(peer_of(socket)) {}

  [[nodiscard]] bool is_readable() const override { return at_ < end_ || ready(POLLIN); }
  [[nodiscard]] bool is_writable() const override { return ready(POLLOUT); }
  // The headers are asked for byte by byte.
  ssize_t read(char* to, std::size_t size) override {
    if (at_ == end_) {
      const ssize_t count = ready(POLLIN) ? ::recv(socket_, buffer_.data(), buffer_.size(), 0) : -1;
      if (count <= 0) return count;
      at_ = 0;
      end_ = static_cast<std::size_t>(count);
    }
    const std::size_t count = std::min(size, end_ - at_);
    std::memcpy(to, buffer_.data() + at_, count);
    at_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* from, std::size_t size) override {
    return ready(POLLOUT) ? ::send(socket_, from, size, MSG_NOSIGNAL) : -1;
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip = peer_;
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  [[nodiscard]] socket_t socket() const override { return socket_; }

 private:
  [[nodiscard]] bool ready(short what) const {
    pollfd wait{socket_, what, 0};
    int count = 0;
    do {
      count = ::poll(&wait, 1, PeerServer::kPatience_ms);
    } while (count < 0 && errno == EINTR);
    return count > 0;
  }
  int socket_;
  std::string peer_;
  std::array<char, 4096> buffer_{};
  std::size_t at_ = 0, end_ = 0;
};

}  // namespace

std::string peer_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return "unknown";
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(peer.uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return entry.pw_name;
  return "uid " + std::to_string(peer.uid);
}

bool PeerServer::process_and_close_socket(socket_t socket) {
  const adapter::Descriptor owner(socket);
  bool done = false;
  {
    PeerStream stream(socket);
    bool closed = false;
    done = process_request(stream, true, closed, nullptr);
  }
  ::shutdown(socket, SHUT_RDWR);
  return done;
}

}  // namespace haven::daemon

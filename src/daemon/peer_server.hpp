// An HTTP server on a unix socket that knows its callers by the kernel's word (SO_PEERCRED): `remote_addr` of a request
// is the name of the user at the other end, "uid N" where he has none, and nothing that he says changes it. One request
// a connection.
#pragma once

#include <httplib.h>

#include <string>

namespace haven::daemon {

class PeerServer final : public httplib::Server {
 public:
  // Between two bytes of a request or a reply.
  static constexpr int kPatience_ms = 10'000;

 private:
  bool process_and_close_socket(socket_t socket) override;
};

// The user at the other end of this socket.
[[nodiscard]] std::string peer_of(int socket);

}  // namespace haven::daemon

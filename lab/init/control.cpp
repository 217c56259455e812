#include "control.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace lab {
namespace {

constexpr timeval kPatience{5, 0};
constexpr int kBacklog = 16;

sockaddr_un address() {
  sockaddr_un path{};
  path.sun_family = AF_UNIX;
  std::strncpy(path.sun_path, kControlSocket, sizeof path.sun_path - 1);
  return path;
}

}  // namespace

int open_control() {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const sockaddr_un path = address();
  unlink(kControlSocket);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&path), sizeof path) != 0 || listen(fd, kBacklog) != 0) return -1;
  return fd;
}

std::string ask(const std::string& line) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  const sockaddr_un path = address();
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&path), sizeof path) == 0 &&
      send(fd, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size())) {
    shutdown(fd, SHUT_WR);
    char part[4096];
    for (ssize_t bytes; (bytes = recv(fd, part, sizeof part, 0)) > 0;) answer.append(part, bytes);
  }
  close(fd);
  return answer;
}

}  // namespace lab

#include "page.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace lab {
namespace {

constexpr timeval kClientPatience{0, 200'000};
constexpr int kBacklog = 16;

// Of "GET /path HTTP/1.0".
std::string_view path_of(std::string_view request) {
  const auto begin = request.find(' ');
  if (begin == std::string_view::npos) return {};
  request.remove_prefix(begin + 1);
  return request.substr(0, request.find(' '));
}

}  // namespace

int listen_on(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(static_cast<unsigned short>(port));
  if (bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0 || listen(fd, kBacklog) != 0) return -1;
  return fd;
}

void answer(int listener, const std::string& text, const std::function<void(std::string_view)>& asked) {
  const std::string reply =
      "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(text.size()) +
      "\r\nConnection: close\r\n\r\n" + text;
  for (int client; (client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; close(client)) {
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &kClientPatience, sizeof kClientPatience);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &kClientPatience, sizeof kClientPatience);
    char request[1024];
    const ssize_t size = recv(client, request, sizeof request, 0);
    if (size <= 0) continue;
    asked(path_of({request, static_cast<std::size_t>(size)}));
    send(client, reply.data(), reply.size(), MSG_NOSIGNAL);
    shutdown(client, SHUT_WR);
  }
}

}  // namespace lab

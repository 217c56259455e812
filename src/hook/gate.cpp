#include "hook/gate.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "adapter/descriptor.hpp"

namespace haven::hook {
namespace {

using Clock = std::chrono::steady_clock;

bool wait_for(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd wait{fd, events, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

std::optional<Reply> exchange(int fd, const std::string& line, Clock::time_point deadline) {
  if (!wait_for(fd, POLLOUT, deadline)) return std::nullopt;
  if (::send(fd, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) return std::nullopt;
  std::string reply;
  while (reply.find('\n') == std::string::npos && reply.size() <= kMaxLineBytes) {
    if (!wait_for(fd, POLLIN, deadline)) return std::nullopt;
    char buffer[kMaxLineBytes];
    const ssize_t count = ::recv(fd, buffer, sizeof buffer, 0);
    if (count <= 0) return std::nullopt;
    reply.append(buffer, static_cast<std::size_t>(count));
  }
  const auto end = reply.find('\n');
  return end == std::string::npos ? std::nullopt : parse_reply(std::string_view(reply).substr(0, end));
}

Reply refuse(std::string reason) { return {false, std::move(reason)}; }

}  // namespace

std::optional<Op> gated(std::string_view op, std::string_view sub_op) {
  return sub_op == "begin" ? parse_op(op) : std::nullopt;
}

Reply decide(Op op, const std::optional<std::string>& uuid, const ProtectedList& list,
             const std::optional<Reply>& havend) {
  if (!uuid) {
    if (!list.exists) return {true, {}};
    return refuse("this domain's XML cannot be read, so whether Haven protects it is not known");
  }
  if (havend) return *havend;
  if (op == Op::migrate && list.names(*uuid))
    return refuse("Haven protects this domain, and havend does not answer: it does not come in by migration");
  if (list.names(*uuid)) return refuse("Haven protects this domain, and havend does not answer");
  if (list.garbled) return refuse("havend does not answer, and its list of protected domains cannot be read");
  return {true, {}};
}

std::optional<Reply> ask(const std::string& socket_path, const Question& question, Clock::time_point deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size());
  const adapter::Descriptor havend(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!havend) return std::nullopt;
  if (::connect(havend.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return std::nullopt;
  return exchange(havend.get(), format(question), deadline);
}

}  // namespace haven::hook

#include "hook/server.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

namespace haven::hook {
namespace {

// Beyond those whose question is open: some that have not asked yet, and some to be told that there are too many.
constexpr std::size_t kMaxPeers = 2 * HookServer::kMaxOpen;

int unix_socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

// A socket file whose server is dead refuses; only such a one may be replaced.
bool somebody_answers(const sockaddr_un& address) {
  const int fd = unix_socket();
  const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool living = result == 0 || errno == EAGAIN;
  ::close(fd);
  return living;
}

void nudge(int wake) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake, &one, sizeof one);
}

}  // namespace

tl::expected<std::unique_ptr<HookServer>, std::string> HookServer::listen(const std::string& path, Ask ask) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return tl::unexpected(path + ": too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size());
  if (somebody_answers(address)) return tl::unexpected(path + ": another havend answers there");
  ::unlink(path.c_str());
  const int listener = unix_socket();
  ::fchmod(listener, 0600);  // what bind gives the file, without touching the whole process's umask
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
      ::listen(listener, kMaxPeers) < 0) {
    const std::string why = path + ": " + std::strerror(errno);
    ::close(listener);
    return tl::unexpected(why);
  }
  const int wake = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return std::unique_ptr<HookServer>(new HookServer(path, listener, wake, std::move(ask)));
}

HookServer::HookServer(std::string path, int listener, int wake, Ask ask)
    : path_(std::move(path)), listener_(listener), wake_(wake), ask_(std::move(ask)), thread_([this] { serve(); }) {}

HookServer::~HookServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  nudge(wake_);
  thread_.join();
  while (!peers_.empty()) (void)finish(peers_.begin()->first, {false, "havend is stopping"});
  ::unlink(path_.c_str());
  ::close(listener_);
  ::close(wake_);
}

bool HookServer::answer(std::uint64_t id, bool allow, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  const auto found = peers_.find(id);
  if (found == peers_.end() || !found->second.asked) return false;
  if (Clock::now() >= found->second.deadline) return false;  // the thread is about to say no
  return finish(id, {allow, reason});
}

bool HookServer::finish(std::uint64_t id, const Reply& reply) {
  const auto peer = peers_.extract(id);
  const std::string line = format(reply);
  const bool sent =
      ::send(peer.mapped().fd, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
  ::close(peer.mapped().fd);
  nudge(wake_);
  return sent;
}

void HookServer::accept_all() {
  for (;;) {
    const std::lock_guard lock(mutex_);
    if (peers_.size() >= kMaxPeers) return;
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    peers_.emplace(++last_id_, Peer{fd, Clock::now() + kAnswerWithin, {}, false});
  }
}

void HookServer::read_from(std::uint64_t id) {
  std::optional<Question> question;
  {
    const std::lock_guard lock(mutex_);
    const auto found = peers_.find(id);
    if (found == peers_.end()) return;
    Peer& peer = found->second;
    char buffer[kMaxLineBytes];
    const ssize_t count = ::recv(peer.fd, buffer, sizeof buffer, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {  // the hook is gone, and with it the start
      ::close(peer.fd);
      peers_.erase(found);
      return;
    }
    if (peer.asked) return;  // it has no more to say
    peer.line.append(buffer, static_cast<std::size_t>(count));
    const auto end = peer.line.find('\n');
    if (end == std::string::npos && peer.line.size() < kMaxLineBytes) return;
    question = parse_question(std::string_view(peer.line).substr(0, end));
    const auto open = std::ranges::count_if(peers_, [](const auto& other) { return other.second.asked; });
    if (!question || static_cast<std::size_t>(open) >= kMaxOpen) {
      (void)finish(id,
                   {false, question ? "havend has too many starts to judge at once" : "havend does not understand it"});
      return;
    }
    peer.asked = true;
  }
  ask_({id, *question});
}

void HookServer::give_up_late() {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t> late;
  for (const auto& [id, peer] : peers_)
    if (Clock::now() >= peer.deadline) late.push_back(id);
  for (const auto id : late) (void)finish(id, {false, "havend did not decide in time"});
}

void HookServer::serve() {
  for (;;) {
    std::vector<pollfd> waits{{wake_, POLLIN, 0}};
    std::vector<std::uint64_t> ids;
    auto next = Clock::now() + std::chrono::hours(1);
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      for (const auto& [id, peer] : peers_) {
        waits.push_back({peer.fd, POLLIN, 0});
        ids.push_back(id);
        next = std::min(next, peer.deadline);
      }
      if (peers_.size() < kMaxPeers) waits.push_back({listener_, POLLIN, 0});
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
    (void)::poll(waits.data(), waits.size(), static_cast<int>(std::max<std::int64_t>(left, 0)));
    std::uint64_t nudges = 0;
    [[maybe_unused]] const auto drained = ::read(wake_, &nudges, sizeof nudges);
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (waits[i + 1].revents != 0) read_from(ids[i]);
    give_up_late();
    accept_all();
  }
}

}  // namespace haven::hook

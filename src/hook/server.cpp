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

adapter::Descriptor unix_socket() {
  return adapter::Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// A socket file whose server is dead refuses; only such a one may be replaced.
bool somebody_answers(const sockaddr_un& address) {
  const auto socket = unix_socket();
  if (!socket) return true;  // not known, so nothing is taken from anybody
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN;
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
  auto listener = unix_socket();
  adapter::Descriptor wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!listener || !wake) return tl::unexpected(path + ": " + std::strerror(errno));
  if (somebody_answers(address)) return tl::unexpected(path + ": another havend answers there");
  ::unlink(path.c_str());
  ::fchmod(listener.get(), 0600);  // what bind gives the file, without touching the whole process's umask
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
      ::listen(listener.get(), kMaxPeers) < 0)
    return tl::unexpected(path + ": " + std::strerror(errno));
  return std::unique_ptr<HookServer>(new HookServer(path, std::move(listener), std::move(wake), std::move(ask)));
}

HookServer::HookServer(std::string path, adapter::Descriptor listener, adapter::Descriptor wake, Ask ask)
    : path_(std::move(path)),
      listener_(std::move(listener)),
      wake_(std::move(wake)),
      ask_(std::move(ask)),
      thread_([this] { serve(); }) {}

HookServer::~HookServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  nudge(wake_.get());
  thread_.join();
  while (!peers_.empty()) (void)finish(peers_.begin()->first, {false, "havend is stopping"});
  ::unlink(path_.c_str());
}

bool HookServer::answer(std::uint64_t id, bool allow, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  const auto found = peers_.find(id);
  if (found == peers_.end() || !found->second.asked) return false;
  if (Clock::now() >= found->second.deadline) return false;  // the thread is about to say no
  return finish(id, {allow, reason});
}

bool HookServer::finish(std::uint64_t id, const Reply& reply) {
  auto peer = peers_.extract(id);
  const std::string line = format(reply);
  const bool sent =
      ::send(peer.mapped().socket.get(), line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
  peer.mapped().socket = {};
  nudge(wake_.get());
  return sent;
}

void HookServer::accept_all() {
  for (;;) {
    const std::lock_guard lock(mutex_);
    if (peers_.size() >= kMaxPeers) return;
    adapter::Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) return;
    peers_.emplace(++last_id_, Peer{std::move(socket), Clock::now() + kAnswerWithin, {}, false});
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
    const ssize_t count = ::recv(peer.socket.get(), buffer, sizeof buffer, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {  // the hook is gone, and with it the start
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
    std::vector<pollfd> waits{{wake_.get(), POLLIN, 0}};
    std::vector<std::uint64_t> ids;
    auto next = Clock::now() + std::chrono::hours(1);
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      for (const auto& [id, peer] : peers_) {
        waits.push_back({peer.socket.get(), POLLIN, 0});
        ids.push_back(id);
        next = std::min(next, peer.deadline);
      }
      if (peers_.size() < kMaxPeers) waits.push_back({listener_.get(), POLLIN, 0});
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
    (void)::poll(waits.data(), waits.size(), static_cast<int>(std::max<std::int64_t>(left, 0)));
    std::uint64_t nudges = 0;
    [[maybe_unused]] const auto drained = ::read(wake_.get(), &nudges, sizeof nudges);
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (waits[i + 1].revents != 0) read_from(ids[i]);
    give_up_late();
    accept_all();
  }
}

}  // namespace haven::hook

// One epoll loop. A conversation is a small machine: connecting, shaking hands, saying, hearing; each step goes as far
// as the socket lets it and says what it waits for.
#include "adapter/guest/conversation.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "adapter/descriptor.hpp"
#include "adapter/guest/tls_context.hpp"

namespace haven::adapter::guest {
namespace {

using Clock = std::chrono::steady_clock;

struct Place {
  sockaddr_storage address{};
  socklen_t length = 0;
};

std::optional<Place> place_of(const Conversation& conversation) {
  Place place;
  const std::string& text = conversation.address;
  if (text.starts_with("/")) {
    auto* unix_place = reinterpret_cast<sockaddr_un*>(&place.address);
    if (text.size() >= sizeof unix_place->sun_path) return std::nullopt;
    unix_place->sun_family = AF_UNIX;
    std::memcpy(unix_place->sun_path, text.c_str(), text.size() + 1);
    place.length = sizeof(sockaddr_un);
    return place;
  }
  auto* four = reinterpret_cast<sockaddr_in*>(&place.address);
  auto* six = reinterpret_cast<sockaddr_in6*>(&place.address);
  if (::inet_pton(AF_INET, text.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(static_cast<std::uint16_t>(conversation.port));
    place.length = sizeof(sockaddr_in);
    return place;
  }
  if (::inet_pton(AF_INET6, text.c_str(), &six->sin6_addr) != 1) return std::nullopt;
  six->sin6_family = AF_INET6;
  six->sin6_port = htons(static_cast<std::uint16_t>(conversation.port));
  place.length = sizeof(sockaddr_in6);
  return place;
}

}  // namespace

class Conversations::Loop {
 public:
  void begin(Conversation conversation, Done done) {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    incoming_.emplace_back(std::move(conversation), std::move(done));
    wake();
  }
  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    wake();
  }

  void run() {
    sigset_t broken_pipes;
    ::sigemptyset(&broken_pipes);
    ::sigaddset(&broken_pipes, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &broken_pipes, nullptr);
    watch(wake_.get(), 0, EPOLLIN, EPOLL_CTL_ADD);
    for (;;) {
      std::vector<std::pair<Conversation, Done>> begun;
      {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        begun = std::exchange(incoming_, {});
      }
      for (auto& [conversation, done] : begun) open(std::move(conversation), std::move(done));
      wait();
      expire();
    }
  }

 private:
  enum class Stage { connecting, shaking_hands, saying, hearing };
  struct Talk {
    Conversation what;
    Done done;
    Descriptor socket;
    Ssl ssl;
    Stage stage = Stage::connecting;
    std::size_t said = 0;
    std::string heard;
    std::uint32_t waits_for = 0;  // EPOLLIN, EPOLLOUT
    Clock::time_point deadline;
  };
  // What the socket is to be waited for; nothing: it is over, and was told.
  using Wait = std::optional<std::uint32_t>;

  void wake() {
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
  }

  void watch(int fd, std::uint64_t id, std::uint32_t events, int how) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    ::epoll_ctl(poll_.get(), how, fd, &event);
  }

  void open(Conversation conversation, Done done) {
    const auto place = place_of(conversation);
    if (!place) return done({ConversationEnd::refused, {}, "\"" + conversation.address + "\" is no address"});
    Talk talk;
    talk.socket = Descriptor(::socket(place->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!talk.socket) return done({ConversationEnd::refused, {}, std::strerror(errno)});
    talk.deadline = Clock::now() + conversation.timeout;
    talk.what = std::move(conversation);
    talk.done = std::move(done);
    const int begun = ::connect(talk.socket.get(), reinterpret_cast<const sockaddr*>(&place->address), place->length);
    if (begun != 0 && errno != EINPROGRESS) return talk.done({ConversationEnd::refused, {}, std::strerror(errno)});
    const std::uint64_t id = ++last_;
    deadlines_.insert({talk.deadline, id});
    Talk& kept = talks_.emplace(id, std::move(talk)).first->second;
    kept.waits_for = EPOLLOUT;
    watch(kept.socket.get(), id, EPOLLOUT, EPOLL_CTL_ADD);
    if (begun == 0) advance(id);
  }

  void wait() {
    int patience_ms = -1;
    if (!deadlines_.empty()) {
      const auto left = deadlines_.begin()->first - Clock::now();
      const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      patience_ms = static_cast<int>(std::clamp<std::int64_t>(ms, 0, 60'000));
    }
    std::array<epoll_event, 128> events;
    const int count = ::epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), patience_ms);
    for (int i = 0; i < count; ++i) {
      const std::uint64_t id = events[static_cast<std::size_t>(i)].data.u64;
      if (id != 0) {
        advance(id);
        continue;
      }
      std::uint64_t woken = 0;
      (void)!::read(wake_.get(), &woken, sizeof woken);
    }
  }

  void expire() {
    const auto now = Clock::now();
    while (!deadlines_.empty() && deadlines_.begin()->first <= now)
      finish(deadlines_.begin()->second, ConversationEnd::silent, "no answer in time");
  }

  void finish(std::uint64_t id, ConversationEnd end, std::string why) {
    auto node = talks_.extract(id);
    Talk& talk = node.mapped();
    deadlines_.erase({talk.deadline, id});
    Done done = std::move(talk.done);
    ConversationHeard heard{end, std::move(talk.heard), std::move(why)};
    talk.ssl.reset();
    talk.socket = Descriptor();
    done(std::move(heard));
  }

  void advance(std::uint64_t id) {
    const auto found = talks_.find(id);
    if (found == talks_.end()) return;
    Talk& talk = found->second;
    const Wait next = step(id, talk);
    if (!next || *next == talk.waits_for) return;
    talk.waits_for = *next;
    watch(talk.socket.get(), id, *next, EPOLL_CTL_MOD);
  }

  Wait step(std::uint64_t id, Talk& talk) {
    if (talk.stage == Stage::connecting) {
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(talk.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return finish(id, ConversationEnd::refused, std::strerror(error)), Wait{};
      sockaddr_storage peer{};
      socklen_t length = sizeof peer;
      if (::getpeername(talk.socket.get(), reinterpret_cast<sockaddr*>(&peer), &length) != 0) return EPOLLOUT;
      if (talk.what.tls) {
        auto ssl = tls_.begin(*talk.what.tls, talk.socket.get());
        if (!ssl) return finish(id, ConversationEnd::refused, ssl.error()), Wait{};
        talk.ssl = std::move(*ssl);
      }
      talk.stage = talk.ssl ? Stage::shaking_hands : Stage::saying;
    }
    if (talk.stage == Stage::shaking_hands) {
      const int result = SSL_connect(talk.ssl.get());
      if (result != 1) return blocked(id, talk, result, "the TLS handshake failed");
      talk.stage = Stage::saying;
    }
    if (talk.stage == Stage::saying) {
      if (const auto waits = say(id, talk)) return *waits;
      if (!talks_.contains(id)) return std::nullopt;
      talk.stage = Stage::hearing;
      if (!talk.what.is_whole) return finish(id, ConversationEnd::whole, {}), Wait{};
    }
    return hear(id, talk);
  }

  // OpenSSL waits for the socket, or has failed.
  Wait blocked(std::uint64_t id, Talk& talk, int result, const std::string& otherwise) {
    switch (SSL_get_error(talk.ssl.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return EPOLLIN;
      case SSL_ERROR_WANT_WRITE:
        return EPOLLOUT;
      case SSL_ERROR_ZERO_RETURN:
        finish(id, ConversationEnd::closed, "the peer ended the connection");
        return std::nullopt;
      default:
        finish(id, ConversationEnd::refused, tls_error(talk.ssl.get(), otherwise));
        return std::nullopt;
    }
  }

  // Nothing: all is said, or it is over.
  Wait say(std::uint64_t id, Talk& talk) {
    while (talk.said < talk.what.says.size()) {
      const char* from = talk.what.says.data() + talk.said;
      const std::size_t left = talk.what.says.size() - talk.said;
      if (talk.ssl) {
        const int written = SSL_write(talk.ssl.get(), from, static_cast<int>(left));
        if (written <= 0) return blocked(id, talk, written, "the peer ended the connection");
        talk.said += static_cast<std::size_t>(written);
        continue;
      }
      const ssize_t written = ::send(talk.socket.get(), from, left, MSG_NOSIGNAL);
      if (written < 0 && (errno == EAGAIN || errno == EINTR)) return EPOLLOUT;
      if (written < 0) return finish(id, ConversationEnd::refused, std::strerror(errno)), Wait{};
      talk.said += static_cast<std::size_t>(written);
    }
    return std::nullopt;
  }

  Wait hear(std::uint64_t id, Talk& talk) {
    std::array<char, 16384> buffer;
    for (;;) {
      std::size_t got = 0;
      if (talk.ssl) {
        const int read = SSL_read(talk.ssl.get(), buffer.data(), static_cast<int>(buffer.size()));
        if (read <= 0) return blocked(id, talk, read, "the peer ended the connection");
        got = static_cast<std::size_t>(read);
      } else {
        const ssize_t read = ::recv(talk.socket.get(), buffer.data(), buffer.size(), 0);
        if (read < 0 && (errno == EAGAIN || errno == EINTR)) return EPOLLIN;
        if (read < 0) return finish(id, ConversationEnd::refused, std::strerror(errno)), Wait{};
        if (read == 0) return finish(id, ConversationEnd::closed, "the peer ended the connection"), Wait{};
        got = static_cast<std::size_t>(read);
      }
      talk.heard.append(buffer.data(), std::min(got, kMostHeard - talk.heard.size()));
      if (talk.what.is_whole(talk.heard)) return finish(id, ConversationEnd::whole, {}), Wait{};
      if (talk.heard.size() >= kMostHeard)
        return finish(id, ConversationEnd::too_long, "its answer does not end"), Wait{};
    }
  }

  std::mutex mutex_;
  bool ended_ = false;
  std::vector<std::pair<Conversation, Done>> incoming_;
  Descriptor poll_ = needed(Descriptor(::epoll_create1(EPOLL_CLOEXEC)), "epoll_create1");
  Descriptor wake_ = needed(Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), "eventfd");
  // The loop's own.
  TlsContexts tls_;
  std::map<std::uint64_t, Talk> talks_;
  std::set<std::pair<Clock::time_point, std::uint64_t>> deadlines_;
  std::uint64_t last_ = 0;
};

Conversations::Conversations() : loop_(std::make_shared<Loop>()) {
  thread_ = std::thread([loop = loop_] { loop->run(); });
}

void Conversations::stop() {
  loop_->end();
  if (thread_.joinable()) thread_.join();
}

void Conversations::begin(Conversation conversation, Done done) {
  loop_->begin(std::move(conversation), std::move(done));
}

}  // namespace haven::adapter::guest

#include "adapter/heartbeat/heart.hpp"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>

#include "adapter/boot_clock.hpp"
#include "adapter/descriptor.hpp"
#include "adapter/heartbeat/keys.hpp"
#include "adapter/heartbeat/resolver.hpp"
#include "adapter/heartbeat/socket.hpp"
#include "adapter/heartbeat/wire.hpp"

namespace haven::adapter {
namespace {

constexpr std::size_t kStackSize = std::size_t{256} * 1024;
constexpr int kPriority = 10;  // of SCHED_RR: above everything normal, below the kernel's own
// Addresses that are not there yet, a key file that cannot be read.
constexpr Duration kTryAgain = 1s;

void drain_fd(int fd) {
  std::array<char, 4096> buffer;
  while (::read(fd, buffer.data(), buffer.size()) > 0) {
  }
}

}  // namespace

HeartRoster heart_roster_of(const Spec& spec) {
  HeartRoster result{roster_of(spec), {}};
  for (const auto& host : spec.hosts) {
    result.links.push_back(host.links);
    if (result.links.back().empty()) result.links.back() = {host.address};
  }
  result.links.resize(result.roster.members.size());
  return result;
}

class Heart::Inside {
 public:
  Inside(HeartConfig config, Callbacks callbacks);
  ~Inside();
  void know(HeartRoster roster) { resolver_.want(std::move(roster)); }

 private:
  static void* begin(void* self) {
    static_cast<Inside*>(self)->run();
    return nullptr;
  }
  void start_thread();
  void run();
  void take_inbox();
  void read_key_file();
  void bind_links(Instant now);
  void sleep(Instant until);
  void receive();
  void receive(std::size_t link, std::span<const std::uint8_t> bytes, const UdpAddress& from);
  void see(std::size_t member, std::size_t link, const UdpAddress& at, Taken taken);
  void refused(std::size_t link, const UdpAddress& whose);
  void send();
  const HeartbeatKey& key_for(std::size_t member);
  void alarm(const std::string& key, const std::string& text);
  [[nodiscard]] const UdpAddress* address_of(std::size_t member, std::size_t link) const;

  HeartConfig config_;
  Callbacks callbacks_;
  Descriptor wake_ = needed(Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), "eventfd");
  Descriptor timer_ = needed(boot_timer(), "timerfd");
  Descriptor watch_ = needed(Descriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)), "inotify");
  std::atomic<bool> ending_{false};

  std::mutex inbox_mutex_;
  std::optional<std::pair<HeartRoster, Addresses>> inbox_;

  // The thread's own.
  Hearing hearing_;
  std::optional<HeartbeatKeys> keys_;
  Addresses addresses_;
  // By link, where a member without addresses of its own was seen.
  struct Seen {
    UdpAddress at;
    Instant counted;  // its latest packet from there that proved to be fresh; long past: none
  };
  std::map<std::size_t, std::vector<std::optional<Seen>>> seen_at_;
  std::size_t self_ = 0;
  std::vector<std::optional<UdpSocket>> sockets_;  // by link
  std::map<std::size_t, KeyId> newest_;            // that a member said it has
  std::map<std::string, std::string> alarms_;
  Instant try_again_;
  unsigned rounds_ = 0;

  void* stack_ = nullptr;
  pthread_t thread_{};
  Resolver resolver_;
};

Heart::Heart(HeartConfig config, Callbacks callbacks)
    : inside_(std::make_unique<Inside>(std::move(config), std::move(callbacks))) {}
Heart::~Heart() = default;
void Heart::know(HeartRoster roster) { inside_->know(std::move(roster)); }

Heart::Inside::Inside(HeartConfig config, Callbacks callbacks)
    : config_(std::move(config)),
      callbacks_(std::move(callbacks)),
      hearing_(config_.self, config_.boot),
      resolver_(config_.port, [this](const HeartRoster& roster, Addresses addresses) {
        const std::lock_guard lock(inbox_mutex_);
        inbox_.emplace(roster, std::move(addresses));
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
      }) {
  start_thread();
}

Heart::Inside::~Inside() {
  ending_.store(true);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
  ::pthread_join(thread_, nullptr);
  ::munmap(stack_, kStackSize);
}

// Its stack is its own piece of memory, so that it alone can be locked.
void Heart::Inside::start_thread() {
  stack_ = ::mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack_ == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "the heartbeat thread's stack");
  const bool locked = ::mlock(stack_, kStackSize) == 0;
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstack(&attributes, stack_, kStackSize);
  const int error = ::pthread_create(&thread_, &attributes, &Inside::begin, this);
  ::pthread_attr_destroy(&attributes);
  if (error != 0) throw std::system_error(error, std::generic_category(), "the heartbeat thread");
  ::pthread_setname_np(thread_, "heartbeat");
  sched_param priority{};
  priority.sched_priority = kPriority;
  const int refused = ::pthread_setschedparam(thread_, SCHED_RR, &priority);
  std::string text;
  if (refused != 0) text = std::string("real-time priority is refused (") + std::strerror(refused) + ")";
  if (!locked) text += (text.empty() ? "" : ", ") + std::string("locked memory is refused");
  if (!text.empty()) text = "the heartbeat thread: " + text + "; under load this host may be taken for a dead one";
  callbacks_.alarm("heartbeat/realtime", text);
}

void Heart::Inside::alarm(const std::string& key, const std::string& text) {
  auto& said = alarms_[key];
  if (said == text) return;
  said = text;
  callbacks_.alarm(key, text);
}

void Heart::Inside::run() {
  const std::string folder = config_.key_file.substr(0, config_.key_file.rfind('/') + 1);
  ::inotify_add_watch(watch_.get(), folder.empty() ? "." : folder.c_str(),
                      IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_ATTRIB);
  read_key_file();
  while (!ending_.load()) {
    take_inbox();
    const Instant now = boot_now();
    if (now >= try_again_) bind_links(now);
    // Before what waits in the sockets is read: whether this thread itself came late (S4) must be known first.
    hearing_.take_brain(callbacks_.brain());
    if (hearing_.turn(now)) send();
    receive();
    if (auto news = hearing_.news()) callbacks_.heard(std::move(*news));
    sleep(std::min(hearing_.wake_at(), try_again_));
  }
}

void Heart::Inside::take_inbox() {
  std::optional<std::pair<HeartRoster, Addresses>> news;
  {
    const std::lock_guard lock(inbox_mutex_);
    news.swap(inbox_);
  }
  if (!news) return;
  const PeerRoster& roster = news->first.roster;
  const bool same_members = roster.members == hearing_.roster().members;
  const auto own = self_ < addresses_.size() ? addresses_[self_] : std::vector<std::optional<UdpAddress>>{};
  hearing_.take_roster(roster, boot_now());
  addresses_ = std::move(news->second);
  addresses_.resize(roster.members.size());
  self_ = 0;
  while (self_ < roster.members.size() && roster.members[self_].name != config_.self) ++self_;
  const std::size_t links = self_ < addresses_.size() ? addresses_[self_].size() : 0;
  if (same_members && links > 0 && addresses_[self_] == own) return;
  for (std::size_t i = links; i < sockets_.size(); ++i) alarm("heartbeat/link/" + std::to_string(i + 1), "");
  sockets_.clear();
  sockets_.resize(links);
  newest_.clear();
  seen_at_.clear();
  try_again_ = {};
}

void Heart::Inside::read_key_file() {
  auto keys = read_keys(config_.key_file);
  if (keys) {
    keys_ = std::move(*keys);
    newest_.clear();
    return alarm("heartbeat/key", "");
  }
  // A file that is just being replaced, or was spoiled by hand: the keys that are known go on.
  alarm("heartbeat/key",
        (keys_ ? "the heartbeat keys cannot be read again: " : "no heartbeat is sent or heard: ") + keys.error());
}

void Heart::Inside::bind_links(Instant now) {
  try_again_ = kNever;
  if (!keys_) read_key_file();
  if (!keys_) try_again_ = now + kTryAgain;
  for (std::size_t link = 0; link < sockets_.size(); ++link) {
    if (sockets_[link]) continue;
    const std::string key = "heartbeat/link/" + std::to_string(link + 1);
    const auto& address = addresses_[self_][link];
    auto bound = address ? UdpSocket::bind(*address) : tl::make_unexpected(std::string("its name is not known"));
    if (bound) {
      sockets_[link].emplace(std::move(*bound));
      alarm(key, "");
      continue;
    }
    alarm(key, "link " + std::to_string(link + 1) + " of this host sends no heartbeats: " + bound.error());
    try_again_ = now + kTryAgain;
  }
}

void Heart::Inside::sleep(Instant until) {
  arm(timer_, until);
  std::vector<pollfd> wait{{wake_.get(), POLLIN, 0}, {timer_.get(), POLLIN, 0}, {watch_.get(), POLLIN, 0}};
  for (const auto& socket : sockets_)
    if (socket) wait.push_back({socket->fd(), POLLIN, 0});
  ::poll(wait.data(), wait.size(), -1);
  if (wait[0].revents != 0) drain_fd(wake_.get());
  if (wait[1].revents != 0) drain_fd(timer_.get());
  if (wait[2].revents != 0) {
    drain_fd(watch_.get());
    read_key_file();
  }
}

void Heart::Inside::receive() {
  for (std::size_t link = 0; link < sockets_.size(); ++link) {
    if (!sockets_[link]) continue;
    sockets_[link]->drain([&](auto bytes, const UdpAddress& from) { receive(link, bytes, from); },
                          [&](const UdpAddress& whose) { refused(link, whose); });
  }
}

void Heart::Inside::receive(std::size_t link, std::span<const std::uint8_t> bytes, const UdpAddress& from) {
  if (!keys_) return;
  const auto received = decode(bytes, *keys_);
  // A packet belongs to the link that it came by: signed or not, it proves nothing about another one.
  if (!received || received->packet.link != link) return;
  const Taken taken = hearing_.take(received->packet, boot_now());
  if (taken == Taken::stranger || taken == Taken::refused) return;
  const auto& members = hearing_.roster().members;
  for (std::size_t member = 0; member < members.size(); ++member) {
    if (host_digest(members[member].name) != received->packet.from) continue;
    newest_[member] = received->newest;
    if (addresses_[member].empty()) see(member, link, from, taken);
    return;
  }
}

// A signed packet of an earlier boot can be sent again by anybody: while the member is heard where it is, only a packet
// that echoes what was sent there just now may say that it is elsewhere.
void Heart::Inside::see(std::size_t member, std::size_t link, const UdpAddress& at, Taken taken) {
  auto& links = seen_at_[member];
  links.resize(sockets_.size());
  auto& seen = links[link];
  const Instant now = boot_now();
  if (taken == Taken::counted) {
    seen = Seen{at, now};
  } else if (!seen || seen->counted + hearing_.roster().suspect <= now) {
    seen = Seen{at, seen ? seen->counted : Instant{}};
  }
}

// nullptr: not known.
const UdpAddress* Heart::Inside::address_of(std::size_t member, std::size_t link) const {
  if (link < addresses_[member].size()) return addresses_[member][link] ? &*addresses_[member][link] : nullptr;
  const auto seen = seen_at_.find(member);
  return seen == seen_at_.end() || link >= seen->second.size() || !seen->second[link] ? nullptr
                                                                                      : &seen->second[link]->at;
}

void Heart::Inside::refused(std::size_t link, const UdpAddress& whose) {
  for (std::size_t member = 0; member < addresses_.size(); ++member) {
    const UdpAddress* address = address_of(member, link);
    if (member != self_ && address != nullptr && *address == whose) hearing_.take_refusal(member, boot_now());
  }
}

// The newest that both ends have; with one that was not heard yet, each in turn.
const HeartbeatKey& Heart::Inside::key_for(std::size_t member) {
  const auto said = newest_.find(member);
  if (said == newest_.end()) return keys_->keys[rounds_ % keys_->keys.size()];
  const HeartbeatKey* common = keys_->find(said->second);
  return common != nullptr ? *common : keys_->newest();
}

void Heart::Inside::send() {
  if (!keys_) return;
  ++rounds_;
  for (std::size_t member = 0; member < hearing_.members(); ++member) {
    for (std::size_t link = 0; link < hearing_.links_to(member) && link < sockets_.size(); ++link) {
      const UdpAddress* address = address_of(member, link);
      if (!sockets_[link] || address == nullptr) continue;
      sockets_[link]->send(*address, encode(hearing_.compose(member, link), key_for(member), keys_->newest().id));
    }
  }
}

}  // namespace haven::adapter

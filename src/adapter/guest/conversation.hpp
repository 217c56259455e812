// Conversations over sockets, as many as wanted, on one thread: each connects, says what it has to say and listens
// until it has heard enough, or its time is over. Nothing blocks but the wait for all of them together.
//
// Bounded: what a peer sends beyond kMostHeard is not read, and how many go on at once is the caller's to bound.
// Addresses are numbers or paths of unix sockets: names are looked up elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace haven::adapter::guest {

struct Tls {
  std::string name;       // that the peer must prove, and is asked for
  std::string authority;  // a file of certificates to trust; empty: the system's
};

struct Conversation {
  std::string address;  // "10.0.0.1", "fe80::1", or "/a/unix/socket"
  int port = 0;
  std::string says;                                // once connected; empty: nothing
  std::function<bool(std::string_view)> is_whole;  // of what was heard; empty: it is enough to be connected
  std::shared_ptr<const Tls> tls;                  // nullptr: in the clear
  std::chrono::nanoseconds timeout{};
};

enum class ConversationEnd {
  whole,     // heard enough, or connected where that is all
  closed,    // the peer ended it; what was heard may be all that there is
  too_long,  // kMostHeard was not enough
  refused,   // nobody is there, or not who should be: `why`
  silent,    // the time was over
};
struct ConversationHeard {
  ConversationEnd end = ConversationEnd::silent;
  std::string heard;
  std::string why;  // a clause
};

class Conversations {
 public:
  static constexpr std::size_t kMostHeard = std::size_t{64} << 10U;
  using Done = std::function<void(ConversationHeard)>;

  Conversations();
  ~Conversations() { stop(); }
  Conversations(const Conversations&) = delete;
  Conversations& operator=(const Conversations&) = delete;

  // Those that go on are never told of, and none begins any more. Not from a `done`.
  void stop();

  // From any thread. `done` is called once, on the conversations' thread, and must not block.
  void begin(Conversation conversation, Done done);

 private:
  class Loop;
  std::shared_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace haven::adapter::guest

// havend's end of the hook: takes the questions, passes them on, and sends what it is told.
//
// A question that is not answered in time is answered `no`: libvirtd waits with the domain locked, and a start that
// nobody has allowed must not happen.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tl/expected.hpp>

#include "adapter/descriptor.hpp"
#include "hook/protocol.hpp"

namespace haven::hook {

struct HookRequest {
  std::uint64_t id = 0;  // unique within this server
  Question question;
};

class HookServer {
 public:
  using Ask = std::function<void(HookRequest)>;
  // A host that starts everything at once asks twice per domain; more at one time is no start but a fault.
  static constexpr std::size_t kMaxOpen = 64;
  // Before the hook's own deadline of 2 s, so that the reason given is ours.
  static constexpr std::chrono::milliseconds kAnswerWithin{1500};

  // Listens there (root only), in place of a dead server's socket. Error: the path cannot be used, a living server
  // answers on it, or there are no descriptors left. `ask` is called on the server's thread and must not block.
  [[nodiscard]] static tl::expected<std::unique_ptr<HookServer>, std::string> listen(const std::string& path, Ask ask);
  // Open questions are answered `no`.
  ~HookServer();
  HookServer(const HookServer&) = delete;
  HookServer& operator=(const HookServer&) = delete;

  // From any thread. True: this was the answer, and it was sent. False: it came too late, and `no` was said, or the
  // hook is gone: then nothing starts.
  [[nodiscard]] bool answer(std::uint64_t id, bool allow, const std::string& reason);

 private:
  using Clock = std::chrono::steady_clock;
  struct Peer {
    adapter::Descriptor socket;
    Clock::time_point deadline;
    std::string line;
    bool asked = false;
  };

  HookServer(std::string path, adapter::Descriptor listener, adapter::Descriptor wake, Ask ask);
  void serve();
  void accept_all();
  void read_from(std::uint64_t id);
  void give_up_late();
  [[nodiscard]] bool finish(std::uint64_t id, const Reply& reply);  // mutex_ is held

  std::string path_;
  adapter::Descriptor listener_;
  adapter::Descriptor wake_;
  Ask ask_;
  std::mutex mutex_;
  std::map<std::uint64_t, Peer> peers_;
  std::uint64_t last_id_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace haven::hook

// port::Guests: sockets on one thread (conversation.hpp), agents and counters on bounded threads that may block.
//
// An agent that is silent holds a thread, here and in libvirtd, until its time is over. So whoever was silent the last
// time waits for one of a few threads apart, and one guest's questions to its agent never hold more than one: a
// hundred guests that hang cost those that answer nothing. What finds no thread at all is not asked, which is said.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapter/libvirt/connection.hpp"
#include "port/guests.hpp"

namespace haven::adapter::guest {

struct AgentReply {
  enum class Kind {
    answered,  // `text` is the agent's reply
    said_no,   // the agent refused; `text` is why
    silent,    // there is no agent, or it does not answer in time
    unasked,   // libvirt did not let anybody ask
  };
  Kind kind = Kind::unasked;
  std::string text{};
};

// Each may block, for `patience` or as long as libvirt hangs; on a thread that has a connection of its own.
struct GuestEdges {
  using Connection = libvirt::Connection;
  std::function<AgentReply(Connection&, const std::string& uuid, const std::string& command, Duration patience)> agent;
  // nullopt: nothing is counted, or nobody tells.
  std::function<std::optional<GuestPulse>(Connection&, const std::string& uuid)> pulse;
  // The guest's first address, as its agent or a lease tells it; a number.
  std::function<std::optional<std::string>(Connection&, const std::string& uuid)> address;
};

class GuestProbes final : public port::Guests {
 public:
  // libvirtd has 20 threads for such calls: some stay free for starts and stops.
  static constexpr std::size_t kMaxAgents = 10;
  static constexpr std::size_t kMaxMute = 2;
  static constexpr std::size_t kMaxTreatments = 4;
  static constexpr std::size_t kMaxCounters = 4;
  static constexpr std::size_t kMaxLookups = 4;  // of names
  static constexpr Duration kAddressKept = 1min;

  GuestProbes(GuestEdges edges, port::GuestCheckedSink checked, port::GuestTreatedSink treated);
  // No word comes afterwards.
  ~GuestProbes() override;

  void check(std::uint64_t number, const std::string& uuid, const GuestCheck& check) override;
  void treat(CallId call, const std::string& uuid, const std::vector<GuestCommand>& commands,
             Duration timeout) override;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace haven::adapter::guest

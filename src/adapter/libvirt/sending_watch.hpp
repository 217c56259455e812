// Asks libvirt how far what it sends to other hosts has come, as long as anything is sent.
//
// Asked, not waited for: libvirt tells of a migration's rounds by an event, but of nothing within one, and with little
// bandwidth one round takes minutes. By a thread and a connection of its own: the call that sends is busy until the
// end, and a question that hangs costs the figures and nothing else.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "adapter/libvirt/workers.hpp"
#include "port/hypervisor.hpp"

namespace haven::libvirt {

class SendingWatch {
 public:
  using Tell = std::function<void(port::Sending)>;

  // `tell` is called from a thread of this or from begin's, and must not call back.
  SendingWatch(std::string uri, Tell tell);
  SendingWatch(const SendingWatch&) = delete;
  SendingWatch& operator=(const SendingWatch&) = delete;

  void begin(const std::string& uuid);
  // Nothing is told of it once this has returned.
  void end(const std::string& uuid);
  [[nodiscard]] bool watches(const std::string& uuid) const;
  // Nothing at all is told once this has returned; a question that hangs is left behind.
  void stop(std::chrono::milliseconds patience);

 private:
  struct State {
    std::string uri;
    Tell tell;
    std::mutex mutex;
    std::condition_variable changed;
    std::set<std::string> uuids;
    bool asking = false;  // a thread is at it
    bool stopping = false;
  };
  static void ask(State& state, Connection& connection);
  static void follow(State& state, Connection& connection);

  std::shared_ptr<State> state_;
  Workers worker_{1};
};

}  // namespace haven::libvirt

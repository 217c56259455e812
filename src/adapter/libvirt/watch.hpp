// Keeps one connection to one driver for libvirt's word on what changed, and opens it again when it is lost.
#pragma once

#include <libvirt/libvirt.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "port/hypervisor.hpp"

namespace haven::libvirt {

// Called from libvirt's event loop and from the watch's own thread; must not block.
struct WatchReport {
  std::function<void(port::Lifecycle)> lifecycle;
  std::function<void(std::string)> lost;  // once for each loss, a first failure to connect included
  std::function<void()> back;             // once after each loss
};

class Watch {
 public:
  Watch(std::string uri, WatchReport report);
  ~Watch() = default;  // stop() first; a thread that hangs in libvirt is left behind and reports nothing any more
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void stop(std::chrono::milliseconds patience);

 private:
  struct State;
  static void run(const std::shared_ptr<State>& state);
  static std::string listen(const std::shared_ptr<State>& state, virConnectPtr connection, bool& lost);

  std::shared_ptr<State> state_;
};

}  // namespace haven::libvirt

// From the names of a roster's links to their addresses, which may take long: on a thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "adapter/heartbeat/heart.hpp"
#include "adapter/heartbeat/socket.hpp"

namespace haven::adapter {

using Addresses = std::vector<std::vector<std::optional<UdpAddress>>>;  // by member and link

class Resolver {
 public:
  // On the resolver's thread; must not wait. Told again while names are missing.
  using Found = std::function<void(const HeartRoster&, Addresses)>;
  Resolver(std::uint16_t port, Found found);
  // Waits for the member whose names are being asked for.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // The latest counts. Does not wait.
  void want(HeartRoster roster);

 private:
  void serve();

  std::uint16_t port_;
  Found found_;
  std::mutex mutex_;
  std::condition_variable changed_;
  HeartRoster wanted_;
  bool fresh_ = false;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace haven::adapter

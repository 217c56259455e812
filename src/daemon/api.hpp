// The API on a unix socket: HTTP, JSON. For root, and for the group haven where there is one.
#pragma once

#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "daemon/service.hpp"

namespace haven::daemon {

class Api {
 public:
  static constexpr std::size_t kThreads = 8;       // requests served at a time
  static constexpr std::size_t kMostWaiting = 32;  // accepted and not yet served; others wait in the kernel's queue
  static constexpr std::size_t kMostBytes = std::size_t{32}
                                            << 20U;  // of a request: the largest cluster file with its domains

  // Serves until the object ends. Only one havend runs here (SingleInstance), so an old socket is replaced.
  [[nodiscard]] static tl::expected<std::unique_ptr<Api>, std::string> listen(const std::string& path,
                                                                              Service& service);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

 private:
  struct Inside;
  explicit Api(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace haven::daemon

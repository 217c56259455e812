// The API on a unix socket: HTTP, JSON. For root, and for the group haven where there is one.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/service.hpp"

namespace haven::daemon {

// One place of the API beside those that the service answers.
struct Route {
  bool post = false;  // else it is got
  std::string path;
  // `who`: whom the kernel says is asking.
  std::function<Answer(const Service::Query&, const std::string& body, const std::string& who)> answer;
};

class Api {
 public:
  static constexpr std::size_t kThreads = 8;       // requests served at a time
  static constexpr std::size_t kMostWaiting = 32;  // accepted and not yet served; others wait in the kernel's queue
  static constexpr std::size_t kMostBytes = std::size_t{32}
                                            << 20U;  // of a request: the largest cluster file with its domains

  // Serves until the object ends. Only one havend runs here (SingleInstance), so an old socket is replaced.
  [[nodiscard]] static tl::expected<std::unique_ptr<Api>, std::string> listen(const std::string& path, Service& service,
                                                                              const std::vector<Route>& more = {});
  // Nothing but these.
  [[nodiscard]] static tl::expected<std::unique_ptr<Api>, std::string> listen(const std::string& path,
                                                                              const std::vector<Route>& routes);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

 private:
  struct Inside;
  [[nodiscard]] static tl::expected<std::unique_ptr<Api>, std::string> serve(std::unique_ptr<Inside> inside,
                                                                             const std::string& path);
  explicit Api(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace haven::daemon

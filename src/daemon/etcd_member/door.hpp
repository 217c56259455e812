// Where machines that are to join knock, and where hosts ask each other while the engine is away: HTTP on TCP, each
// message sealed by a secret that both sides know (sealed.hpp). Nothing else of havend is reached here.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "daemon/boot.hpp"

namespace haven::daemon {

class Door {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{16} * 1024;
  // `answer` gets the path ("/v1/join", "/v1/hello") and the body, and answers with a body; an empty one is no answer.
  using Answer = std::function<std::string(const std::string& path, const std::string& body)>;
  // `at` is ADDRESS:PORT.
  [[nodiscard]] static OrWhy<std::unique_ptr<Door>> open(const std::string& at, Answer answer);
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  // Another host's. The error says that it was not reached.
  [[nodiscard]] static OrWhy<std::string> knock(const std::string& at, const std::string& path, const std::string& body,
                                                Duration timeout);

 private:
  struct Inside;
  explicit Door(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

// The port that is meant where none is named.
[[nodiscard]] std::string with_port(const std::string& at);
// Without its port, and without an IPv6 address' brackets.
[[nodiscard]] std::string host_of(const std::string& at);
// This host's address on its way to `at`; empty: there is no way.
[[nodiscard]] std::string own_address_towards(const std::string& at);

}  // namespace haven::daemon

// Talks to havend over its unix socket.
#pragma once

#include <map>
#include <string>

#include <tl/expected.hpp>

#include "cli/answer.hpp"

namespace haven::cli {

// Exit codes of every command (the operator's files and commands: docs).
inline constexpr int kDone = 0;
inline constexpr int kNotAsWished = 1;
inline constexpr int kBadInput = 2;

// What havend said no to, or that it said nothing. `json` is an object with `error`, and perhaps `errors`.
struct Trouble {
  int exit_code = kNotAsWished;
  Json json;
  bool unreachable = false;  // nobody answered, or nobody had the time to
};
[[nodiscard]] Trouble trouble(int exit_code, const std::string& what, const std::string& where,
                              const std::string& wanted);

class Client {
 public:
  explicit Client(std::string socket) : socket_(std::move(socket)) {}

  // The `data` of the reply.
  [[nodiscard]] tl::expected<Json, Trouble> get(const std::string& path,
                                                const std::map<std::string, std::string>& query = {}) const;
  [[nodiscard]] tl::expected<Json, Trouble> post(const std::string& path, const Json& body) const;

 private:
  std::string socket_;
};

}  // namespace haven::cli

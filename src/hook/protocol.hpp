// What the libvirt hook and havend say to each other, one line each way over a unix socket (PROTOCOL C5):
//   hook:   start <uuid> <op>\n        op: prepare, start or migrate
//           start <uuid> <op> unlinked\n        likewise, and every network link of the domain is down
//   havend: yes\n  or  no <reason>\n
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace haven::hook {

// Longer lines are no part of this protocol; a reason is cut to fit.
inline constexpr std::size_t kMaxLineBytes = 512;

// What libvirt is about to do. It asks twice for a start: before it takes the domain's devices, and before its process.
enum class Op { prepare, start, migrate };

struct Question {
  std::string uuid;  // lower case, with hyphens
  Op op = Op::start;
  bool unlinked = false;  // every network link of it is down
  friend bool operator==(const Question&, const Question&) = default;
};
struct Reply {
  bool allow = false;
  std::string reason;  // of a no; one line
  friend bool operator==(const Reply&, const Reply&) = default;
};

[[nodiscard]] std::string_view spelled(Op op);
[[nodiscard]] std::optional<Op> parse_op(std::string_view text);

// With the line's end.
[[nodiscard]] std::string format(const Question& question);
[[nodiscard]] std::string format(const Reply& reply);
// Of a line without its end. Nothing: it is not of this protocol.
[[nodiscard]] std::optional<Question> parse_question(std::string_view line);
[[nodiscard]] std::optional<Reply> parse_reply(std::string_view line);

}  // namespace haven::hook

// The words of QEMU's guest agent (JSON, one command and one reply at a time) that checks and treatments need.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/health.hpp"

namespace haven::adapter::guest {

[[nodiscard]] std::string agent_ping();
[[nodiscard]] std::string agent_exec(const GuestCommand& command);
[[nodiscard]] std::string agent_exec_status(std::int64_t process);
[[nodiscard]] std::string agent_disks();

// Each nullopt: it is no reply to that command.
[[nodiscard]] bool is_agent_return(std::string_view reply);
[[nodiscard]] std::optional<std::int64_t> exec_begun(std::string_view reply);
struct ExecStatus {
  bool ended = false;
  int code = 0;        // of one that ended by itself
  int signal = 0;      // else by this
  std::string said{};  // what it printed, its errors first; the beginning of it
};
[[nodiscard]] std::optional<ExecStatus> exec_status(std::string_view reply);
struct GuestDisks {
  std::uint64_t done = 0;  // requests
  bool pending = false;
};
[[nodiscard]] std::optional<GuestDisks> guest_disks(std::string_view reply);

// One line of it for people: no control characters, at most kSaidKept bytes.
[[nodiscard]] std::string one_line(std::string_view text);

}  // namespace haven::adapter::guest

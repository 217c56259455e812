// An operator's commands for several hosts, run at the same time: no shell, nothing to read, no terminal to ask on,
// each in a session of its own so that Ctrl-C is not theirs.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/interrupts.hpp"

namespace haven::cli {

// After the polite word the hard one.
inline constexpr std::chrono::seconds kEndsWithin{5};
// A line that is longer is told in pieces.
inline constexpr std::size_t kLongestLine = 4096;

using Argv = std::vector<std::string>;
using SayLine = std::function<void(const std::string& host, const std::string& line)>;

// Where this program is, as a shell would find it; empty: nowhere.
[[nodiscard]] std::string found_program(const std::string& name);

// Until all have ended: by themselves, at `timeout` or by a second interrupt (SIGTERM to all of the command, SIGKILL
// later). By host why it is no success, one clause; empty: it is. `say` gets what they write, line by line;
// `interrupted` is called once at the first interrupt, which leaves them running.
[[nodiscard]] std::map<std::string, std::string> run_at_once(const std::map<std::string, Argv>& commands,
                                                             std::chrono::nanoseconds timeout, const SayLine& say,
                                                             const Interrupts& interrupts,
                                                             const std::function<void()>& interrupted);

}  // namespace haven::cli

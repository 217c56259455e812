// Runs one program to its end and waits for it.
#pragma once

#include <string>
#include <vector>

#include "core/model/units.hpp"

namespace haven::adapter {

struct Ran {
  enum class End {
    exited,       // `code` says how
    signalled,    // by the signal `code`
    timed_out,    // and was killed, with its whole process group
    not_started,  // `error` says why
  };
  End end = End::not_started;
  int code = 0;
  std::string out;    // the first 64 KiB
  std::string error;  // the last line of its standard error

  [[nodiscard]] bool well() const { return end == End::exited && code == 0; }
  // What went wrong, as a clause: "exit 1: no such unit".
  [[nodiscard]] std::string why() const;
};

// argv[0] is the program's path; no shell. Blocks for `timeout` and about a second more at most.
[[nodiscard]] Ran run_program(const std::vector<std::string>& argv, const std::string& input, Duration timeout);

}  // namespace haven::adapter

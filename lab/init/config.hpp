// What a lab host's first process runs: a TOML file with one [[service]] each, in the order of their start.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace lab {

using Milliseconds = std::chrono::milliseconds;

struct ServiceConfig {
  std::string name;
  std::vector<std::string> command;  // absolute program, then its arguments
  std::string log;                   // its output is appended here
  int nice = 0;
  int oom_score_adj = 0;
  bool restart = true;              // after an end that nobody ordered; leaving with 0 is its own order
  int stop_signal = 15;             // `stop_signal = "PWR"` or "TERM" in the file
  Milliseconds stop_timeout{5000};  // then SIGKILL
};

// In the file's order, names unique; or what is wrong with the file.
tl::expected<std::vector<ServiceConfig>, std::string> read_services(const std::string& path);

}  // namespace lab

// What is shown while something lasts: one line that changes, on a terminal only.
#pragma once

#include <iostream>
#include <string>

#include "cli/output.hpp"

namespace haven::cli {

class Progress {
 public:
  explicit Progress(const Output& output) : shown_(!output.json() && terminal().is_terminal) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const std::string& line) {
    if (shown_) std::cout << "\r\033[K" << cut_to(line, 79) << std::flush;
  }
  // Before anything else is written.
  void clear() {
    if (shown_) std::cout << "\r\033[K" << std::flush;
  }

 private:
  bool shown_;
};

}  // namespace haven::cli

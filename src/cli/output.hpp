// How a command answers: for a person, or one JSON object on the last line.
#pragma once

#include <string>
#include <vector>

#include "cli/client.hpp"
#include "core/model/units.hpp"
#include "file/error.hpp"

namespace haven::cli {

class Output {
 public:
  explicit Output(bool json) : json_(json) {}

  [[nodiscard]] bool json() const { return json_; }
  // A line for a person; nothing with --json.
  void line(const std::string& text) const;
  // The command's answer; nothing without --json.
  void object(const Json& json) const;
  // Both kinds of reader learn what is wrong; returns the exit code.
  [[nodiscard]] int fail(const Trouble& trouble) const;
  [[nodiscard]] int fail(const std::vector<file::FileError>& errors) const;

 private:
  bool json_;
};

enum class Zero { refused, allowed };
// A time on the command line, written as in a file. The error is the exit code of the failure, already told.
[[nodiscard]] tl::expected<Duration, int> read_time(const Output& output, const std::string& option,
                                                    const std::string& text, Zero zero = Zero::refused);

// Whether colour and a screen's height mean anything.
struct Terminal {
  bool is_terminal = false;
  bool colour = false;
  int columns = 80;
  int lines = 24;
};
[[nodiscard]] Terminal terminal();

enum class Paint { plain, red, yellow, green, bold };
[[nodiscard]] std::string painted(const Terminal& terminal, Paint paint, const std::string& text);

// Counted in characters, not bytes. `padded` fills up; both cut what is longer, ending in "…".
[[nodiscard]] std::string cut_to(const std::string& text, std::size_t columns);
[[nodiscard]] std::string padded(const std::string& text, std::size_t columns);

// Asks on the terminal; only yes is yes.
[[nodiscard]] bool confirmed(const std::string& question);
[[nodiscard]] bool input_is_terminal();

}  // namespace haven::cli

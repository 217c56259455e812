#include "cli/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "file/quantity.hpp"

namespace haven::cli {
namespace {

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

std::size_t width_of(const std::string& text) {
  std::size_t width = 0;
  for (const char c : text) width += starts_character(c) ? 1 : 0;
  return width;
}

std::string sentence(const Json& error) {
  std::string line = text(error, "where");
  if (!line.empty()) line += ": ";
  line += text(error, "what");
  const std::string wanted = text(error, "wanted");
  return wanted.empty() ? line : line + "; would be right: " + wanted;
}

}  // namespace

void Output::line(const std::string& text) const {
  if (!json_) std::cout << text << "\n";
}

void Output::object(const Json& json) const {
  if (json_) std::cout << json.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
}

int Output::fail(const Trouble& trouble) const {
  if (json_) {
    object(trouble.json);
    return trouble.exit_code;
  }
  const auto list = trouble.json.find("errors");
  if (list != trouble.json.end() && list->is_array()) {
    for (const Json& error : *list) std::cerr << "haven: " << sentence(error) << "\n";
  } else {
    std::cerr << "haven: " << sentence(trouble.json.at("error")) << "\n";
  }
  return trouble.exit_code;
}

int Output::fail(const std::vector<file::FileError>& errors) const {
  Json list = Json::array();
  for (const auto& e : errors) {
    list.push_back({{"what", e.what},
                    {"where", e.file + ":" + std::to_string(e.line) + ":" + std::to_string(e.column)},
                    {"wanted", e.wanted}});
  }
  const Json first = list.front();
  return fail(Trouble{kBadInput, Json{{"error", first}, {"errors", std::move(list)}}});
}

Terminal terminal() {
  Terminal result;
  if (::isatty(STDOUT_FILENO) == 0) return result;
  result.is_terminal = true;
  const char* term = std::getenv("TERM");
  result.colour = std::getenv("NO_COLOR") == nullptr && term != nullptr && std::string(term) != "dumb";
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
    result.columns = size.ws_col;
    result.lines = size.ws_row;
  }
  return result;
}

std::string painted(const Terminal& terminal, Paint paint, const std::string& text) {
  if (!terminal.colour || paint == Paint::plain) return text;
  const char* code = "0";
  switch (paint) {
    case Paint::plain:
      break;
    case Paint::red:
      code = "31";
      break;
    case Paint::yellow:
      code = "33";
      break;
    case Paint::green:
      code = "32";
      break;
    case Paint::bold:
      code = "1";
      break;
  }
  return std::string("\033[") + code + "m" + text + "\033[0m";
}

std::string cut_to(const std::string& text, std::size_t columns) {
  if (width_of(text) <= columns) return text;
  std::string result;
  std::size_t width = 0;
  for (const char c : text) {
    if (starts_character(c) && ++width >= columns) break;
    result += c;
  }
  return result + "…";
}

std::string padded(const std::string& text, std::size_t columns) {
  const std::string cut = cut_to(text, columns);
  return cut + std::string(columns - width_of(cut), ' ');
}

tl::expected<Duration, int> read_time(const Output& output, const std::string& option, const std::string& text,
                                      Zero zero) {
  const auto time = file::parse_duration(text);
  if (time && (zero == Zero::allowed || *time > Duration::zero())) return *time;
  return tl::unexpected(output.fail(
      trouble(kBadInput, option + ": " + (time ? "no time at all" : time.error()), "", file::kDurationExamples)));
}

bool confirmed(const std::string& question) {
  std::cout << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

bool input_is_terminal() { return ::isatty(STDIN_FILENO) != 0; }

}  // namespace haven::cli

#include "file/table.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/model/spelling.hpp"
#include "core/model/wording.hpp"

namespace haven::file {
namespace {

std::string type_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::none:
      return "nothing";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
  }
  return "something else";
}

std::string line_of(std::string_view text, int line) {
  for (int n = 1; n < line; ++n) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return "";
    text.remove_prefix(end + 1);
  }
  return std::string(text.substr(0, text.find('\n')));
}

// The commonest slip deserves its own answer: lease = 3s.
std::string wanted_instead_of(const std::string& line, std::string_view fault) {
  if (fault.find("redefine") != std::string_view::npos) return "each key and each [table] once";
  const std::size_t equals = line.find('=');
  if (equals == std::string::npos) return "TOML as in docs/: [table], key = \"text\", key = 1, key = [\"a\", \"b\"]";
  const auto trimmed = [](std::string s) {
    const std::size_t begin = s.find_first_not_of(" \t");
    const std::size_t end = s.find_last_not_of(" \t\r");
    return begin == std::string::npos ? std::string{} : s.substr(begin, end - begin + 1);
  };
  const std::string key = trimmed(line.substr(0, equals));
  const std::string value = trimmed(line.substr(equals + 1));
  const bool bare = !value.empty() && std::all_of(value.begin(), value.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '.';
  });
  if (bare) return key + " = " + in_quotes(value) + " (texts, durations and sizes stand in quotes)";
  return "a value that TOML knows: \"text\", 1, true, [\"a\", \"b\"] or { key = 1 }";
}

bool gives_up(std::string_view text) {
  try {
    (void)toml::parse(text);
    return false;
  } catch (const TomlGaveUp&) {
    return true;
  }
}

// The reader stops at its first fault: the shortest run of lines over which it gives up ends with the faulty one.
int line_given_up(std::string_view text) {
  std::vector<std::size_t> ends;
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) ends.push_back(at);
  const auto first =
      std::partition_point(ends.begin(), ends.end(), [&](std::size_t end) { return !gives_up(text.substr(0, end)); });
  return static_cast<int>(first - ends.begin()) + 1;
}

}  // namespace

Position position_of(const toml::source_region& region) {
  return {std::max(1, static_cast<int>(region.begin.line)), std::max(1, static_cast<int>(region.begin.column))};
}

std::optional<toml::table> parse_toml(std::string_view text, Problems& problems) {
  std::optional<toml::parse_result> result;
  try {
    result = toml::parse(text, std::string_view(problems.file()));
  } catch (const TomlGaveUp&) {
    problems.add({line_given_up(text), 1}, "this is no TOML",
                 "TOML as in docs/: [table], [[table of a list]], key = \"text\"");
    return std::nullopt;
  }
  if (*result) return std::move(*result).table();
  const Position at = position_of(result->error().source());
  problems.add(at, "this is no TOML: " + std::string(result->error().description()),
               wanted_instead_of(line_of(text, at.line), result->error().description()));
  return std::nullopt;
}

std::string in_quotes(std::string_view text) {
  // What is quoted comes from the operator's file: it must not run over the message or the terminal.
  constexpr std::size_t kLongest = 80;
  std::string out = "\"";
  for (const char c : text.substr(0, kLongest)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (text.size() > kLongest) out += "…";
  return out + "\"";
}

std::string alternatives(const std::vector<std::string>& words) {
  std::vector<std::string> quoted;
  for (const std::string& word : words) quoted.push_back(in_quotes(word));
  return listed(quoted, "or");
}

std::string fault_of_name(std::string_view name) {
  static constexpr std::array<std::string_view, 3> kReserved{"all", "any", "link"};
  const auto lower_or_digit = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (name.empty()) return "a name is empty";
  constexpr std::size_t kLongest = 63;
  if (name.size() > kLongest) return in_quotes(name) + " is longer than 63 characters";
  const bool fits = lower_or_digit(name.front()) &&
                    std::all_of(name.begin(), name.end(), [&](char c) { return lower_or_digit(c) || c == '-'; });
  if (!fits) return in_quotes(name) + " is no name";
  if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end())
    return in_quotes(name) + " is a reserved word";
  return "";
}

Position Table::at(std::string_view key) const {
  const toml::node* found = table_.get(key);
  return found == nullptr ? at_ : position_of(found->source());
}

std::string Table::called(std::string_view key) const { return std::string(key) + " in " + title_; }

const toml::node* Table::node(std::string_view key) {
  known_.emplace_back(key);
  return table_.get(key);
}

void Table::require(std::string_view key, const std::string& example) {
  if (!has(key)) wrong(at_, std::string(key) + " is missing in " + title_, example);
}

void Table::not_yet(std::string_view key) {
  if (node(key) == nullptr) return;
  const auto entry = table_.find(key);
  wrong(position_of(entry->first.source()), called(key) + ": not yet built in this version",
        "the file without " + std::string(key));
}

void Table::wrong_type(std::string_view key, const toml::node& node, const std::string& wanted) {
  wrong(position_of(node.source()), called(key) + " is " + type_of(node), wanted);
}

std::optional<Located<std::string>> Table::text(std::string_view key, const std::string& example) {
  const toml::node* found = node(key);
  if (found == nullptr) return std::nullopt;
  const auto* value = found->as_string();
  if (value == nullptr) {
    wrong_type(key, *found, example);
    return std::nullopt;
  }
  if (value->get().empty()) {
    wrong(position_of(found->source()), called(key) + " is empty", example);
    return std::nullopt;
  }
  return Located<std::string>{value->get(), position_of(found->source())};
}

std::optional<Located<std::string>> Table::name(std::string_view key) {
  auto found = text(key, kNameWanted);
  if (!found) return std::nullopt;
  const std::string fault = fault_of_name(found->value);
  if (!fault.empty()) wrong(found->at, fault, kNameWanted);
  return found;
}

std::optional<bool> Table::flag(std::string_view key) {
  const toml::node* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (const auto* value = found->as_boolean()) return value->get();
  wrong_type(key, *found, "true or false, without quotes");
  return std::nullopt;
}

std::optional<Located<std::int64_t>> Table::count(std::string_view key, std::int64_t least, std::int64_t most) {
  const toml::node* found = node(key);
  if (found == nullptr) return std::nullopt;
  const bool bounded = most != std::numeric_limits<std::int32_t>::max();
  const std::string wanted = bounded ? "a whole number from " + std::to_string(least) + " to " + std::to_string(most)
                                     : "a whole number, at least " + std::to_string(least);
  const auto* value = found->as_integer();
  if (value == nullptr) {
    wrong_type(key, *found, wanted + ", without quotes");
    return std::nullopt;
  }
  if (value->get() < least || value->get() > most) {
    wrong(position_of(found->source()), called(key) + " is " + std::to_string(value->get()), wanted);
    return std::nullopt;
  }
  return Located<std::int64_t>{value->get(), position_of(found->source())};
}

std::optional<double> Table::ratio(std::string_view key) {
  const toml::node* found = node(key);
  if (found == nullptr) return std::nullopt;
  constexpr double kMost = 1000;
  const std::string wanted = "a number above 0, at most 1000, as 4.0";
  if (!found->is_number()) {
    wrong_type(key, *found, wanted);
    return std::nullopt;
  }
  const double value =
      found->is_integer() ? static_cast<double>(found->as_integer()->get()) : found->as_floating_point()->get();
  if (std::isfinite(value) && value > 0 && value <= kMost) return value;
  wrong(position_of(found->source()), called(key) + " is out of range", wanted);
  return std::nullopt;
}

std::optional<Located<Duration>> Table::duration(std::string_view key, Zero zero) {
  const auto found = text(key, std::string("a duration in quotes: ") + kDurationExamples);
  if (!found) return std::nullopt;
  const auto parsed = parse_duration(found->value);
  if (!parsed) {
    wrong(found->at, called(key) + ": " + parsed.error(), kDurationExamples);
    return std::nullopt;
  }
  if (zero == Zero::refused && *parsed == Duration::zero()) {
    wrong(found->at, called(key) + " is zero", std::string("a duration above zero: ") + kDurationExamples);
    return std::nullopt;
  }
  return Located<Duration>{*parsed, found->at};
}

std::optional<Located<KiB>> Table::size(std::string_view key, Zero zero) {
  const auto found = text(key, std::string("a size in quotes: ") + kSizeExamples);
  if (!found) return std::nullopt;
  const auto parsed = parse_size(found->value);
  if (!parsed) {
    wrong(found->at, called(key) + ": " + parsed.error(), kSizeExamples);
    return std::nullopt;
  }
  if (zero == Zero::refused && parsed->count == 0) {
    wrong(found->at, called(key) + " is zero", std::string("a size above zero: ") + kSizeExamples);
    return std::nullopt;
  }
  return Located<KiB>{*parsed, found->at};
}

std::optional<std::vector<Located<std::string>>> Table::texts(std::string_view key, const std::string& example) {
  const toml::node* found = node(key);
  if (found == nullptr) return std::nullopt;
  const toml::array* list = found->as_array();
  if (list == nullptr) {
    wrong_type(key, *found, example);
    return std::nullopt;
  }
  std::vector<Located<std::string>> out;
  for (const toml::node& entry : *list) {
    if (const auto* value = entry.as_string()) {
      out.push_back({value->get(), position_of(entry.source())});
    } else {
      wrong(position_of(entry.source()), "an entry of " + called(key) + " is " + type_of(entry), example);
    }
  }
  return out;
}

std::optional<std::string> Table::word(std::string_view key, const std::vector<std::string>& accepted,
                                       const std::vector<std::string>& later) {
  const auto found = text(key, alternatives(accepted));
  if (!found) return std::nullopt;
  if (std::find(accepted.begin(), accepted.end(), found->value) != accepted.end()) return found->value;
  if (std::find(later.begin(), later.end(), found->value) != later.end()) {
    wrong(found->at, called(key) + " = " + in_quotes(found->value) + ": not yet built in this version",
          alternatives(accepted));
    return std::nullopt;
  }
  const auto meant = closest(found->value, accepted);
  wrong(found->at,
        called(key) + " cannot be " + in_quotes(found->value) +
            (meant ? ", did you mean " + in_quotes(*meant) + "?" : ""),
        alternatives(accepted));
  return std::nullopt;
}

std::optional<Table> Table::table(std::string_view key, const std::string& title, const std::string& example) {
  const toml::node* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (const toml::table* inner = found->as_table()) {
    return Table(*inner, position_of(found->source()), title, problems_);
  }
  wrong_type(key, *found, example);
  return std::nullopt;
}

std::vector<Table> Table::tables(std::string_view key, const std::string& title) {
  std::vector<Table> out;
  const toml::node* found = node(key);
  if (found == nullptr) return out;
  const toml::array* list = found->as_array();
  if (list == nullptr) {
    wrong_type(key, *found, title);
    return out;
  }
  for (const toml::node& entry : *list) {
    if (const toml::table* inner = entry.as_table()) {
      out.emplace_back(*inner, position_of(entry.source()), title, problems_);
    } else {
      wrong(position_of(entry.source()), "an entry of " + called(key) + " is " + type_of(entry), title);
    }
  }
  return out;
}

void Table::finish() {
  for (const auto& [key, value] : table_) {
    const std::string name(key.str());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const auto meant = closest(name, known_);
    std::vector<std::string> known = known_;
    std::sort(known.begin(), known.end());
    wrong(
        position_of(key.source()),
        "unknown key " + in_quotes(name) + " in " + title_ + (meant ? ", did you mean " + in_quotes(*meant) + "?" : ""),
        meant ? *meant : "one of " + with_commas(known));
  }
}

}  // namespace haven::file

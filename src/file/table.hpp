// One table of a TOML file, read key by key: what is absent stays at its default, what is wrong becomes a problem with
// its place, and a key that nobody asked for is an unknown key.
//
// Every reader of a key answers nothing both for "absent" and for "wrong, and said so": the caller goes on with the
// default, so that one run finds every error.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/units.hpp"
#include "file/error.hpp"
#include "file/quantity.hpp"
#include "file/toml.hpp"

namespace haven::file {

[[nodiscard]] Position position_of(const toml::source_region& region);

enum class Zero { refused, allowed };

class Table {
 public:
  // `title` is how a message calls it: [[host]] or keep.
  Table(const toml::table& table, Position at, std::string title, Problems& problems)
      : table_(table), at_(at), title_(std::move(title)), problems_(problems) {}

  [[nodiscard]] Position at() const { return at_; }
  [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }
  // Where the key's value stands; the table's own place if it is absent.
  [[nodiscard]] Position at(std::string_view key) const;

  // An absent key is an error; `example` is the line that is missing.
  void require(std::string_view key, const std::string& example);
  // The key is of the language but this version does not build it.
  void not_yet(std::string_view key);
  // The node, for kinds of value that only the caller knows. nullptr: absent.
  const toml::node* node(std::string_view key);

  std::optional<Located<std::string>> text(std::string_view key, const std::string& example);
  // A name of FORMATS, "Names": its pattern, none of the reserved words.
  std::optional<Located<std::string>> name(std::string_view key);
  std::optional<bool> flag(std::string_view key);
  std::optional<Located<std::int64_t>> count(std::string_view key, std::int64_t least,
                                             std::int64_t most = std::numeric_limits<std::int32_t>::max());
  // Positive and finite.
  std::optional<double> ratio(std::string_view key);
  std::optional<Located<Duration>> duration(std::string_view key, Zero zero);
  std::optional<Located<KiB>> size(std::string_view key, Zero zero);
  std::optional<std::vector<Located<std::string>>> texts(std::string_view key, const std::string& example);
  // One of the words; those of `later` are refused as not yet built.
  std::optional<std::string> word(std::string_view key, const std::vector<std::string>& accepted,
                                  const std::vector<std::string>& later = {});
  template <class E>
  std::optional<E> choice(std::string_view key, std::initializer_list<std::pair<const char*, E>> accepted,
                          const std::vector<std::string>& later = {});

  // A table, inline or not; `title` is how a message calls it, as [cluster].
  std::optional<Table> table(std::string_view key, const std::string& title, const std::string& example);
  // [[key]] tables; empty: none.
  std::vector<Table> tables(std::string_view key, const std::string& title);

  // Every key that no reader asked for is unknown.
  void finish();

  void wrong(Position at, std::string what, std::string wanted) {
    problems_.add(at, std::move(what), std::move(wanted));
  }
  // "name" in [[host]]
  [[nodiscard]] std::string called(std::string_view key) const;
  void wrong_type(std::string_view key, const toml::node& node, const std::string& wanted);

 private:
  const toml::table& table_;
  Position at_;
  std::string title_;
  Problems& problems_;
  std::vector<std::string> known_;
};

template <class E>
std::optional<E> Table::choice(std::string_view key, std::initializer_list<std::pair<const char*, E>> accepted,
                               const std::vector<std::string>& later) {
  std::vector<std::string> words;
  for (const auto& [word, value] : accepted) words.emplace_back(word);
  const std::optional<std::string> chosen = word(key, words, later);
  if (!chosen) return std::nullopt;
  for (const auto& [word, value] : accepted) {
    if (*chosen == word) return value;
  }
  return std::nullopt;
}

// Parses TOML itself; nullopt: the problem was added.
[[nodiscard]] std::optional<toml::table> parse_toml(std::string_view text, Problems& problems);

// What is wrong with a name; empty: nothing.
[[nodiscard]] std::string fault_of_name(std::string_view name);
inline constexpr const char* kNameWanted = "small letters, digits and -, beginning with a letter or digit";

[[nodiscard]] std::string in_quotes(std::string_view text);
// "a", "b" or "c"
[[nodiscard]] std::string alternatives(const std::vector<std::string>& words);

}  // namespace haven::file

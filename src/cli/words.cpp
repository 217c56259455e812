#include "cli/words.hpp"

#include <cstring>

namespace haven::cli {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_one_of(const char* set, char c) { return c != '\0' && std::strchr(set, c) != nullptr; }

class Splitter {
 public:
  explicit Splitter(const std::string& text) : text_(text) {}

  tl::expected<std::vector<std::string>, std::string> run() {
    while (error_.empty() && at_ < text_.size()) {
      if (is_blank(text_[at_])) {
        end_word();
        ++at_;
      } else {
        take();
      }
    }
    end_word();
    if (!error_.empty()) return tl::unexpected(error_);
    if (words_.empty() || words_.front().empty()) return tl::unexpected(std::string("it names no program"));
    return words_;
  }

 private:
  void end_word() {
    if (inside_) words_.push_back(std::move(word_));
    word_.clear();
    inside_ = false;
  }

  void take() {
    const char c = text_[at_];
    const bool begins = !inside_;
    if (is_one_of("|&;<>()$`*?[\n\r", c) || (begins && is_one_of("~#", c))) return only_a_shell(c);
    inside_ = true;
    ++at_;
    if (c == '\'') return take_single();
    if (c == '"') return take_double();
    if (c != '\\') return word_.push_back(c);
    if (at_ == text_.size()) {
      error_ = "a \\ stands at its end, before nothing";
    } else {
      word_.push_back(text_[at_++]);
    }
  }

  void take_single() {
    const auto end = text_.find('\'', at_);
    if (end == std::string::npos) return not_closed('\'');
    word_.append(text_, at_, end - at_);
    at_ = end + 1;
  }

  void take_double() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return;
      }
      if (c == '$' || c == '`') return only_a_shell(c);
      const bool escapes = c == '\\' && at_ + 1 < text_.size() && is_one_of("\"\\$`", text_[at_ + 1]);
      word_.push_back(escapes ? text_[++at_] : c);
    }
    not_closed('"');
  }

  void not_closed(char quote) { error_ = std::string("a ") + quote + " is opened and not closed"; }
  void only_a_shell(char c) {
    const std::string name = c == '\n' || c == '\r' ? "the end of a line" : std::string(1, c);
    error_ = name + " means something to a shell, and there is none here: quote it ('...'), or put it into a script";
  }

  const std::string& text_;
  std::size_t at_ = 0;
  std::vector<std::string> words_;
  std::string word_;
  bool inside_ = false;
  std::string error_;
};

}  // namespace

tl::expected<std::vector<std::string>, std::string> split_words(const std::string& text) {
  return Splitter(text).run();
}

std::vector<std::string> filled_in(std::vector<std::string> words, const std::map<std::string, std::string>& values) {
  for (std::string& word : words) {
    std::string filled;
    for (std::size_t at = 0; at < word.size();) {
      const auto end = word[at] == '{' ? word.find('}', at) : std::string::npos;
      const auto value = end == std::string::npos ? values.end() : values.find(word.substr(at + 1, end - at - 1));
      if (value == values.end()) {
        filled.push_back(word[at++]);
      } else {
        filled += value->second;
        at = end + 1;
      }
    }
    word = std::move(filled);
  }
  return words;
}

std::string quoted(const std::string& word) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace haven::cli

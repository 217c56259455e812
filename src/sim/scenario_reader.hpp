// How a scenario's lines become values: words with their places, and what each word may be. Private to the reader.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario.hpp"

namespace haven::sim {

struct Word {
  std::string text;
  file::Position at;
};

// One line's words, taken from the left. A word that is not there is reported where the line ends.
class Line {
 public:
  Line(std::vector<Word> words, file::Position end, std::string text)
      : words_(std::move(words)), end_(end), text_(std::move(text)) {}
  [[nodiscard]] const Word* peek() const { return next_ < words_.size() ? &words_[next_] : nullptr; }
  const Word* take() { return next_ < words_.size() ? &words_[next_++] : nullptr; }
  bool take_if(std::string_view text);
  [[nodiscard]] file::Position here() const { return peek() ? peek()->at : end_; }
  [[nodiscard]] file::Position start() const { return words_.front().at; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::vector<Word>& words() const { return words_; }
  void skip_rest() { next_ = words_.size(); }

 private:
  std::vector<Word> words_;
  file::Position end_;
  std::string text_;
  std::size_t next_ = 0;
};

// The lines that hold words.
[[nodiscard]] std::vector<Line> lines_of(std::string_view text);

// What may be named in this scenario, and how a word is read as it. Each reads one word and reports what is wrong.
class Vocabulary {
 public:
  Vocabulary(const Spec& spec, const std::vector<Line>& lines, file::Problems& problems);

  std::optional<HostName> host(Line& line);
  std::optional<HostName> machine(Line& line);  // the witness too
  std::optional<std::optional<HostName>> host_or(Line& line, std::string_view everywhere);
  // `at`: the statement's moment, for what is added later; nullopt: anything that ever is.
  std::optional<ResourceName> resource(Line& line, std::optional<Duration> at);
  std::optional<std::string> host_or_resource(Line& line, std::optional<Duration> at);
  std::optional<ResourceName> listed_resource(Line& line);  // of the file, not of an `add`
  std::optional<ResourceName> new_resource(Line& line, Duration at);
  std::optional<Duration> duration(Line& line);
  std::optional<int> number(Line& line, int least, int most, const std::string& of_what);
  // The index of the word among `words`.
  std::optional<std::size_t> one_of(Line& line, const std::vector<std::string>& words);
  bool literal(Line& line, const std::string& word);
  void nothing_more(Line& line);
  void wrong(file::Position at, std::string what, std::string wanted) {
    problems_.add(at, std::move(what), std::move(wanted));
  }
  [[nodiscard]] const Spec& spec() const { return spec_; }

 private:
  struct Moment {
    Duration at;
    int line = 0;
  };
  [[nodiscard]] std::vector<std::string> host_names() const;
  [[nodiscard]] std::vector<std::string> resource_names() const;
  [[nodiscard]] bool witness(std::string_view word) const;
  void missing(Line& line, const std::string& wanted);
  void unknown(const Word& word, const std::string& kind, const std::vector<std::string>& known);

  const Spec& spec_;
  file::Problems& problems_;
  std::map<std::string, Moment> added_;
  std::map<std::string, Moment> removed_;
};

// The statement behind `at DURATION`; nullopt: reported.
[[nodiscard]] std::optional<Deed> read_deed(Line& line, Duration at, Vocabulary& words);
// What stands behind `expect`.
[[nodiscard]] std::optional<Expectation> read_expectation(Line& line, Vocabulary& words);

}  // namespace haven::sim

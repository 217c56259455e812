// A command line as an operator writes it, without a shell: cut into words as a shell would cut it, and refused where a
// shell would do more than that.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace haven::cli {

// 'as it is', "as it is but for \" \\ \$ \`", and \ before one character. The error is a sentence: a quote that is not
// closed, no word at all, or what only a shell would understand (| & ; < > ( ) $ ` * ? [ where no quote stands before
// them, ~ and # at the beginning of a word, a line's end).
[[nodiscard]] tl::expected<std::vector<std::string>, std::string> split_words(const std::string& text);

// {name} in each word by its value; whatever else stands in braces stays as it is.
[[nodiscard]] std::vector<std::string> filled_in(std::vector<std::string> words,
                                                 const std::map<std::string, std::string>& values);

// So that split_words, and a shell, make this word of it again.
[[nodiscard]] std::string quoted(const std::string& word);

}  // namespace haven::cli

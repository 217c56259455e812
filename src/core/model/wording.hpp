// How lists and amounts stand in a sentence.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace haven {

// "a", "a and b", "a, b and c"; or with another last word.
[[nodiscard]] std::string listed(const std::vector<std::string>& words, std::string_view last = "and");
// "a, b, c"
[[nodiscard]] std::string with_commas(const std::vector<std::string>& words);

// Of names, incarnations and whatever else is its text.
template <class Names>
[[nodiscard]] std::vector<std::string> texts_of(const Names& names) {
  std::vector<std::string> texts;
  for (const auto& name : names) texts.push_back(name.str());
  return texts;
}

// Thousandths to one decimal: 1449 is "1.4", 1450 is "1.5". Not of what is negative.
[[nodiscard]] std::string tenths(std::int64_t thousandths);

}  // namespace haven

#include "core/model/wording.hpp"

namespace haven {

std::string listed(const std::vector<std::string>& words, std::string_view last) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " " + std::string(last) + " " : ", ";
    text += words[i];
  }
  return text;
}

std::string with_commas(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string tenths(std::int64_t thousandths) {
  const auto rounded = (thousandths + 50) / 100;
  return std::to_string(rounded / 10) + "." + std::to_string(rounded % 10);
}

}  // namespace haven

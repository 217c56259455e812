// "did you mean": the one among the known words that a misspelt word most likely stands for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace haven {

// Insertions, deletions, substitutions and swaps of neighbours that make one word of the other.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

// The nearest of `known` within a third of the word's length (at least one edit); nothing if none is that near. Of
// equally near ones the first in `known`.
[[nodiscard]] std::optional<std::string> closest(std::string_view word, const std::vector<std::string>& known);

}  // namespace haven

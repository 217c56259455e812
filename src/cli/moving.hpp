// How a live move that is under way reads: "moving to h2: 43 %, 1.2 GiB left, 12 s".
#pragma once

#include <cstdint>
#include <string>

#include "cli/answer.hpp"

namespace haven::cli {

// "12 MiB", "1.2 GiB".
[[nodiscard]] std::string size_words(std::int64_t bytes);

// Of a resource of havend's status. Empty: it is not being moved, or nobody told yet how far it is.
[[nodiscard]] std::string moving_words(const Json& resource);

}  // namespace haven::cli

// toml++ as this library builds it: its code compiled once, in toml.cpp.
#pragma once

#include <stdexcept>

namespace haven::file {

// toml++ 3.3 asserts, instead of answering, on some texts that are no TOML ("[[[a]]]").
struct TomlGaveUp : std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[noreturn]] void toml_gave_up(const char* why);

}  // namespace haven::file

#define TOML_ASSERT(expr) ((expr) ? void() : ::haven::file::toml_gave_up(#expr))
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

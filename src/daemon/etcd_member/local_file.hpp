// The one line of havend.toml that a cluster's coming and going changes: `engine`. Everything else in the operator's
// file stays as it is, comments included.
#pragma once

#include <string>

#include "daemon/boot.hpp"
#include "file/local_config.hpp"

namespace haven::daemon {

// The text with `engine` set. The error says why the file cannot be changed by a program; nothing is guessed.
[[nodiscard]] OrWhy<std::string> with_engine(const std::string& text, file::EngineKind engine,
                                             const std::string& file_name);
// Replaces the file at `path`.
[[nodiscard]] OrWhy<void> set_engine(const std::string& path, file::EngineKind engine);

// The cluster's key, as heartbeats want it: 64 hexadecimal digits, mode 0600; what is there is kept.
[[nodiscard]] OrWhy<std::string> keep_or_make_key(const std::string& path);

}  // namespace haven::daemon

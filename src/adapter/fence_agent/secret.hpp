// Secrets: read from files that nobody else can read, and kept out of every message.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace haven::adapter {

// The file's contents without its last newline. Refused, with the command that mends it: a file that group or others
// can read, one that is no regular file, is empty, has several lines, or is larger than 4 KiB.
[[nodiscard]] tl::expected<std::string, std::string> read_secret(const std::string& path);

// The text with *** for each secret, also where it stands quoted for a shell.
[[nodiscard]] std::string redacted(std::string text, const std::vector<std::string>& secrets);

}  // namespace haven::adapter

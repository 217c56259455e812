// Files that hold a secret: a password, a key.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string>

#include <tl/expected.hpp>

#include "adapter/descriptor.hpp"

namespace haven::adapter {

// At most 4 KiB of a regular file that nobody but its owner may read. The error is a clause for the operator.
[[nodiscard]] inline tl::expected<std::string, std::string> read_private_file(const std::string& path) {
  using Why = tl::unexpected<std::string>;
  // Not blocking: a pipe in its place must not hold the thread.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat about {};
  if (!file || ::fstat(file.get(), &about) != 0) return Why(std::strerror(errno));
  if (!S_ISREG(about.st_mode)) return Why("it is no regular file");
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) return Why("others can read it; run: chmod 600 " + path);
  constexpr std::size_t kLargest = 4096;
  std::string text(kLargest + 1, '\0');
  const auto size = ::read(file.get(), text.data(), text.size());
  if (size < 0) return Why(std::strerror(errno));
  if (static_cast<std::size_t>(size) > kLargest) return Why("it is larger than 4 KiB");
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace haven::adapter

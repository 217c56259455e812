#include "hook/protected_list.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "adapter/descriptor.hpp"

namespace haven::hook {
namespace {

constexpr std::size_t kUuidLength = 36;

bool looks_like_uuid(std::string_view line) {
  return line.size() == kUuidLength && line.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

adapter::Descriptor opened(const std::string& path, int flags) {
  return adapter::Descriptor(::open(path.c_str(), flags | O_CLOEXEC, 0600));
}

void read_one(const std::string& path, ProtectedList& list) {
  const auto file = opened(path, O_RDONLY);
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return;
    list.exists = list.garbled = true;
    return;
  }
  list.exists = true;
  std::string text;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = ::read(file.get(), buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<std::size_t>(count));
  if (count < 0) list.garbled = true;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (looks_like_uuid(line)) {
      list.uuids.push_back(line);
    } else if (!line.empty()) {
      list.garbled = true;
    }
  }
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

bool ProtectedList::names(const std::string& uuid) const { return std::ranges::find(uuids, uuid) != uuids.end(); }

ProtectedList read_protected(const std::vector<std::string>& paths) {
  ProtectedList list;
  for (const auto& path : paths) read_one(path, list);
  return list;
}

tl::expected<void, std::string> write_protected(const std::string& path, const std::vector<std::string>& uuids) {
  std::string text;
  for (const auto& uuid : uuids) text += uuid + "\n";
  const std::string draft = path + ".new";
  const auto failure = [&](const std::string& at) { return tl::unexpected(at + ": " + std::strerror(errno)); };
  {
    const auto file = opened(draft, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file || !write_all(file.get(), text) || ::fsync(file.get()) < 0) return failure(draft);
  }
  if (std::rename(draft.c_str(), path.c_str()) < 0) return failure(path);
  const auto folder = opened(path.substr(0, path.rfind('/') + 1), O_RDONLY | O_DIRECTORY);
  if (!folder || ::fsync(folder.get()) < 0) return failure(path);
  return {};
}

}  // namespace haven::hook

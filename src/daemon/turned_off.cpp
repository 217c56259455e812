#include "daemon/turned_off.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace haven::daemon {
namespace {

constexpr const char* kAutostart = "autostart ";
constexpr const char* kUnit = "unit ";

std::string text_of(const TurnedOff::Content& content) {
  std::string text;
  for (const auto& uuid : content.autostart) text += kAutostart + uuid + "\n";
  for (const auto& unit : content.units) text += kUnit + unit + "\n";
  return text;
}

}  // namespace

OrWhy<TurnedOff::Content> TurnedOff::read_unlocked() const {
  Content content;
  std::error_code error;
  if (!std::filesystem::exists(path_, error)) {
    if (error) return tl::unexpected(path_ + ": " + error.message());
    return content;
  }
  const auto text = read_file(path_);
  if (!text) return tl::unexpected(text.error());
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    const std::string line = text->substr(at, end - at);
    at = end + 1;
    if (line.starts_with(kAutostart)) {
      content.autostart.push_back(line.substr(std::strlen(kAutostart)));
    } else if (line.starts_with(kUnit)) {
      content.units.push_back(line.substr(std::strlen(kUnit)));
    } else {
      return tl::unexpected(path_ + ": \"" + line + "\" is no line of havend's");
    }
  }
  return content;
}

OrWhy<void> TurnedOff::add(Kind kind, const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto content = read_unlocked();
  if (!content) return tl::unexpected(content.error());
  auto& list = kind == Kind::autostart ? content->autostart : content->units;
  if (std::find(list.begin(), list.end(), name) != list.end()) return {};
  list.push_back(name);
  return replace_file_durably(path_, text_of(*content));
}

OrWhy<TurnedOff::Content> TurnedOff::read() const {
  const std::lock_guard lock(mutex_);
  return read_unlocked();
}

OrWhy<void> TurnedOff::forget() {
  const std::lock_guard lock(mutex_);
  if (std::remove(path_.c_str()) == 0 || errno == ENOENT) return {};
  return tl::unexpected(path_ + ": " + std::strerror(errno));
}

}  // namespace haven::daemon

// Which names are well formed: what stands in a key, a file's name or a record is checked before it is used as one; and
// bytes as they stand in names.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "core/model/ids.hpp"

namespace haven::codec {

[[nodiscard]] inline bool is_name(std::string_view text) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= 253 && plain(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return plain(c) || c == '-'; });
}
[[nodiscard]] inline bool is_hex32(std::string_view text) {
  return text.size() == 32 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Two small digits for each byte.
[[nodiscard]] inline std::string hex_of(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += "0123456789abcdef"[byte >> 4U];
    text += "0123456789abcdef"[byte & 15U];
  }
  return text;
}

[[nodiscard]] inline bool well_formed(const HostName& name) { return is_name(name.str()); }
// A name, or an instance: web1#2.
[[nodiscard]] inline bool well_formed(const ResourceName& name) {
  const std::string_view text = name.str();
  const auto hash = text.find('#');
  if (hash == std::string_view::npos) return is_name(text);
  const std::string_view count = text.substr(hash + 1);
  return is_name(text.substr(0, hash)) && !count.empty() && count.size() <= 9 && count.front() != '0' &&
         std::all_of(count.begin(), count.end(), [](char c) { return c >= '0' && c <= '9'; });
}
[[nodiscard]] inline bool well_formed(const Incarnation& name) { return is_hex32(name.str()); }
[[nodiscard]] inline bool well_formed(const Reign& name) { return is_hex32(name.str()); }

}  // namespace haven::codec

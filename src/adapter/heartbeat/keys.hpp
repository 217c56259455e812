// The cluster's keys for heartbeats: a file with one key a line, 64 hexadecimal digits each, the newest last, two at
// the most. Lines that begin with `#` are comments. Only root may read it.
//
// Roll-over without an outage: add a line on each host, in any order and at leisure; each packet names the newest key
// that its sender has, and is signed with the newest that both ends have. Once every host has it, take the old line
// out.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace haven::adapter {

using KeyBytes = std::array<std::uint8_t, 32>;
// Tells keys apart without giving them away.
struct KeyId {
  std::uint32_t value = 0;
  friend bool operator==(const KeyId&, const KeyId&) = default;
};
struct HeartbeatKey {
  KeyId id;
  KeyBytes bytes;
};

inline constexpr std::size_t kMostKeys = 2;

struct HeartbeatKeys {
  std::vector<HeartbeatKey> keys;  // oldest first; one or two
  [[nodiscard]] const HeartbeatKey& newest() const { return keys.back(); }
  // nullptr: not one of ours.
  [[nodiscard]] const HeartbeatKey* find(KeyId id) const;
};

// A sentence that names no key on failure.
[[nodiscard]] tl::expected<HeartbeatKeys, std::string> parse_keys(std::string_view text);
[[nodiscard]] tl::expected<HeartbeatKeys, std::string> read_keys(const std::string& path);

}  // namespace haven::adapter

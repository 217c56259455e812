// A heartbeat as bytes: a fixed head, 17 bytes for each peer that the sender hears, and an HMAC-SHA-256 over all of it.
// Numbers are big-endian. At 64 hosts it is 1,200 bytes, which every IPv6 link carries unfragmented.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "adapter/heartbeat/keys.hpp"
#include "core/liveness/heartbeat.hpp"

namespace haven::adapter {

inline constexpr std::size_t kMostHeard = 66;
inline constexpr std::size_t kHeadSize = 74;
inline constexpr std::size_t kHeardSize = 17;
inline constexpr std::size_t kMacSize = 32;
inline constexpr std::size_t kLargestPacket = kHeadSize + kMostHeard * kHeardSize + kMacSize;

// Signed with `key`; `newest` is what the sender would rather use.
[[nodiscard]] std::vector<std::uint8_t> encode(const Heartbeat& packet, const HeartbeatKey& key, KeyId newest);

struct Received {
  Heartbeat packet;
  KeyId newest;  // of the sender
};
// nullopt: not one of ours, damaged, or signed with a key that is not known. Bytes of any kind are answered.
[[nodiscard]] std::optional<Received> decode(std::span<const std::uint8_t> bytes, const HeartbeatKeys& keys);

}  // namespace haven::adapter

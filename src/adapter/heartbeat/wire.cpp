#include "adapter/heartbeat/wire.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

namespace haven::adapter {
namespace {

constexpr std::uint32_t kMagic = 0x48564e42;  // HVNB
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kTurns = 1, kEngine = 2;
constexpr std::uint8_t kLoads = 3;

class Writer {
 public:
  explicit Writer(std::size_t size) { bytes_.reserve(size); }
  template <class Number>
  void number(Number value) {
    for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8)
      bytes_.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> shift));
  }
  [[nodiscard]] std::vector<std::uint8_t>& bytes() { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

// The caller has seen to it that there is enough.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  template <class Number>
  Number number() {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) value = value << 8U | bytes_[at_++];
    return static_cast<Number>(value);
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

std::array<std::uint8_t, kMacSize> mac_of(std::span<const std::uint8_t> bytes, const KeyBytes& key) {
  std::array<std::uint8_t, kMacSize> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes.data(), bytes.size(), mac.data(), &size);
  return mac;
}

}  // namespace

std::vector<std::uint8_t> encode(const Heartbeat& packet, const HeartbeatKey& key, KeyId newest) {
  const std::size_t count = std::min(packet.heard.size(), kMostHeard);
  Writer out(kHeadSize + count * kHeardSize + kMacSize);
  out.number(kMagic);
  out.number(kVersion);
  out.number(static_cast<std::uint8_t>((packet.brain.turns ? kTurns : 0) | (packet.brain.engine ? kEngine : 0)));
  out.number(packet.link);
  out.number(static_cast<std::uint8_t>(packet.brain.load));
  out.number(key.id.value);
  out.number(newest.value);
  for (const std::uint64_t value : {packet.from.value, packet.boot.value, packet.to.value,
                                    static_cast<std::uint64_t>(packet.sent.since_boot.count()), packet.echo_boot.value,
                                    static_cast<std::uint64_t>(packet.echo.since_boot.count()), packet.brain.epoch})
    out.number(value);
  out.number(static_cast<std::uint16_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    out.number(packet.heard[i].host.value);
    out.number(packet.heard[i].boot.value);
    out.number(packet.heard[i].links);
  }
  const auto mac = mac_of(out.bytes(), key.bytes);
  out.bytes().insert(out.bytes().end(), mac.begin(), mac.end());
  return std::move(out.bytes());
}

std::optional<Received> decode(std::span<const std::uint8_t> bytes, const HeartbeatKeys& keys) {
  if (bytes.size() < kHeadSize + kMacSize || bytes.size() > kLargestPacket) return std::nullopt;
  Reader in(bytes);
  if (in.number<std::uint32_t>() != kMagic || in.number<std::uint8_t>() != kVersion) return std::nullopt;
  Received received;
  Heartbeat& packet = received.packet;
  const auto flags = in.number<std::uint8_t>();
  packet.link = in.number<std::uint8_t>();
  const auto load = in.number<std::uint8_t>();
  const HeartbeatKey* key = keys.find({in.number<std::uint32_t>()});
  received.newest = {in.number<std::uint32_t>()};
  if (key == nullptr) return std::nullopt;
  const auto signed_part = bytes.first(bytes.size() - kMacSize);
  const auto mac = mac_of(signed_part, key->bytes);
  if (CRYPTO_memcmp(mac.data(), bytes.last(kMacSize).data(), kMacSize) != 0) return std::nullopt;
  // From here on a member of the cluster wrote it; another version of Haven may still mean something else.
  if (load >= kLoads || (flags & ~(kTurns | kEngine)) != 0) return std::nullopt;
  packet.brain.turns = (flags & kTurns) != 0;
  packet.brain.engine = (flags & kEngine) != 0;
  packet.brain.load = static_cast<Load>(load);
  packet.from = {in.number<std::uint64_t>()};
  packet.boot = {in.number<std::uint64_t>()};
  packet.to = {in.number<std::uint64_t>()};
  packet.sent = {Duration(in.number<std::int64_t>())};
  packet.echo_boot = {in.number<std::uint64_t>()};
  packet.echo = {Duration(in.number<std::int64_t>())};
  packet.brain.epoch = in.number<std::uint64_t>();
  const std::size_t count = in.number<std::uint16_t>();
  if (bytes.size() != kHeadSize + count * kHeardSize + kMacSize) return std::nullopt;
  packet.heard.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    HeardPeer heard;
    heard.host = {in.number<std::uint64_t>()};
    heard.boot = {in.number<std::uint64_t>()};
    heard.links = in.number<std::uint8_t>();
    packet.heard.push_back(heard);
  }
  return received;
}

}  // namespace haven::adapter

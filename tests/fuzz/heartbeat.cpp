// Heartbeats: any bytes as a packet, signed or not, and what a host makes of what it took (src/adapter/heartbeat/wire,
// src/core/liveness/hearing); any text as a key file. The input is cut into packets by their length in two bytes each,
// with a third that says how: as it stands, or with key and signature set right, and how much time passes before.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "adapter/heartbeat/wire.hpp"
#include "core/liveness/hearing.hpp"
#include "fuzz.hpp"

namespace haven {
namespace {

using Bytes = std::vector<std::uint8_t>;

const adapter::HeartbeatKeys& keys() {
  static const adapter::HeartbeatKeys kKeys = [] {
    auto parsed = adapter::parse_keys("# two\n" + std::string(64, 'a') + "\n" + std::string(64, '7') + "\n");
    FUZZ_EXPECT(parsed.has_value() && parsed->keys.size() == 2);
    return *parsed;
  }();
  return kKeys;
}

// Magic, version and key as a sender's, and a signature that fits.
void sign(Bytes& packet) {
  constexpr std::size_t kKeyAt = 8;
  const std::uint8_t head[] = {0x48, 0x56, 0x4e, 0x42, 1};
  std::copy(std::begin(head), std::end(head), packet.begin());
  const auto& key = keys().newest();
  for (std::size_t i = 0; i < 4; ++i) packet[kKeyAt + i] = static_cast<std::uint8_t>(key.id.value >> (24 - 8 * i));
  const std::size_t size = packet.size() - adapter::kMacSize;
  FUZZ_EXPECT(HMAC(EVP_sha256(), key.bytes.data(), static_cast<int>(key.bytes.size()), packet.data(), size,
                   packet.data() + size, nullptr) != nullptr);
}

void expect_round_trip(const Bytes& bytes, const adapter::Received& received) {
  const auto* key =
      keys().find({static_cast<std::uint32_t>(bytes[8]) << 24U | static_cast<std::uint32_t>(bytes[9]) << 16U |
                   static_cast<std::uint32_t>(bytes[10]) << 8U | bytes[11]});
  FUZZ_EXPECT(key != nullptr);
  FUZZ_EXPECT(adapter::encode(received.packet, *key, received.newest) == bytes);
}

Hearing listener() {
  Hearing hearing(HostName("h1"), Incarnation("11111111111111111111111111111111"));
  PeerRoster roster;
  roster.members = {{HostName("h1"), 2}, {HostName("h2"), 2}, {HostName("h3"), 1}};
  hearing.take_roster(roster, Instant{});
  return hearing;
}

// Names that a random digest would never meet.
void address(Heartbeat& packet, std::uint8_t how) {
  if ((how & 4U) != 0) packet.to = host_digest(HostName("h1"));
  if ((how & 8U) != 0) packet.from = host_digest(HostName((how & 16U) != 0 ? "h2" : "h3"));
  if ((how & 32U) != 0) packet.echo_boot = boot_digest(Incarnation("11111111111111111111111111111111"));
}

void expect_answers(std::string_view input) {
  Hearing hearing = listener();
  Instant now{};
  while (input.size() >= 3) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(input[i]); };
    const std::size_t length = std::min<std::size_t>(byte(0) << 8U | byte(1), input.size() - 3);
    const std::uint8_t how = byte(2);
    Bytes packet(input.begin() + 3, input.begin() + 3 + static_cast<std::ptrdiff_t>(length));
    input.remove_prefix(3 + length);
    now = now + std::chrono::milliseconds((how & 3U) * 150);
    if ((how & 64U) != 0 && packet.size() >= adapter::kHeadSize + adapter::kMacSize) sign(packet);
    (void)hearing.turn(now);
    auto received = adapter::decode(packet, keys());
    if (received) {
      expect_round_trip(packet, *received);
      address(received->packet, how);
      (void)hearing.take(received->packet, now);
    }
    (void)hearing.news();
    for (std::size_t member = 1; member < hearing.members(); ++member) (void)hearing.compose(member, 0);
  }
}

}  // namespace
}  // namespace haven

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = haven::fuzz::text_of(data, size);
  haven::expect_answers(text);
  const auto parsed = haven::adapter::parse_keys(text);
  if (parsed)
    FUZZ_EXPECT(!parsed->keys.empty() && parsed->keys.size() <= haven::adapter::kMostKeys);
  else
    FUZZ_EXPECT(!parsed.error().empty());
  return 0;
}

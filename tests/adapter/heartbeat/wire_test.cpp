// Packets as bytes: what goes in comes out, and nothing else does.
#include "adapter/heartbeat/wire.hpp"

#include <gtest/gtest.h>

#include <random>

namespace haven::adapter {
namespace {

HeartbeatKeys keys_of(const std::string& text) { return *parse_keys(text); }
const HeartbeatKeys kKeys = keys_of(std::string(64, 'a') + "\n" + std::string(64, 'b') + "\n");
const HeartbeatKeys kOthers = keys_of(std::string(64, 'c') + "\n");

Heartbeat packet_of(std::size_t heard = 3) {
  Heartbeat packet;
  packet.from = {1};
  packet.boot = {0xffffffffffffffffU};
  packet.to = {2};
  packet.link = 7;
  packet.sent = {Duration(123456789123456789)};
  packet.echo_boot = {4};
  packet.echo = {Duration(5)};
  packet.brain = {false, true, 0x1234567890abcdefU, Load::full};
  for (std::size_t i = 0; i < heard; ++i) packet.heard.push_back({{i}, {i * i}, static_cast<LinkSet>(i)});
  return packet;
}

TEST(HeartbeatWire, ComesOutAsItWentInWithEitherKey) {
  for (const auto& key : kKeys.keys) {
    const auto received = decode(encode(packet_of(), key, kKeys.newest().id), kKeys);
    ASSERT_TRUE(received);
    EXPECT_EQ(received->packet, packet_of());
    EXPECT_EQ(received->newest, kKeys.newest().id);
  }
}

TEST(HeartbeatWire, FitsAnIpv6LinkWith64HostsAndNeverGrowsBeyondItsBound) {
  EXPECT_LE(encode(packet_of(64), kKeys.newest(), {}).size(), 1232U);
  const auto largest = encode(packet_of(1000), kKeys.newest(), {});
  EXPECT_EQ(largest.size(), kLargestPacket);
  EXPECT_EQ(decode(largest, kKeys)->packet.heard.size(), kMostHeard);
}

TEST(HeartbeatWire, AnotherClustersKeyIsNotOurs) {
  EXPECT_FALSE(decode(encode(packet_of(), kOthers.newest(), {}), kKeys));
}

TEST(HeartbeatWire, ANamedKeyThatDidNotSignItIsRefused) {
  HeartbeatKey forged = kOthers.newest();
  forged.id = kKeys.newest().id;
  EXPECT_FALSE(decode(encode(packet_of(), forged, {}), kKeys));
}

TEST(HeartbeatWire, EveryBitIsSigned) {
  const auto good = encode(packet_of(), kKeys.newest(), {});
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    auto bad = good;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_FALSE(decode(bad, kKeys)) << "bit " << bit;
  }
}

TEST(HeartbeatWire, CutOrLengthenedItIsRefused) {
  const auto good = encode(packet_of(), kKeys.newest(), {});
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(decode(std::span(good.data(), size), kKeys)) << size;
  auto longer = good;
  longer.push_back(0);
  EXPECT_FALSE(decode(longer, kKeys));
}

TEST(HeartbeatWire, BytesOfAnyKindAreAnswered) {
  std::mt19937 random(1);
  const auto good = encode(packet_of(), kKeys.newest(), {});
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::uint8_t> bytes(random() % (kLargestPacket + 100));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    std::copy_n(good.begin(), std::min(bytes.size(), static_cast<std::size_t>(random() % good.size())), bytes.begin());
    EXPECT_FALSE(decode(bytes, kKeys));
  }
}

}  // namespace
}  // namespace haven::adapter

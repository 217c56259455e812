// A heartbeat as a value: one packet from one host to another over one link, ten times a second (DESIGN 5).
//
// Its sequence number is the sender's own clock, and so is what the receiver echoes of it: whoever reads an echo of its
// own knows at once when that number was sent, and remembers nothing (PROTOCOL S1). Counting packets instead was
// rejected: it needs a table of what was sent when, and a havend that restarts would begin again at one.
//
// Names travel as 64-bit digests, so that a packet about 64 hosts still fits one Ethernet frame.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/units.hpp"

namespace haven {

struct HostDigest {
  std::uint64_t value = 0;
  friend auto operator<=>(const HostDigest&, const HostDigest&) = default;
};
// One boot of one host. 0: none.
struct BootDigest {
  std::uint64_t value = 0;
  friend auto operator<=>(const BootDigest&, const BootDigest&) = default;
};
[[nodiscard]] HostDigest host_digest(const HostName& host);
[[nodiscard]] BootDigest boot_digest(const Incarnation& boot);

// Bit i stands for link i.
using LinkSet = std::uint8_t;
inline constexpr std::size_t kMaxLinks = 8;

// How busy a host is, in a person's words.
enum class Load : std::uint8_t { idle, busy, full };

// What a host says of itself in each packet.
struct Brain {
  bool turns = true;   // its mailbox turns: a packet without this counts as silence (S2)
  bool engine = true;  // it reaches the engine
  std::uint64_t epoch = 0;
  Load load = Load::idle;
  friend bool operator==(const Brain&, const Brain&) = default;
};

// Whom the sender hears. A peer that it never heard in its present boot, or whose host answers for a havend that is
// gone, is left out: of those it has no opinion.
struct HeardPeer {
  HostDigest host;
  BootDigest boot;
  LinkSet links = 0;  // empty: it was heard, and is silent now
  friend bool operator==(const HeardPeer&, const HeardPeer&) = default;
};

struct Heartbeat {
  HostDigest from;
  BootDigest boot;
  HostDigest to;
  std::uint8_t link = 0;
  Instant sent;          // the sender's clock; grows from packet to packet
  BootDigest echo_boot;  // whose number is echoed: that boot of `to`; none: it was never heard on this link
  Instant echo;          // the last `sent` that came from there over this link
  Brain brain;
  std::vector<HeardPeer> heard;
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

}  // namespace haven

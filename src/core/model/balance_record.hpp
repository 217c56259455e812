// What hosts measure and what the controller makes of it (part of core/model/record.hpp).
#pragma once

#include <string>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/load.hpp"
#include "core/model/units.hpp"

namespace haven {

// load/<host>: what its present boot measures there. There is none before that has stood for kLoadStands, nor once a
// guest came or went, so that its being there says that it counts.
struct LoadRecord {
  Incarnation incarnation;
  HostFigures host;
  std::vector<GuestFigures> guests;  // in the order of names
  friend bool operator==(const LoadRecord&, const LoadRecord&) = default;
};

// balance: what the controller makes of these, and what it moved for their sake.
struct AdvisedMove {
  ResourceName guest;
  HostName from, to;
  std::string why;
  friend bool operator==(const AdvisedMove&, const AdvisedMove&) = default;
};
struct NamedHog {
  ResourceName guest;
  HostName host;
  std::string text;
  friend bool operator==(const NamedHog&, const NamedHog&) = default;
};
// A guest that is held to its share of its host's CPUs, where it runs under this generation and nowhere else.
struct HeldHog {
  ResourceName guest;
  HostName host;
  Generation generation;
  MilliCpu share;  // all its vCPUs together
  WallTime since;
  friend bool operator==(const HeldHog&, const HeldHog&) = default;
};
struct BalancingMove {
  ResourceName guest;
  HostName from, to;
  bool over = false;
  WallTime at;  // when it began; when it was found over
  friend bool operator==(const BalancingMove&, const BalancingMove&) = default;
};
struct BalanceRecord {
  std::vector<AdvisedMove> moves;
  std::vector<std::string> remarks;  // on hosts that stand out and that no move helps
  std::vector<NamedHog> hogs;
  std::vector<BalancingMove> past;  // of the last kGuestRests, so that a new controller does not take them back
  WallTime at;                      // of the words
  std::vector<HeldHog> held{};      // in the order of names
  friend bool operator==(const BalanceRecord&, const BalanceRecord&) = default;
};

}  // namespace haven

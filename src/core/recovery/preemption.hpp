// Who yields to a resource that fits nowhere and may stop lesser ones (`preempt`).
//
// Stopping and placing are two steps: the victims get an order to stop, and until they have released, the room that
// they leave is kept for whom it was made. Nothing of that is remembered. Each pass finds the same again from the
// claims: those that are being stopped yield for nothing, so that nobody else is stopped beside them. A lost
// controller costs nothing, and a victim whose stop fails is passed over for others.
//
// It cannot swing: who is stopped weighs less than who is placed, so never the other way round; and whoever failed to
// start stops nobody for his next try, for the trouble may be his own.
#pragma once

#include "core/placement/placement.hpp"
#include "core/recovery/lifecycle.hpp"

namespace haven {

// What can be asked of each who is booked. Refers to both.
[[nodiscard]] YieldsTo yields_by(const View& view, const PassSoFar& so_far);

// "waits until web1 and web2 have stopped on h1".
[[nodiscard]] std::string sentence(const Eviction& eviction);

}  // namespace haven

// The controller's part of promises (PROTOCOL P5): it reads what the count needs, proves by it, and buries the promises
// of boots that are proved dead. A part of the accusations; see accusation.hpp.
#pragma once

#include "core/controller.hpp"

namespace haven {

inline constexpr Duration kMemberReadTimeout = 1s;
// Between two reads of one host's member key, whatever they find.
inline constexpr Duration kMemberReadPause = 500ms;

// True: the proof is being recorded, nothing else is to be done about this boot.
bool pursue_promise(const ControllerState& state, const View& view, const SelfView& self, const HostBoot& boot,
                    const FenceRecord& fence, Pass& pass);

// True: it is about a count, and something may be decided differently now.
bool observe_member_read(ControllerState& state, const View& view, const HostName& host, Instant sent,
                         const MemberRead& read, Instant now);
// Counts of fences that are gone or proved end.
void forget_counts(ControllerState& state, const View& view);

// Promises of boots that are proved dead (P1).
void bury_promises(const View& view, Pass& pass);

}  // namespace haven

// Hosts that flap: one whose boots keep dying, or that falls silent again and again, takes everything down with it that
// is placed there each time it returns. From its second loss on it gets nothing until it was well for a while, for
// longer each time; after a good time all is forgiven. What runs there stays. The count is durable, so that a new
// controller goes on with it; a change of the controller only begins the wait anew.
//
// What is counted is the intent: many hosts that fall silent at once are a matter of the network (S5) and write none,
// and neither does a planned stop. Where every host that is there is quarantined none is: the fault is shared (B1).
#pragma once

#include <map>
#include <string>

#include "core/decision.hpp"
#include "core/model/ids.hpp"
#include "core/model/view.hpp"

namespace haven {

// The first loss closes nothing; the second for this long, doubled with each further one up to the limit.
inline constexpr int kLossesBorne = 1;
inline constexpr Duration kQuarantine = 1min;
inline constexpr Duration kQuarantineLimit = 8min;
// A host that was well for this long has a clean record again.
inline constexpr Duration kForgivenAfter = 1h;

// Since when a host with a record has been well, as this node saw it.
struct Calm {
  int losses = 0;
  Instant since;
};
using Calms = std::map<HostName, Calm>;

// The intent counts as a loss, in the same transaction.
void add_loss(Commit& intent, const View& view, const HostName& host);

void fold_calms(Calms& calms, const View& view, Instant now);

[[nodiscard]] bool is_quarantined(const View& view, const HostName& host);
// Why nothing may be placed there, as one clause; empty: it may.
[[nodiscard]] std::string quarantine_refusal(const View& view, const HostName& host);

// Ends what has lasted long enough, and forgives. Adds to the commit that keeps the records in order, at most one write
// for each host.
void end_quarantines(const Calms& calms, const View& view, Commit& commit, Pass& pass);

}  // namespace haven

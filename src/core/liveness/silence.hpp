// Who is suspected because nobody hears it, and when many silences are the network's doing (S3, S5).
//
// A host is silent when a majority of the others says that it was heard and is not any more. Others are the registered
// hosts that are themselves neither suspected nor proved nor away as planned, and the witness while it is heard here.
// Whoever is not heard here has no voice, and counts all the same: a host that is cut off from everybody suspects
// nobody. What was never heard is not silent, so that a firewall from the first day on accuses nobody; nor is a host
// whose machine answers for a havend that is gone, for that one is about to be restarted (S6).
//
// Rejected: to accuse whom the controller alone does not hear. One bad cable would be enough.
#pragma once

#include <map>
#include <set>

#include "core/model/ids.hpp"
#include "core/model/units.hpp"
#include "core/model/view.hpp"

namespace haven {

struct Silence {
  Incarnation incarnation;
  Instant since;          // when this node first found it silent
  bool stands = true;     // it is silent by a majority's word now
  Instant ended;          // when it did not stand any more
  bool answered = false;  // it answered an intent: not accused again for the same silence
};
using Silences = std::map<HostName, Silence>;

// The registered hosts that are silent by the rule above. Empty where this node hears nobody at all or sends nothing.
[[nodiscard]] std::set<HostName> silent_hosts(const View& view, const HostName& self);

// This boot is heard here, or by a majority, and no majority misses it: it lives, whatever became of its lease (S3).
[[nodiscard]] bool is_heard(const View& view, const HostName& self, const HostName& host, const Incarnation& boot);
// This boot is heard here, or by one that is heard here: not all of it is lost, whoever misses it.
[[nodiscard]] bool heard_by_anybody(const View& view, const HostName& host, const Incarnation& boot);

// Brings the silences up to date with the view. An answer is remembered until the host is heard here again.
void fold_silences(Silences& silences, const View& view, const HostName& self, Instant now);

// This host, whose lease lives, is suspected, and has not answered for it.
[[nodiscard]] bool suspected_silent(const Silences& silences, const HostName& host, const Incarnation& boot);

// Together with this host more failure domains fell silent within one `suspect` time than the reserve expects, and
// their leases live: an event of the network (S5). kNever while it stands; as its hosts are heard again, one more
// `suspect` time for those that are not yet; long past: there is none.
[[nodiscard]] Instant network_event_until(const Silences& silences, const View& view, const HostName& host);

}  // namespace haven

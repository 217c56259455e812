// Who is suspected for a lost lease: the engine dropped the host's member key, no planned absence says why (S6), and
// the last incarnation that registered is not proved dead. Whoever is heard all the same is not accused for it (S3):
// that is the accusation's business. Suspicion by silence, which is faster, is liveness/silence.
//
// Many leases lost at once are more likely the engine's or the network's doing than the hosts' (S5): then everything is
// held for one further lease time. The same hold covers a host that this node has never seen registered: nobody here
// saw it go, it may be just about to come.
#pragma once

#include <map>
#include <optional>

#include "core/liveness/silence.hpp"
#include "core/model/ids.hpp"
#include "core/model/units.hpp"
#include "core/model/view.hpp"

namespace haven {

struct Loss {
  Incarnation incarnation;
  Instant since;           // seen by this node
  bool seen_going = true;  // false: absent at the first listing, or an intent against it was just withdrawn
};
using Losses = std::map<HostName, Loss>;
// The incarnation of each host that this node last saw registered.
using Sightings = std::map<HostName, Incarnation>;

// The incarnation of this host that should hold a lease and does not; nullopt: none is missing.
[[nodiscard]] std::optional<Incarnation> missing_incarnation(const View& view, const HostName& host);

// Brings the losses up to date with the view.
void fold_losses(Losses& losses, Sightings& seen, const View& view, Instant now);

// From when on an intent may be written against this host (it is in `losses`).
[[nodiscard]] Instant accusable_from(const Losses& losses, const View& view, const HostName& host);

// Others are silent besides those that lost their leases, and together they are more than the reserve expects: nobody
// is accused before their leases are gone as well, or they are heard again (S5).
[[nodiscard]] bool held_by_silences(const Losses& losses, const Silences& silences, const View& view,
                                    const HostName& host);

}  // namespace haven

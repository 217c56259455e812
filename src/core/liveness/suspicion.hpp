// Who is suspected. As long as there are no heartbeats, suspicion is by lost lease alone: the engine dropped the host's
// member key, no planned absence says why (S6), and the last incarnation that registered is not proved dead.
//
// Many leases lost at once are more likely the engine's or the network's doing than the hosts' (S5): then everything is
// held for one further lease time. The same hold covers a host that this node has never seen registered: nobody here
// saw it go, it may be just about to come.
#pragma once

#include <map>
#include <optional>

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

}  // namespace haven

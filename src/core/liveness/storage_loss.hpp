// When a living host is fenced because its storage path is gone (DESIGN 5, C7).
//
// Its guests stand still, and what they had sent to the disk may still arrive there, so no word of its own can release
// them: only proof can. Fencing it pays where somebody else reads that disk and could run them, and costs nothing
// where nothing else runs there. With storage lost on more hosts than the cluster is to survive it is the storage that
// is ill and not the hosts: everybody waits for it. Fencing at the first failed read was rejected: paths blink. So
// was counting the patience from the loss itself: after an outage for everybody, whoever reads again first would have
// all others fenced.
#pragma once

#include <string>

#include "core/model/ids.hpp"
#include "core/model/view.hpp"

namespace haven {

// A path that comes back within this time was a blink; multipath takes up to about 20 s to change over.
inline constexpr Duration kStorageLostPatience = 30s;

// All that is claimed there stands still for its disk, and at least one of it could run elsewhere. Empty: no; else the
// sentence for the intent.
[[nodiscard]] std::string storage_charge(const View& view, const HostName& host);

}  // namespace haven

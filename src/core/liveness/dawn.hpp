// The whole cluster came up after a power loss (B3): machines do not boot equally fast, and one that is still booting
// looks like one that is dead. So the first boot that registers where nobody lives writes `dawn`, and a host whose last
// report is older than that has the time of a boot before it is accused.
//
// Nobody lives where there is no member, and where none of the members is heard: an engine that lost its power as well
// grants every lease its whole time anew, so that the keys of the boots before are still there and go one by one.
//
// An ordinary failover is not delayed: there somebody lives, so there is no dawn; every host that lives reports at once
// where one begins, and who has reported since is judged like any other. A longer hold for every host that this node
// has never seen registered was rejected: it delays each failover that follows a restart of havend.
#pragma once

#include <optional>

#include "core/model/action.hpp"
#include "core/model/ids.hpp"
#include "core/model/units.hpp"
#include "core/model/view.hpp"

namespace haven {

struct SelfView;

// How much later than the first of them a machine may be up. Firmware that counts its memory takes minutes.
inline constexpr Duration kBootPatience = 3min;

// Since when this node knows of the dawn that stands.
struct DawnSeen {
  Revision mod;
  Instant since;
};

// Adds to the registration of this boot what it means for the dawn: it begins one, ends one, or neither. `listened`: it
// would have heard whoever lives by now.
void add_dawn(Commit& registration, const View& view, const SelfView& self, bool listened);

// This host's last report is from before the dawn that stands.
[[nodiscard]] bool report_overdue(const View& view, const HostName& host);

void fold_dawn(std::optional<DawnSeen>& seen, const View& view, Instant now);

// Until when this host may be silent because it is still booting; long ago: it may not.
[[nodiscard]] Instant booting_until(const std::optional<DawnSeen>& seen, const View& view, const HostName& host);

// From when on the dawn that stands is over. kNever: none stands, or not all of it is known.
[[nodiscard]] Instant dawn_over_from(const std::optional<DawnSeen>& seen, const View& view);

}  // namespace haven

// What this host's ears find wrong while nobody is to be accused for it: a link of several that carries nothing, a host
// that is silent though its lease lives, a lease that is gone though its host is heard, silences that are the
// network's doing, a witness that is not heard (DESIGN 5; S3, S5). The controller journals its own; each havend shows
// its own in its report. Whoever is out of service may be silent.
#pragma once

#include <optional>
#include <vector>

#include "core/controller.hpp"

namespace haven {

// Which links of a peer that is heard over another one carry nothing, and since when.
void fold_links(LostLinks& lost, const View& view, Instant now);

// Whether the file's witness is heard here, and since when not.
void fold_witness(std::optional<SilentWitness>& silent, const View& view, Instant now);
// Named by the file, and heard here on no link.
[[nodiscard]] bool misses_witness(const View& view);

[[nodiscard]] std::vector<Alarm> hearing_alarms(const ControllerState& state, const View& view, const SelfView& self,
                                                Pass& pass);

}  // namespace haven

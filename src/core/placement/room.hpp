// What a host has for resources, in whole units.
#pragma once

#include "core/model/spec.hpp"

namespace haven {

// start: an ordinary start or move. recovery: a restart after the loss of a host; only then `overbook` holds.
enum class Occasion { start, recovery };

struct Room {
  MiB memory;
  Vcpu cpu;  // overcommit included, rounded down: needs are whole
};

// Never negative, even where `keep` takes more than there is.
[[nodiscard]] Room room_of(const Host& host, const Cluster& cluster, Occasion occasion);

}  // namespace haven

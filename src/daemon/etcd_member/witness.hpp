// A havend in the witness' role: a vote in the engine and an ear for the heartbeats (S3). It knows no hypervisor and
// runs nothing.
#pragma once

#include <string>

#include "daemon/etcd_member/engine_member.hpp"

namespace haven::daemon {

// Serves until it is told to end, by a signal or by its operator.
[[nodiscard]] OrWhy<Afterwards> serve_witness(EngineMember& member, const file::LocalConfig& config,
                                              LocalAlarms& alarms, const std::string& version);

}  // namespace haven::daemon

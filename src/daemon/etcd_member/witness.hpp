// A havend in the witness' role: a vote in the engine, and nothing else. It knows no hypervisor and runs nothing.
#pragma once

#include <string>

#include "daemon/etcd_member/engine_member.hpp"

namespace haven::daemon {

// Serves until it is told to end, by a signal or by its operator.
[[nodiscard]] OrWhy<Afterwards> serve_witness(EngineMember& member, const file::LocalConfig& config,
                                              const std::string& version);

}  // namespace haven::daemon

// libvirt's service on this host, restarted by whoever manages services here. VMs are no part of it and run on.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "core/model/units.hpp"

namespace haven::libvirt {

// The command that restarts it: what HAVEN_LIBVIRT_RESTART names, for hosts without systemd; else systemctl where
// systemd runs (`booted` is the folder that says so). Empty: nobody here can.
[[nodiscard]] std::vector<std::string> restart_command(const std::string& booted = "/run/systemd/system");

// Runs it, without a shell, to its end or to the timeout, at which it is killed. The error is a clause. Blocks.
[[nodiscard]] tl::expected<void, std::string> restart_service(const std::vector<std::string>& command,
                                                              Duration timeout);

}  // namespace haven::libvirt

// A virtual host is fenced by its hypervisor hosts (F3): each ends the domain if it holds it, keeps it from coming back
// by start or migration, and says so in its status; when none can hold it any more, the boot inside is dead.
//
// Every physical host of the file may hold it, since the operator may have moved it; a host that is itself proved dead
// holds nothing. The domain is known by the uuid under which a hypervisor host saw it while the virtual host was
// registered: without that, its absence would prove nothing. fence_virsh was rejected, for it calls an unknown state
// off.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/view.hpp"

namespace haven {

// How long the hypervisor hosts may take until this round is given up and tried again later.
inline constexpr Duration kDestroyPatience = 20s;
// An end by libvirt, and by SIGKILL where that fails.
inline constexpr Duration kEndTimeout = 5s;
// A start or a migration that libvirt was allowed has begun after this, or never will; also what an earlier havend of
// this boot may have allowed.
inline constexpr Duration kAllowedStartAppears = 30s;

// The uuid of its domain as recorded; empty: no hypervisor host has seen it yet.
[[nodiscard]] std::string domain_uuid(const View& view, const HostName& host);

// Physical hosts that may still hold the domain of this boot, in the file's order.
[[nodiscard]] std::vector<HostName> may_hold(const View& view, const HostBoot& boot);

// Nobody can hold it any more, and its domain is known.
[[nodiscard]] bool domain_gone(const View& view, const HostBoot& boot);

// What that rests on, for the transaction that proves.
[[nodiscard]] std::vector<Check> destruction_checks(const View& view);

// The domain uuid that a hypervisor host reports for this registered virtual host now; nothing: none does, or several.
[[nodiscard]] std::optional<std::string> reported_domain(const View& view, const HostName& host);

}  // namespace haven

// Who dies with whom (F4): what a level of fence devices switches off besides the host that is meant, and which virtual
// hosts go with a physical machine.
//
// For refusing, everything that any device of the level cuts counts. For proving, only what is certain counts: a host
// that is cut by all of them, or whose own level is made of these very devices. A host with a second power supply
// elsewhere is thus spared by the one and not declared dead by the other.
#pragma once

#include <set>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/spec.hpp"
#include "core/model/view.hpp"

namespace haven {

// The physical machine that this host is: itself, or the one that holds a virtual host's domain by the word of that
// hypervisor host (while it moves, of both). Where none that is registered says so, all that may: those who said it
// last, else the file's.
[[nodiscard]] std::vector<HostName> machines_under(const View& view, const Host& host);

// Everybody who would lose power with this level, the host itself left out, in the file's order.
[[nodiscard]] std::vector<HostName> inside(const View& view, const Host& host, int level);
// Of them those that hold a lease.
[[nodiscard]] std::vector<HostName> living_inside(const View& view, const Host& host, int level);

// Levels that are not to be switched off now because of whom they would hit, or that prove nothing because one of their
// devices belongs to another machine (F5).
[[nodiscard]] std::set<int> blocked_levels(const View& view, const Host& host);
// It has devices, and all of them are blocked.
[[nodiscard]] bool cannot_be_switched(const View& view, const Host& host);

// Hosts of the file that are certainly off once this level of `host` is.
[[nodiscard]] std::vector<HostName> off_together(const Spec& spec, const Host& host, int level);

}  // namespace haven

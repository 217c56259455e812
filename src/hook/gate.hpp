// Whether libvirt may go on (PROTOCOL C5): havend's word where it answers, else the local list, and closed in doubt.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "hook/protected_list.hpp"
#include "hook/protocol.hpp"

namespace haven::hook {

// Nothing: libvirt does something there that starts nothing, and is let through unasked.
[[nodiscard]] std::optional<Op> gated(std::string_view op, std::string_view sub_op);

// Without a uuid (its XML could not be read) nothing can be asked, and any list that exists closes the gate.
// A listed domain comes in by migration only where havend says that its claim names this host as the destination.
[[nodiscard]] Reply decide(Op op, const std::optional<std::string>& uuid, const ProtectedList& list,
                           const std::optional<Reply>& havend);

// Asks havend. Nothing: it is not there, or said nothing of this protocol by the deadline.
[[nodiscard]] std::optional<Reply> ask(const std::string& socket_path, const Question& question,
                                       std::chrono::steady_clock::time_point deadline);

}  // namespace haven::hook

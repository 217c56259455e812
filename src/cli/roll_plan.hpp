// What a roll may touch, in which order, and whether all is well again: from what `haven status --json` says alone.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "cli/answer.hpp"

namespace haven::cli {

// nullptr: there is no such host.
[[nodiscard]] const Json* host_in(const Json& status, const std::string& host);

// Who is rolled: `named`, or all hosts. The error is a sentence: no such host, one named twice, one that is out of
// service or not well although nobody named it, a freeze.
[[nodiscard]] tl::expected<std::vector<std::string>, std::string> hosts_to_roll(const Json& status,
                                                                                const std::vector<std::string>& named);

// The controller's host last, so that the office moves but once; before it `here`, where this command runs; the others
// in the file's order.
[[nodiscard]] std::vector<std::string> in_order(const Json& status, std::vector<std::string> hosts,
                                                const std::string& here);

// Resources that neither run nor rest, each with a clause: "is failed: no such disk". What is under way counts too.
[[nodiscard]] std::map<std::string, std::string> unsettled(const Json& status);

// What still runs there or is on its way to it, by name.
[[nodiscard]] std::vector<std::string> still_on(const Json& status, const std::string& host);

// Why this host is not what it should be after the command, one clause; empty: it is. `boot`: the boot that must be
// over; empty: none.
[[nodiscard]] std::string unwell(const Json& status, const std::string& host, const std::string& boot);

// The same of its member of the engine, by what `haven cluster status --json` says now; nothing is said of a host that
// had none before, nor of an engine that Haven does not run.
[[nodiscard]] std::string member_unwell(const Json& before, const Json& now, const std::string& host);

// Why `haven maintenance` would refuse it, by what /v1/maintenance foresees; empty: it would not.
[[nodiscard]] std::string refusal_of(const Json& foreseen, bool unprotected);

// Hosts that are out of service at the same time, and what is foreseen of that.
struct Round {
  std::vector<std::string> hosts;
  Json foreseen;
};
// nullopt: it cannot be asked any more.
using Foresee = std::function<std::optional<Json>(const std::vector<std::string>& hosts)>;
// As things are now: in each round the next host of the order, and with it whoever may be out at the same time, up to
// `at_once`. A round that would be refused has one host. Fewer rounds than needed: `foresee` came to its end.
[[nodiscard]] std::vector<Round> schedule(std::vector<std::string> order, std::size_t at_once, bool unprotected,
                                          const Foresee& foresee);

}  // namespace haven::cli

// A host is taken out of service by its operator, and given back (haven maintenance).
//
// While it is out nothing is placed there, and what runs there moves away, as every move: one resource at a time, what
// is bound together at once, the least important first. What fits nowhere else stays where it is, and says so. When it
// is back, what was to run there when it left goes back, one by one; whoever was stopped meanwhile is left alone.
//
// A host that is out of service and owns nothing any more may fall silent: nobody would gain by its fence, and somebody
// may have his hands in it. What moved is the list of what was there at the beginning, written once with the order:
// rejected was to note each move, a second record of what the claims say already.
#pragma once

#include <optional>

#include "core/controller.hpp"
#include "core/model/action.hpp"
#include "core/model/event.hpp"
#include "core/model/view.hpp"
#include "tl/expected.hpp"

namespace haven {

[[nodiscard]] bool in_maintenance(const View& view, const HostName& host);

// In maintenance, and nothing of it may still run: it may fall silent.
[[nodiscard]] bool out_of_service(const View& view, const HostName& host);

// Where this resource is to go back to; none: nowhere.
[[nodiscard]] std::optional<HostName> returns_to(const View& view, const ResourceName& resource);

// The operator's `maintain` and `resume`. Errors are sentences for him: there is no such host,
// nobody else can take what runs there, the engine would lose its majority. `force`: all the same, as far as it goes.
[[nodiscard]] tl::expected<Commit, std::string> maintenance_commit(const View& view, const OperatorAsked& asked,
                                                                   const SelfView& self, Now now);

// A person sent it elsewhere: it is not to go back any more.
void forget_return(const View& view, const ResourceName& resource, Commit& order);

// Strikes out what is back, or is not to come back. Adds at most one write for each host.
void tidy_maintenance(const View& view, Commit& commit);

// For people. Nothing: it is in service, and nothing is to return.
[[nodiscard]] std::optional<MaintenanceReport> report_maintenance(const View& view, const HostName& host);

}  // namespace haven

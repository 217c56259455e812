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
#include <set>
#include <string>
#include <vector>

#include "core/controller.hpp"
#include "core/model/action.hpp"
#include "core/model/event.hpp"
#include "core/model/view.hpp"
#include "core/placement/placement.hpp"
#include "tl/expected.hpp"

namespace haven {

[[nodiscard]] bool in_maintenance(const View& view, const HostName& host);

// In maintenance, and nothing of it may still run: it may fall silent.
[[nodiscard]] bool out_of_service(const View& view, const HostName& host);

// Where this resource is to go back to; none: nowhere.
[[nodiscard]] std::optional<HostName> returns_to(const View& view, const ResourceName& resource);

// One that would move.
struct MoveForeseen {
  ResourceName resource;
  HostName from;
  std::optional<HostName> to;     // none: it fits nowhere else, and stays
  bool live = false;              // else by stop and start
  std::vector<Refusal> refusals;  // where it fits nowhere: each host's reason
};
// What would come of taking these hosts of the file out of service together now; of whoever is out already: of leaving
// him so.
struct MaintenanceForeseen {
  std::string refused;                // why it is refused, as one clause; empty: only `exposed` may stand against it
  std::vector<ResourceName> exposed;  // for whom the promise to survive losses would end (reserve.hpp)
  std::string reserve;                // in words; without `exposed`: it is broken as it is, and made no worse
  std::vector<MoveForeseen> moves;    // most important first
};
[[nodiscard]] MaintenanceForeseen foresee_maintenance(const View& view, const std::set<HostName>& hosts);

// The operator's `maintain` and `resume`. Errors are sentences for him: there is no such host, nobody else can take
// what runs there, the engine would lose its majority, the reserve would break. `unprotected` accepts the last of
// these, `force` all but the first, as far as it goes; they are warnings then.
[[nodiscard]] tl::expected<Commit, std::string> maintenance_commit(const View& view, const OperatorAsked& asked,
                                                                   const SelfView& self, Now now,
                                                                   std::vector<std::string>& warnings);

// A person sent it elsewhere: it is not to go back any more.
void forget_return(const View& view, const ResourceName& resource, Commit& order);

// Strikes out what is back, or is not to come back. Adds at most one write for each host.
void tidy_maintenance(const View& view, Commit& commit);

// For people. Nothing: it is in service, and nothing is to return.
[[nodiscard]] std::optional<MaintenanceReport> report_maintenance(const View& view, const HostName& host);

}  // namespace haven

// What happens next to one resource, as the controller sees it: place it, leave it, stop it, move it, give it up.
//
// A claim is free to move when its incarnation released that generation or was proved dead (C3) and in no other case;
// everything else here only chooses between waiting and a new generation.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/controller.hpp"
#include "core/placement/placement.hpp"

namespace haven {

// One change of one resource's claim (or order), with what it rests on. The caller adds leader and spec.
struct ClaimMove {
  std::vector<Check> checks;
  std::vector<Write> writes;
};

// A resource that should run and cannot be placed now.
struct Unplaced {
  ResourceName resource;
  std::vector<Refusal> refusals;  // per host
  std::string why;                // where it is not the hosts' fault
  bool held = false;              // it waited for others until its time was over: that is news
};

struct Step {
  std::optional<ClaimMove> move;
  std::optional<Unplaced> unplaced;
  std::vector<ClaimMove> evictions;  // of others, whom it has stopped to make room
  bool restless = false;             // it would move if it could: where others stand matters to it
};

// What one pass has decided about others so far.
struct PassSoFar {
  std::set<ResourceName> moved;               // whose claims are being written
  std::set<ResourceName> evicted;             // of these, who are stopped to make room
  std::vector<ResourceName> ahead;            // more important than what comes, and no host can take them
  std::vector<Wanted> wanted;                 // who was to be placed, in this order
  std::map<ResourceName, HostName> arranged;  // where, so that all of them fit; the best host stands back for it
};

// Why this host is in no state to take resources; empty: it is.
[[nodiscard]] std::string host_refusal(const View& view, const Host& host);
// Why nothing may be placed there now: that, or the operator's word.
[[nodiscard]] std::string placing_refusal(const View& view, const Host& host);

// The hosts that cannot read this resource's disk, as they report.
[[nodiscard]] std::vector<Refusal> storage_refusals(const View& view, const ResourceName& resource);

// The hosts where it cannot run for what they lack, as they report.
[[nodiscard]] std::vector<Refusal> fit_refusals(const View& view, const ResourceName& resource);

// What runs on this host besides the resources, as its present boot reports; none is known of one that is gone.
[[nodiscard]] Footprint others_on(const View& view, const HostName& host);

// Both, and the hosts where its network ends.
[[nodiscard]] std::vector<Refusal> path_refusals(const View& view, const ResourceName& resource);

// Where its claim, or a host that found it running, says that it is or may be. Empty: nowhere.
[[nodiscard]] std::vector<HostName> bookings_of(const View& view, const ResourceName& resource);

// All of the spec's hosts with their refusals, and everything claimed or found running booked.
[[nodiscard]] Placement book_view(const View& view);

// Why a resource that nobody ever claimed cannot be claimed yet: somebody has not reported (C6). Empty: all have.
[[nodiscard]] std::string missing_report(const View& view, const ResourceName& resource);

// What the operator said of it, as it is from now on: written over, never deleted (record.hpp).
[[nodiscard]] Write order_write(const ResourceName& resource, const OrderRecord& order);

// It is moved live to another host because that would be better, as far as it can be moved there now; else nothing.
[[nodiscard]] std::optional<ClaimMove> move_for_balance(const View& view, const ControllerState& state,
                                                        const AdvisedMove& move, Placement& placement,
                                                        const SelfView& self, Pass& pass);

// The next step for this resource. Books what it decides in `placement`, and tells `so_far`. `may_mend`: no other
// resource is being moved for the sake of a rule or a preference just now, and nobody is stopped to make room.
[[nodiscard]] Step next_step(const View& view, const ControllerState& state, const Resource& resource,
                             Placement& placement, const SelfView& self, bool may_mend, PassSoFar& so_far, Pass& pass);

}  // namespace haven

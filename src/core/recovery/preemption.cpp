#include "core/recovery/preemption.hpp"

#include <string>
#include <vector>

#include "core/model/wording.hpp"

namespace haven {
namespace {

Yields yields(const View& view, const PassSoFar& so_far, const ResourceName& name, const HostName& host) {
  // What is booked without a claim was found there, or is frozen with its host: nobody's to stop.
  if (claim_closed(view, name) || view.unreadable(name) || left_alone(view, name)) return Yields::never;
  const ClaimRecord& claim = view.claims.at(name).value;
  const bool owned_here = claim.host == host && holds_member_key(view, host, claim.incarnation);
  if (!owned_here || proved_dead(view, host, claim.incarnation) || frozen_host(view, host)) return Yields::never;
  const auto run = view.runs.find(name);
  const RunRecord* here =
      run != view.runs.end() && run->second.value.generation == claim.generation ? &run->second.value : nullptr;
  // What ended while its disk was out of reach, or cannot be killed, does not go by an order (C7, B2).
  if (here != nullptr && (here->unsettled || here->stop_failed)) return Yields::never;
  if (claim.order == ClaimOrder::stop || so_far.evicted.contains(name)) return Yields::leaving;
  if (claim.order != ClaimOrder::run || here == nullptr || here->state != RunState::running || here->paused)
    return Yields::never;
  const auto order = view.orders.find(name);
  const bool spoken_of = order != view.orders.end() && (order->second.value.clear || order->second.value.relocate_to);
  return spoken_of || so_far.moved.contains(name) ? Yields::never : Yields::if_told;
}

}  // namespace

YieldsTo yields_by(const View& view, const PassSoFar& so_far) {
  return [&](const ResourceName& name, const HostName& host) { return yields(view, so_far, name, host); };
}

std::string sentence(const Eviction& eviction) {
  std::vector<std::string> names;
  names.reserve(eviction.victims.size() + eviction.leaving.size());
  for (const auto& name : eviction.victims) names.push_back(name.str());
  for (const auto& name : eviction.leaving) names.push_back(name.str());
  return "waits until " + listed(names) + (names.size() == 1 ? " has" : " have") + " stopped to make room on " +
         eviction.host.str();
}

}  // namespace haven

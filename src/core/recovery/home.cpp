#include "core/recovery/home.hpp"

namespace haven {

EndReason end_by_shutdown(ShutdownPolicy policy, ShutdownKind kind) {
  if (kind == ShutdownKind::leave) return EndReason::host_leaving;  // nothing is kept for a host that is gone for good
  switch (policy) {
    case ShutdownPolicy::migrate:
    case ShutdownPolicy::failover:
      return EndReason::host_leaving;
    case ShutdownPolicy::stop:
      return EndReason::stopped_with_host;
    case ShutdownPolicy::freeze:
      return EndReason::frozen_with_host;
    case ShutdownPolicy::conditional:
      return kind == ShutdownKind::reboot ? EndReason::frozen_with_host : EndReason::host_leaving;
  }
  return EndReason::host_leaving;
}

bool shuts_down(const View& view, const HostName& host, const Incarnation& boot) {
  const auto away = view.away.find(host);
  return away != view.away.end() && away->second.value.incarnation == boot &&
         away->second.value.kind == AwayKind::leaving;
}

std::optional<Home> home_of(const View& view, const ResourceName& resource) {
  const auto claim = view.claims.find(resource);
  const auto run = view.runs.find(resource);
  if (claim == view.claims.end() || run == view.runs.end()) return std::nullopt;
  const ClaimRecord& last = claim->second.value;
  const RunRecord& end = run->second.value;
  const bool kept = end.end == EndReason::stopped_with_host || end.end == EndReason::frozen_with_host;
  const bool released = end.state == RunState::released && end.generation == last.generation;
  if (!kept || !released || last.order == ClaimOrder::let_go || view.spec()->host(last.host) == nullptr)
    return std::nullopt;
  Home home{last.host, end.end == EndReason::frozen_with_host, false};
  const MemberRecord* member = member_of(view, last.host);
  home.back = member != nullptr && member->incarnation != last.incarnation;
  return home;
}

std::string sentence(const Home& home, const ResourceName& resource) {
  const std::string start = "haven start " + resource.str() + " starts it elsewhere";
  if (home.frozen) return "frozen with " + home.host.str() + " (shutdown_policy): " + start;
  return "stopped with " + home.host.str() + " until that is back (shutdown_policy): " + start;
}

}  // namespace haven

// What the hosts do that are played: they obey their claims, at once.
#include "core/bench_node.hpp"

namespace haven::story {

// Both ends of a live migration, as far as they are others'; true: something was written.
bool Bench::others_migrate(const ResourceName& resource, const ClaimRecord& claim) {
  const auto* known = get<RunRecord>(path::run(resource));
  if (known == nullptr || known->generation != claim.generation || claim.order != ClaimOrder::run) return false;
  const auto* arrival = get<ArrivalRecord>(path::arrival(resource));
  const auto acts = [&](const HostName& host, const Incarnation& boot) {
    return leases_.contains(host) && boots_[host] == boot && !lazy.contains(host);
  };
  if (!claim.migrating_to) {
    const bool arrived = arrival != nullptr && arrival->host == claim.host && acts(claim.host, claim.incarnation);
    if (arrived) erase(path::arrival(resource));
    return arrived;
  }
  const Migration& m = *claim.migrating_to;
  const ArrivalState word = m.cancelled ? ArrivalState::gone : ArrivalState::ready;
  const bool said = arrival != nullptr && arrival->generation == m.generation && arrival->state == word;
  if (!said && acts(m.host, m.incarnation)) {
    put(path::arrival(resource), ArrivalRecord{m.host, m.incarnation, m.generation, word});
    return true;
  }
  if (!said || m.cancelled || known->state != RunState::running || !acts(claim.host, claim.incarnation)) return false;
  RunRecord gone = *known;
  gone.state = RunState::released;
  gone.end = EndReason::migrated;
  put(path::run(resource), gone);
  return true;
}

bool Bench::others_act() {
  if (!watch_) return false;
  for (const auto& [name, lease] : leases_) {
    if (lazy.contains(name)) continue;
    if (const auto* status = get<StatusRecord>(path::status(name)); status != nullptr && status->spec < basis()) {
      report(name.str());
      return true;
    }
  }
  for (const auto& [path, entry] : engine.entries()) {
    const auto* claim = std::get_if<ClaimRecord>(&entry.value);
    if (claim == nullptr) continue;
    if (others_migrate(ResourceName{path::split(path).first}, *claim)) return true;
    if (!leases_.contains(claim->host) || boots_[claim->host] != claim->incarnation) continue;
    if (lazy.contains(claim->host) || claim->order == ClaimOrder::let_go) continue;
    const ResourceName resource{path::split(path).first};
    const auto* known = get<RunRecord>(path::run(resource));
    const bool current = known != nullptr && known->generation == claim->generation;
    RunRecord run;
    run.host = claim->host;
    run.incarnation = claim->incarnation;
    run.generation = claim->generation;
    if (known != nullptr) run.restarts = known->restarts;
    const bool stops = claim->order == ClaimOrder::stop;
    if (current && (known->state == RunState::released || (known->state == RunState::running && !stops))) continue;
    run.state = stops || failing.contains(claim->host) ? RunState::released : RunState::running;
    run.end = stops ? EndReason::stopped : run.state == RunState::released ? EndReason::start_failed : EndReason::none;
    put(path::run(resource), run);
    return true;
  }
  return false;
}

}  // namespace haven::story

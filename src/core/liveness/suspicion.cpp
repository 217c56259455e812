#include "core/liveness/suspicion.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "core/placement/roster.hpp"

namespace haven {

std::optional<Incarnation> missing_incarnation(const View& view, const HostName& host) {
  if (member_of(view, host) != nullptr) return std::nullopt;
  const auto status = view.status.find(host);
  if (status == view.status.end()) return std::nullopt;  // it never joined
  const Incarnation& last = status->second.value.incarnation;
  if (proved_dead(view, host, last)) return std::nullopt;
  const auto away = view.away.find(host);
  const bool planned =
      away != view.away.end() && away->second.value.incarnation == last && away->second.value.kind != AwayKind::leaving;
  if (planned) return std::nullopt;
  return last;
}

void fold_losses(Losses& losses, Sightings& seen, const View& view, Instant now) {
  if (view.spec() == nullptr) return;
  for (const auto& host : view.spec()->hosts) {
    if (const MemberRecord* member = member_of(view, host.name)) seen[host.name] = member->incarnation;
    const auto missing = missing_incarnation(view, host.name);
    const auto known = losses.find(host.name);
    if (!missing) {
      if (known != losses.end()) losses.erase(known);
    } else if (known == losses.end() || known->second.incarnation != *missing) {
      const auto sighting = seen.find(host.name);
      losses[host.name] = {*missing, now, sighting != seen.end() && sighting->second == *missing};
    }
  }
  std::erase_if(losses, [&](const auto& loss) { return view.roster().host(loss.first) == nullptr; });
}

bool held_by_silences(const Losses& losses, const Silences& silences, const View& view, const HostName& host) {
  const Spec& spec = *view.spec();
  const Loss& own = losses.at(host);
  std::set<std::string> domains;
  for (const auto& [name, loss] : losses) {
    const Duration apart = loss.since > own.since ? loss.since - own.since : own.since - loss.since;
    if (apart <= spec.cluster.lease) domains.insert(domain_of(*spec.host(name), spec.cluster.reserve_domain));
  }
  bool any = false;
  for (const auto& [name, silence] : silences) {
    const Host* known = spec.host(name);
    const bool counts = silence.stands && !silence.answered && silence.since + spec.cluster.lease >= own.since;
    if (known == nullptr || name == host || !counts || view.fences.contains({name, silence.incarnation})) continue;
    domains.insert(domain_of(*known, spec.cluster.reserve_domain));
    any = true;
  }
  return any && static_cast<int>(domains.size()) > std::max(1, spec.cluster.reserve);
}

Instant accusable_from(const Losses& losses, const View& view, const HostName& host) {
  const Spec& spec = *view.spec();
  const Loss& own = losses.at(host);
  Instant from = own.seen_going ? own.since : own.since + spec.cluster.lease;
  std::set<std::string> domains;
  Instant latest = own.since;
  for (const auto& [name, loss] : losses) {
    const Duration apart = loss.since > own.since ? loss.since - own.since : own.since - loss.since;
    if (apart > spec.cluster.lease) continue;
    domains.insert(domain_of(*spec.host(name), spec.cluster.reserve_domain));
    latest = std::max(latest, loss.since);
  }
  if (static_cast<int>(domains.size()) > std::max(1, spec.cluster.reserve))
    from = std::max(from, latest + spec.cluster.lease);
  return from;
}

}  // namespace haven

#include "core/liveness/dawn.hpp"

#include <algorithm>

#include "core/controller.hpp"
#include "core/liveness/heartbeat.hpp"
#include "core/liveness/suspicion.hpp"

namespace haven {
namespace {

// A boot of it was there, and nothing says that it is no more.
bool was_there(const View& view, const HostName& host) {
  return member_of(view, host) != nullptr || missing_incarnation(view, host).has_value();
}

bool is_awaited(const View& view, const HostName& host) { return report_overdue(view, host) && was_there(view, host); }

bool is_known_boot(const View& view, const HostName& host, const Incarnation& incarnation) {
  const auto status = view.status.find(host);
  return status != view.status.end() && status->second.value.incarnation == incarnation;
}

bool anybody_was_there_but(const View& view, const HostName& self) {
  const auto& hosts = view.spec()->hosts;
  return std::any_of(hosts.begin(), hosts.end(),
                     [&](const Host& host) { return host.name != self && was_there(view, host.name); });
}

bool hears(const View& view, const HostName& host, const Incarnation& boot) {
  const auto& peers = view.heard->peers;
  return std::any_of(peers.begin(), peers.end(), [&](const PeerHeard& peer) {
    return peer.host == host && peer.links != 0 && peer.boot == boot_digest(boot);
  });
}

bool nobody_lives_but(const View& view, const HostName& self, bool listened) {
  return std::all_of(view.members.begin(), view.members.end(), [&](const auto& member) {
    if (member.first == self) return true;
    return listened && view.heard && !hears(view, member.first, member.second.value.incarnation);
  });
}

}  // namespace

bool report_overdue(const View& view, const HostName& host) {
  return view.dawn && view.mod_of(path::status(host)) < view.dawn->mod;
}

void add_dawn(Commit& registration, const View& view, const SelfView& self, bool listened) {
  const HostName& host = self.host;
  const bool known = is_known_boot(view, host, self.incarnation);
  // One that was there before: it was the engine that had gone, and not the hosts.
  const bool survivor = known && report_overdue(view, host);
  const bool first = !known && nobody_lives_but(view, host, listened) && anybody_was_there_but(view, host);
  if (!survivor && !first) return;
  registration.checks.push_back({path::kDawn, view.mod_of(path::kDawn)});
  if (survivor) {
    registration.writes.push_back({path::kDawn, std::nullopt, {}});
    return;
  }
  for (const Host& other : view.spec()->hosts)
    if (other.name != host)
      registration.checks.push_back({path::member(other.name), view.mod_of(path::member(other.name))});
  registration.writes.push_back({path::kDawn, DawnRecord{host, self.incarnation}, {}});
}

void fold_dawn(std::optional<DawnSeen>& seen, const View& view, Instant now) {
  if (!view.dawn) return seen.reset();
  if (!seen || seen->mod != view.dawn->mod) seen = DawnSeen{view.dawn->mod, now};
}

Instant booting_until(const std::optional<DawnSeen>& seen, const View& view, const HostName& host) {
  if (!seen || !report_overdue(view, host)) return {};
  return seen->since + kBootPatience;
}

Instant dawn_over_from(const std::optional<DawnSeen>& seen, const View& view) {
  if (!view.dawn || !seen || view.spec() == nullptr) return kNever;
  const auto& hosts = view.spec()->hosts;
  const bool awaited =
      std::any_of(hosts.begin(), hosts.end(), [&](const Host& host) { return is_awaited(view, host.name); });
  return awaited ? seen->since + kBootPatience : Instant{};
}

}  // namespace haven

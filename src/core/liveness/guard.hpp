// A hypervisor host's part in fencing virtual hosts (F3): which of them it holds, which it ended, which it keeps away.
// A part of the executor; see executor.hpp for who calls it.
//
// From the moment an intent against a virtual host is seen until a proof or a withdrawal, its domain neither starts
// here nor comes in by migration; once the grace is over it is ended if it is here. "Absent" is what an inspection says
// that began after the record of the shot was seen, and after every start that libvirt was allowed before has shown.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/decision.hpp"
#include "core/model/view.hpp"

namespace haven {

// Counts what this host was told and what it sent; see executor.hpp.
using Moment = std::uint64_t;

struct GuardedBoot {
  Revision fence;      // of the record as last seen
  Moment touched = 0;  // inspections begun before say nothing
  std::optional<Instant> end_sent, kill_sent;
  bool end_refused = false;
};

struct Guard {
  std::optional<Instant> began;            // of this havend: what one before it allowed is not known
  std::set<std::string> others;            // uuids that run here and are no resource's, as last inspected
  std::map<std::string, Instant> allowed;  // starts and migrations that libvirt was allowed, by uuid
  std::map<HostBoot, GuardedBoot> boots;   // accused virtual hosts
  std::vector<std::string> published;      // uuids of the last PublishProtected
};

// The view changed. `moment` counts on.
void observe_accused(Guard& guard, const View& view, const HostName& self, Moment& moment, Instant now);
void observe_others(Guard& guard, const std::vector<std::string>& others);
// libvirt was allowed to start this domain.
void observe_allowed(Guard& guard, const View& view, const std::string& uuid, Instant now);
void observe_end_issued(Guard& guard, const EndVirtualHost& end, Moment& moment, Instant now);
void observe_end_done(Guard& guard, const EndVirtualHost& end, CallResult result, Moment& moment);

// Inspections must have begun after this.
[[nodiscard]] Moment guard_touched(const Guard& guard);
// Why this domain may not start or come in now; empty: it may. `has_room`: what starts now is seen before this host's
// promise would end it (C2); a virtual host is nothing that Haven could stop for it.
[[nodiscard]] std::string guard_refusal(const View& view, const std::string& uuid, bool has_room);
// A virtual host's domain may still appear here: libvirt was allowed to start it, and no inspection has shown it.
[[nodiscard]] bool may_appear(const Guard& guard, Pass& pass);
// Domains that the hook is to refuse while havend is down.
[[nodiscard]] std::vector<std::string> guarded_uuids(const View& view);

// For the report of this host. `inspected`: when the last answered inspection began, that libvirt answers still.
[[nodiscard]] std::vector<HeldHost> held_hosts(const Guard& guard, const View& view);
[[nodiscard]] std::vector<KeptAway> kept_away(const Guard& guard, const View& view, Moment inspected, Instant now);

// Ends what is to end here.
void keep_guard(const Guard& guard, const View& view, Moment inspected, Pass& pass);

}  // namespace haven

// How an executor's memory follows what it is told, and what it says about itself.
#include <algorithm>

#include "core/executor.hpp"
#include "core/mutation.hpp"
#include "core/placement/roster.hpp"

namespace haven {
namespace {

bool claimed_here(const View& view, const ResourceName& name, const SelfView& self) {
  const auto claim = view.claims.find(name);
  return claim != view.claims.end() && claim->second.value.host == self.host &&
         claim->second.value.incarnation == self.incarnation && claim->second.value.order != ClaimOrder::let_go;
}

// As the claim says.
bool comes_in(const View& view, const ResourceName& name, const SelfView& self) {
  const auto claim = view.claims.find(name);
  if (claim == view.claims.end() || claim->second.value.order == ClaimOrder::let_go) return false;
  const auto& m = claim->second.value.migrating_to;
  return m && m->host == self.host && m->incarnation == self.incarnation;
}

// It is absent: the next stop or start begins with a clean course.
void forget_course(Local& local) {
  local.shutdown_sent = local.destroy_sent = local.kill_sent = local.resume_sent = std::nullopt;
  local.shutdown_refused = local.destroy_refused = false;
  local.resumes = 0;
  local.cap_sent.reset();
  local.cap_trouble.clear();
  local.links_sent.reset();
}

void fold_presence(Local& local, bool was_present, Instant now) {
  const bool is_present = local.domain.has_value() || local.process;
  if (local.domain != DomainCondition::running)
    local.here_since.reset();
  else if (!local.here_since)
    local.here_since = now;
  if (is_present) {
    local.gone_since.reset();
    if (!was_present) local.hint.reset();
    local.arrival_seen = true;
    return;
  }
  if (was_present || !local.gone_since) local.gone_since = now;
  if (!local.start_in_flight) forget_course(local);
}

// What was on its way to a disk that was lost may still arrive there later, also after the process is gone: only seeing
// it run again with its disk in reach tells that nothing is on the way any more (C7).
void fold_storage(Local& local, bool was_present) {
  const bool is_present = local.domain.has_value() || local.process;
  if (local.storage_lost && (was_present || is_present)) local.unsettled = true;
  if (!local.storage_lost && local.domain == DomainCondition::running) local.unsettled = false;
}

bool same_findings(const Inspected& a, const Inspected& b) {
  return a.reached == b.reached && a.domains == b.domains && a.processes == b.processes &&
         a.storage_lost == b.storage_lost && a.uplink_lost == b.uplink_lost && a.others == b.others &&
         a.others_taken == b.others_taken;
}

}  // namespace

const ResourceName* resource_of(const Action& action) {
  if (const auto* a = std::get_if<StartDomain>(&action)) return &a->resource;
  if (const auto* a = std::get_if<ShutdownDomain>(&action)) return &a->resource;
  if (const auto* a = std::get_if<DestroyDomain>(&action)) return &a->resource;
  if (const auto* a = std::get_if<KillDomain>(&action)) return &a->resource;
  if (const auto* a = std::get_if<ResumeDomain>(&action)) return &a->resource;
  if (const auto* a = std::get_if<MigrateDomain>(&action)) return &a->resource;
  if (const auto* a = std::get_if<CapDomain>(&action)) return &a->resource;
  if (const auto* a = std::get_if<TreatGuest>(&action)) return &a->resource;
  if (const auto* a = std::get_if<SetLinks>(&action)) return &a->resource;
  if (const auto* a = std::get_if<AbortMigration>(&action)) return &a->resource;
  return nullptr;
}

Moment last_touched(const HostState& host) {
  Moment touched = std::max(host.touched, guard_touched(host.guard));
  for (const auto& [name, local] : host.locals) touched = std::max(touched, local.touched);
  return touched;
}

bool observe_inspection(HostState& host, const View& view, const Inspected& seen, Instant now) {
  observe_answer(host.care, seen.reached, now);
  const bool settled = host.looked && host.hypervisor && host.inspected >= last_touched(host);
  // What libvirt was allowed to start, and has not shown yet, is waited for.
  if (settled && same_findings(seen, host.seen) && host.guard.allowed.empty()) {
    host.inspected = host.inspecting;
    return false;
  }
  host.seen = seen;
  for (const auto& name : seen.storage_lost) host.locals.try_emplace(name);
  for (auto& [name, local] : host.locals)
    local.storage_lost = std::find(seen.storage_lost.begin(), seen.storage_lost.end(), name) != seen.storage_lost.end();
  for (const auto& name : seen.uplink_lost) host.locals.try_emplace(name);
  for (auto& [name, local] : host.locals)
    local.uplink_lost = std::find(seen.uplink_lost.begin(), seen.uplink_lost.end(), name) != seen.uplink_lost.end();
  if (!seen.reached) {
    host.hypervisor = false;
    // Nothing is concluded from it, but it is said: without libvirt nobody can tell that it does not start again (C4).
    for (auto& [name, local] : host.locals)
      local.vanished = (local.domain || local.process) &&
                       std::find(seen.processes.begin(), seen.processes.end(), name) == seen.processes.end();
    return true;
  }
  if (!host.hypervisor) host.touched = host.inspecting;
  host.hypervisor = true;
  observe_others(host.guard, seen.others);
  host.others = seen.others_taken;
  for (const auto& domain : seen.domains) host.locals.try_emplace(domain.resource);
  for (const auto& process : seen.processes) host.locals.try_emplace(process);
  for (auto& [name, local] : host.locals) {
    const bool was_present = local.domain.has_value() || local.process;
    const auto domain = std::find_if(seen.domains.begin(), seen.domains.end(),
                                     [&, &resource = name](const DomainSeen& d) { return d.resource == resource; });
    local.domain = domain == seen.domains.end() ? std::nullopt : std::optional(domain->condition);
    local.migrating = domain != seen.domains.end() && domain->migrating;
    local.cap = domain == seen.domains.end() ? std::nullopt : domain->cap;
    local.linked = domain == seen.domains.end() ? std::nullopt : domain->linked;
    // A look that began before libvirt's word says nothing against it.
    if (local.domain == DomainCondition::running && host.inspecting >= local.touched) local.left = false;
    local.vanished = false;
    local.process = std::find(seen.processes.begin(), seen.processes.end(), name) != seen.processes.end();
    fold_presence(local, was_present, now);
    fold_storage(local, was_present);
  }
  host.inspected = host.inspecting;
  const bool about_spec = view.spec() != nullptr && host.inspected >= host.touched;
  if (host.looked || !about_spec) return true;
  host.looked = true;
  host.found_none = seen.domains.empty() && seen.processes.empty();
  return true;
}

void observe_hint(HostState& host, const DomainHint& hint) {
  Local& local = host.locals[hint.resource];
  local.touched = ++host.moment;
  if (hint.kind == HintKind::migrated) local.left = true;
  const bool known = local.hint && *local.hint != HintKind::changed;
  if (!known) local.hint = hint.kind;
}

void observe_disturbance(HostState& host, bool hypervisor_answers) {
  host.hypervisor = hypervisor_answers;
  host.touched = ++host.moment;
}

void observe_issued(HostState& host, const View& view, const Action& action, Now now) {
  if (std::holds_alternative<Inspect>(action)) {
    host.asked = now.mono;
    host.inspecting = ++host.moment;
  }
  if (const auto* commit = std::get_if<Commit>(&action); commit != nullptr && commit->lane == "load")
    host.gauges.told = now.mono;
  if (std::holds_alternative<RestartHypervisor>(action)) observe_restart_issued(host.care, now.mono);
  if (std::holds_alternative<KillAllAndReboot>(action)) host.rebooting = true;
  if (const auto* list = std::get_if<PublishProtected>(&action)) {
    host.published_edition = view.spec_edition();
    host.published = list->resources;
    host.guard.published = list->uuids;
  }
  if (const auto* note = std::get_if<NoteRelease>(&action)) host.released[note->resource] = note->generation;
  if (const auto* end = std::get_if<EndVirtualHost>(&action))
    observe_end_issued(host.guard, *end, host.moment, now.mono);
  if (const auto* order = std::get_if<AttendGuest>(&action)) {
    Local& local = host.locals[order->resource];
    if (local.life != order->life || order->how == Attendance::none) local.health.reset();
    local.life = order->life;
    local.attended = order->how;
  }
  const ResourceName* name = resource_of(action);
  if (name == nullptr) return;
  Local& local = host.locals[*name];
  if (std::holds_alternative<TreatGuest>(action)) {
    local.treat_in_flight = true;
    local.treat_for = view.mod_of(path::run(*name));
    local.treat_result.reset();
    return;  // what is present does not change by it
  }
  local.touched = ++host.moment;
  if (std::holds_alternative<StartDomain>(action)) {
    local.fresh = true;
    local.treat_result.reset();
    const auto run = view.runs.find(*name);
    // It runs by its record, or was started for it before: a restart in place while the engine is out of reach.
    const bool again =
        run != view.runs.end() && (run->second.value.state == RunState::running || local.start_for == run->second.mod);
    if (again && !local.yielded) {
      ++local.unrecorded;
      local.restarted = now.mono;
    }
    local.yielded = false;
    local.start_in_flight = true;
    local.start_for = view.mod_of(path::run(*name));
    local.start_result.reset();
    local.hint.reset();
    forget_course(local);
  }
  const bool ends_it = std::holds_alternative<ShutdownDomain>(action) || std::holds_alternative<KillDomain>(action);
  if (ends_it && strain_of(host.keeping, now.mono) != Strain::none) local.yielded = true;
  if (std::holds_alternative<ShutdownDomain>(action)) local.shutdown_sent = now.mono;
  if (std::holds_alternative<DestroyDomain>(action)) local.destroy_sent = now.mono;
  if (std::holds_alternative<KillDomain>(action)) local.kill_sent = now.mono;
  if (std::holds_alternative<AbortMigration>(action)) local.abort_sent = now.mono;
  if (std::holds_alternative<ResumeDomain>(action)) {
    local.resume_sent = now.mono;
    ++local.resumes;
  }
  if (const auto* cap = std::get_if<CapDomain>(&action)) {
    local.cap_in_flight = true;
    local.cap_sent = now.mono;
    local.cap_asked = cap->cap;
  }
  if (const auto* links = std::get_if<SetLinks>(&action)) {
    local.links_in_flight = true;
    local.links_sent = now.mono;
    local.links_asked = links->up;
    if (links->up) local.links_unanswered = now.mono;
  }
  if (const auto* migrate = std::get_if<MigrateDomain>(&action)) {
    local.migrate_in_flight = true;
    local.migrate_for = migrate->generation;
    local.migrate_result.reset();
    local.abort_sent.reset();
    local.left = false;
  }
}

void observe_call(HostState& host, const Action& action, const CallDone& done, Instant now) {
  if (const auto* end = std::get_if<EndVirtualHost>(&action))
    observe_end_done(host.guard, *end, done.result, host.moment);
  if (std::holds_alternative<RestartHypervisor>(action))
    observe_restart_done(host.care, done.result == CallResult::done ? "" : done.message);
  const ResourceName* name = resource_of(action);
  if (name == nullptr) return;
  Local& local = host.locals[*name];
  if (std::holds_alternative<TreatGuest>(action)) {
    local.treat_in_flight = false;
    local.treat_result = done.result;
    local.treat_message = done.message.substr(0, kSaidKept);
    local.treat_ended = now;
    if (std::get<TreatGuest>(action).calls_up && done.result == CallResult::done) local.fresh = false;
    return;
  }
  local.touched = ++host.moment;
  const bool bad = done.result != CallResult::done;
  if (std::holds_alternative<StartDomain>(action)) {
    local.start_in_flight = false;
    local.start_result = done.result;
    local.start_message = done.message;
  }
  if (std::holds_alternative<MigrateDomain>(action)) {
    local.migrate_in_flight = false;
    local.migrate_result = done.result;
    local.migrate_message = done.message;
    local.left |= !bad;
  }
  if (std::holds_alternative<CapDomain>(action)) {
    local.cap_in_flight = false;
    local.cap_trouble = bad ? done.message : "";
  }
  if (const auto* links = std::get_if<SetLinks>(&action)) {
    local.links_in_flight = false;
    if (links->up && done.result != CallResult::unknown) local.links_unanswered.reset();
  }
  if (std::holds_alternative<ShutdownDomain>(action)) local.shutdown_refused = bad;
  if (std::holds_alternative<DestroyDomain>(action)) local.destroy_refused = bad;
}

bool observe_health(HostState& host, const HealthSeen& seen) {
  const auto local = host.locals.find(seen.resource);
  if (local == host.locals.end() || local->second.life != seen.life) return false;
  local->second.health = seen;
  return true;
}

std::vector<ResourceName> observe_engine_back(HostState& host) {
  std::vector<ResourceName> waited;
  for (auto& [name, local] : host.locals) {
    if (local.unrecorded != 0 || local.restarted) waited.push_back(name);
    local.unrecorded = 0;
    local.restarted.reset();
  }
  return waited;
}

namespace {

// The claim names this boot as the destination, which has said that it may come, and took nothing back (M1).
bool lets_in(const HostState& host, const View& view, const SelfView& self, const ResourceName& name, Instant now) {
  const auto claim = view.claims.find(name);
  if (claim == view.claims.end() || claim->second.value.order != ClaimOrder::run) return false;
  const auto& m = claim->second.value.migrating_to;
  if (!m || m->host != self.host || m->incarnation != self.incarnation || m->cancelled) return false;
  const ArrivalRecord* arrival = arrival_of(view, name);
  const auto noted = host.released.find(name);
  const bool refused = noted != host.released.end() && noted->second >= m->generation;
  return arrival != nullptr && arrival->state == ArrivalState::ready && !refused && !host.leaving &&
         may_start(host.keeping, now);
}

// One migration is two more questions, as of a start, and both come at once.
constexpr int kQuestionsOfArrival = 2;
constexpr Duration kQuestionsWithin = 10s;

}  // namespace

void observe_admitted(HostState& host, const HookAsked& asked, Instant now) {
  if (asked.resource.empty()) return;
  Local& local = host.locals[asked.resource];
  if (local.start_in_flight) return;
  local.admissions = asked.migration ? kQuestionsOfArrival : local.admissions - 1;
  local.admitted_at = now;
  local.arrival_seen = false;
  local.touched = ++host.moment;
}

std::string hook_refusal(const HostState& host, const View& view, const SelfView& self, const HookAsked& asked,
                         Instant now) {
  if (mutation::hook_open) return "";
  if (asked.resource.empty()) return guard_refusal(view, asked.uuid, may_start(host.keeping, now));
  // Asked about means known by the list; without a spec nobody can say that it may.
  if (view.spec() == nullptr || host.rebooting)
    return "Haven knows " + asked.resource.str() + " and cannot judge just now";
  const Resource* resource = view.roster().resource(asked.resource);
  if (resource == nullptr || desired_state(view, *resource) == DesiredState::ignored) return "";
  const auto claim = view.claims.find(asked.resource);
  const bool down = claim != view.claims.end() && !claim->second.value.links.up;
  if (down && !asked.unlinked && !mutation::link_unmarked)
    return "Haven keeps the network links of " + asked.resource.str() + " down, and this start would have them up";
  if (asked.migration) {
    if (lets_in(host, view, self, asked.resource, now)) return "";
    return "Haven protects " + asked.resource.str() + ": only Haven moves it (haven migrate " + asked.resource.str() +
           " " + self.host.str() + ")";
  }
  const auto local = host.locals.find(asked.resource);
  const bool belongs = local != host.locals.end() && local->second.admissions > 0 && local->second.admitted_at &&
                       now < *local->second.admitted_at + kQuestionsWithin;
  if (belongs && lets_in(host, view, self, asked.resource, now)) return "";
  if (local != host.locals.end() && local->second.start_in_flight) return "";
  if (mutation::late_create && local != host.locals.end() && local->second.start_for != Revision{}) return "";
  return "Haven protects " + asked.resource.str() + ": only Haven starts it (haven start " + asked.resource.str() + ")";
}

StatusRecord report_of_host(const HostState& host, const View& view, const SelfView& self, Instant now) {
  StatusRecord report;
  report.incarnation = self.incarnation;
  report.spec = report_basis(view);
  report.hypervisor = host.hypervisor;
  if (!host.hypervisor)
    report.problems.push_back("libvirt does not answer; its VMs are their own processes and run on");
  if (!host.hypervisor && !host.care.trouble.empty())
    report.problems.push_back("libvirt's service cannot be restarted: " + host.care.trouble);
  if (!host.keeping.trouble.empty()) report.problems.push_back("it makes no promise: " + host.keeping.trouble);
  for (const auto& [name, local] : host.locals) {
    if (view.roster().resource(name) == nullptr) continue;
    if (local.storage_lost) report.storage_lost.push_back(name);
    if (local.uplink_lost) report.uplink_lost.push_back(name);
    if (local.vanished && !comes_in(view, name, self))
      report.problems.push_back(name.str() + " has no process any more; it starts again once libvirt answers");
    if (!local.domain && !local.process && !local.start_in_flight) continue;
    if (!claimed_here(view, name, self) && !comes_in(view, name, self)) report.found.push_back(name);
    if (local.domain == DomainCondition::paused_io_error)
      report.problems.push_back(name.str() + " stopped itself: its disk failed");
    if (!local.cap_trouble.empty())
      report.problems.push_back(name.str() +
                                (local.cap_asked ? " cannot be held to its share of the CPUs: "
                                                 : " cannot be given back what it was held to: ") +
                                local.cap_trouble);
  }
  if (!report.uplink_lost.empty()) {
    const std::string others = std::to_string(report.uplink_lost.size() - 1);
    report.problems.push_back("the network of " + report.uplink_lost.front().str() +
                              (others == "0" ? "" : " and of " + others + " more") + " has no uplink");
  }
  if (!report.storage_lost.empty()) {
    const std::string others = std::to_string(report.storage_lost.size() - 1);
    report.problems.push_back("the disk of " + report.storage_lost.front().str() +
                              (others == "0" ? "" : " and of " + others + " more") + " cannot be read");
  }
  report.problems.insert(report.problems.end(), host.problems.begin(), host.problems.end());
  report.others = host.others;
  report.holds = held_hosts(host.guard, view);
  report.kept_away = kept_away(host.guard, view, host.hypervisor ? host.inspected : 0, now);
  return report;
}

bool runs_nothing(const HostState& host, const View& view, const SelfView& self) {
  if (!host.looked || !host.hypervisor || host.inspected < host.touched) return false;
  return std::all_of(host.locals.begin(), host.locals.end(), [&](const auto& entry) {
    const Local& local = entry.second;
    return !claimed_here(view, entry.first, self) ||
           (!local.domain && !local.process && !local.start_in_flight && host.inspected >= local.touched);
  });
}

bool idle(const HostState& host, const View& view, Pass& pass) {
  if (!host.looked || !host.hypervisor || host.inspected < host.touched) return false;
  // A virtual host counts as gone once its machine is proved dead, by whatever proof (F3).
  if (!held_hosts(host.guard, view).empty() || may_appear(host.guard, pass)) return false;
  return std::all_of(host.locals.begin(), host.locals.end(), [&](const auto& entry) {
    const Local& local = entry.second;
    return !local.domain && !local.process && !local.start_in_flight && host.inspected >= local.touched;
  });
}

}  // namespace haven

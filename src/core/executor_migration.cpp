// Both ends of a live migration (M1 to M3; docs/migration.md has the states). The source owns the guest until it has
// released it, whatever became of the migration: it may resume it at any time, and the destination never does before
// the claim names it. What the destination has is destroyed unless the source says that libvirt ended the guest there
// for no other reason than that all of it had gone over: a source that ran on after the switch, and ended then, would
// leave a memory behind that is older than the disk.
#include <utility>

#include "core/executor_case.hpp"
#include "core/liveness/hypervisors.hpp"
#include "core/mutation.hpp"

namespace haven::acting {
namespace {

// While it shuts down, under the policy that moves what can be moved, and not for ever.
bool may_leave_live(const Case& c) {
  return c.view.spec()->cluster.shutdown_policy == ShutdownPolicy::migrate &&
         !c.pass.due(c.host.leaving_since + kEvacuationPatience);
}

// Engine, file and both hosts let it happen.
bool may_go(const Case& c) {
  const std::optional<Migration>& m = c.claim->migrating_to;
  if (!m || m->cancelled || c.claim->order != ClaimOrder::run || !in_touch(c)) return false;
  if (c.run == nullptr || c.run->stayed >= m->generation) return false;
  if (c.host.leaving && !may_leave_live(c)) return false;
  if (left_alone(c.view, c.resource.name) || frozen_host(c.view, c.self.host) || frozen_host(c.view, m->host))
    return false;
  const ArrivalRecord* arrival = arrival_of(c.view, c.resource.name);
  return arrival != nullptr && arrival->state == ArrivalState::ready;
}

// It ended here while it was to be moved.
void depart(const Case& c) {
  const Local& l = c.local;
  const bool told = l.left || l.yielded || (l.hint && *l.hint != HintKind::changed);
  if (!told && l.gone_since && !c.pass.due(*l.gone_since + kHintPatience)) return;
  if (has_left(c)) return settle(c, EndReason::migrated, "");
  if (l.hint == HintKind::powered_off && !l.yielded && c.resource.on_poweroff == OnPoweroff::stop)
    return settle(c, EndReason::powered_off, "the guest switched itself off");
  settle(c, EndReason::stopped, "it ended while it was moved");
}

void record_stay(const Case& c, std::string detail) {
  if (!in_touch(c)) return;
  RunRecord run = *c.run;
  run.stayed = c.claim->migrating_to->generation;
  run.detail = std::move(detail);
  c.pass.act(run_commit(c, run));
}

// ---- the destination ----

Commit arrival_commit(const Case& c, ArrivalState state, std::string detail) {
  const ResourceName& name = c.resource.name;
  Commit commit;
  commit.lane = "run/" + name.str();
  commit.timeout = kCommitTimeout;
  for (const auto& path : {path::claim(name), path::arrival(name), path::member(c.self.host)})
    commit.checks.push_back({path, c.view.mod_of(path)});
  const ArrivalRecord arrival{c.self.host, c.self.incarnation, c.claim->migrating_to->generation, state,
                              std::move(detail)};
  commit.writes.push_back({path::arrival(name), arrival, {}});
  return commit;
}

// What libvirt was allowed to let in may still come (C5).
bool awaited(const Case& c) {
  if (arrival_of(c.view, c.resource.name) == nullptr || c.local.arrival_seen) return false;
  const std::optional<Instant>& from = c.local.admitted_at ? c.local.admitted_at : c.host.guard.began;
  return !from || !c.pass.due(*from + kAllowedStartAppears);
}

// Judged only on a view no older than this host's last word, as all that is another's (C6).
void destroy_what_came(const Case& c) {
  if (c.self.watching && c.view.revision() >= c.self.own_last) destroy_at_once(c);
}

// Noted first, then said: from then on nothing of this generation comes in or goes on here (C4).
void refuse(const Case& c, std::string detail) {
  if (present(c.local)) return destroy_what_came(c);
  if (!c.sure || awaited(c)) return;
  const Generation generation = c.claim->migrating_to->generation;
  if (noted(c) < generation) c.pass.act(NoteRelease{c.resource.name, generation});
  if (in_touch(c)) c.pass.act(arrival_commit(c, ArrivalState::gone, std::move(detail)));
}

// The source has let all of it go, and the claim is about to come here.
bool is_handed_over(const Case& c) {
  return c.run != nullptr && c.run->state == RunState::released && c.run->end == EndReason::migrated;
}

}  // namespace

bool has_left(const Case& c) {
  const std::optional<Migration>& m = c.claim->migrating_to;
  return m && c.local.left && (c.run == nullptr || c.run->stayed < m->generation);
}

void keep_sending(const Case& c) {
  const Local& l = c.local;
  const bool given_up = !l.migrate_in_flight && l.migrate_result.has_value();
  if (may_go(c) && !given_up) return;
  if (!c.local.abort_sent || c.pass.due(*c.local.abort_sent + kAbortInterval))
    c.pass.act(AbortMigration{c.resource.name, kAbortTimeout});
}

void keep_migrating(const Case& c) {
  const Migration& m = *c.claim->migrating_to;
  const Local& l = c.local;
  if (!c.sure) return;
  if (!present(l)) return depart(c);
  const bool tried = l.migrate_for == m.generation && l.migrate_result.has_value();
  // All of it is there, and libvirt could not end what it had stopped here.
  if (tried && l.left && !m.cancelled && stands_still(l)) return destroy_at_once(c);
  const bool may = !tried && may_go(c);
  if (may && l.domain == DomainCondition::running && takes_cap_off(c)) return;
  if (may && l.links_in_flight) return;
  // Stopped for a migration that a havend before this one began: libvirt lets this one wait, and ends that one.
  if (may && (l.domain == DomainCondition::running || l.domain == DomainCondition::in_migration))
    return c.pass.act(MigrateDomain{c.resource.name, m.host, m.generation, kMigrateTimeout});
  if (tried || m.cancelled || may) record_stay(c, tried ? l.migrate_message : may ? "it stands still" : "");
  keep_running(c);
}

bool evacuates(const Case& c) {
  const bool frozen = left_alone(c.view, c.resource.name) || frozen_host(c.view, c.self.host);
  const bool runs_well = c.run != nullptr && c.run->state == RunState::running && !c.run->unsettled && runs(c.local);
  if (!may_leave_live(c) || frozen || !runs_well || !in_touch(c) || c.local.shutdown_sent) return false;
  return c.claim->migrating_to || !c.pass.due(c.host.leaving_since + kEvacuationWord);
}

void evacuate(const Case& c) {
  if (c.claim->migrating_to && c.run->stayed < c.claim->migrating_to->generation) keep_migrating(c);
}

bool arrives_here(const Case& c) {
  if (c.claim == nullptr || c.claim->order == ClaimOrder::let_go || !c.claim->migrating_to) return false;
  const Migration& m = *c.claim->migrating_to;
  return m.host == c.self.host && m.incarnation == c.self.incarnation;
}

void arrive(const Case& c) {
  const Migration& m = *c.claim->migrating_to;
  const Local& l = c.local;
  const ArrivalRecord* arrival = arrival_of(c.view, c.resource.name);
  if (mutation::resume_unreleased && l.domain == DomainCondition::paused)
    return c.pass.act(ResumeDomain{c.resource.name, kShutdownTimeout});
  if (arrival != nullptr && arrival->state == ArrivalState::gone) {
    if (present(l)) destroy_what_came(c);
    return;
  }
  if (noted(c) >= m.generation) return refuse(c, "");
  if ((m.cancelled || c.host.leaving) && !is_handed_over(c))
    return refuse(c, c.host.leaving ? "its host shuts down" : "it was called off");
  if (l.domain == DomainCondition::running) return destroy_what_came(c);  // by nobody's right (M2)
  if (arrival != nullptr) return;
  if (!c.sure || !in_touch(c) || !has_room(c) || frozen_host(c.view, c.self.host)) return;
  if (present(l)) return destroy_what_came(c);
  if (l.storage_lost) return refuse(c, "its disk cannot be read here");
  c.pass.act(arrival_commit(c, ArrivalState::ready, ""));
}

bool arrived_here(const Case& c) {
  const auto found = c.view.arrivals.find(c.resource.name);
  if (found == c.view.arrivals.end()) return false;
  const ArrivalRecord& arrival = found->second.value;
  return arrival.host == c.self.host && arrival.incarnation == c.self.incarnation &&
         arrival.state == ArrivalState::ready && arrival.generation <= c.claim->generation;
}

bool take_up(const Case& c) {
  const Local& l = c.local;
  if (!arrived_here(c) || !stands_still(l)) return true;
  const bool ours = l.start_for == c.view.mod_of(path::run(c.resource.name)) && l.start_result.has_value();
  if (ours) return true;
  if (!c.claim->resume || l.resumes >= kResumesOfArrival) {
    destroy_at_once(c);
    return false;
  }
  if (c.run == nullptr) return in_touch(c) && has_room(c);
  if (l.storage_lost || !in_touch(c) || !has_room(c)) return false;
  if (!l.resume_sent || c.pass.due(*l.resume_sent + kResumeInterval))
    c.pass.act(ResumeDomain{c.resource.name, kShutdownTimeout});
  return false;
}

void record_running(const Case& c) {
  Commit commit = run_commit(c, run_record(c, RunState::running));
  if (arrived_here(c)) {
    const std::string path = path::arrival(c.resource.name);
    commit.checks.push_back({path, c.view.mod_of(path)});
    commit.writes.push_back({path, std::nullopt, {}});
  }
  c.pass.act(std::move(commit));
}

}  // namespace haven::acting

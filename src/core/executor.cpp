#include "core/executor.hpp"

#include <algorithm>
#include <utility>

#include "core/executor_case.hpp"
#include "core/liveness/dawn.hpp"
#include "core/mutation.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/home.hpp"
#include "core/start_slots.hpp"

namespace haven {

using namespace acting;

namespace {

const Local kUnknown{};

const Local& local_of(const HostState& host, const ResourceName& name) {
  const auto it = host.locals.find(name);
  return it == host.locals.end() ? kUnknown : it->second;
}

// The last answered inspection began after everything that could have changed what it saw.
bool fresh(const HostState& host, const Local& local) {
  return !local.start_in_flight && !local.migrate_in_flight && host.looked && host.hypervisor &&
         host.inspected >= host.touched && host.inspected >= local.touched;
}

bool names_us(const Case& c) {
  if (c.claim == nullptr || c.claim->host != c.self.host || c.claim->order == ClaimOrder::let_go) return false;
  return mutation::ignore_incarnation || c.claim->incarnation == c.self.incarnation;
}

// ---- stopping ----

// Even SIGKILL did not end it: said in the record, so that the controller can do what on_stop_fail says (B2).
void record_stuck(const Case& c) {
  if (!c.local.kill_sent || !c.sure || !in_touch(c) || c.run == nullptr || c.run->stop_failed) return;
  if (!c.pass.due(*c.local.kill_sent + kKillTimeout)) return;
  RunRecord run = *c.run;
  run.stop_failed = true;
  c.pass.act(run_commit(c, run));
}

void stop(const Case& c, EndReason end) {
  if (c.local.start_in_flight) return;
  if (present(c.local)) {
    end_in_order(c);
    return record_stuck(c);
  }
  if (c.sure) settle(c, end, "");
}

// For the host's promise: asked to stop first, then killed by pid, again and again (P3). Nothing is released by it: the
// claim stays here, and what was stopped starts again once the engine is back.
void yield_to_promise(const Case& c) {
  const Local& l = c.local;
  if (c.strain == Strain::kill) {
    if (!l.kill_sent || c.pass.due(*l.kill_sent + kPromiseKillRetry))
      c.pass.act(KillDomain{c.resource.name, kPromiseKillTimeout});
  } else if (!l.shutdown_sent && runs(l)) {
    c.pass.act(ShutdownDomain{c.resource.name, kShutdownTimeout});
  }
}

// ---- running ----

std::vector<WallTime> recent_restarts(const Case& c) {
  std::vector<WallTime> restarts;
  const auto window_ms = std::chrono::duration_cast<std::chrono::milliseconds>(c.resource.restarts.within).count();
  const auto known = c.view.runs.find(c.resource.name);
  if (known == c.view.runs.end()) return restarts;
  for (const WallTime at : known->second.value.restarts)
    if (c.pass.now().wall.unix_ms - at.unix_ms < window_ms) restarts.push_back(at);
  return restarts;
}

void mark_start(const Case& c, std::vector<WallTime> restarts, bool in_place) {
  RunRecord run = run_record(c, RunState::starting);
  run.restarts = std::move(restarts);
  run.health = note_of_start(c);
  // Nothing of it is here, and what starts under this claim starts without links.
  if (!c.claim->links.up && c.claim->links.turn == 1 && !present(c.local)) run.links_turn = c.claim->links.turn;
  Commit commit = run_commit(c, run);
  if (in_place) {
    JournalRecord journal;
    journal.at = c.pass.now().wall;
    journal.by = c.self.host;
    journal.kind = JournalKind::restart;
    journal.resource = c.resource.name;
    journal.host = c.self.host;
    journal.why = is_restarting(c)                        ? "it was ill, and is started anew"
                  : c.local.yielded                       ? "it was stopped for its host's promise"
                  : c.local.hint == HintKind::powered_off ? "the guest switched itself off"
                                                          : "its process ended";
    commit.writes.push_back({path::kNewJournal, journal, {}});
  }
  c.pass.act(std::move(commit));
}

StartDomain start_of(const Case& c) {
  const bool unlinked = !c.claim->links.up && !mutation::link_unmarked;
  return {c.resource.name, c.claim->generation, kStartTimeout, unlinked};
}

// Engine out of reach: what this incarnation itself started may start again here, at no cost (B1); not on a host with a
// promise (C6).
void restart_out_of_reach(const Case& c) {
  const Local& l = c.local;
  const bool ours = c.run != nullptr && c.run->incarnation == c.self.incarnation;
  // Another engine, made anew, may have given it to another host (E3).
  if (!ours || l.start_in_flight || c.self.outdated || c.claim->migrating_to || clock_of(c.host.keeping)) return;
  const Duration delay = std::min(kRestartDelayLimit, kRestartDelay * (1 << std::clamp(l.unrecorded - 1, 0, 8)));
  if (!l.restarted || c.pass.due(*l.restarted + delay)) c.pass.act(start_of(c));
}

// It ran under this claim and does not any more.
void ended(const Case& c) {
  const Local& l = c.local;
  if (is_restarting(c) && !l.storage_lost && in_touch(c)) {
    if (has_room(c)) mark_start(c, recent_restarts(c), true);
    return;
  }
  if (l.storage_lost) return;  // nothing would start; once its disk is back it starts here, at no cost (B1, C7)
  const bool told = l.yielded || (l.hint && *l.hint != HintKind::changed);
  if (!told && l.gone_since && !c.pass.due(*l.gone_since + kHintPatience)) return;
  const bool switched_off = l.hint == HintKind::powered_off && !l.yielded;
  if (switched_off && c.resource.on_poweroff == OnPoweroff::stop)
    return release(c, EndReason::powered_off, "the guest switched itself off");
  if (!in_touch(c)) return restart_out_of_reach(c);
  std::vector<WallTime> restarts = recent_restarts(c);
  if (!has_room(c)) return;
  if (l.unsettled || l.yielded) return mark_start(c, std::move(restarts), true);
  if (static_cast<int>(restarts.size()) >= c.resource.restarts.limit)
    return release(c, EndReason::crashed, "it ended again within the budget's time");
  restarts.push_back(c.pass.now().wall);
  mark_start(c, std::move(restarts), true);
}

void starting(const Case& c) {
  const Local& l = c.local;
  if (mutation::timeout_is_release && l.start_result == CallResult::unknown)
    return release(c, EndReason::start_failed, "");
  if (l.start_in_flight || !c.sure) return;
  if (present(l)) return take_up(c) ? record_running(c) : void();
  const bool sent = l.start_for == c.view.mod_of(path::run(c.resource.name)) && l.start_result.has_value();
  if (!sent) {
    if (in_touch(c) && has_room(c)) c.pass.act(start_of(c));
    return;
  }
  // Its disk was lost while it came up: what failed it is not the host, nor the guest (B1).
  const EndReason failed = l.storage_lost ? EndReason::storage_lost : EndReason::start_failed;
  switch (*l.start_result) {
    case CallResult::done:
      return ended(c);  // it began, and ended before it was seen
    case CallResult::failed:
      return settle(c, failed, l.start_message);
    case CallResult::unknown:
      return settle(c, failed, "libvirt gave no answer in time");
  }
}

// The release was sent, and the engine does not show it: the same once more.
void release_again(const Case& c) {
  if (c.run == nullptr) return release(c, EndReason::stopped, "");
  if (c.run->state == RunState::starting) return release(c, EndReason::start_failed, c.local.start_message);
  if (has_left(c)) return release(c, EndReason::migrated, "");
  const bool switched_off = c.local.hint == HintKind::powered_off && c.resource.on_poweroff == OnPoweroff::stop;
  release(c, switched_off ? EndReason::powered_off : EndReason::crashed, "");
}

void run(const Case& c) {
  const bool over = noted(c) >= c.claim->generation || (c.run != nullptr && c.run->state == RunState::released);
  if (over) {
    // Released, or about to be: never started again. What still runs under it has no right to (C4).
    if (present(c.local)) return destroy_at_once(c);
    const bool recorded = c.run != nullptr && c.run->state == RunState::released;
    if (c.sure && !recorded) release_again(c);
    return;
  }
  if (c.run == nullptr) {
    if (!c.sure || !in_touch(c) || c.local.start_in_flight) return;
    if (present(c.local) && arrived_here(c)) {
      if (take_up(c)) mark_start(c, recent_restarts(c), false);
      return;
    }
    if (present(c.local)) return c.pass.act(run_commit(c, run_record(c, RunState::running)));  // found running: adopt
    // It never ran under this claim, so that nothing of it is on its way to the disk.
    if (c.local.storage_lost) return release(c, EndReason::storage_lost, "its disk cannot be read here");
    if (has_room(c) && c.slots->take()) mark_start(c, recent_restarts(c), false);
    return;
  }
  if (c.run->state == RunState::starting) return starting(c);
  const std::optional<Migration>& going = c.claim->migrating_to;
  if (going && c.run->stayed < going->generation) return keep_migrating(c);
  if (!c.sure) return;
  if (!present(c.local)) return records_absent_links(c) ? void() : ended(c);
  if (is_restarting(c)) return end_to_restart(c);
  keep_running(c);
  tend(c);
}

void act_on(const Case& c) {
  const ResourceName& name = c.resource.name;
  if (c.strain != Strain::none && (present(c.local) || c.local.start_in_flight)) return yield_to_promise(c);
  if (c.view.unreadable(name)) return;
  if (!names_us(c)) {
    if (arrives_here(c)) return arrive(c);
    const bool another = c.claim != nullptr && c.claim->order != ClaimOrder::let_go;
    // Claim names another: destroy at once, but only on a view no older than our own last word (C6).
    if (another && present(c.local) && !c.local.start_in_flight && c.self.watching &&
        c.view.revision() >= c.self.own_last)
      destroy_at_once(c);
    if (!another) keep_cap(c);  // what is nobody's bears no cap of Haven's
    return;
  }
  if (is_sending(c.local)) return keep_sending(c);
  const bool is_frozen = frozen_host(c.view, c.self.host) || left_alone(c.view, name);
  if (is_frozen && c.claim->order == ClaimOrder::run && !c.host.leaving) return (void)record_health(c);
  const bool recorded = c.run != nullptr && c.run->state == RunState::released;
  // It was on its way when its host was told to go down, and is over there by now.
  const bool went = c.host.leaving && has_left(c) && !present(c.local);
  if (went) return run(c);
  if (c.host.leaving || c.claim->order == ClaimOrder::stop) {
    if (recorded && !present(c.local)) return;
    if (c.claim->order == ClaimOrder::stop) return stop(c, EndReason::stopped);
    if (evacuates(c)) return evacuate(c);
    // What never began here has nothing that ties it to this host.
    if (c.run == nullptr) return stop(c, EndReason::host_leaving);
    return stop(c, end_by_shutdown(c.view.spec()->cluster.shutdown_policy, *c.host.leaving));
  }
  run(c);
}

// ---- the host's own affairs ----

void answer_intent(const View& view, const SelfView& self, Pass& pass) {
  const auto fence = view.fences.find(HostBootRef{self.host, self.incarnation});
  if (fence == view.fences.end() || !answerable(fence->second.value.reason) || !self.watching) return;
  const auto answer = view.answers.find(HostBootRef{self.host, self.incarnation});
  if (answer != view.answers.end() && answer->second.value.intent == fence->second.mod) return;
  Commit commit;
  commit.lane = "answer";
  commit.timeout = kCommitTimeout;
  const std::string intent = path::fence(self.host, self.incarnation);
  commit.checks.push_back({intent, fence->second.mod});
  commit.writes.push_back({path::answer(self.host, self.incarnation), AnswerRecord{fence->second.mod}, {}});
  pass.act(std::move(commit));
}

void report_status(const HostState& host, const View& view, const SelfView& self, Pass& pass) {
  if (!self.registered || !self.watching) return;
  const bool settled = host.inspected >= host.touched || !host.hypervisor;
  if (!settled) return;  // what was seen before the spec changed is not about this spec
  const StatusRecord report = report_of_host(host, view, self, pass.now().mono);
  const auto known = view.status.find(self.host);
  const bool said = known != view.status.end() && known->second.value == report;
  if (said && !report_overdue(view, self.host)) return;
  Commit commit;
  commit.lane = "status";
  commit.timeout = kCommitTimeout;
  for (const auto& path : {path::member(self.host), path::status(self.host), path::kSpec})
    commit.checks.push_back({path, view.mod_of(path)});
  commit.writes.push_back({path::status(self.host), report, {}});
  pass.act(std::move(commit));
}

// The hook reads this list while havend is down (C5).
void publish_protected(const HostState& host, const View& view, Pass& pass) {
  PublishProtected list;
  for (const auto& resource : view.spec()->resources)
    if (desired_state(view, resource) != DesiredState::ignored) list.resources.push_back(resource.name);
  list.uuids = guarded_uuids(view);
  const bool same = host.published == list.resources && host.guard.published == list.uuids;
  if (host.published_edition != view.spec_edition() || !same) pass.act(std::move(list));
}

// Those of this boot about whose links anything was ever ordered.
std::vector<ResourceName> with_ordered_links(const View& view, const SelfView& self) {
  std::vector<ResourceName> names;
  for (const auto& [name, claim] : view.claims)
    if (claim.value.links.turn != 0 && claim.value.host == self.host && claim.value.incarnation == self.incarnation)
      names.push_back(name);
  return names;
}

}  // namespace

void look(const HostState& host, const View& view, const SelfView& self, Pass& pass) {
  const bool stale = host.hypervisor && host.inspected < last_touched(host);
  if (stale || !host.asked || pass.due(*host.asked + (host.hypervisor ? kInspectInterval : kInspectRetry)))
    pass.act(Inspect{kInspectTimeout, with_ordered_links(view, self)});
}

void act(const HostState& host, const View& view, const SelfView& self, Agenda& agenda, Pass& pass) {
  if (!view.listed() || host.rebooting) return;
  if (left_cleanly(view, self.host, self.incarnation)) return;  // it runs nothing, and is never taken up again (F8)
  if (proved_dead(view, self.host, self.incarnation))
    return pass.act(
        KillAllAndReboot{"this boot of " + self.host.str() + " was proved dead: nothing of it may go on (F6)"});
  answer_intent(view, self, pass);
  if (view.spec() == nullptr || view.unreadable(path::kSpec)) return;
  if (agenda.everything() || host.guard.published != guarded_uuids(view)) publish_protected(host, view, pass);
  if (const auto clock = clock_of(host.keeping)) (void)(pass.due(stop_from(*clock)) && pass.due(kill_from(*clock)));
  const Strain strain = strain_of(host.keeping, pass.now().mono);
  StartSlots slots(host, view, self);
  const Roster& roster = view.roster();
  for (const std::size_t place : agenda.take(roster, pass.now().mono)) {
    const Resource& resource = *roster.order[place];
    Pass one(pass.now());
    Case c{host, view, self, resource, one, local_of(host, resource.name)};
    c.slots = &slots;
    c.strain = strain;
    if (const auto it = view.claims.find(resource.name); it != view.claims.end()) c.claim = &it->second.value;
    const auto run = c.claim == nullptr ? view.runs.end() : view.runs.find(resource.name);
    if (run != view.runs.end() && run->second.value.generation == c.claim->generation) c.run = &run->second.value;
    c.sure = fresh(host, c.local);
    keep_attendance(c);
    act_on(c);
    Decision decision = std::move(one).take();
    agenda.looked(place, !decision.actions.empty() || slots.refused(), decision.wake);
    for (auto& action : decision.actions) pass.act(std::move(action));
  }
  if (agenda.wake() != kNever) (void)pass.due(agenda.wake());
  const bool in_touch = self.registered && self.watching && pass.now().mono < self.lease_until;
  Pass guard(pass.now());
  keep_guard(host.guard, view, host.hypervisor ? host.inspected : 0, guard);
  Decision guarded = std::move(guard).take();
  // Out of touch it ends nobody; what this host reports changes with time all the same.
  if (guarded.wake != kNever) (void)pass.due(guarded.wake);
  if (in_touch)
    for (auto& action : guarded.actions) pass.act(std::move(action));
  report_status(host, view, self, pass);
  tell_loads(host.gauges, view, self, pass);
  if (!view.spec()->resources.empty() && !frozen_host(view, self.host)) tend_hypervisor(host.care, pass);
}

}  // namespace haven

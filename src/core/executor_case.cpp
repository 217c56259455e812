#include "core/executor_case.hpp"

#include <utility>

#include "core/mutation.hpp"

namespace haven::acting {

bool in_touch(const Case& c) { return c.self.registered && c.self.watching && c.pass.now().mono < c.self.lease_until; }

bool has_room(const Case& c) { return may_start(c.host.keeping, c.pass.now().mono); }

Generation noted(const Case& c) {
  if (mutation::forget_release) return {};
  const auto it = c.host.released.find(c.resource.name);
  return it == c.host.released.end() ? Generation{} : it->second;
}

Commit run_commit(const Case& c, const RunRecord& run) {
  const ResourceName& name = c.resource.name;
  Commit commit;
  commit.lane = "run/" + name.str();
  commit.timeout = kCommitTimeout;
  for (const auto& path : {path::claim(name), path::run(name)}) commit.checks.push_back({path, c.view.mod_of(path)});
  // The member key stands for this incarnation being admitted: a host without it starts and records nothing.
  commit.checks.push_back({path::member(c.self.host), c.view.mod_of(path::member(c.self.host))});
  commit.writes.push_back({path::run(name), run, {}});
  return commit;
}

RunRecord run_record(const Case& c, RunState state) {
  RunRecord run;
  run.host = c.self.host;
  run.incarnation = c.self.incarnation;
  run.generation = c.claim->generation;
  run.state = state;
  if (c.run != nullptr) run.stayed = c.run->stayed;
  if (c.run != nullptr) run.links_turn = c.run->links_turn;
  // Budgets outlive every generation: they are the resource's, not the host's.
  const auto known = c.view.runs.find(c.resource.name);
  if (known != c.view.runs.end()) run.restarts = known->second.value.restarts;
  if (known != c.view.runs.end()) run.health.treatments = known->second.value.health.treatments;
  if (c.run != nullptr) run.health = c.run->health;
  return run;
}

void release(const Case& c, EndReason end, std::string detail) {
  if (!mutation::forget_release && noted(c) < c.claim->generation)
    c.pass.act(NoteRelease{c.resource.name, c.claim->generation});
  if (!in_touch(c)) return;
  RunRecord run = run_record(c, RunState::released);
  run.end = end;
  run.detail = std::move(detail);
  run.health = {.treatments = std::move(run.health.treatments)};
  c.pass.act(run_commit(c, run));
}

void settle(const Case& c, EndReason end, std::string detail) {
  if (!c.local.unsettled) return release(c, end, std::move(detail));
  if (!in_touch(c) || (c.run != nullptr && c.run->unsettled)) return;
  // What was found here may end before anything was recorded of it.
  RunRecord run = c.run != nullptr ? *c.run : run_record(c, RunState::running);
  run.unsettled = true;
  c.pass.act(run_commit(c, run));
}

void destroy_at_once(const Case& c) {
  const Local& l = c.local;
  if (!l.destroy_sent) return c.pass.act(DestroyDomain{c.resource.name, kDestroyTimeout});
  const bool give_up = l.destroy_refused || c.pass.due(*l.destroy_sent + kDestroyTimeout);
  if (!give_up) return;
  if (!l.kill_sent || c.pass.due(*l.kill_sent + kStuckRetry)) c.pass.act(KillDomain{c.resource.name, kKillTimeout});
}

void end_in_order(const Case& c) {
  const Local& l = c.local;
  const bool hangs = c.run != nullptr && c.run->health.hung;
  if (!l.shutdown_sent && runs(l) && !hangs) return c.pass.act(ShutdownDomain{c.resource.name, kShutdownTimeout});
  const bool patient =
      l.shutdown_sent && !l.shutdown_refused && runs(l) && !hangs && !c.pass.due(*l.shutdown_sent + kShutdownPatience);
  if (!patient) destroy_at_once(c);
}

void keep_running(const Case& c) {
  const Local& l = c.local;
  if (l.domain == DomainCondition::crashed) return destroy_at_once(c);
  // Stopped by itself for its disk: while that is lost it would only stop itself again. Stopped by libvirt for a
  // migration that is over: it is this host's until this host has released it.
  const bool stopped_itself = l.domain == DomainCondition::paused_io_error && !l.storage_lost;
  if ((stopped_itself || l.domain == DomainCondition::in_migration) &&
      (!l.resume_sent || c.pass.due(*l.resume_sent + kResumeInterval)))
    c.pass.act(ResumeDomain{c.resource.name, kShutdownTimeout});
  keep_cap(c);
  keep_links(c);
  const bool paused = l.domain == DomainCondition::paused || l.domain == DomainCondition::paused_io_error;
  if (!in_touch(c) || c.run->paused == paused) return;
  RunRecord run = *c.run;
  run.paused = paused;
  c.pass.act(run_commit(c, run));
}

}  // namespace haven::acting

#include "core/bench_node.hpp"

#include <algorithm>

namespace haven::story {

FenceDevice device(int level, const std::string& agent) { return {agent, {}, level}; }

Spec three_hosts(std::vector<Resource> resources, std::vector<Rule> rules) {
  std::vector<Host> hosts;
  for (const auto* name : {"h1", "h2", "h3"}) {
    hosts.push_back(host(name, 65536, 64));
    hosts.back().fence = {device()};
  }
  return cluster(std::move(hosts), std::move(resources), std::move(rules));
}

Matches lane(const std::string& name) {
  return [name](const Action& action) {
    const auto* commit = std::get_if<Commit>(&action);
    return commit != nullptr && (name.ends_with('/') ? commit->lane.starts_with(name) : commit->lane == name);
  };
}

Matches anything() {
  return [](const Action&) { return true; };
}

Bench::Bench(Spec spec) : now{Instant{1000s}, WallTime{1'800'000'000'000}} {
  config.host = kSelf;
  config.incarnation = boot_of(kSelf);
  config.machine = machine_of(kSelf);
  config.seed = 7;
  apply(std::move(spec));
  for (const auto& host : this->spec().hosts)
    if (host.name != kSelf) join(host.name.str());
}

// ---- the course ----

void Bench::boot() {
  restart_havend();
  run_for(100ms);
}

void Bench::restart_havend() {
  config.released.clear();
  for (const auto& [resource, generation] : notes) config.released.push_back({resource, generation});
  config.promise = promise_note;
  node = std::make_unique<Node>(config);
  events_.clear();
  timeouts_.clear();
  held.clear();
  exited = false;
  watch_ = true;
  mend_watch();
}

void Bench::reboot(const Incarnation& next) {
  config.incarnation = next;
  domains.clear();
  processes.clear();
  notes.clear();
  promise_note.reset();
  rebooted = false;
  restart_havend();
}

void Bench::tell_only(const Event& event) {
  ++turns;
  take(node->step(event, now));
}

void Bench::tell(const Event& event) {
  tell_only(event);
  settle();
}

void Bench::settle() {
  for (int rounds = 0; rounds < 5000; ++rounds) {
    if (!events_.empty()) {
      const Event event = events_.front();
      events_.pop_front();
      tell_only(event);
    } else if (!deliver_changes() && !others_act()) {
      return;
    }
  }
  ADD_FAILURE() << "it never settles";
}

void Bench::pass_time(Duration time) {
  now.mono = now.mono + time;
  now.wall.unix_ms += std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

void Bench::run_for(Duration time) {
  const Instant until = now.mono + time;
  const std::int64_t wall_ms = now.wall.unix_ms;
  const Instant began = now.mono;
  const auto set_clock = [&](Instant at) {
    now.mono = at;
    now.wall.unix_ms = wall_ms + std::chrono::duration_cast<std::chrono::milliseconds>(at - began).count();
  };
  settle();
  for (int idle = 0;;) {
    Instant next = std::min({node->wake_at(), engine.next_expiry(), until});
    if (!timeouts_.empty()) next = std::min(next, timeouts_.begin()->first);
    idle = next > now.mono ? 0 : idle + 1;
    if (idle > 100) {
      ADD_FAILURE() << "it asks for a turn again and again";
      return;
    }
    if (next > now.mono) set_clock(next);
    engine.expire(now.mono);
    while (!timeouts_.empty() && timeouts_.begin()->first <= now.mono) {
      events_.push_back(unknown(timeouts_.begin()->second));
      timeouts_.erase(timeouts_.begin());
    }
    tell(Tick{});
    if (now.mono >= until && node->wake_at() > now.mono) return;
  }
}

void Bench::say(OperatorVerb verb, const std::string& resource, const std::string& host, bool force) {
  OperatorAsked asked;
  asked.question = CallId{++questions_};
  asked.verb = verb;
  asked.resource = r(resource);
  asked.host = h(host);
  asked.by = "anna";
  asked.force = force;
  tell(asked);
}

void Bench::freeze(const std::string& name, bool on) {
  OperatorAsked asked;
  asked.question = CallId{++questions_};
  asked.verb = on ? OperatorVerb::freeze : OperatorVerb::thaw;
  asked.by = "anna";
  asked.name = name;
  tell(asked);
}

bool Bench::hook(const std::string& resource, bool migration, bool without_links) {
  const CallId question{++questions_};
  tell(HookAsked{question, r(resource), migration, {}, without_links});
  EXPECT_TRUE(hook_answers.contains(question));
  return hook_answers[question].allow;
}

void Bench::release_holds() {
  held_back_ = nullptr;
  silenced_ = nullptr;
}

// ---- performing ----

void Bench::take(std::vector<Issued> issued) {
  for (auto& one : issued) {
    log.push_back(one.action);
    const bool asks = one.call != CallId{};
    if (asks && held_back_ && held_back_(one.action)) {
      held.push_back(one);
    } else if (asks && silenced_ && silenced_(one.action)) {
      const Duration timeout = std::visit(
          [](const auto& a) {
            if constexpr (requires { a.timeout; })
              return a.timeout;
            else
              return Duration{};
          },
          one.action);
      timeouts_.emplace(now.mono + timeout, one);
    } else if (asks) {
      events_.push_back(effect(one));
    } else {
      domain_effect(one.action);
    }
  }
}

Event Bench::unknown(const Issued& issued) const {
  if (std::holds_alternative<Commit>(issued.action)) return CommitDone{issued.call, CommitOutcome::unknown, {}, ""};
  if (std::holds_alternative<GrantLease>(issued.action)) return LeaseGranted{issued.call, {}};
  if (const auto* a = std::get_if<KeepAlive>(&issued.action)) return LeaseAnswer{issued.call, a->lease, false, false};
  if (std::holds_alternative<ReadMember>(issued.action)) return MemberRead{issued.call, false, std::nullopt, {}, 0};
  if (std::holds_alternative<AskVoters>(issued.action)) return VotersAnswered{issued.call, {}};
  if (std::holds_alternative<ArmWatchdog>(issued.action)) return WatchdogArmed{issued.call, false, "no answer"};
  if (std::holds_alternative<Inspect>(issued.action)) return Inspected{issued.call, false, {}, {}, {}, {}};
  if (std::holds_alternative<RunAgent>(issued.action)) return AgentDone{issued.call, AgentResult::timed_out, ""};
  if (std::holds_alternative<ProbeDevice>(issued.action))
    return DeviceProbed{issued.call, AgentResult::timed_out, "", ""};
  return CallDone{issued.call, CallResult::unknown, "no answer"};
}

Event Bench::effect(const Issued& issued) {
  if (const auto* commit = std::get_if<Commit>(&issued.action)) {
    sim::Store<Record>::Transaction transaction;
    for (const auto& check : commit->checks) transaction.compares.push_back({check.path, check.mod});
    for (const auto& write : commit->writes) {
      if (write.value)
        transaction.operations.push_back(sim::Store<Record>::Put{write.path, *write.value, write.lease});
      else
        transaction.operations.push_back(port::Delete{write.path});
    }
    const auto result = engine.commit(transaction);
    const bool conflict = result.outcome == port::Outcome::conflict;
    EXPECT_TRUE(result.message.empty() || result.message == "no such lease") << commit->lane << ": " << result.message;
    if (result.outcome == port::Outcome::committed)
      return CommitDone{issued.call, CommitOutcome::committed, result.revision, ""};
    return CommitDone{issued.call, conflict ? CommitOutcome::conflict : CommitOutcome::refused, result.revision, ""};
  }
  if (const auto* a = std::get_if<GrantLease>(&issued.action))
    return LeaseGranted{issued.call, engine.grant(a->ttl, now.mono)};
  if (const auto* a = std::get_if<KeepAlive>(&issued.action))
    return LeaseAnswer{issued.call, a->lease, true, engine.keep_alive(a->lease, now.mono)};
  if (const auto* a = std::get_if<ReadMember>(&issued.action)) {
    MemberRead read{issued.call, true, std::nullopt, mod(path::member(a->host)), term};
    if (const auto* member = get<MemberRecord>(path::member(a->host))) read.found = member->incarnation;
    return read;
  }
  if (std::holds_alternative<AskVoters>(issued.action)) {
    VotersAnswered answered{issued.call, {}};
    for (const auto& voter : voters) answered.answers.push_back({voter, voters_say, voters, term});
    return answered;
  }
  if (std::holds_alternative<ArmWatchdog>(issued.action))
    return WatchdogArmed{issued.call, watchdog, watchdog ? "" : "it is broken"};
  if (std::holds_alternative<Inspect>(issued.action)) {
    Inspected seen{issued.call,
                   libvirt,
                   {},
                   {processes.begin(), processes.end()},
                   {disks_lost.begin(), disks_lost.end()},
                   {others.begin(), others.end()},
                   {uplinks_lost.begin(), uplinks_lost.end()},
                   others_take};
    if (libvirt)
      for (const auto& [name, condition] : domains) {
        seen.domains.push_back({name, condition});
        if (const auto cap = caps.find(name); cap != caps.end()) seen.domains.back().cap = cap->second;
        const auto& asked = std::get<Inspect>(issued.action).links;
        if (std::find(asked.begin(), asked.end(), name) != asked.end())
          seen.domains.back().linked = !unlinked.contains(name);
      }
    return seen;
  }
  if (const auto* a = std::get_if<RunAgent>(&issued.action)) {
    if (agent)
      if (const auto scripted = agent(*a)) return AgentDone{issued.call, *scripted, ""};
    if (a->verb != AgentVerb::status) power[a->host] = a->verb == AgentVerb::on;
    const bool on = !power.contains(a->host) || power[a->host];
    if (a->verb != AgentVerb::status) return AgentDone{issued.call, AgentResult::done, ""};
    return AgentDone{issued.call, on ? AgentResult::is_on : AgentResult::is_off, ""};
  }
  if (const auto* a = std::get_if<ProbeDevice>(&issued.action)) {
    if (probe) return probe(issued.call, *a);
    const bool on = !power.contains(a->host) || power[a->host];
    return DeviceProbed{issued.call, on ? AgentResult::is_on : AgentResult::is_off, "", ""};
  }
  CallResult result = CallResult::done;
  if (const auto* a = std::get_if<StartDomain>(&issued.action))
    if (const auto set = start_results.find(a->resource); set != start_results.end()) result = set->second;
  if (result == CallResult::done) domain_effect(issued.action);
  return CallDone{issued.call, result, result == CallResult::done ? "" : "no such disk"};
}

void Bench::domain_effect(const Action& action) {
  const auto end = [&](const ResourceName& name) {
    if (immortal) return;
    domains.erase(name);
    processes.erase(name);
  };
  const auto link = [&](const ResourceName& name, bool up) {
    if (up)
      unlinked.erase(name);
    else
      unlinked.insert(name);
  };
  if (const auto* a = std::get_if<StartDomain>(&action)) {
    domains[a->resource] = DomainCondition::running;
    link(a->resource, !a->unlinked);
  }
  if (const auto* a = std::get_if<SetLinks>(&action); a != nullptr && links_obey) link(a->resource, a->up);
  if (const auto* a = std::get_if<ResumeDomain>(&action)) domains[a->resource] = DomainCondition::running;
  if (const auto* a = std::get_if<ShutdownDomain>(&action)) end(a->resource);
  if (const auto* a = std::get_if<DestroyDomain>(&action)) end(a->resource);
  if (const auto* a = std::get_if<KillDomain>(&action)) end(a->resource);
  if (const auto* a = std::get_if<MigrateDomain>(&action)) end(a->resource);
  if (const auto* a = std::get_if<CapDomain>(&action)) {
    caps.erase(a->resource);
    if (a->cap) caps[a->resource] = *a->cap;
  }
  if (const auto* a = std::get_if<EndVirtualHost>(&action); a != nullptr && !immortal) others.erase(a->uuid);
  if (const auto* a = std::get_if<NoteRelease>(&action)) notes[a->resource] = a->generation;
  if (const auto* a = std::get_if<NotePromise>(&action)) promise_note = *a;
  if (const auto* a = std::get_if<PublishProtected>(&action)) published = a->resources;
  if (const auto* a = std::get_if<AnswerHook>(&action)) hook_answers[a->question] = *a;
  if (const auto* a = std::get_if<AnswerOperator>(&action)) operator_answers.push_back(*a);
  if (std::holds_alternative<Exit>(action)) exited = true;
  if (std::holds_alternative<KillAllAndReboot>(action)) rebooted = true;
}

std::vector<Commit> Bench::commits(const std::string& lane_name) const {
  std::vector<Commit> commits;
  for (const auto& commit : did<Commit>())
    if (lane(lane_name)(commit)) commits.push_back(commit);
  return commits;
}

bool Bench::wrote(const std::string& path) const {
  const auto commits = did<Commit>();
  return std::any_of(commits.begin(), commits.end(), [&](const Commit& commit) {
    return std::any_of(commit.writes.begin(), commit.writes.end(), [&](const Write& w) { return w.path == path; });
  });
}

// ---- the engine ----

Revision Bench::put(const std::string& path, Record value, LeaseId lease) {
  sim::Store<Record>::Transaction transaction;
  transaction.operations.push_back(sim::Store<Record>::Put{path, std::move(value), lease});
  return engine.commit(transaction).revision;
}

void Bench::erase(const std::string& path) {
  sim::Store<Record>::Transaction transaction;
  transaction.operations.push_back(port::Delete{path});
  engine.commit(transaction);
}

Revision Bench::mod(const std::string& path) const {
  const auto* entry = engine.find(path);
  return entry == nullptr ? Revision{} : entry->mod;
}

void Bench::apply(Spec next) {
  spec_ = std::make_shared<Spec>(std::move(next));
  put(path::kSpec, SpecRecord{spec_});
}

void Bench::break_watch() {
  watch_ = false;
  tell(EngineLost{"the story wants it"});
}

void Bench::mend_watch() {
  watch_ = true;
  EngineListed listed;
  for (const auto& [path, entry] : engine.entries()) listed.entries.push_back({path, entry.value, entry.mod});
  listed.revision = delivered_ = engine.revision();
  tell(listed);
}

bool Bench::deliver_changes() {
  if (!watch_ || mute_watch || !node || delivered_ >= engine.revision()) return false;
  EngineChanged changed;
  EXPECT_TRUE(engine.changes_since(delivered_, "", [&](const sim::Store<Record>::Change& c) {
    changed.changes.push_back({c.key, c.value, c.mod});
  }));
  changed.revision = delivered_ = engine.revision();
  tell_only(changed);
  return true;
}

// ---- other hosts ----

Revision Bench::basis() const {
  Revision basis = mod(path::kSpec);
  for (const auto& [path, entry] : engine.entries())
    if (const auto* claim = std::get_if<ClaimRecord>(&entry.value); claim && claim->order == ClaimOrder::let_go)
      basis = std::max(basis, entry.mod);
  return basis;
}

void Bench::report(const std::string& host) {
  StatusRecord status{boots_[h(host)], basis(), true, found[h(host)], disks_lost_by[h(host)], {}};
  status.uplink_lost = uplinks_lost_by[h(host)];
  put(path::status(h(host)), status);
}

void Bench::join(const std::string& host, std::optional<Incarnation> boot, bool found_none) {
  boots_[h(host)] = boot.value_or(boot_of(h(host)));
  leases_[h(host)] = engine.grant(1000h, now.mono);
  MemberRecord member;
  member.incarnation = boots_[h(host)];
  member.machine = machine_of(h(host));
  member.found_none = found_none;
  put(path::member(h(host)), member, leases_[h(host)]);
  report(host);
}

void Bench::die(const std::string& host) {
  engine.revoke(leases_[h(host)]);
  leases_.erase(h(host));
}

void Bench::lead(const std::string& host) {
  put(path::kLeader, LeaderRecord{Reign("reign-of-" + host), h(host), boots_[h(host)]}, leases_[h(host)]);
}

void Bench::running_on(const std::string& host, const std::string& resource, Generation generation) {
  const Incarnation boot = h(host) == kSelf ? config.incarnation : boots_[h(host)];
  put(path::claim(r(resource)), ClaimRecord{h(host), boot, generation, ClaimOrder::run, std::nullopt, {}});
  RunRecord run;
  run.host = h(host);
  run.incarnation = boot;
  run.generation = generation;
  run.state = RunState::running;
  put(path::run(r(resource)), run);
}

}  // namespace haven::story

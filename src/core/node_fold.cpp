// What an event changes in a node's memory, and which passes it makes necessary. Where that is not obvious, the answer
// is "everything": a mark too many costs little, one too few is made good only by the next full pass.
#include <algorithm>
#include <utility>

#include "core/liveness/promise_proof.hpp"
#include "core/model/overloaded.hpp"
#include "core/mutation.hpp"
#include "core/node_inside.hpp"

namespace haven {
namespace {

// A lane rests this long after its commit met a conflict, an unknown end, a refusal.
constexpr Duration kAfterConflict = 10ms;
constexpr Duration kAfterUnknown = 200ms;
constexpr Duration kAfterRefusal = 1s;
constexpr Duration kAnswerAgain = 50ms;
// An operator's word meets others' writes: tried again for this long.
constexpr Duration kOperatorPatience = 4s;

// Whoever wrote this is to look again.
void turn_for_lane(const std::string& lane, Turn& turn) {
  if (lane.starts_with("run/") || lane == "answer" || lane == "status" || lane == "load")
    turn.acts = true;
  else if (lane == "register" || lane == "away")
    turn.session = true;
  else if (lane == "leader" || lane == "claims" || lane == "journal" || lane == "house" || lane == "promises" ||
           lane == "balance" || lane.starts_with("fence/") || lane.starts_with("handover/"))
    turn.brain = true;
  else if (lane.starts_with("device/"))
    turn.probes = true;
  else if (lane.starts_with("operator/"))
    turn.questions = true;
  else
    turn.everything = true;
}

}  // namespace

bool Node::Inside::take_flight(CallId call, Flight& flight) {
  const auto it = std::lower_bound(flights.begin(), flights.end(), call,
                                   [](const Flight& f, CallId wanted) { return f.call < wanted; });
  if (it == flights.end() || it->call != call) return false;
  flight = std::move(*it);
  flights.erase(it);
  under_way.erase(flight.identity);
  if (const auto* agent = std::get_if<RunAgent>(&flight.action))
    if (--controller.agents[agent->host] == 0) controller.agents.erase(agent->host);
  return true;
}

// Another one is asked for at once.
void Node::Inside::lose_lease() {
  session.lease = {};
  session.renewed.reset();
}

// Others' loads decide nothing by themselves. A word of this host's own that came through late is to be taken back.
void Node::Inside::fold_loads(Turn& turn, Now now) {
  observe_loads(controller, view, now.mono);
  const Revision own = view.mod_of(path::load(config.host));
  turn.acts |= std::exchange(seen_loads, own) != own;
}

void Node::Inside::after_view(Turn& turn, Now now, bool of_office) {
  Touched touched = view.take_touched();
  if (touched.all || touched.loads) fold_loads(turn, now);
  touched.leader |= of_office;
  if (touched.nothing()) return;
  session.known_epoch = std::max(session.known_epoch, epoch_of(view));
  if (touched.all || !touched.resources.empty()) {
    const Revision basis = report_basis(view);
    if (view.spec_edition() != seen_edition || basis != seen_basis) {
      seen_edition = view.spec_edition();
      seen_basis = basis;
      observe_disturbance(host, host.hypervisor);
      turn.everything = true;
    }
  }
  // The file names another lease time: a new lease, and a registration under it.
  if (session.lease.id != 0 && view.spec() != nullptr && view.spec()->cluster.lease != session.ttl) {
    lose_lease();
    turn.everything = true;
  }
  fold_self(self, session, view);
  observe_accused(host.guard, view, config.host, host.moment, now.mono);
  observe_view(controller, view, self, touched, now);
  desk.follow(view, touched);
  turn.everything |= touched.all;
  turn.brain |= concerns_controller(controller, view, self, touched);
  if (mutation::forget_marks) touched.resources.clear();
  turn.acts |= !touched.resources.empty();
  if (view.spec() != nullptr)
    for (const ResourceName& name : touched.resources) agenda.mark(view.roster(), name);
  const bool about_us = std::find(touched.hosts.begin(), touched.hosts.end(), config.host) != touched.hosts.end();
  // What this host has to say and to do about a virtual host's domain (F3).
  const bool about_virtual =
      view.spec() != nullptr && std::any_of(touched.hosts.begin(), touched.hosts.end(), [&](const HostName& name) {
        const Host* touched_host = view.roster().host(name);
        return touched_host != nullptr && !touched_host->runs_on.empty();
      });
  turn.acts |= about_us || about_virtual;
  turn.probes |= touched.leader || !touched.hosts.empty();
  turn.session |= about_us || (session.leaving && turn.any());
}

// The view has caught up with this host's last word: what runs here under another's claim may be judged now (C6).
void Node::Inside::mark_present() {
  if (view.spec() == nullptr) return;
  for (const auto& [name, local] : host.locals) agenda.mark(view.roster(), name);
}

void Node::Inside::fold_changed(const EngineChanged& changed, Turn& turn, Now now) {
  turn.everything = !std::exchange(session.watching, true);
  const bool was_behind = view.revision() < needed;
  const bool was_unsure = view.revision() < session.own_last;
  view.take(changed);
  after_view(turn, now);
  if (was_behind) turn.acts = turn.brain = turn.session = turn.questions = true;
  if (!was_unsure || view.revision() < session.own_last) return;
  mark_present();
  turn.acts = turn.session = true;
}

void Node::Inside::fold_engine_back(Turn& turn) {
  for (const ResourceName& name : observe_engine_back(host)) {
    turn.acts = true;
    if (view.spec() != nullptr) agenda.mark(view.roster(), name);
  }
}

void Node::Inside::fold_commit(const CommitDone& done, Turn& turn, Now now) {
  Flight flight;
  if (!take_flight(done.call, flight)) return;
  const auto& commit = std::get<Commit>(flight.action);
  const CommitEnded ended{commit, flight.sent, done.outcome, done.revision};
  switch (done.outcome) {
    case CommitOutcome::committed:
      view.take_own(commit, done.revision);
      session.own_last = std::max(session.own_last, done.revision);
      if (commit.lane == "register") session.registered_under = commit.writes.front().lease;
      if (commit.lane == "answer") session.answer_unseen = false;
      break;
    case CommitOutcome::conflict:
      if (done.revision > needed || now.mono >= needed_since + kBehindPatience) needed_since = now.mono;
      needed = std::max(needed, done.revision);
      // Somebody wrote what we do not see yet, and it may be an intent: answer before it is too late (F1).
      session.answer_unseen |= commit.lane == "register";
      resting[commit.lane] = now.mono + kAfterConflict;
      break;
    case CommitOutcome::unknown:
      resting[commit.lane] = now.mono + kAfterUnknown;
      break;
    case CommitOutcome::refused:
      // An answer is tried again at once: the first moment at which the engine writes may be the last to be heard (F1).
      resting[commit.lane] = now.mono + (commit.lane == "answer" ? kAnswerAgain : kAfterRefusal);
      // The likeliest cause is a lease that is gone: ask for another.
      if (commit.lane == "register" || commit.lane == "leader") {
        session.lease = {};
        turn.session = true;
      }
      break;
  }
  turn_for_lane(commit.lane, turn);
  observe_commit(controller, view, self, ended, now);
  if (done.outcome == CommitOutcome::committed) fold_engine_back(turn);
  observe_keeping_commit(host.keeping, self, ended);
  if (commit.lane.starts_with("operator/") && done.outcome == CommitOutcome::committed) {
    const CallId question{std::stoull(commit.lane.substr(9))};
    AnswerOperator done_as_told{question, true, "done"};
    std::erase_if(questions, [&](Question& q) {
      if (q.asked.question != question) return false;
      done_as_told.warnings = std::move(q.warnings);
      return true;
    });
    out.push_back({{}, std::move(done_as_told)});
  }
  // The watch may have been faster; what its commits mean to the controller it learns only now.
  after_view(turn, now, commit.lane == "leader" || commit.lane.starts_with("fence/"));
}

void Node::Inside::fold_lease(const LeaseAnswer& answer, Turn& turn, Now now) {
  Flight flight;
  // Answered before the next renewal is due, it changes nothing else.
  turn.session = !answer.reached || answer.lease != session.lease || !session.renewed ||
                 now.mono >= *session.renewed + session.ttl / 3;
  if (!take_flight(answer.call, flight) || answer.lease != session.lease || !answer.reached) return;
  if (!answer.alive) {
    lose_lease();
    turn.everything = true;
    return;
  }
  if (mutation::keep_alive_is_good) host.keeping.last_good = flight.sent;
  turn.everything = session.lease_until <= now.mono;
  session.lease_until = std::max(session.lease_until, flight.sent + session.ttl);
}

void Node::Inside::fold_inspection(const Inspected& seen, Turn& turn, Now now) {
  Flight flight;
  if (!take_flight(seen.call, flight)) return;
  turn.look = true;
  turn.everything = observe_inspection(host, view, seen, now.mono);
}

void Node::Inside::fold_call(const CallDone& done, Turn& turn, Now now) {
  Flight flight;
  if (!take_flight(done.call, flight)) return;
  observe_call(host, flight.action, done, now.mono);
  turn.acts = turn.look = true;
  const ResourceName* name = resource_of(flight.action);
  if (name != nullptr && view.spec() != nullptr) agenda.mark(view.roster(), *name);
}

// Its own moves this host's promise on, another's may end a count (P2, P5).
void Node::Inside::fold_member_read(const MemberRead& read, Turn& turn, Now now) {
  Flight flight;
  if (!take_flight(read.call, flight)) return;
  const HostName& of = std::get<ReadMember>(flight.action).host;
  // A controller may read its own key for both: an older boot of its host may wait for its proof.
  turn.brain = observe_member_read(controller, view, of, flight.sent, read, now.mono);
  if (of != config.host) return;
  turn.promise = true;
  observe_own_read(host.keeping, self, read, flight.sent, now.mono);
}

void Node::Inside::fold_voters(const VotersAnswered& answered, Turn& turn, Now now) {
  Flight flight;
  if (!take_flight(answered.call, flight)) return;
  turn.promise = true;
  observe_voters(host.keeping, view, self, answered, flight.sent, now.mono);
}

void Node::Inside::fold_agent(const AgentDone& done, Turn& turn, Now now) {
  Flight flight;
  turn.brain = true;
  // One that was killed says nothing about its device.
  if (!take_flight(done.call, flight) || flight.killed) return;
  observe_agent(controller, view, {std::get<RunAgent>(flight.action), done.result, done.message}, now);
}

void Node::Inside::fold_hook(const HookAsked& asked, Turn& turn, Now now) {
  const std::string refusal = hook_refusal(host, view, self, asked, now.mono);
  if (refusal.empty() && asked.resource.empty()) {
    observe_allowed(host.guard, view, asked.uuid, now.mono);
    turn.acts = true;
  }
  if (refusal.empty() && !asked.resource.empty()) {
    observe_admitted(host, asked, now.mono);
    if (view.spec() != nullptr) agenda.mark(view.roster(), asked.resource);
    turn.acts = turn.look = true;
  }
  out.push_back({{}, AnswerHook{asked.question, refusal.empty(), refusal}});
}

void Node::Inside::fold_heard(const PeersHeard& heard, Turn& turn, Now now) {
  view.heard = heard;
  if (!session.listening_since) session.listening_since = now.mono;
  for (const auto& peer : heard.peers) session.known_epoch = std::max(session.known_epoch, Epoch{peer.brain.epoch});
  Touched touched;
  touched.leader = true;  // whoever is heard bears on every suspicion, and on who may take the office
  fold_self(self, session, view);
  observe_view(controller, view, self, touched, now);
  turn.brain = true;
}

Turn Node::Inside::fold(const Event& event, Now now) {
  Turn turn;
  const auto look_again = [&](bool answers) {
    observe_disturbance(host, answers);
    turn.everything = true;
  };
  std::visit(Overloaded{
                 [&](const Tick&) { give_up_overdue(turn, now); },
                 [&](const EngineListed& e) {
                   view.take(e);
                   session.watching = true;
                   turn.everything = true;
                   after_view(turn, now);
                 },
                 [&](const EngineChanged& e) { fold_changed(e, turn, now); },
                 [&](const EngineLost&) {
                   turn.everything = std::exchange(session.watching, false);
                   if (turn.everything) session.lost_since = now.mono;
                 },
                 [&](const EngineBack&) { turn.everything = !std::exchange(session.watching, true); },
                 [&](const CommitDone& e) { fold_commit(e, turn, now); },
                 [&](const LeaseGranted& e) {
                   Flight flight;
                   turn.session = true;
                   if (!take_flight(e.call, flight) || e.lease.id == 0) return;
                   session.lease = e.lease;
                   session.ttl = std::get<GrantLease>(flight.action).ttl;
                   session.lease_until = flight.sent + session.ttl;
                   turn.everything = true;
                 },
                 [&](const LeaseAnswer& e) { fold_lease(e, turn, now); },
                 [&](const Inspected& e) { fold_inspection(e, turn, now); },
                 [&](const CallDone& e) { fold_call(e, turn, now); },
                 [&](const DomainHint& e) {
                   observe_hint(host, e);
                   if (view.spec() != nullptr) agenda.mark(view.roster(), e.resource);
                   turn.acts = turn.look = true;
                 },
                 [&](const HypervisorLost&) { look_again(false); },
                 [&](const HypervisorBack&) { look_again(true); },
                 [&](const AgentDone& e) { fold_agent(e, turn, now); },
                 [&](const MemberRead& e) { fold_member_read(e, turn, now); },
                 [&](const VotersAnswered& e) { fold_voters(e, turn, now); },
                 [&](const WatchdogArmed& e) {
                   Flight flight;
                   turn.promise = turn.acts = true;
                   if (take_flight(e.call, flight))
                     observe_armed(host.keeping, std::get<ArmWatchdog>(flight.action), e);
                 },
                 [&](const WatchdogBroke& e) {
                   observe_watchdog_broke(host.keeping, e.why);
                   turn.promise = turn.acts = true;
                 },
                 [&](const DeviceProbed& e) {
                   Flight flight;
                   turn.probes = true;
                   if (take_flight(e.call, flight))
                     observe_probe(probes, std::get<ProbeDevice>(flight.action), e, now.mono);
                 },
                 [&](const HookAsked& e) { fold_hook(e, turn, now); },
                 [&](const HostProblems& e) {
                   host.problems = e.problems;
                   turn.acts = true;
                 },
                 [&](const OperatorAsked& e) {
                   questions.push_back({e, now.mono + kOperatorPatience});
                   turn.questions = true;
                 },
                 [&](const ShutdownAsked& e) {
                   session.leaving = e.kind;
                   if (e.kind != ShutdownKind::restart) host.leaving = e.kind;
                   host.leaving_since = now.mono;
                   turn.everything = true;
                 },
                 [&](const PeersHeard& e) { fold_heard(e, turn, now); },
                 [&](const HealthSeen& e) {
                   if (!observe_health(host, e)) return;
                   if (view.spec() != nullptr) agenda.mark(view.roster(), e.resource);
                   turn.acts = true;
                 },
                 [&](const LoadsMeasured& e) {
                   observe_measured(host.gauges, e, now.mono);
                   turn.acts = true;
                 },
             },
             event);
  return turn;
}

void Node::Inside::give_up_overdue(Turn& turn, Now now) {
  std::vector<CallId> overdue;
  for (const auto& flight : flights)
    if (now.mono > flight.overdue) overdue.push_back(flight.call);
  for (const CallId call : overdue) {
    Flight flight;
    take_flight(call, flight);
    const CallDone unknown{call, CallResult::unknown, "no answer"};
    observe_call(host, flight.action, unknown, now.mono);
    if (const auto* agent = std::get_if<RunAgent>(&flight.action)) {
      // This host stood still, and so did the agent: it would go on now (F7).
      if (!flight.killed) out.push_back({{}, KillAgent{call}});
      observe_agent(controller, view, {*agent, AgentResult::timed_out, unknown.message}, now);
    }
    if (const auto* probe = std::get_if<ProbeDevice>(&flight.action))
      observe_probe(probes, *probe, {call, AgentResult::timed_out, "", unknown.message}, now.mono);
    turn.everything = true;
  }
}

}  // namespace haven

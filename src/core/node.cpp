// The node ties the pure parts together: it folds an event into whoever it concerns, lets session, executor and
// controller derive what they want, and issues what is not under way already. An action under way is known by its
// identity: the lane of a commit, the verb on a domain, the round of an agent. That makes deriving everything again
// on every turn safe, and it is the only place where "already asked" is remembered.
#include "core/node.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "core/controller.hpp"
#include "core/executor.hpp"
#include "core/liveness/hearing_alarms.hpp"
#include "core/liveness/probes.hpp"
#include "core/liveness/promise_proof.hpp"
#include "core/liveness/silence.hpp"
#include "core/model/overloaded.hpp"
#include "core/mutation.hpp"
#include "core/operator.hpp"
#include "core/session.hpp"

namespace haven {
namespace {

// A lane rests this long after its commit met a conflict, an unknown end, a refusal.
constexpr Duration kAfterConflict = 10ms;
constexpr Duration kAfterUnknown = 200ms;
constexpr Duration kAfterRefusal = 1s;
// After a conflict commits wait for the watch to show why, but no longer than this.
constexpr Duration kBehindPatience = 2s;
// Adapters answer by the timeout. One that does not is given up this much later, as unknown.
constexpr Duration kOverdue = 10s;
// An operator's word meets others' writes: tried again this often, for this long.
constexpr int kOperatorTries = 5;
constexpr Duration kOperatorPatience = 4s;

// Empty: not answered, so never under way.
std::string identity(const Action& action) {
  return std::visit(
      Overloaded{
          [](const Commit& a) { return "commit/" + a.lane; },
          [](const GrantLease&) { return std::string("lease"); },
          [](const KeepAlive&) { return std::string("lease"); },
          [](const ReadMember& a) { return "read/" + a.host.str(); },
          [](const AskVoters&) { return std::string("voters"); },
          [](const ArmWatchdog&) { return std::string("watchdog"); },
          [](const StartDomain& a) { return "start/" + a.resource.str(); },
          [](const ShutdownDomain& a) { return "shutdown/" + a.resource.str(); },
          [](const DestroyDomain& a) { return "destroy/" + a.resource.str(); },
          [](const KillDomain& a) { return "kill/" + a.resource.str(); },
          [](const ResumeDomain& a) { return "resume/" + a.resource.str(); },
          [](const Inspect&) { return std::string("inspect"); },
          [](const RestartHypervisor&) { return std::string("restart-hypervisor"); },
          [](const EndVirtualHost& a) { return (a.by_pid ? "kill/" : "end/") + a.host.str() + "/" + a.uuid; },
          [](const ProbeDevice& a) { return "probe/" + a.host.str() + "/" + std::to_string(a.device); },
          [](const RunAgent& a) {
            return "agent/" + a.host.str() + "/" + a.incarnation.str() + "/" + std::to_string(a.device) + "/" +
                   std::to_string(a.round);
          },
          [](const auto&) { return std::string(); },
      },
      action);
}

Duration timeout_of(const Action& action) {
  return std::visit(
      [](const auto& a) -> Duration {
        if constexpr (requires { a.timeout; })
          return a.timeout;
        else
          return {};
      },
      action);
}

// splitmix64 (Steele, Lea, Flood 2014): small, and good enough for ids that only have to differ.
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

std::string hex128(std::uint64_t& random) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (int word = 0; word < 2; ++word)
    for (std::uint64_t bits = next_random(random), i = 0; i < 16; ++i, bits >>= 4U) text += kDigits[bits & 15U];
  return text;
}

struct Flight {
  std::string identity;
  Action action;
  Instant sent;
  bool killed = false;
};

struct Question {
  OperatorAsked asked;
  Instant until;
  int tries = 0;
};

}  // namespace

struct Node::Inside {
  NodeConfig config;
  View view;
  Session session;
  HostState host;
  ControllerState controller;
  Probes probes;
  std::map<CallId, Flight> flights;
  std::map<std::string, CallId> under_way;
  std::map<std::string, Instant> resting;  // lanes
  std::vector<Question> questions;
  Instant needed_since;
  Revision needed;  // what a conflict was measured against: nothing is written on an older view
  Reign next_reign;
  std::uint64_t random = 0;
  std::uint64_t calls = 0;
  std::uint32_t journal_count = 0;
  std::uint64_t seen_edition = 0;
  Revision seen_basis;
  Instant wake;  // the next full pass
  Instant session_wake;
  Instant promise_wake;
  std::vector<Issued> out;

  [[nodiscard]] SelfView self() const { return self_view(session, view, config.host, config.incarnation); }
  [[nodiscard]] bool reigning(Now now) const { return reigns(controller, view, self(), now); }

  bool fold(const Event& event, Now now);
  void after_view(Now now);
  bool fold_commit(const CommitDone& done, Now now);
  bool fold_lease(const LeaseAnswer& answer, Now now);
  bool fold_member_read(const MemberRead& read, Now now);
  bool take_flight(CallId call, Flight& flight);
  void lose_lease();
  bool give_up_overdue(Now now);

  void pass_all(Now now);
  void pass_session(Now now);
  void pass_promise(Now now);
  void ask_operator_questions(Now now);
  void issue(Decision decision, Now now);
  void issue_one(Action action, Now now);
  void kill_orphans();
  bool withheld(const Action& action, Now now);
};

bool Node::Inside::take_flight(CallId call, Flight& flight) {
  const auto it = flights.find(call);
  if (it == flights.end()) return false;
  flight = std::move(it->second);
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

void Node::Inside::after_view(Now now) {
  const Revision basis = report_basis(view);
  if (view.spec_edition() != seen_edition || basis != seen_basis) {
    seen_edition = view.spec_edition();
    seen_basis = basis;
    observe_disturbance(host, host.hypervisor);
  }
  session.known_epoch = std::max(session.known_epoch, epoch_of(view));
  // The file names another lease time: a new lease, and a registration under it.
  if (session.lease.id != 0 && view.spec() != nullptr && view.spec()->cluster.lease != session.ttl) lose_lease();
  observe_accused(host.guard, view, config.host, host.moment, now.mono);
  observe_view(controller, view, self(), now);
}

bool Node::Inside::fold_commit(const CommitDone& done, Now now) {
  Flight flight;
  if (!take_flight(done.call, flight)) return false;
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
      resting[commit.lane] = now.mono + kAfterRefusal;
      // The likeliest cause is a lease that is gone: ask for another.
      if (commit.lane == "register" || commit.lane == "leader") session.lease = {};
      break;
  }
  observe_commit(controller, view, self(), ended, now);
  if (done.outcome == CommitOutcome::committed) observe_engine_back(host);
  observe_keeping_commit(host.keeping, self(), ended);
  if (commit.lane.starts_with("operator/") && done.outcome == CommitOutcome::committed) {
    const CallId question{std::stoull(commit.lane.substr(9))};
    std::erase_if(questions, [&](const Question& q) { return q.asked.question == question; });
    out.push_back({{}, AnswerOperator{question, true, "done"}});
  }
  after_view(now);
  return true;
}

bool Node::Inside::fold_lease(const LeaseAnswer& answer, Now now) {
  Flight flight;
  session_wake = now.mono;  // whatever the answer: the next renewal is to be timed, or tried again
  if (!take_flight(answer.call, flight) || answer.lease != session.lease) return false;
  if (!answer.reached) return false;
  if (!answer.alive) {
    lose_lease();
    return true;
  }
  if (mutation::keep_alive_is_good) host.keeping.last_good = flight.sent;
  const bool was_short = session.lease_until <= now.mono;
  session.lease_until = std::max(session.lease_until, flight.sent + session.ttl);
  return was_short;
}

bool Node::Inside::fold_member_read(const MemberRead& read, Now now) {
  Flight flight;
  if (!take_flight(read.call, flight)) return false;
  const HostName& of = std::get<ReadMember>(flight.action).host;
  // A controller may read its own key for both: an older boot of its host may wait for its proof.
  const bool counts = observe_member_read(controller, view, of, flight.sent, read, now.mono);
  if (of != config.host) return counts;
  promise_wake = now.mono;
  return observe_own_read(host.keeping, self(), read, flight.sent, now.mono) || counts;
}

// True: something may be decided differently now.
bool Node::Inside::fold(const Event& event, Now now) {
  const auto look_again = [&](bool answers) {
    observe_disturbance(host, answers);
    return true;
  };
  return std::visit(
      Overloaded{
          [&](const Tick&) { return false; },
          [&](const EngineListed& e) {
            view.take(e);
            session.watching = true;
            after_view(now);
            return true;
          },
          [&](const EngineChanged& e) {
            const bool news = !e.changes.empty() || !session.watching || view.revision() < needed;
            view.take(e);
            session.watching = true;
            if (news) after_view(now);
            return news;
          },
          [&](const EngineLost&) { return std::exchange(session.watching, false); },
          [&](const EngineBack&) { return !std::exchange(session.watching, true); },
          [&](const CommitDone& e) { return fold_commit(e, now); },
          [&](const LeaseGranted& e) {
            Flight flight;
            session_wake = now.mono;
            if (!take_flight(e.call, flight) || e.lease.id == 0) return false;
            session.lease = e.lease;
            session.ttl = std::get<GrantLease>(flight.action).ttl;
            session.lease_until = flight.sent + session.ttl;
            return true;
          },
          [&](const LeaseAnswer& e) { return fold_lease(e, now); },
          [&](const MemberRead& e) { return fold_member_read(e, now); },
          [&](const VotersAnswered& e) {
            Flight flight;
            if (!take_flight(e.call, flight)) return false;
            promise_wake = now.mono;
            return observe_voters(host.keeping, view, self(), e, flight.sent, now.mono);
          },
          [&](const WatchdogArmed& e) {
            Flight flight;
            if (!take_flight(e.call, flight)) return false;
            observe_armed(host.keeping, std::get<ArmWatchdog>(flight.action), e);
            return true;
          },
          [&](const WatchdogBroke& e) {
            observe_watchdog_broke(host.keeping, e.why);
            return true;
          },
          [&](const Inspected& e) {
            Flight flight;
            if (!take_flight(e.call, flight)) return false;
            observe_inspection(host, view, e, now.mono);
            return true;
          },
          [&](const CallDone& e) {
            Flight flight;
            if (!take_flight(e.call, flight)) return false;
            observe_call(host, flight.action, e);
            return true;
          },
          [&](const DomainHint& e) {
            observe_hint(host, e);
            return true;
          },
          [&](const HypervisorLost&) { return look_again(false); },
          [&](const HypervisorBack&) { return look_again(true); },
          [&](const AgentDone& e) {
            Flight flight;
            // One that was killed says nothing about its device.
            if (!take_flight(e.call, flight) || flight.killed) return true;
            observe_agent(controller, view, {std::get<RunAgent>(flight.action), e.result, e.message}, now);
            return true;
          },
          [&](const DeviceProbed& e) {
            Flight flight;
            if (!take_flight(e.call, flight)) return true;
            observe_probe(probes, std::get<ProbeDevice>(flight.action), e, now.mono);
            return true;
          },
          [&](const HookAsked& e) {
            const std::string refusal = hook_refusal(host, view, e);
            if (refusal.empty() && e.resource.empty()) observe_allowed(host.guard, view, e.uuid, now.mono);
            out.push_back({{}, AnswerHook{e.question, refusal.empty(), refusal}});
            return false;
          },
          [&](const HostProblems& e) {
            host.problems = e.problems;
            return true;
          },
          [&](const OperatorAsked& e) {
            questions.push_back({e, now.mono + kOperatorPatience});
            return true;
          },
          [&](const ShutdownAsked& e) {
            session.leaving = e.kind;
            session.leaving_since = now.mono;
            if (e.kind != ShutdownKind::restart) host.leaving = e.kind;
            return true;
          },
          [&](const PeersHeard& e) {
            view.heard = e;
            if (!session.listening_since) session.listening_since = now.mono;
            for (const auto& peer : e.peers)
              session.known_epoch = std::max(session.known_epoch, Epoch{peer.brain.epoch});
            observe_view(controller, view, self(), now);
            return true;
          },
      },
      event);
}

// A commit on a view older than a conflict has shown would only meet it again.
bool Node::Inside::withheld(const Action& action, Now now) {
  const auto* commit = std::get_if<Commit>(&action);
  if (commit == nullptr) return false;
  // A watch that stays behind must not stop everything for ever: another conflict costs nothing.
  const bool behind = view.revision() < needed && now.mono < needed_since + kBehindPatience;
  if (behind && commit->lane != "answer") {
    wake = std::min(wake, needed_since + kBehindPatience);
    return true;
  }
  const auto rest = resting.find(commit->lane);
  if (rest == resting.end()) return false;
  if (now.mono >= rest->second) {
    resting.erase(rest);
    return false;
  }
  wake = std::min(wake, rest->second);
  return true;
}

void Node::Inside::issue_one(Action action, Now now) {
  const std::string id = identity(action);
  if (!id.empty() && under_way.contains(id)) return;
  if (withheld(action, now)) return;
  if (auto* commit = std::get_if<Commit>(&action))
    for (auto& write : commit->writes)
      if (write.path == path::kNewJournal) write.path = path::journal(now.wall, config.host, journal_count++);
  if (std::holds_alternative<GrantLease>(action) || std::holds_alternative<KeepAlive>(action))
    session.renewed = now.mono;
  if (std::holds_alternative<Exit>(action)) session.exited = true;
  observe_issued(host, view, action, now);
  if (const auto* probe = std::get_if<ProbeDevice>(&action)) observe_probe_issued(probes, view, *probe, now.mono);
  if (const auto* agent = std::get_if<RunAgent>(&action)) ++controller.agents[agent->host];
  observe_keeping_issued(host.keeping, self(), action, now);
  if (const auto* commit = std::get_if<Commit>(&action); commit != nullptr && commit->lane == "leader") {
    next_reign = Reign{hex128(random)};
  }
  CallId call;
  if (!id.empty()) {
    call = CallId{++calls};
    under_way[id] = call;
    flights[call] = {id, action, now.mono};
  }
  out.push_back({call, std::move(action)});
}

void Node::Inside::issue(Decision decision, Now now) {
  for (auto& action : decision.actions) issue_one(std::move(action), now);
}

void Node::Inside::ask_operator_questions(Now now) {
  for (auto& question : questions) {
    const std::string lane = "commit/operator/" + std::to_string(question.asked.question.count);
    if (under_way.contains(lane)) continue;
    auto result = operator_commit(
        view, question.asked,
        [&](const HostName& h, const Incarnation& boot) { return is_heard(view, config.host, h, boot); }, self(), now);
    const bool late = now.mono >= question.until || question.tries >= kOperatorTries;
    if (!result || result->writes.empty() || late) {
      const bool ok = result.has_value() && !late;
      const std::string text = late ? "the engine could not record it in time: see haven status, then try again"
                                    : (ok ? "it is so already" : result.error());
      out.push_back({{}, AnswerOperator{question.asked.question, ok, text}});
      question.asked.question = CallId{};
      continue;
    }
    if (withheld(*result, now)) {
      wake = std::min(wake, question.until);
      continue;
    }
    ++question.tries;
    issue_one(std::move(*result), now);
  }
  std::erase_if(questions, [](const Question& q) { return q.asked.question == CallId{}; });
}

// Agents of a reign that ended, or of a fence that came to its end, are killed (F7, F8).
void Node::Inside::kill_orphans() {
  for (auto& [call, flight] : flights) {
    const auto* agent = std::get_if<RunAgent>(&flight.action);
    if (agent == nullptr || flight.killed) continue;
    const auto run = controller.fences.find({agent->host, agent->incarnation});
    if (run != controller.fences.end() && run->second.round == agent->round) continue;
    if (mutation::agents_live_on) continue;
    if (mutation::intent_later && agent->round == 0) continue;
    flight.killed = true;
    out.push_back({{}, KillAgent{call}});
  }
}

void Node::Inside::pass_session(Now now) {
  const MemberRecord member{config.incarnation, config.machine, host.found_none,
                            config.cpu,         config.memory,  epoch_of(view)};
  // Twice: a renewal that leaves in the first pass sets the time of the next one, which only the second can tell.
  for (int round = 0; round < 2; ++round) {
    Pass pass(now);
    keep_session(session, host, view, self(), reigning(now), member, pass);
    Decision decision = std::move(pass).take();
    session_wake = decision.wake;
    issue(std::move(decision), now);
  }
}

void Node::Inside::pass_promise(Now now) {
  promise_wake = kNever;
  if (session.exited || host.rebooting) return;
  const Instant full_pass = std::exchange(wake, kNever);  // a commit that is withheld asks for a turn by it
  // Again: what is noted in the first pass sets what the second wants.
  for (int round = 0; round < 2 && !host.rebooting; ++round) {
    Pass pass(now);
    keep_promise(host.keeping, view, self(), idle(host), session.leaving.has_value(), pass);
    Decision decision = std::move(pass).take();
    promise_wake = decision.wake;
    issue(std::move(decision), now);
  }
  promise_wake = std::min(promise_wake, std::exchange(wake, full_pass));
}

void Node::Inside::pass_all(Now now) {
  wake = kNever;
  if (session.exited) return;
  Pass executor(now);
  act(host, view, self(), executor);
  Decision acts = std::move(executor).take();
  wake = std::min(wake, acts.wake);
  issue(std::move(acts), now);
  // A lease that may have run out ends the right to agents as well.
  if (controller.reign && !reigning(now)) controller.fences.clear();
  if (!controller.fences.empty()) wake = std::min(wake, session.lease_until);
  if (!session.leaving) {
    Pass brain(now);
    controller.hearing_alarms = hearing_alarms(controller, view, self(), brain);
    decide(controller, view, self(), next_reign, brain);
    decide_probes(probes, view, self(), brain);
    Decision decision = std::move(brain).take();
    wake = std::min(wake, decision.wake);
    issue(std::move(decision), now);
  }
  ask_operator_questions(now);
  kill_orphans();
}

bool Node::Inside::give_up_overdue(Now now) {
  std::vector<CallId> overdue;
  for (const auto& [call, flight] : flights)
    if (now.mono > flight.sent + timeout_of(flight.action) + kOverdue) overdue.push_back(call);
  for (const CallId call : overdue) {
    Flight flight;
    take_flight(call, flight);
    const CallDone unknown{call, CallResult::unknown, "no answer"};
    observe_call(host, flight.action, unknown);
    if (const auto* agent = std::get_if<RunAgent>(&flight.action))
      observe_agent(controller, view, {*agent, AgentResult::timed_out, unknown.message}, now);
    if (const auto* probe = std::get_if<ProbeDevice>(&flight.action))
      observe_probe(probes, *probe, {call, AgentResult::timed_out, "", unknown.message}, now.mono);
  }
  return !overdue.empty();
}

Node::Node(NodeConfig config) : inside_(std::make_unique<Inside>()) {
  inside_->random = config.seed;
  for (const auto& note : config.released) inside_->host.released[note.resource] = note.generation;
  inside_->session.known_epoch = config.epoch;
  if (config.promise && config.promise->deadline > Duration::zero()) {
    Keeping& keeping = inside_->host.keeping;
    keeping.bound = config.promise->deadline;
    if (!mutation::last_good_forgotten) keeping.last_good = config.promise->last_good;
    keeping.noted = config.promise;
  }
  inside_->config = std::move(config);
  inside_->next_reign = Reign{hex128(inside_->random)};
}

Node::~Node() = default;

std::vector<Issued> Node::step(const Event& event, Now now) {
  Inside& n = *inside_;
  n.out.clear();
  const bool changed = n.fold(event, now);
  const bool gave_up = std::holds_alternative<Tick>(event) && n.give_up_overdue(now);
  const bool full = changed || gave_up || now.mono >= n.wake;
  if (mutation::last_good_forgotten && !n.host.keeping.last_good) n.host.keeping.last_good = now.mono;
  // Before all that starts anything: it has the permit to pet shrink first (P3).
  if (full || now.mono >= n.promise_wake) n.pass_promise(now);
  // Before the session: what a pass notes (a look, a release) decides what may be said of this host.
  if (full) n.pass_all(now);
  if (full || now.mono >= n.session_wake) n.pass_session(now);
  return std::move(n.out);
}

Instant Node::wake_at() const { return std::min({inside_->wake, inside_->session_wake, inside_->promise_wake}); }
const View& Node::view() const { return inside_->view; }
Report Node::report() const {
  Report report = report_of(inside_->view);
  report.engine = report.engine && inside_->session.watching;
  const auto& heard = inside_->controller.hearing_alarms;
  report.alarms.insert(report.alarms.end(), heard.begin(), heard.end());
  return report;
}
bool Node::reaches_engine() const { return inside_->session.watching && inside_->session.lease.id != 0; }
bool Node::leads() const {
  const Inside& n = *inside_;
  return n.controller.reign && n.view.leader && n.view.leader->value.reign == *n.controller.reign;
}

}  // namespace haven

// The node ties the pure parts together: it folds an event into whoever it concerns, lets session, executor and
// controller derive what they want, and issues what is not under way already. An action under way is known by its
// identity: the lane of a commit, the verb on a domain, the round of an agent. That makes deriving everything again
// on every turn safe, and it is the only place where "already asked" is remembered.
#include "core/node.hpp"

#include <algorithm>
#include <utility>

#include "core/liveness/hearing_alarms.hpp"
#include "core/liveness/silence.hpp"
#include "core/model/overloaded.hpp"
#include "core/mutation.hpp"
#include "core/node_inside.hpp"
#include "core/operator.hpp"

namespace haven {
namespace {

// Adapters answer by the timeout. One that does not is given up this much later, as unknown.
constexpr Duration kOverdue = 10s;
// An operator's word meets others' writes: tried again this often.
constexpr int kOperatorTries = 5;
// The slow full pass: what marks may have missed is made good after this.
constexpr Duration kFullPass = 60s;

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
          [](const MigrateDomain& a) { return "migrate/" + a.resource.str(); },
          [](const CapDomain& a) { return "cap/" + a.resource.str(); },
          [](const TreatGuest& a) { return "treat/" + a.resource.str(); },
          [](const SetLinks& a) { return "links/" + a.resource.str(); },
          [](const AbortMigration& a) { return "abort/" + a.resource.str(); },
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

}  // namespace

// A commit on a view older than a conflict has shown would only meet it again.
bool Node::Inside::withheld(const Action& action, Now now, Instant& retry) {
  const auto* commit = std::get_if<Commit>(&action);
  if (commit == nullptr) return false;
  // A watch that stays behind must not stop everything for ever: another conflict costs nothing.
  const bool behind = view.revision() < needed && now.mono < needed_since + kBehindPatience;
  if (behind && commit->lane != "answer") {
    retry = std::min(retry, needed_since + kBehindPatience);
    return true;
  }
  const auto rest = resting.find(commit->lane);
  if (rest == resting.end()) return false;
  if (now.mono >= rest->second) {
    resting.erase(rest);
    return false;
  }
  retry = std::min(retry, rest->second);
  return true;
}

void Node::Inside::issue_one(Action action, Now now, Instant& retry) {
  const std::string id = identity(action);
  if (!id.empty() && under_way.contains(id)) return;
  if (withheld(action, now, retry)) return;
  if (auto* commit = std::get_if<Commit>(&action))
    for (auto& write : commit->writes)
      if (write.path == path::kNewJournal) write.path = path::journal(now.wall, config.host, journal_count++);
  if (std::holds_alternative<GrantLease>(action) || std::holds_alternative<KeepAlive>(action))
    session.renewed = now.mono;
  if (std::holds_alternative<Exit>(action)) session.exited = true;
  observe_issued(host, view, action, now);
  if (const auto* probe = std::get_if<ProbeDevice>(&action)) observe_probe_issued(probes, view, *probe, now.mono);
  if (const auto* agent = std::get_if<RunAgent>(&action)) ++controller.agents[agent->host];
  observe_keeping_issued(host.keeping, self, action, now);
  if (const auto* commit = std::get_if<Commit>(&action); commit != nullptr && commit->lane == "leader") {
    next_reign = Reign{hex128(random)};
  }
  CallId call;
  if (!id.empty()) {
    call = CallId{++calls};
    under_way.insert(id);
    flights.push_back({call, id, action, now.mono, now.mono + timeout_of(action) + kOverdue});
  }
  out.push_back({call, std::move(action)});
}

void Node::Inside::issue(Decision decision, Now now, Instant& retry) {
  for (auto& action : decision.actions) issue_one(std::move(action), now, retry);
}

void Node::Inside::ask_operator_questions(Now now) {
  questions_wake = kNever;
  for (auto& question : questions) {
    const std::string lane = "commit/operator/" + std::to_string(question.asked.question.count);
    if (under_way.contains(lane)) continue;
    auto result = operator_commit(
        view, question.asked,
        [&](const HostName& h, const Incarnation& boot) { return is_heard(view, config.host, h, boot); }, self, now);
    const bool late = now.mono >= question.until || question.tries >= kOperatorTries;
    if (!result || result->commit.writes.empty() || late) {
      const bool ok = result.has_value() && !late;
      const std::string text = late ? "the engine could not record it in time: see haven status, then try again"
                                    : (ok ? "it is so already" : result.error());
      out.push_back({{}, AnswerOperator{question.asked.question, ok, text}});
      question.asked.question = CallId{};
      continue;
    }
    if (withheld(result->commit, now, questions_wake)) {
      questions_wake = std::min(questions_wake, question.until);
      continue;
    }
    ++question.tries;
    question.warnings = std::move(result->warnings);
    issue_one(std::move(result->commit), now, questions_wake);
  }
  std::erase_if(questions, [](const Question& q) { return q.asked.question == CallId{}; });
}

// Agents of a reign that ended, or of a fence that came to its end, are killed (F7, F8).
void Node::Inside::kill_orphans(Now now) {
  for (auto& flight : flights) {
    const auto* agent = std::get_if<RunAgent>(&flight.action);
    if (agent == nullptr || flight.killed) continue;
    const auto run = controller.fences.find({agent->host, agent->incarnation});
    if (run != controller.fences.end() && run->second.round == agent->round) continue;
    if (mutation::agents_live_on) continue;
    if (mutation::intent_later && agent->round == 0) continue;
    flight.killed = true;
    if (agent->verb == AgentVerb::off) controller.cut_short[{agent->host, agent->incarnation}] = now.mono;
    out.push_back({{}, KillAgent{flight.call}});
  }
}

// Twice: what was issued in the first round may set a time that only the second can tell.
void Node::Inside::pass_acts(Now now) {
  acts_wake = kNever;
  if (session.exited) return;
  for (int round = 0; round < 2; ++round) {
    Pass pass(now);
    act(host, view, self, agenda, pass);
    Decision decision = std::move(pass).take();
    acts_wake = std::min(acts_wake, decision.wake);
    if (decision.actions.empty()) break;
    issue(std::move(decision), now, acts_wake);
  }
}

void Node::Inside::pass_look(Now now) {
  look_wake = kNever;
  if (session.exited) return;
  for (int round = 0; round < 2; ++round) {
    Pass pass(now);
    look(host, view, self, pass);
    Decision decision = std::move(pass).take();
    look_wake = decision.wake;
    if (decision.actions.empty()) break;
    issue(std::move(decision), now, look_wake);
  }
}

void Node::Inside::pass_brain(Now now) {
  brain_wake = kNever;
  if (session.exited) return;
  // A lease that may have run out ends the right to agents as well.
  if (controller.reign && !reigning(now)) controller.fences.clear();
  if (session.leaving) return;
  Pass pass(now);
  observe_hearing(controller, view, hearing_alarms(controller, view, self, pass), now.mono);
  decide(controller, view, self, desk, next_reign, pass);
  Decision decision = std::move(pass).take();
  brain_wake = decision.wake;
  issue(std::move(decision), now, brain_wake);
}

void Node::Inside::pass_session(Now now) {
  for (int round = 0; round < 2; ++round) {
    Pass pass(now);
    keep_session(session, host, view, self, reigning(now), {config.machine, config.cpu, config.memory}, pass);
    Decision decision = std::move(pass).take();
    session_wake = decision.wake;
    if (decision.actions.empty()) break;
    issue(std::move(decision), now, session_wake);
  }
}

// Twice: what is noted in the first round sets what the second wants.
void Node::Inside::pass_promise(Now now) {
  Pass standing(now);
  promised_idle = idle(host, view, standing);
  const Instant idle_wake = std::move(standing).take().wake;
  promise_wake = idle_wake;
  for (int round = 0; round < 2 && !session.exited && !host.rebooting; ++round) {
    Pass pass(now);
    keep_promise(host.keeping, view, self, promised_idle, session.leaving.has_value(), pass);
    Decision decision = std::move(pass).take();
    promise_wake = std::min(decision.wake, idle_wake);
    if (decision.actions.empty()) break;
    issue(std::move(decision), now, promise_wake);
  }
}

void Node::Inside::pass_probes(Now now) {
  probes_wake = kNever;
  for (int round = 0; round < 2 && !session.exited && !session.leaving; ++round) {
    Pass pass(now);
    decide_probes(probes, view, self, pass);
    Decision decision = std::move(pass).take();
    probes_wake = decision.wake;
    if (decision.actions.empty()) break;
    issue(std::move(decision), now, probes_wake);
  }
}

// What all decisions rest on, a lease that ran out among it.
void Node::Inside::follow_standing(Turn& turn, Now now) {
  fold_self(self, session, view);
  const Standing next{self.registered,
                      self.watching,
                      self.outdated,
                      now.mono < self.lease_until,
                      session.exited,
                      clock_of(host.keeping).has_value(),
                      may_start(host.keeping, now.mono),
                      strain_of(host.keeping, now.mono)};
  turn.everything |= next != standing;
  standing = next;
}

void Node::Inside::add_due(Turn& turn, Now now) const {
  turn.everything |= config.derives_everything || now.mono >= full_wake;
  turn.acts |= now.mono >= acts_wake;
  turn.look |= now.mono >= look_wake;
  turn.brain |= now.mono >= brain_wake;
  turn.session |= now.mono >= session_wake;
  turn.probes |= now.mono >= probes_wake;
  const bool bound = host.keeping.bound > Duration::zero() || host.keeping.armed > Duration::zero();
  Pass standing(now);  // when that comes out differently was told by the pass before
  turn.promise |= now.mono >= promise_wake || (bound && idle(host, view, standing) != promised_idle);
  // What would be written for a question rests on the view.
  turn.questions |= now.mono >= questions_wake || (!questions.empty() && turn.any());
}

void Node::Inside::run(Turn& turn, Now now) {
  // Before all that starts anything: it has the permit to pet shrink first (P3).
  if (turn.everything || turn.acts || turn.promise) {
    pass_promise(now);
    follow_standing(turn, now);
  }
  if (turn.everything) {
    agenda.mark_all();
    desk.forget();
    turn.acts = turn.look = turn.brain = turn.session = turn.probes = turn.questions = true;
    full_wake = now.mono + kFullPass;
  }
  if (turn.acts) pass_acts(now);
  if (turn.acts || turn.look) pass_look(now);
  if (turn.brain) pass_brain(now);
  if (turn.probes) pass_probes(now);
  if (turn.questions && !session.exited) ask_operator_questions(now);
  if (turn.brain) kill_orphans(now);
  // After the others: what a pass notes (a look, a release) decides what may be said of this host.
  if (turn.acts || turn.session) pass_session(now);
}

Node::Node(NodeConfig config) : inside_(std::make_unique<Inside>()) {
  inside_->random = config.seed;
  for (const auto& note : config.released) inside_->host.released[note.resource] = note.generation;
  inside_->self.host = config.host;
  inside_->self.incarnation = config.incarnation;
  inside_->self.waivers = config.waivers;
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
  const bool clock_was_set = observe_clock(n.controller.clock, now);
  if (clock_was_set || n.host.wall_ahead == Duration::zero())
    n.host.wall_ahead = std::chrono::milliseconds(now.wall.unix_ms) - now.mono.since_boot;
  if (!n.host.began) n.host.began = now.mono;
  Turn turn = n.fold(event, now);
  turn.everything |= clock_was_set;  // budgets count by it
  if (mutation::last_good_forgotten && !n.host.keeping.last_good) n.host.keeping.last_good = now.mono;
  n.follow_standing(turn, now);
  n.add_due(turn, now);
  if (turn.any()) n.run(turn, now);
  return std::move(n.out);
}

Instant Node::wake_at() const {
  const Inside& n = *inside_;
  const Instant lapse = n.standing.in_time ? n.session.lease_until : kNever;
  return std::min({n.acts_wake, n.look_wake, n.brain_wake, n.session_wake, n.promise_wake, n.probes_wake,
                   n.questions_wake, n.full_wake, lapse});
}

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

// The inside of a Node: its memory, and the turn that an event makes it take. Only node*.cpp include this.
#pragma once

#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/agenda.hpp"
#include "core/controller.hpp"
#include "core/executor.hpp"
#include "core/liveness/probes.hpp"
#include "core/node.hpp"
#include "core/recovery/claim_desk.hpp"
#include "core/session.hpp"

namespace haven {

// After a conflict commits wait for the watch to show why, but no longer than this.
inline constexpr Duration kBehindPatience = 2s;

// What an event touched, so which passes it makes necessary.
struct Turn {
  bool everything = false;  // all passes, over everything
  bool acts = false;        // the executor: what is on its agenda, and its own affairs
  bool brain = false;       // the controller
  bool session = false;
  bool promise = false;  // this host's own
  bool probes = false;   // of fence devices
  bool look = false;     // whether it is time to look at the hypervisor
  bool questions = false;
  [[nodiscard]] bool any() const {
    return everything || acts || brain || session || promise || probes || look || questions;
  }
};

// An action under way.
struct Flight {
  CallId call;
  std::string identity;
  Action action;
  Instant sent;
  Instant overdue;  // given up then
  bool killed = false;
};

struct Question {
  OperatorAsked asked;
  Instant until;
  int tries = 0;
  std::vector<std::string> warnings{};  // of what was sent last
};

// Everything that decisions rest on beside view and memory: when it changes, all passes run over everything.
struct Standing {
  bool registered = false, watching = false, outdated = false, in_time = false, exited = false;
  bool promised = false;  // nothing starts while the engine is out of reach (C6)
  bool room = true;       // the promise's clock has it for a start (C2)
  Strain strain = Strain::none;
  friend bool operator==(const Standing&, const Standing&) = default;
};

struct Node::Inside {
  NodeConfig config;
  View view;
  Session session;
  SelfView self;
  Standing standing;
  HostState host;
  Agenda agenda;  // the executor's
  ControllerState controller;
  ClaimDesk desk;
  Probes probes;
  bool promised_idle = false;   // what the promise was kept for last
  std::vector<Flight> flights;  // by call
  std::unordered_set<std::string> under_way;
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
  Revision seen_loads;  // this host's
  // When each pass is wanted again for the sake of time.
  Instant acts_wake, look_wake, brain_wake, session_wake, promise_wake, probes_wake, questions_wake, full_wake;
  std::vector<Issued> out;

  // ---- folding (node_fold.cpp) ----
  Turn fold(const Event& event, Now now);
  void fold_changed(const EngineChanged& changed, Turn& turn, Now now);
  void fold_engine_back(Turn& turn);
  void fold_commit(const CommitDone& done, Turn& turn, Now now);
  void fold_lease(const LeaseAnswer& answer, Turn& turn, Now now);
  void fold_inspection(const Inspected& seen, Turn& turn, Now now);
  void fold_call(const CallDone& done, Turn& turn, Now now);
  void fold_member_read(const MemberRead& read, Turn& turn, Now now);
  void fold_voters(const VotersAnswered& answered, Turn& turn, Now now);
  void fold_agent(const AgentDone& done, Turn& turn, Now now);
  void fold_hook(const HookAsked& asked, Turn& turn, Now now);
  void fold_heard(const PeersHeard& heard, Turn& turn, Now now);
  void after_view(Turn& turn, Now now, bool of_office = false);
  void fold_loads(Turn& turn, Now now);
  void mark_present();
  bool take_flight(CallId call, Flight& flight);
  void lose_lease();
  void give_up_overdue(Turn& turn, Now now);

  // ---- the passes (node.cpp) ----
  [[nodiscard]] bool reigning(Now now) const { return reigns(controller, view, self, now); }
  void follow_standing(Turn& turn, Now now);
  void add_due(Turn& turn, Now now) const;
  void run(Turn& turn, Now now);
  void pass_acts(Now now);
  void pass_look(Now now);
  void pass_brain(Now now);
  void pass_session(Now now);
  void pass_promise(Now now);
  void pass_probes(Now now);
  void ask_operator_questions(Now now);
  // `retry`: moved to when what was held back may leave.
  void issue(Decision decision, Now now, Instant& retry);
  void issue_one(Action action, Now now, Instant& retry);
  void kill_orphans(Now now);
  bool withheld(const Action& action, Now now, Instant& retry);
};

}  // namespace haven

// One havend in the simulated world: the very Node of the daemon, driven as src/daemon/runtime drives it. It performs
// the node's actions against the simulated parts and tells it what came of them.
//
// A message takes kMessage each way. What a hung machine is sent waits; a call that nobody answers is answered as
// unknown at its timeout; what was asked by a havend that has died is not answered at all, though it may still happen.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/controller.hpp"
#include "core/node.hpp"
#include "core/recovery/rounds.hpp"
#include "port/load_meter.hpp"
#include "sim/applications.hpp"
#include "sim/engine_room.hpp"
#include "sim/machine.hpp"

namespace haven::sim {

inline constexpr Duration kMessage = 1ms;
inline constexpr Duration kAgentTime = 300ms;
// An agent has done its deed before it says so: killing it in between undoes nothing.
inline constexpr Duration kAgentActs = 200ms;
// What a slow device takes; an agent waits for it, and nobody calls it back.
inline constexpr Duration kSlowDevice = 10s;
inline constexpr Duration kHavendBack = 1s;
inline constexpr Duration kLibvirtBack = 2s;
// The watch is given up after the engine was out of reach for this long. An election is no reason.
inline constexpr Duration kWatchPatience = 1500ms;

// Whoever is slower than this with the engine may be too late with an answer.
inline constexpr Duration kPromptly = 20ms;

// What random faults do to the way between one havend and the engine.
struct EngineTrouble {
  Duration watch_delay{};
  unsigned lost_replies = 0;  // of a thousand
  Duration slow{};            // more for each message
  unsigned late_commits = 0;  // of a thousand
};

class Havend {
 public:
  struct Callbacks {
    std::function<Machine&(const HostName&)> machine_of;
    // A fence agent switches this device for everybody that it feeds.
    std::function<void(const RunAgent& run)> agent_called;  // to switch off; it may take its time
    std::function<void(const RunAgent& run, bool on)> switch_device;
    std::function<void(CallId question, bool ok, const std::string& text)> operator_answered;
    std::function<void()> came_or_went;    // alive() changed
    std::function<void()> health_changed;  // alive() or troubled() changed
    std::function<void(const std::string& rule, const std::string& text)> breach;
    // Of a guest of this host: its checks, and commands in it.
    std::function<CheckAnswer(const ResourceName&, const GuestCheck&)> check;
    std::function<Applications::Treated(const TreatGuest&)> treat;
    std::function<void(std::string)> differs;  // a node by marks and its twin part; only where twins are wanted
  };
  Havend(Queue& queue, Random& random, Timeline& timeline, Machine& machine, EngineRoom& engine, const Host& host,
         Callbacks callbacks);

  void start();
  // Killed, or gone with its machine; guests run on.
  void end();
  // Killed; its supervisor starts it again.
  void crash();
  // It dies in the middle of what it does: after this many actions more.
  void crash_after(unsigned actions) { actions_left_ = actions; }
  [[nodiscard]] bool alive() const { return node_ != nullptr; }
  // nullptr while it is not there.
  [[nodiscard]] const Node* node() const { return node_.get(); }
  [[nodiscard]] Machine& machine() const { return machine_; }
  // Counts its processes.
  [[nodiscard]] std::uint64_t life() const { return life_; }

  void tell(const Event& event);
  void libvirt_tells(const port::HypervisorEvent& event);
  void measured(const port::Measured& measured);
  // The libvirt hook's question. False without a havend that says yes at once (C5).
  [[nodiscard]] bool hook(const ResourceName& resource, bool migration = false, bool unlinked = false);
  // The same about the domain of a virtual host.
  [[nodiscard]] bool hook_domain(const std::string& domain, bool migration);
  void engine_committed();
  void engine_reach_changed();
  // A havend that hears of an intent only after the grace, or never of its own commits, is not well.
  void set_trouble(EngineTrouble trouble);
  // How long a message takes between it and the engine.
  void set_message_time(Duration time) { message_ = time; }
  [[nodiscard]] bool troubled() const {
    return trouble_.watch_delay + trouble_.slow > kPromptly || trouble_.lost_replies + trouble_.late_commits > 0 ||
           must_list_ || lost_;
  }
  // The watch loses its place and has to list again.
  void break_watch();

 private:
  struct Agent {
    std::uint64_t token = 0;
    bool killed = false;
    Instant deadline{};  // one that was frozen beyond it does nothing any more
  };
  // To the same process, when its machine turns.
  template <class Deed>
  void later(Duration delay, Deed deed) {
    machine_.after(delay, [this, life = life_, deed = std::move(deed)]() mutable {
      if (life == life_ && alive()) deed();
    });
  }
  void at_deadline(Instant deadline, Event event);
  void reply(Instant deadline, Event event, Event unknown);
  void commit_late(CallId call, Instant deadline, Commit& action);
  [[nodiscard]] Duration message() const { return message_ + trouble_.slow; }
  [[nodiscard]] bool in_reach() const { return engine_.serves(machine_.index()); }
  void perform(std::vector<Issued> issued);
  void arm_wake();
  [[nodiscard]] CallId outside(CallId call) const;

  void perform_one(CallId call, Commit& action);
  void perform_one(CallId call, GrantLease& action);
  void perform_one(CallId call, KeepAlive& action);
  void perform_one(CallId call, ReadMember& action);
  void perform_one(CallId call, AskVoters& action);
  void perform_one(CallId call, ArmWatchdog& action);
  void perform_one(CallId call, PetWatchdog& action);
  void perform_one(CallId call, DisarmWatchdog& action);
  void perform_one(CallId call, StartDomain& action);
  void perform_one(CallId call, ShutdownDomain& action);
  void perform_one(CallId call, DestroyDomain& action);
  void perform_one(CallId call, KillDomain& action);
  void perform_one(CallId call, ResumeDomain& action);
  void perform_one(CallId call, MigrateDomain& action);
  void perform_one(CallId call, CapDomain& action);
  void perform_one(CallId call, TreatGuest& action);
  void perform_one(CallId call, AttendGuest& action);
  void perform_one(CallId call, SetLinks& action);
  void perform_one(CallId call, AbortMigration& action);
  void perform_one(CallId call, Inspect& action);
  void perform_one(CallId call, EndVirtualHost& action);
  void perform_one(CallId call, RestartHypervisor& action);
  void perform_one(CallId call, RunAgent& action);
  void perform_one(CallId call, ProbeDevice& action);
  void perform_one(CallId call, KillAgent& action);
  void perform_one(CallId call, NoteRelease& action);
  void perform_one(CallId call, NotePromise& action);
  void perform_one(CallId call, PublishProtected& action);
  void perform_one(CallId call, AnswerHook& action);
  void perform_one(CallId call, AnswerOperator& action);
  void perform_one(CallId call, KillAllAndReboot& action);
  void perform_one(CallId call, Exit& action);
  void perform_one(CallId call, Say& action);

  [[nodiscard]] bool ask_hook(HookAsked asked);
  void agent_acts(const RunAgent& run);
  void slow_device(CallId call, const RunAgent& run, std::uint64_t token);
  void check_agents();
  [[nodiscard]] AgentResult agent_result(const RunAgent& run) const;
  void agent_ends(CallId call, std::uint64_t token, AgentResult result, std::string message);

  void tell_health();
  void know_checks();
  void arm_rounds();
  void ask_guests();

  void pump_soon();
  void pump();
  void list();
  void watch_fails();

  Queue& queue_;
  Random& random_;
  Timeline& timeline_;
  Machine& machine_;
  EngineRoom& engine_;
  Vcpu cpu_;
  MiB memory_;
  Callbacks callbacks_;

  [[nodiscard]] std::vector<Issued> step(const Event& event);

  std::unique_ptr<Node> node_;
  std::unique_ptr<Node> twin_;
  std::optional<Rounds> rounds_;
  std::shared_ptr<const Spec> known_spec_;  // to them
  Instant rounds_armed_ = kNever;
  std::uint64_t life_ = 0;  // counts processes: what an earlier one asked is not answered
  Instant wake_armed_ = kNever;
  std::map<CallId, Agent> agents_;
  std::uint64_t last_agent_ = 0;
  std::optional<unsigned> actions_left_;
  std::uint64_t last_question_ = 0;
  std::optional<CallId> hook_question_;
  bool hook_answer_ = false;

  Duration message_ = kMessage;
  EngineTrouble trouble_;
  bool listed_ = false;
  bool lost_ = false;  // the node was told that its watch broke
  bool must_list_ = false;
  bool pump_armed_ = false;
  Revision told_;
  std::uint64_t outage_ = 0;  // counts stretches without the engine
  bool reached_ = false;
};

}  // namespace haven::sim

// Performs what the core wants done, through the ports, and says in the core's words what they answer. No decision is
// made here, and nothing waits but the end of everything (KillAllAndReboot).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/model/action.hpp"
#include "core/model/event.hpp"
#include "daemon/chores.hpp"
#include "daemon/domains.hpp"
#include "daemon/own_calls.hpp"
#include "daemon/spec_store.hpp"
#include "port/engine.hpp"
#include "port/fence_device.hpp"
#include "port/guests.hpp"
#include "port/hypervisor.hpp"
#include "port/storage.hpp"
#include "port/watchdog.hpp"

namespace haven::daemon {

// The world outside. All of it outlives the Hands.
struct Edges {
  port::Engine& engine;
  port::Hypervisor& hypervisor;
  port::FenceDevice& fence;
  port::Storage& storage;
  std::string run_dir;
  // False: the answer came too late, and the hook said no.
  std::function<bool(std::uint64_t question, bool allow, const std::string& reason)> answer_hook;
  // All protected domains; an error is fatal. Must not wait for a disk.
  std::function<tl::expected<void, std::string>(const Protected&)> publish_protected;
  std::function<void(bool is_error, const std::string&)> say;
  // Those of these bridges and devices that lead nowhere any more. Must not wait for anything.
  std::function<std::vector<std::string>(const std::vector<std::string>& links)> without_uplink;
  // Restarts libvirt's service; answered by a port::CallDone in the mailbox, at the timeout at the latest.
  std::function<void(CallId call, Duration timeout)> restart_hypervisor;
  // Reboots this machine at once; does not return.
  std::function<void()> reboot;
  // Ends the process at once, for the reason given; does not return.
  std::function<void(const std::string&)> die;
  // Another file holds from now on: who takes part in heartbeats. May be empty; must not wait.
  std::function<void(std::shared_ptr<const Spec>)> spec_changed = {};
  port::Watchdog* watchdog = nullptr;  // nullptr: this host has none
  // The checks of a guest are run from now on, or not any more. Must not wait. Empty: nobody runs any.
  std::function<void(const AttendGuest&)> attend = {};
  port::Guests* guests = nullptr;  // nullptr: nothing can be run in guests here
};

class Hands {
 public:
  using OperatorReply = std::function<void(const AnswerOperator& answer)>;

  Hands(Edges edges, OwnCalls& own, std::string cluster);

  // The spec that names mean from now on. nullptr (none is readable) leaves what was known.
  void know(std::shared_ptr<const Spec> spec);

  // Performs one action. What can be answered without asking anybody comes in `answers`.
  void perform(const Issued& issued, std::deque<Event>& answers);

  // nullopt: not about anything of the spec.
  [[nodiscard]] std::optional<Event> translate(const port::EngineEvent& event);
  // An inspection is whole once the hypervisor and the storage have both answered; nullopt until then.
  [[nodiscard]] std::optional<Event> translate(const port::HypervisorEvent& event);
  [[nodiscard]] std::optional<Event> translate(const port::StorageLooked& event);
  [[nodiscard]] Event translate(const port::AgentDone& event);
  [[nodiscard]] static Event translate(const port::WatchdogEvent& event);

  // Who waits for AnswerOperator. At most kMaxQuestions: then false.
  static constexpr std::size_t kMaxQuestions = 64;
  [[nodiscard]] bool expect_answer(CallId question, OperatorReply reply);
  void expect_no_longer(CallId question);

  [[nodiscard]] bool exit_asked() const { return exit_; }
  [[nodiscard]] const Domains& domains() const { return domains_; }
  [[nodiscard]] const codec::Assembler& store() const { return store_; }
  [[nodiscard]] port::Engine& engine() { return edges_.engine; }
  [[nodiscard]] const Edges& edges() const { return edges_; }

 private:
  struct Performing;  // one member function per kind of action
  // The two halves of an inspection.
  struct Inspection {
    std::optional<Inspected> seen;
    std::optional<std::vector<ResourceName>> storage_lost;
  };
  std::optional<Event> join(CallId call);
  Event done(const port::TransactionDone& answer);
  [[nodiscard]] std::vector<std::string> uuids_of(const std::vector<ResourceName>& resources) const;

  Edges edges_;
  OwnCalls& own_;
  codec::Assembler store_;
  Domains domains_;
  std::map<CallId, std::vector<std::string>> decisions_;  // of commits under way, to be logged once they hold
  std::map<CallId, Inspection> inspections_;
  std::map<CallId, OperatorReply> questions_;
  std::set<CallId> probes_;  // under way
  bool exit_ = false;
};

}  // namespace haven::daemon

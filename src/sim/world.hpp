// A whole cluster in simulated time: machines, network, engine, and one havend on each host that runs the daemon's own
// core. Everything that happens is decided by the spec, the deeds done to it and the seed.
//
// A world begins before time zero: warm_up() boots the cluster, lets Haven take what `run` statements put down and
// place the rest, and sets time zero once nothing changes any more.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "sim/checker.hpp"
#include "sim/havend.hpp"
#include "sim/loads.hpp"
#include "sim/operator_desk.hpp"
#include "sim/pulse.hpp"

namespace haven::sim {

class World {
 public:
  // exact: the times of FORMATS. varied: each machine starts and stops guests faster or slower, and hears of the engine
  // later than the others.
  enum class Pace { exact, varied };
  World(const Spec& spec, std::uint64_t seed, Pace pace = Pace::exact);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void warm_up(const std::vector<StartsOn>& runs);
  void perform(const Deed& deed);
  void run_until(Duration since_zero) { queue_.run_until(timeline_.zero() + since_zero); }

  [[nodiscard]] Duration now() const { return queue_.now() - timeline_.zero(); }
  Queue& queue() { return queue_; }
  Timeline& timeline() { return timeline_; }
  Random& random() { return random_; }
  EngineRoom& engine() { return *engine_; }
  Network& network() { return network_; }
  Pulse& pulse() { return *pulse_; }
  // Heartbeats alone are dropped everywhere, as by a firewall.
  void drop_heartbeats(bool drop);
  [[nodiscard]] const Checker& checker() const { return checker_; }

  // ---- the truth ----
  [[nodiscard]] std::vector<HostName> hosts_of(const ResourceName& resource) const;
  // Where it has a process whose network links are up.
  [[nodiscard]] std::vector<HostName> linked_on(const ResourceName& resource) const;
  // Where it came in by migration and has not run yet.
  [[nodiscard]] std::vector<HostName> copies_of(const ResourceName& resource) const;
  // True: some process of it is not paused.
  [[nodiscard]] bool running(const ResourceName& resource) const;
  [[nodiscard]] bool held(const ResourceName& resource) const;  // by libvirt, where it runs
  // It runs, and nothing is wrong with what it is there for.
  [[nodiscard]] bool serves(const ResourceName& resource) const;
  [[nodiscard]] Machine& machine(const HostName& name) const { return *machines_.at(index_.at(name)); }
  [[nodiscard]] Havend& havend(const HostName& name) const { return *havends_.at(index_.at(name)); }
  [[nodiscard]] const std::vector<std::unique_ptr<Havend>>& havends() const { return havends_; }
  // Every resource that ever was in the file.
  [[nodiscard]] const std::map<ResourceName, Resource>& resources() const { return resources_; }

  // ---- what Haven says: the leader's report, else that of any havend that reaches the engine, else of any at all ----
  [[nodiscard]] std::optional<Report> report() const;
  // The spec as the engine has it now.
  [[nodiscard]] std::shared_ptr<const Spec> spec() const;

  // The operator moves a virtual host to another physical machine while it runs; it takes a moment, and may fail.
  void move_virtual_host(const HostName& host, const HostName& to);

  // Everything that anybody can put right is put right; machines that are off boot.
  void heal();

 private:
  void act(const SetPower& deed);
  void act(const SetNetwork& deed);
  void act(const SetHang& deed);
  void act(const ShutDown& deed);
  void act(const SetCut& deed);
  void act(const SetLink& deed);
  void act(const SetStore& deed);
  void act(const SetStorage& deed);
  void act(const SetUplink& deed);
  void act(const SetFenceDevice& deed);
  void act(const SetWatchdog& deed);
  void act(const Reinstall& deed);
  void act(const HurtGuest& deed);
  void act(const HurtApp& deed);
  void act(const HurtLibvirt& deed);
  void act(const CrashHavend& deed);
  void act(const LetFail& deed);
  void act(const Order& deed);
  void act(const Remove& deed);
  void act(const Add& deed);
  void act(const Replace& deed);
  void act(const SetLoad& deed);
  void measure();
  void tidy_replacements();

  void wire(Machine& machine);
  void wire_migration(Machine::Callbacks& callbacks, MachineIndex m);
  void end_transit(const ResourceName& resource);
  void lay_outlets();
  [[nodiscard]] GuestTruth truth_of(const ResourceName& resource, const HostName& host) const;
  void switch_device(const RunAgent& run, bool on);
  void engine_committed();
  void journal(const JournalRecord& record);
  void network_changed();
  void update_health();
  [[nodiscard]] bool deed_fails(HypervisorState::Deed deed, const ResourceName& resource, const HostName& host);
  [[nodiscard]] Checker::Facts facts() const;
  [[nodiscard]] const Havend* speaker() const;
  void seed_engine(const Spec& spec, const std::vector<StartsOn>& runs);
  void commit_spec(const Spec& spec);
  void settle();
  [[nodiscard]] bool settled() const;

  Spec file_;  // as the operator wrote it
  Random random_;
  Queue queue_;
  Timeline timeline_{queue_};
  std::vector<std::unique_ptr<Machine>> machines_;  // hosts in the file's order, then the witness
  std::map<HostName, MachineIndex> index_;
  Network network_;
  std::unique_ptr<EngineRoom> engine_;
  Checker checker_;
  std::vector<std::unique_ptr<Havend>> havends_;
  std::vector<std::optional<Instant>> healthy_since_;  // by machine
  std::map<ResourceName, Resource> resources_;
  struct Failing {
    FailingDeed deed;
    ResourceName resource;
    std::optional<HostName> host;
    int left;
  };
  std::vector<Failing> failing_;
  std::map<ResourceName, HostName> in_transit_;  // left there, and goes on nowhere yet
  Loads loads_;
  Applications applications_;
  bool replaces_ = false;  // somebody looks after the ends of replacements
  std::unique_ptr<OperatorDesk> desk_;
  std::unique_ptr<Pulse> pulse_;
  Revision checked_;  // the checker has seen everything up to here
};

}  // namespace haven::sim

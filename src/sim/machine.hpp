// One machine: its power, its clock, its fence devices, its libvirt with the VMs. What runs on it as software (havend,
// a voter of the engine) is told of its fate by the callbacks.
//
// Power comes by a cable and, for each level of fence devices, through at least one of that level's outlets. Off is off
// until somebody switches it on: `power on` (a person, who puts everything right), or a fence agent's `on`.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/action.hpp"
#include "core/model/event.hpp"
#include "core/model/spec.hpp"
#include "sim/hypervisor.hpp"
#include "sim/network.hpp"
#include "sim/queue.hpp"
#include "sim/random.hpp"
#include "sim/scenario.hpp"
#include "sim/timeline.hpp"

namespace haven::sim {

inline constexpr Duration kBoot = 60s;
// How long a clean shutdown waits for havend.
inline constexpr Duration kShutdownPatience = 120s;

class Machine {
 public:
  struct Callbacks {
    std::function<void()> changed;    // power or hang: who can be reached changes
    std::function<void()> booted;     // its software starts
    std::function<void()> went_down;  // everything on it is gone
    std::function<void(const port::HypervisorEvent&)> libvirt_tells;
    std::function<bool(const ResourceName&)> hook;
    std::function<bool(HypervisorState::Deed, const ResourceName&)> deed_fails;
  };
  // `host`: nullptr for a witness.
  Machine(Queue& queue, Random& random, Timeline& timeline, MachineIndex index, HostName name, const Host* host,
          HypervisorTimes times = {});
  void set_callbacks(Callbacks callbacks);

  [[nodiscard]] MachineIndex index() const { return index_; }
  [[nodiscard]] const HostName& name() const { return name_; }
  [[nodiscard]] bool is_host() const { return is_host_; }
  [[nodiscard]] bool on() const { return power_ == Power::on; }
  [[nodiscard]] bool hung() const { return hung_; }
  [[nodiscard]] bool runs() const { return on() && !hung_; }
  [[nodiscard]] bool shutting_down() const { return shutting_down_; }
  // Of this boot. A new one at each.
  [[nodiscard]] const Incarnation& incarnation() const { return incarnation_; }
  [[nodiscard]] const MachineIdentity& identity() const { return identity_; }
  [[nodiscard]] Now clock() const;
  [[nodiscard]] Instant to_world(Instant here) const;  // kNever stays kNever
  std::vector<NoteRelease> notes;                      // under /run: they die with the boot

  // Something that this boot does: it waits while the machine is hung and never happens once the boot has ended.
  void after(Duration delay, Task task);

  // ---- power ----
  void pull_cable();
  void switch_on();  // `power on`
  void go_down(bool reboot);
  // A clean shutdown: it goes down when finish_shutdown() is called, or when patience ends.
  void begin_shutdown(bool reboot);
  void finish_shutdown() { go_down(reboot_after_); }
  void set_hung(bool hung);

  // ---- fence devices, on a network of their own ----
  DeviceMode device_mode = DeviceMode::working;
  bool watchdog_broken = false;  // recorded; nothing wears a watchdog yet
  void device_off(std::size_t device);
  void device_on(std::size_t device);
  [[nodiscard]] bool device_says_off(std::size_t device) const;
  [[nodiscard]] std::size_t devices() const { return outlets_.size(); }

  // ---- VMs; a VM's uuid is its resource's name ----
  void set_storage(bool reached);
  [[nodiscard]] bool storage() const { return storage_; }
  // Gives an order or does harm to libvirt or its guests, and fetches what comes of it.
  void with_libvirt(const std::function<void(HypervisorState&, Instant)>& deed);
  void put_guest(const ResourceName& resource);  // it runs, nobody ordered it
  void kill_guests();
  // The processes that exist here; true: paused.
  [[nodiscard]] const std::map<ResourceName, bool>& processes() const { return processes_; }

 private:
  enum class Power { off, booting, on };
  struct Outlet {
    int level = 1;
    bool on = true;
  };
  void boot();
  void lose_power();
  [[nodiscard]] bool fed() const;
  void new_life();
  void fetch();
  void arm();
  void take(const ProcessChange& change);

  Queue& queue_;
  Random& random_;
  Timeline& timeline_;
  MachineIndex index_;
  HostName name_;
  bool is_host_;
  Callbacks callbacks_;

  Power power_ = Power::on;
  bool cable_ = true;
  bool hung_ = false;
  bool shutting_down_ = false;
  bool reboot_after_ = false;
  std::uint64_t boot_ = 0;  // what belongs to an earlier boot never happens
  Instant booted_at_;
  Duration clock_ahead_;  // clocks of two machines have nothing to do with each other
  Incarnation incarnation_;
  MachineIdentity identity_;
  std::vector<Task> frozen_;
  std::vector<Outlet> outlets_;
  bool storage_ = true;
  HypervisorState libvirt_;
  Instant armed_ = kNever;
  std::map<ResourceName, bool> processes_;
};

}  // namespace haven::sim

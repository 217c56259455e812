// One machine: its power, its clock, its fence devices, its libvirt with the VMs. What runs on it as software (havend,
// a voter of the engine) is told of its fate by the callbacks.
//
// Power comes by a cable and, for each level of fence devices, through at least one of that level's outlets. Off is off
// until somebody switches it on: `power on` (a person, who puts everything right), or a fence agent's `on`.
//
// A virtual host is a machine whose cable is its domain on another machine: it is on while that domain exists, and
// stands still while that domain or the machine below does.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
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
#include "sim/watchdog.hpp"

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
    std::function<bool(const ResourceName&, bool migration, bool unlinked)> hook;
    std::function<void(const ResourceName&)> links_changed;  // of a guest that exists here
    // Does this to another host's libvirt. False: its machine cannot be reached.
    std::function<bool(const HostName&, const std::function<void(HypervisorState&)>&)> reach;
    std::function<bool(const ResourceName&)> is_sent_here;
    std::function<void(const ResourceName&)> guest_starts;         // anew: it did not come here alive
    std::function<void(const ResourceName&)> moved_off;            // all of it stands at another host
    std::function<void(const ResourceName&, bool stale)> goes_on;  // it is about to run here
    std::function<void(const ResourceName&)> copy_gone;            // what came in here, and never ran, is gone
    std::function<bool(HypervisorState::Deed, const ResourceName&)> deed_fails;
    std::function<bool()> may_boot;        // a virtual host: the machine below lets its domain start (F3)
    std::function<void()> watchdog_broke;  // while it was armed
  };
  // `host`: nullptr for a witness.
  Machine(Queue& queue, Random& random, Timeline& timeline, MachineIndex index, HostName name, const Host* host,
          HypervisorTimes times = {});
  void set_callbacks(Callbacks callbacks);

  [[nodiscard]] MachineIndex index() const { return index_; }
  [[nodiscard]] const HostName& name() const { return name_; }
  [[nodiscard]] bool is_host() const { return is_host_; }
  [[nodiscard]] bool on() const { return power_ == Power::on; }
  [[nodiscard]] bool hung() const { return hung_ || paused_; }
  [[nodiscard]] bool runs() const { return on() && !hung(); }
  [[nodiscard]] bool shutting_down() const { return shutting_down_; }
  // Of this boot. A new one at each.
  [[nodiscard]] const Incarnation& incarnation() const { return incarnation_; }
  [[nodiscard]] const MachineIdentity& identity() const { return identity_; }
  [[nodiscard]] Now clock() const;
  // The wall clock only: the clock that counts since boot cannot be set.
  void set_wall_clock_ahead(Duration ahead) { wall_ahead_ = ahead; }
  [[nodiscard]] Instant to_world(Instant here) const;  // kNever stays kNever
  std::vector<NoteRelease> notes;                      // under /run: they die with the boot
  std::vector<std::string> kept_out;                   // domains on the list that the hook reads without a havend
  std::optional<NotePromise> promise_note;             // likewise

  // Something that this boot does: it waits while the machine is hung and never happens once the boot has ended.
  template <class Deed>
  void after(Duration delay, Deed deed) {
    queue_.after(delay, [this, boot = boot_, deed = std::move(deed)]() mutable {
      if (boot != boot_) return;
      if (hung()) {
        frozen_.emplace_back(std::move(deed));
      } else {
        deed();
      }
    });
  }

  // ---- power ----
  void pull_cable();
  void switch_on();  // `power on`
  void go_down(bool reboot);
  // A clean shutdown: it goes down when finish_shutdown() is called, or when patience ends.
  void begin_shutdown(bool reboot);
  void finish_shutdown() { go_down(reboot_after_); }
  void set_hung(bool hung);

  // ---- a virtual host ----
  // The uuid of its domain, which is no name of a resource.
  [[nodiscard]] const std::string& domain() const { return identity_.dmi_uuid; }
  [[nodiscard]] static bool is_domain(const std::string& uuid) { return uuid.starts_with("/"); }
  // It runs there from now on, as a domain that exists already where `exists`.
  void run_on(Machine& below);
  [[nodiscard]] Machine* below() const { return below_; }
  // Another machine takes this one's name: its guests run on in the old one, which nothing reaches any more but its
  // power switch; the new one boots.
  void reinstall();
  // What still runs in a machine that bore this name before.
  [[nodiscard]] const std::set<ResourceName>& left_behind() const { return left_behind_; }
  void end_left_behind();
  void end_left_behind(const std::set<ResourceName>& left);

  // ---- fence devices, on a network of their own; each by its place in the file ----
  void set_device_mode(std::optional<std::size_t> device, DeviceMode mode);  // nullopt: all of them
  [[nodiscard]] DeviceMode device_mode(std::size_t device) const { return modes_.at(device); }
  [[nodiscard]] const std::string& outlet_of(std::size_t device) const { return plugs_.at(device); }
  // An outlet that somebody else's device switches; no device of this host does.
  void add_outlet(const std::string& outlet);
  void switch_outlet(const std::string& outlet, bool on);
  [[nodiscard]] bool device_says_off(std::size_t device) const;
  [[nodiscard]] std::size_t devices() const { return plugs_.size(); }

  // ---- the watchdog, petted by the havend of this machine ----
  void set_watchdog_broken(bool broken);
  // False: it is broken.
  [[nodiscard]] bool arm_watchdog(Duration bites_after);
  void pet_watchdog(Instant until_here);
  void disarm_watchdog() { watchdog_.disarm(); }
  [[nodiscard]] bool watchdog_armed() const { return watchdog_.armed(); }
  void watchdog_alone();

  // ---- VMs; a VM's uuid is its resource's name ----
  void set_storage(bool reached);
  [[nodiscard]] bool storage() const { return storage_; }
  // What its guests' network reaches beyond it by; a look at them tells.
  void set_uplink(bool on) { uplink_ = on; }
  [[nodiscard]] bool uplink() const { return uplink_; }
  // Gives an order or does harm to libvirt or its guests, and fetches what comes of it.
  template <class Deed>
  void with_libvirt(Deed&& deed) {
    deed(libvirt_, queue_.now());
    arm();
  }
  void start_by_hand(const ResourceName& resource);  // through libvirt and its hook, by nobody that Haven knows
  void put_guest(const ResourceName& resource);      // it runs, nobody ordered it
  void kill_guests();
  // Whatever libvirt begins from now on takes so much longer; `queued`: a start waits for that before it is begun.
  void slow_libvirt(Duration more, bool queued = false);
  // The processes that exist here; true: paused.
  [[nodiscard]] std::optional<MilliCpu> cap_of(const ResourceName& guest) const { return libvirt_.cap_of(guest.str()); }
  [[nodiscard]] bool guest_hangs(const ResourceName& guest) const { return libvirt_.hangs(guest.str()); }
  [[nodiscard]] const std::map<ResourceName, bool>& processes() const { return processes_; }
  // It has a process, here or in a machine that bore this name before, whose network links are up.
  [[nodiscard]] bool linked(const ResourceName& guest) const {
    return (processes_.contains(guest) && libvirt_.linked(guest.str())) || left_linked_.contains(guest);
  }
  // What came in by migration and has not run here.
  [[nodiscard]] const std::set<ResourceName>& copies() const { return copies_; }
  [[nodiscard]] bool is_sending(const ResourceName& resource, const HostName& to) const {
    return libvirt_.is_sending(resource.str(), to.str());
  }

 private:
  enum class Power { off, booting, on };
  struct Outlet {
    int level = 1;
    bool on = true;
  };
  void boot();
  void lose_power();
  [[nodiscard]] bool fed() const;
  void stand_still(bool& reason, bool value);
  void carry(Machine& guest);
  void drop(Machine& guest);
  [[nodiscard]] Machine* carried(const std::string& domain) const;
  void take_domain(Machine& guest, const ProcessChange& change);
  void new_life();
  void fetch();
  void arm();
  void watch_bite();
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
  Duration wall_ahead_{};
  Duration clock_ahead_;  // clocks of two machines have nothing to do with each other
  Incarnation incarnation_;
  MachineIdentity identity_;
  std::vector<Task> frozen_;
  std::map<std::string, Outlet> outlets_;
  std::vector<std::string> plugs_;  // the outlet of each device
  std::vector<DeviceMode> modes_;
  bool paused_ = false;  // its domain, or the machine below, stands still
  Machine* below_ = nullptr;
  std::vector<Machine*> carried_;
  std::vector<Machine*> autostart_;  // ran when the power was lost
  std::set<ResourceName> left_behind_;
  std::set<ResourceName> left_linked_;  // of these
  Watchdog watchdog_;
  bool watchdog_broken_ = false;
  Instant bite_watched_ = kNever;
  bool storage_ = true;
  bool uplink_ = true;
  HypervisorTimes times_;
  HypervisorState libvirt_;
  Instant armed_ = kNever;
  std::map<ResourceName, bool> processes_;
  std::set<ResourceName> copies_;
};

}  // namespace haven::sim

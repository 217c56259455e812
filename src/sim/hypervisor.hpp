// The simulated libvirt of one host, with its VM processes: port::Hypervisor's page, in virtual time.
//
// Pure: no thread, no clock. Orders and faults come in with the instant they happen at; advance() carries out what has
// become due and returns what the sink would have been told and what truly happened to processes. Instants never go
// back. Processes live and die on their own; libvirt (alive, hung or down) only knows of them: that difference is what
// PROTOCOL C3 and C4 are about. There is no image lock: only Haven's logic prevents a second run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/units.hpp"
#include "port/hypervisor.hpp"

namespace haven::sim {

struct HypervisorTimes {
  Duration queued{};         // a start waits for so long before libvirt looks at it
  Duration call = 1ms;       // from here to libvirt; a plain answer comes after it
  Duration start = 2s;       // from the order's arrival until `done`
  Duration appear = 2s;      // from the order's arrival until the process runs; at most `start`
  Duration stop = 1s;        // from an orderly shutdown's arrival until the guest is off
  Duration destroy = 100ms;  // from its arrival until the process is gone
  Duration kill = 100ms;     // from SIGKILL until the process is gone
  Duration migrate = 5s;     // from its arrival until the switch
  Duration keepalive = 8s;   // a hung libvirt's connection is given up after this
};

// What truly happened to a VM's process, whatever libvirt knows of it.
struct ProcessChange {
  // comes_in, goes: a guest that is let in by migration and never ran here appears, and vanishes.
  // links: its network links went up or down.
  enum class Kind { runs, halts, pauses, resumes, comes_in, goes, links };
  enum class Why { started, ended_by_order, crashed, powered_off, paused, host_down, migrated };
  Instant at;
  std::string uuid;
  std::string name;
  Kind kind = Kind::runs;
  Why why = Why::started;
  bool stale = false;  // it goes on with a memory that its source went beyond
};

class HypervisorState {
 public:
  explicit HypervisorState(HypervisorTimes times = {}) : times_(times) {}

  // Orders, as port::Hypervisor says. The XML needs a <name>, a <uuid> and its end; type='lxc' is a container, and
  // where it has a <link state='down'/> its links are down.
  void start(CallId call, const std::string& xml, Duration timeout, Instant now);
  void shutdown(CallId call, const std::string& uuid, Duration timeout, Instant now);
  void destroy(CallId call, const std::string& uuid, Duration timeout, Instant now);
  void resume(CallId call, const std::string& uuid, Duration timeout, Instant now);
  void kill(CallId call, const std::string& uuid, const std::string& name, Duration timeout, Instant now);
  void migrate(CallId call, const std::string& uuid, const std::string& to, Duration timeout, Instant now);
  void abort_migration(CallId call, const std::string& uuid, Duration timeout, Instant now);
  void cap(CallId call, const std::string& uuid, std::optional<MilliCpu> cap, Duration timeout, Instant now);
  void set_links(CallId call, const std::string& uuid, bool up, Duration timeout, Instant now);
  void inspect(CallId call, Duration timeout, Instant now, const std::vector<std::string>& links = {});

  struct Outcome {
    std::vector<port::HypervisorEvent> events;
    std::vector<ProcessChange> changes;
  };
  // When something will happen by itself; zero: there is something to fetch already; kNever: nothing.
  [[nodiscard]] Instant next_due() const;
  // Everything due up to `now`, in order.
  [[nodiscard]] Outcome advance(Instant now);

  // Faults of libvirt. A hung one carries out, once it goes on, what it was sent meanwhile.
  void hang(Instant now);
  void go_on(Instant now);
  void crash(Instant now);      // libvirtd dies; the VMs run on
  void come_back(Instant now);  // a new libvirtd adopts what runs

  // Faults of guests; nothing where the VM does not run.
  void run_guest(const std::string& xml, Instant now);         // it runs without anybody's order: the world's start
  void crash_guest(const std::string& uuid, Instant now);      // it panics, and its process ends
  void power_off_guest(const std::string& uuid, Instant now);  // from inside
  void hang_guest(const std::string& uuid);                    // it no longer obeys a shutdown
  void go_on_guests();                                         // those that hang do not any more
  void end_process(const std::string& uuid, Instant now);      // somebody's SIGKILL
  void pause_guest(const std::string& uuid, bool io_error, Instant now);
  void resume_guest(const std::string& uuid, Instant now);
  // While the storage is lost a guest that runs or starts pauses at once, and a resume pauses again.
  void lose_storage(bool lost, Instant now);
  // The host's power is gone, and every process: every call is forgotten, and nothing is told. What comes after is the
  // next boot, with a libvirt that lives; faults put down above stay.
  void power_off_host(Instant now);

  // The next orders of this kind fail, for this VM.
  void fail_starts(const std::string& uuid, int count) { failing_[{Verb::start, uuid}] = count; }
  void fail_shutdowns(const std::string& uuid, int count) { failing_[{Verb::shutdown, uuid}] = count; }
  void fail_destroys(const std::string& uuid, int count) { failing_[{Verb::destroy, uuid}] = count; }
  void fail_kills(const std::string& uuid, int count) { failing_[{Verb::kill, uuid}] = count; }
  void fail_migrations(const std::string& uuid, int count) { failing_[{Verb::migrate, uuid}] = count; }
  // The other libvirt's last word to the next migrations of it is lost: the guest goes on here, and stands there too.
  void lose_replies(const std::string& uuid, int count) { failing_[{Verb::resume, uuid}] = count; }

  // ---- what one libvirt does to another in a migration ----
  // False: its hook refuses, there is one already, or it does not answer.
  [[nodiscard]] bool let_in(const port::Domain& domain, Instant now);
  // All of it has come. False: it is not there any more, or libvirt does not answer.
  [[nodiscard]] bool has_arrived(const std::string& uuid, Instant now);
  // Its source gave up. What does not answer is dropped when it does.
  void drop(const std::string& uuid, Instant now);
  // The source goes on after all of it had arrived here.
  void outrun(const std::string& uuid);
  [[nodiscard]] bool is_sending(const std::string& uuid, const std::string& to) const;

  // What the world around it has to say, where it does: asked as an order is carried out. They must not give orders.
  enum class Deed { start, shutdown, destroy, kill, migrate, migrate_reply };
  struct World {
    // May this VM start, or come in (C5)? unlinked: with its network links down.
    std::function<bool(const std::string& uuid, bool migration, bool unlinked)> hook;
    // Does this to another host's libvirt. False: it cannot be reached.
    std::function<bool(const std::string& to, const std::function<void(HypervisorState&)>&)> reach;
    // Somebody sends it here still, as far as can be heard.
    std::function<bool(const std::string& uuid)> is_sent_here;
    std::function<bool(Deed deed, const std::string& uuid)> fails;  // does this one fail, beside those counted above?
  };
  void set_world(World world) { world_ = std::move(world); }
  // For what is carried out from now on.
  void set_times(HypervisorTimes times) { times_ = times; }

  // The truth, by uuid.
  [[nodiscard]] std::vector<port::VmProcess> processes() const;
  [[nodiscard]] std::optional<MilliCpu> cap_of(const std::string& uuid) const;
  [[nodiscard]] bool hangs(const std::string& uuid) const;
  [[nodiscard]] bool linked(const std::string& uuid) const;                 // it exists, and its network links are up
  [[nodiscard]] port::DomainState state_of(const std::string& uuid) const;  // absent: no process and none on its way

 private:
  enum class Verb { start, shutdown, destroy, resume, kill, inspect, migrate, abort, cap, links };
  enum class Libvirt { alive, hung, down };
  struct Call {
    Verb verb = Verb::inspect;
    std::string uuid;
    std::string xml;
    bool arrived = false;
    bool open = true;                            // not answered
    std::pair<Instant, std::uint64_t> deadline;  // its place on the agenda
    std::optional<MilliCpu> cap{};
    bool up = true;                    // of links
    std::vector<std::string> links{};  // of inspect
  };
  struct Guest {
    port::Domain domain;
    int pid = 0;             // 0: on its way
    std::uint64_t life = 0;  // tells this run from others of the same uuid
    bool obeys = true;
    bool incoming = false;  // it came, or comes, by migration and never ran here
    bool stale = false;     // its source ran on after it had arrived
    std::string to;         // being sent there; empty: it is not
    CallId sent_by;
    Instant sent_since{};
  };
  // What happens at an instant; those of one instant in the order they were put down.
  enum class Due {
    arrival,
    deadline,
    appearance,
    started,
    off,
    destroyed,
    gone,
    keepalive,
    switched,
    still_sent,
    sending
  };
  struct Item {
    Due due = Due::arrival;
    CallId call;
    std::string uuid;
    std::uint64_t life = 0;
    port::LifecycleKind kind = port::LifecycleKind::destroyed;
  };

  void order(Verb verb, CallId call, std::string uuid, std::string xml, Duration timeout, Instant now);
  void put(Instant at, Item item);
  void happen(Instant at, const Item& item);
  void carry_out(CallId id, Instant at);
  [[nodiscard]] bool may_start(const port::Domain& domain) const;
  void carry_out_start(CallId id, const Call& call, Instant at);
  void carry_out_migrate(CallId id, const Call& call, Instant at);
  void switch_over(const std::string& uuid, Instant at);
  void tell_sending(const Item& item, Instant at);
  void look_for_source(const Item& item, Instant at);
  void break_migrations(Instant now);
  void stay(Guest& guest, const std::string& why, Instant at);
  void give_up(CallId id);
  void forget(CallId id);
  void answer(CallId id, port::CallResult result, std::string message = {});
  void answer_inspect(CallId id, bool reached);
  void tell(port::Lifecycle event);
  void appear(Guest& guest, Instant at);
  void end(const std::string& uuid, port::LifecycleKind kind, ProcessChange::Why why, Instant at);
  void change(Instant at, const Guest& guest, ProcessChange::Kind kind, ProcessChange::Why why);
  void set_paused(Guest& guest, bool io_error, Instant at);
  [[nodiscard]] bool fails(Verb verb, const std::string& uuid);
  [[nodiscard]] bool world_fails(Verb verb, const std::string& uuid) const;
  [[nodiscard]] Guest* find(const std::string& uuid);

  HypervisorTimes times_;
  World world_;
  Libvirt libvirt_ = Libvirt::alive;
  bool connected_ = true;
  bool storage_lost_ = false;
  std::map<std::string, Guest> guests_;
  std::map<CallId, Call> calls_;
  std::vector<CallId> held_;             // arrived while libvirt hung
  std::vector<Item> stalled_;            // what libvirt was about to do when it hung
  std::vector<port::Lifecycle> untold_;  // happened while libvirt hung
  std::map<std::pair<Verb, std::string>, int> failing_;
  std::map<std::pair<Instant, std::uint64_t>, Item> agenda_;
  std::uint64_t last_item_ = 0;
  std::uint64_t last_life_ = 0;
  std::uint64_t hang_ = 0;  // counts hangs: a keepalive of an earlier one means nothing
  int last_pid_ = 1000;
  Outcome outcome_;
};

}  // namespace haven::sim

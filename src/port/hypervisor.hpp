// What runs virtual machines on this host, as Haven needs it: libvirt's QEMU and LXC drivers, or the simulation.
// One contract suite holds both to this page (tests/adapter/libvirt/hypervisor_contract.hpp).
//
// Asynchronous: every call returns at once and is answered by exactly one event with its id, at its timeout at the
// latest; a hypervisor that hangs delays nobody but its own answers. A call given up at its timeout is *unknown*: it
// may still complete later (PROTOCOL C4). Events come through the sink, from the adapter's own threads; the sink must
// not block.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/load.hpp"
#include "core/model/units.hpp"

namespace haven::port {

enum class DomainState {
  running,       // its processes exist and its processors run; also while it boots or shuts down
  paused,        // stopped by somebody's order
  starting,      // libvirt has begun to start it, or to let it in
  in_migration,  // stopped by libvirt for a migration: at its source from the switch on, at its destination until all
                 // of it has come in; then it is `paused`
  paused_io_error,  // stopped by itself because its disk failed; a resume tries again
  crashed,          // the guest panicked or its watchdog bit, and it was kept; or its processes are gone unnoticed:
                    // libvirt is to destroy it
  absent,           // libvirt does not have it active: shut off, or unknown (transient and gone)
};

enum class Driver { qemu, lxc };

// A domain that libvirt says is active (never `absent` in a list).
struct Domain {
  std::string uuid;  // lower case, with hyphens
  std::string name;
  Driver driver = Driver::qemu;
  DomainState state = DomainState::running;
  Footprint footprint{};   // the most that it may use, as libvirt tells; none where it does not
  bool migrating = false;  // it is being sent to another host
  // What cap() holds it by, here or where it came from; 0: it was meant to, and it is not what libvirt says.
  std::optional<MilliCpu> cap{};
  // Any of its network links is up; nullopt: that was not asked, or libvirt did not tell.
  std::optional<bool> linked{};
};
// A process that is a VM, found without libvirt's help: qemu-system-* by its -uuid, libvirt_lxc by its --name.
struct VmProcess {
  std::string uuid;  // empty where only the name can be told (LXC)
  std::string name;
  int pid = 0;
};

enum class CallResult {
  done,     // libvirt did it
  failed,   // libvirt said no; nothing is under way
  unknown,  // no answer by the timeout
};
struct CallDone {
  CallId call;
  CallResult result = CallResult::unknown;
  std::string message;
};
// The answer to inspect. reached=false: libvirt did not answer in time and `domains` is empty and means nothing;
// `processes` is then all that is known.
struct Inspected {
  CallId call;
  bool reached = false;
  std::vector<Domain> domains;
  std::vector<VmProcess> processes;
};
enum class LifecycleKind {
  started,
  resumed,
  paused,
  paused_io_error,
  migrated,     // ended here because all of it had gone to another host, by libvirt's own word
  powered_off,  // the guest switched itself off (or was asked to, and did)
  destroyed,    // ended by an order to libvirt
  crashed,      // the guest panicked
  failed,       // its process ended without anybody's order
};
// Libvirt's word that something changed. A hint to look, and quick; the truth is what inspect finds.
struct Lifecycle {
  std::string uuid;
  std::string name;
  LifecycleKind kind = LifecycleKind::started;
};
struct ConnectionLost {
  std::string message;
};
struct ConnectionBack {};
// How far the sending of a domain has come, told about each kSendingTold while it lasts and libvirt tells it. For
// people: nothing may be decided by it, it is silent when libvirt is, and what was told last is never taken back. That
// it begins is told with a total of 0, so that nobody takes the figures of an earlier move for its own.
struct Sending {
  std::string uuid;
  // Bytes. `left` grows again where the guest writes to what was sent, `sent` counts those twice.
  std::uint64_t total = 0, left = 0, sent = 0;
  std::uint64_t sent_each_second = 0, changed_each_second = 0;  // 0: not told
  int round = 0;                                                // how often it has gone through what was left; from 1
  Duration elapsed{};
};
inline constexpr Duration kSendingTold = 1s;

using HypervisorEvent = std::variant<CallDone, Inspected, Lifecycle, ConnectionLost, ConnectionBack, Sending>;
using HypervisorSink = std::function<void(HypervisorEvent)>;

class Hypervisor {
 public:
  virtual ~Hypervisor() = default;

  // Starts a transient domain from its XML. `done` once libvirt returned; `failed` carries libvirt's message.
  virtual void start(CallId call, const std::string& xml, Duration timeout) = 0;
  // Asks the guest to switch itself off; done means asked, not gone.
  virtual void shutdown(CallId call, const std::string& uuid, Duration timeout) = 0;
  // Ends it at once. A domain that is absent already is done.
  virtual void destroy(CallId call, const std::string& uuid, Duration timeout) = 0;
  // Resumes a paused domain.
  virtual void resume(CallId call, const std::string& uuid, Duration timeout) = 0;
  // Sends it live to the libvirt at `to` (an address), which leaves it paused there (PROTOCOL M1): nobody but the
  // caller resumes it. `done`: all of it is there, and it did not run here since the switch. Anything else says nothing
  // about the other side; it may run on here, or be over there, paused: look. A client that dies does not end it. How
  // far it is comes as Sending, until libvirt is done with it.
  virtual void migrate(CallId call, const std::string& uuid, const std::string& to, Duration timeout) = 0;
  // Its vCPUs, all together, have no more than this from now on, thousandths of a CPU; nullopt: they have what they
  // like again. Only of the domain as it runs now: it goes with its process, and goes along in a migration. done: read
  // back. A limit that somebody else has set is left alone: with a cap that is `failed`, without one done.
  virtual void cap(CallId call, const std::string& uuid, std::optional<MilliCpu> cap, Duration timeout) = 0;
  // All network links of the domain as it runs now go up or down. done: read back. Not of a container.
  virtual void set_links(CallId call, const std::string& uuid, bool up, Duration timeout) = 0;
  // Ends the sending that is under way: done means told to, not over. None is under way: failed.
  virtual void abort_migration(CallId call, const std::string& uuid, Duration timeout) = 0;
  // Ends its processes by SIGKILL, without libvirt. Done once they are gone or there were none; LXC is told by its
  // name.
  virtual void kill(CallId call, const std::string& uuid, const std::string& name, Duration timeout) = 0;
  // `links`: the uuids of those whose links are to be looked at too.
  virtual void inspect(CallId call, Duration timeout, const std::vector<std::string>& links) = 0;
};

}  // namespace haven::port

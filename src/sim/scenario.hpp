// The scenario language (FORMATS, "Scenarios"): what happens to a simulated cluster, and what is expected of it.
//
// One statement a line; `#` begins a comment at the start of a line or after a blank (web1#2 is an instance's name).
// Where FORMATS leaves a choice, this reader takes what an operator would expect:
// - `run` statements stand before the first `at`, one for each resource at most.
// - `by` may stand behind `expect RESOURCE ...` and `expect fenced HOST`; `expect not fenced`, `expect fences`,
//   `expect alarms`, `expect migrations`, `expect restarts` and `expect repairs` hold over the whole run and take none.
// - The host of start-fails, stop-fails, kill-fails, migrate-fails and migrate-reply-lost is needed: a name, or `any`.
// - `hang`, `network` and the like are about hosts; the witness stands in `power`, `cut` and `heal` only.
// - A resource that a later `add` brings may be named from that statement on; `add` may bring back what a `remove`
//   before it took out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "core/model/event.hpp"
#include "core/model/ids.hpp"
#include "core/model/load.hpp"
#include "core/model/spec.hpp"
#include "core/model/units.hpp"
#include "file/error.hpp"

namespace haven::sim {

// ---- what happens ----
struct SetPower {
  HostName machine;  // a host or the witness
  bool on = false;
};
struct SetNetwork {
  HostName host;
  bool on = false;
};
struct SetHang {
  HostName host;
  bool hung = false;
};
struct ShutDown {
  HostName host;
  bool reboot = false;
};
// From `a` to `b` and, unless one_way, from `b` to `a`; on all links.
struct SetCut {
  HostName a, b;
  bool one_way = false;
  bool cut = false;
};
struct SetLink {
  HostName host;
  std::size_t link = 1;  // counted from 1
  bool cut = false;
};
struct SetStore {
  bool on = false;
  bool full = false;  // and on: it answers reads and keep-alives and deletes, and writes nothing (E2)
};
struct SetStorage {
  std::optional<HostName> host;  // none: every host's path
  bool on = false;
};
// The way out of a host's guests; its own links, to the other hosts and the engine, are others.
struct SetUplink {
  HostName host;
  bool on = false;
};
// slow: it switches kSlowDevice after it was told to, whatever becomes of the agent that told it; `status` is as ever.
enum class DeviceMode { working, broken, hanging, lying, slow };
struct SetFenceDevice {
  HostName host;
  DeviceMode mode = DeviceMode::working;
  std::optional<std::size_t> device{};  // by its place under the host; none: all of them
};
// Another machine takes the host's name, while what the old one runs goes on.
struct Reinstall {
  HostName host;
};
struct SetWatchdog {
  HostName host;
  bool broken = false;
};
enum class GuestFault { crash, hang, poweroff };
struct HurtGuest {
  ResourceName resource;
  GuestFault fault = GuestFault::crash;
};
enum class AppFault {
  fail,    // it answers wrongly
  heal,    // it is well again
  slow,    // it answers nothing in time, and its guest is busy
  damage,  // it answers wrongly, and before_serve finds its data damaged
  leak,    // no memory is left in its guest
  stall,   // its disks' requests do not come to an end
};
struct HurtApp {
  ResourceName resource;
  AppFault fault = AppFault::fail;
  std::optional<Remedy> mended_by{};  // none: by `heal` alone
};
enum class LibvirtFault { hang, resume, crash };
struct HurtLibvirt {
  HostName host;
  LibvirtFault fault = LibvirtFault::hang;
};
struct CrashHavend {
  HostName host;
};
enum class FailingDeed { start, stop, kill, migrate, migrate_reply };
struct LetFail {
  FailingDeed deed = FailingDeed::start;
  ResourceName resource;
  std::optional<HostName> host;  // none: on whatever host
  int count = 1;
};
// An operator's word to any havend; freeze, thaw and fence_confirm included.
struct Order {
  OperatorVerb verb = OperatorVerb::start;
  ResourceName resource;
  HostName host;
  std::string name = {};        // freeze, thaw: a host or a resource; empty: the whole cluster
  bool protected_only = false;  // maintain: not if that breaks the reserve; else that is accepted
};
// How many CPUs' time a guest wants from now on, or a host besides its guests. Hosts measure from the first of them on.
struct SetLoad {
  HostName host;  // empty: the resource's
  ResourceName resource;
  MilliCpu cpu;
};
struct Remove {
  ResourceName resource;
};
// A successor with all that its predecessor has, which is to take its place.
struct Replace {
  ResourceName successor;
  Succession succession;
};
struct Add {
  Resource resource;
};
using Deed = std::variant<SetPower, SetNetwork, SetHang, ShutDown, SetCut, SetLink, SetStore, SetStorage, SetUplink,
                          SetFenceDevice, SetWatchdog, Reinstall, HurtGuest, HurtApp, HurtLibvirt, CrashHavend, LetFail,
                          Order, Remove, Add, Replace, SetLoad>;
struct Statement {
  Duration at{};
  Deed deed;
  file::Position where;
  std::string text;
};

// ---- what is expected ----
enum class Claimed {
  on_host,
  running,
  stopped,
  failed,
  advised,
  held,
  free,
  well,
  ill,
  linked,
  unlinked,
  fenced,
  not_fenced,
  fences,
  alarms,
  migrations,
  restarts,
  repairs
};
struct Expectation {
  Claimed what = Claimed::running;
  ResourceName resource;
  HostName host;
  int count = 0;               // of fences, alarms, migrations, restarts or repairs
  std::optional<Duration> by;  // none: at the end, or over the whole run
  std::string text;
};

struct StartsOn {
  ResourceName resource;
  HostName host;
};
struct Scenario {
  std::vector<StartsOn> runs;
  std::vector<Statement> statements;  // by time, those of one instant in the file's order
  std::vector<Expectation> expectations;
  Duration end{};
};

inline constexpr Duration kRunOn = 500s;  // after the last statement, where no `end` stands

// A scenario over this cluster, or every error in it in order of position. Bytes of any kind are answered.
[[nodiscard]] tl::expected<Scenario, std::vector<file::FileError>> parse_scenario(std::string_view text,
                                                                                  const std::string& file_name,
                                                                                  const Spec& spec);

}  // namespace haven::sim

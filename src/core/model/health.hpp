// Whether what runs in a guest does its work: what the operator asks (the cluster file's [[vm.check]] and
// [[vm.repair]]), what is answered, and what stands in the engine of it. docs/checks.md tells the whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/units.hpp"

namespace haven {

// ---- what the operator says ----

enum class CheckKind { guest_agent, tcp, http, exec, memory, disk_io };
// A program and its arguments; no shell is between. Empty: none.
using GuestCommand = std::vector<std::string>;

struct GuestCheck {
  CheckKind kind = CheckKind::guest_agent;
  std::string address;    // tcp, http: empty: the guest's first
  int port = 0;           // tcp; http where the URL names none
  std::string url;        // http: whole, or a path on the guest
  int status = 0;         // http: which it must be; 0: any from 200 to 399
  std::string contains;   // http, exec: stands in what is answered; empty: whatever
  std::string authority;  // http: a file of certificates to trust instead of the system's; empty: the system's
  GuestCommand command;   // exec
  MiB available;          // memory: the guest must have so much left
  Duration interval = 10s;
  Duration timeout = 5s;
  int failures = 3;      // in a row make it ill
  Duration grace = 60s;  // from its start, unless it passes before
  friend bool operator==(const GuestCheck&, const GuestCheck&) = default;
};

// It asks by the network: an outage of that says nothing about the guest.
[[nodiscard]] constexpr bool by_network(CheckKind kind) { return kind == CheckKind::tcp || kind == CheckKind::http; }
// Its answer comes from the agent in the guest.
[[nodiscard]] constexpr bool by_agent(CheckKind kind) {
  return kind == CheckKind::guest_agent || kind == CheckKind::exec;
}

// A step of the ladder that an ill guest is taken up.
enum class Remedy {
  command,      // runs in the guest
  application,  // likewise, and calls the application up again
  restart,      // of the guest, where it is
  failover,     // to another host
};
[[nodiscard]] constexpr const char* word(Remedy remedy) {
  switch (remedy) {
    case Remedy::command:
      return "command";
    case Remedy::application:
      return "application";
    case Remedy::restart:
      return "restart";
    case Remedy::failover:
      return "failover";
  }
  return "";
}
struct Repair {
  Remedy remedy = Remedy::restart;
  GuestCommand command;  // command, application
  int limit = 1;         // at most so often within any `within` (sliding)
  Duration within = 10min;
  Duration timeout = 60s;  // of the command
  friend bool operator==(const Repair&, const Repair&) = default;
};

// What becomes of whoever waits for a resource that is not ready in time.
enum class AfterTimeout { hold, go_on };

// ---- what is answered ----

// What the hypervisor counts of a guest, whatever the guest itself says.
struct GuestPulse {
  Duration cpu{};              // that its processors have had
  std::uint64_t requests = 0;  // of its disks that are done
  std::uint64_t errors = 0;    // of them
  bool pending = false;        // some are under way, as the guest tells
  std::optional<MiB> available{};
  friend bool operator==(const GuestPulse&, const GuestPulse&) = default;
};
struct CheckAnswer {
  bool passed = false;
  bool silent = false;  // nothing was answered in time: it may be busy
  std::string said{};   // why it did not pass, a clause
  std::optional<GuestPulse> pulse{};
};

// ---- what stands in the engine ----

enum class Health { unknown, well, ill };
struct Treatment {
  int step = 1;  // of the ladder, counted from 1
  WallTime at;
  friend bool operator==(const Treatment&, const Treatment&) = default;
};
struct HealthNote {
  Health state = Health::unknown;
  std::string why{};                    // of an ill one, a clause
  bool hung = false;                    // and its processors and disks stand still
  bool called_up = true;                // before_serve and serve are done, as far as it has any
  int under_way = 0;                    // the step of the ladder; 0: none
  std::vector<Treatment> treatments{};  // that still count against a budget; outlives a failover
  friend bool operator==(const HealthNote&, const HealthNote&) = default;
};

// Bytes of what a check or a command said that are kept.
inline constexpr std::size_t kSaidKept = 300;

}  // namespace haven

// What `haven status` says: the state of hosts and resources in a person's words, derived from the view alone, so that
// every havend gives the same answer.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/load.hpp"
#include "core/model/units.hpp"
#include "core/model/view.hpp"

namespace haven {

enum class HostCondition {
  up,
  joining,    // registered, but an older incarnation of it is not proved dead yet
  away,       // planned: havend restarts, or the host shut down
  out,        // out of service by its operator's word, with nothing left that may run there, and not there
  suspected,  // its lease is gone
  fencing,    // an intent stands against it
  dead,       // proved
  unknown,    // never joined
};
// One level of a host's fence devices, as `haven status` shows it.
struct FenceLevel {
  int level = 1;
  std::string problem;             // what is wrong with one of its devices; empty: they answer, or were not asked yet
  std::optional<WallTime> tested;  // the last test that passed, with these devices and this machine
  friend bool operator==(const FenceLevel&, const FenceLevel&) = default;
};
// Of a host that its operator took out of service, or gave back.
struct MaintenanceReport {
  bool on = true;
  std::string by;
  std::vector<ResourceName> left;  // on: what still runs there, most important first; else what is still to return
};

struct HostReport {
  HostName name;
  std::string address;
  std::optional<Incarnation> boot;  // that is registered
  HostCondition condition = HostCondition::unknown;
  bool ready = false;  // it could take resources, were it in service
  bool controller = false;
  int running = 0;                               // resources that run here, by their own records
  MiB memory_used;                               // booked by claims
  MiB memory;                                    // for resources
  std::string why;                               // one clause; empty when up and not frozen
  std::vector<FenceLevel> fence;                 // lowest first
  std::optional<MaintenanceReport> maintenance;  // none: it is in service, and nothing is to return
};

// Of a replacement that has not ended.
struct ReplacementReport {
  ResourceName predecessor, successor;
  HandoverPhase phase = HandoverPhase::proving;
  bool linked = false;  // the links are, or are about to be, this one's
  std::string why;      // it goes back; or empty
};

// FORMATS, "final": running, paused, stopped, failed, waiting; and what lies between.
enum class ResourceCondition { running, paused, starting, stopping, stopped, failed, waiting, ignored, unreadable };
struct ResourceReport {
  ResourceName name;
  ResourceCondition condition = ResourceCondition::waiting;
  std::optional<HostName> host;  // who holds its claim; none: free
  int priority = 0;
  std::string why;                    // why it is not running, or empty
  std::optional<HostName> moving_to;  // live, and not over
  std::optional<MilliCpu> held_to;    // it starves others, and has no more than this
  std::optional<Health> health;       // of one that runs; none: it has no checks, and nothing to call up
  bool unprotected = false;           // by choice: it may stay down after the losses that `reserve` speaks of
  std::optional<ReplacementReport> replacement;  // it is one of the two
};

// What the balancer recommends, and what it did; none with balance = "off".
struct BalanceReport {
  bool automatic = false;
  std::vector<AdvisedMove> moves;  // each: haven migrate GUEST TO
  std::vector<std::string> remarks;
  std::vector<BalancingMove> past;
};

struct Alarm {
  std::string key;        // the same alarm has the same key: "fence/h1"
  std::string text;       // what is wrong and which command would resolve it
  HostName host;          // whom it is about, or empty
  ResourceName resource;  // likewise
};

struct Report {
  std::string cluster;
  bool engine = false;                                           // within reach, and the view is whole
  bool frozen = false;                                           // the whole cluster
  std::vector<std::pair<std::string, std::string>> some_frozen;  // else hosts and resources, with who froze them
  std::optional<HostName> controller;
  std::vector<Alarm> alarms;      // worst first
  std::vector<HostReport> hosts;  // the file's order
  std::vector<ResourceReport> resources;
  std::optional<BalanceReport> balance;
};

// What is wrong in the cluster, worst first; the same for everybody who has the same view.
[[nodiscard]] std::vector<Alarm> alarms_of(const View& view);

// Alarms that the journal tells of without their end, by key.
[[nodiscard]] std::map<std::string, JournalRecord> alarms_said(const View& view);

[[nodiscard]] Report report_of(const View& view);

[[nodiscard]] const char* word(HostCondition condition);
[[nodiscard]] const char* word(ResourceCondition condition);
[[nodiscard]] const char* word(Health health);

}  // namespace haven

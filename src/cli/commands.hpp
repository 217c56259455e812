// The commands of `haven`. Each returns its exit code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.hpp"
#include "cli/output.hpp"

namespace haven::cli {

// ---- what is ----
struct StatusOptions {
  bool all = false;  // do not fit it to the screen
};
int status(const Client& client, const Output& output, const StatusOptions& options);

struct JournalOptions {
  std::string resource;
  bool follow = false;
};
int journal(const Client& client, const Output& output, const JournalOptions& options);

// Why it is here and not there, and what would happen if its host died now.
int explain(const Client& client, const Output& output, const std::string& resource);

// ---- what is wanted ----
struct ApplyOptions {
  std::string file;
  bool yes = false;
  bool unprotected = false;  // what would stay down after a loss is accepted
};
int apply(const Client& client, const Output& output, const ApplyOptions& options);
int diff(const Client& client, const Output& output, const std::string& file);

struct ProtectOptions {
  std::string domain;
  std::string file;  // to which it is added; made where it does not exist
  bool apply = false;
  bool yes = false;
};
int protect(const Client& client, const Output& output, const ProtectOptions& options);

// ---- orders ----
struct Order {
  std::string verb;  // as the API calls it
  std::string resource;
  std::string host;
  bool force = false;
  int level = 0;          // fence_test: of its devices; 0: the first
  std::string name = {};  // freeze, thaw: a host or a resource; empty: the whole cluster
};
int order(const Client& client, const Output& output, const Order& order);
struct MaintenanceOptions {
  std::string host;
  bool on = true;
  bool force = false;
  bool unprotected = false;  // that the reserve breaks meanwhile is accepted
  bool wait = true;          // until nothing is left to move
};
int maintenance(const Client& client, const Output& output, const MaintenanceOptions& options);
struct RollOptions {
  std::string command;             // as a shell would read it, {host} and {address} in it
  std::vector<std::string> hosts;  // empty: all
  int at_once = 1;
  std::string timeout = "30m";  // of a drain, a command, the wait for health and the wait for what comes back
  std::string settle = "10s";   // well for so long is well
  bool reboots = false;         // the command boots the host anew: another boot is waited for
  bool unprotected = false;     // as in MaintenanceOptions
  bool dry_run = false;
};
int roll(const Client& client, const Output& output, const RollOptions& options);
struct MigrateOptions {
  std::string resource;
  std::string host;    // where to
  bool abort = false;  // keep it where it is
  bool no_wait = false;
};
int migrate(const Client& client, const Output& output, const MigrateOptions& options);
struct ReplaceOptions {
  std::string resource;         // either of the two for back and finish
  std::string with;             // the new one's domain XML
  std::string name;             // of the new one; empty: its domain's
  std::string prove = "30s";    // it runs for so long without ending
  std::string settle = "10m";   // then the old one is stopped
  std::string timeout = "10m";  // by then it has proved itself, or it never does
  bool back = false;
  bool finish = false;
  bool unprotected = false;  // as in ApplyOptions
  bool no_wait = false;
};
int replace(const Client& client, const Output& output, const ReplaceOptions& options);
// For whom root acts (sudo); empty: for nobody else.
[[nodiscard]] std::string on_behalf_of();
// Asks for the name, on the terminal or from standard input: the word of a person who has looked, not of a script that
// always says so.
[[nodiscard]] bool typed_name(const std::string& host);

// ---- the engine itself ----
struct ClusterOptions {
  std::string name;               // init: of the cluster
  std::string address;            // of this host
  std::string at;                 // join, witness: of a host that has joined
  std::string secret_file;        // "-": standard input
  bool witness = false;           // join in that role
  std::vector<std::string> lost;  // recover
  std::string file;               // backup, restore
  bool yes = false;               // do not ask
};
int cluster_init(const Client& client, const Output& output, const ClusterOptions& options);
int cluster_invite(const Client& client, const Output& output);
int cluster_join(const Client& client, const Output& output, const ClusterOptions& options);
int cluster_leave(const Client& client, const Output& output, const ClusterOptions& options);
int cluster_status(const Client& client, const Output& output);
int cluster_recover(const Client& client, const Output& output, const ClusterOptions& options);
int cluster_backup(const Client& client, const Output& output, const ClusterOptions& options);
int cluster_restore(const Client& client, const Output& output, const ClusterOptions& options);

struct DisarmOptions {
  bool restore = false;
  bool yes = false;
};
int disarm(const Output& output, const DisarmOptions& options);

// ---- what would be; no havend is needed ----
struct CheckOptions {
  std::string file;
  std::string mtbf = "4380h";  // of one host, as a file writes durations
  std::string mttr = "6h";
};
int check(const Output& output, const CheckOptions& options);

struct SimulateRequest {
  std::string file;
  std::string scenario;  // its path; empty: none
  std::optional<std::uint64_t> seeds;
  std::uint64_t first_seed = 1;
  double hours = 1;
  unsigned jobs = 1;
  bool vary = false;
  std::string kill;  // a host; empty: nobody
};
int simulate(const Output& output, const SimulateRequest& request);

}  // namespace haven::cli

// havend.toml: what one havend must know before it reads the engine.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/model/ids.hpp"
#include "core/model/units.hpp"
#include "file/error.hpp"

namespace haven::file {

enum class EngineKind { embedded, etcd };
enum class LogLevel { debug, info, warning, error };

// Paths of PEM files.
struct Tls {
  std::string ca, cert, key;
  friend bool operator==(const Tls&, const Tls&) = default;
};

// How alarms reach people; nothing set: they stand in `haven status` and the journal alone.
struct AlarmConfig {
  std::string exec;        // absolute path of a program; empty: none
  std::string webhook;     // http or https address; empty: none
  std::string webhook_ca;  // PEM file to verify an https address against; empty: the system's
  Duration repeat = 10min;
  friend bool operator==(const AlarmConfig&, const AlarmConfig&) = default;
};

// How this host's libvirt sends guests to the others' (the same on all hosts).
struct MigrationConfig {
  bool tls = true;                // false: in the clear, over TCP
  MiB bandwidth_per_second;       // of one migration; 0: as much as there is
  Duration max_downtime = 300ms;  // how long a guest may stand still for the last of it to be sent
  bool trust_storage = false;     // libvirt's doubt that a disk is shared is put aside
  friend bool operator==(const MigrationConfig&, const MigrationConfig&) = default;
};

struct LocalConfig {
  HostName host;
  std::string cluster;  // needed only where one engine holds several; empty: the one whose spec is found there
  EngineKind engine = EngineKind::embedded;
  std::vector<std::string> endpoints;  // of etcd, as http://10.0.0.1:2379; empty for embedded
  std::optional<Tls> tls;              // for etcd, and needed for https endpoints
  std::string listen;                  // address:port for other hosts' havends; empty: the unix socket alone
  std::string heartbeat_key = "/etc/haven/heartbeat.key";  // of the whole cluster; used with etcd only
  int heartbeat_port = 7421;                               // UDP, the same on every host
  std::string run_dir = "/run/haven";
  std::string state_dir = "/var/lib/haven";
  LogLevel log = LogLevel::info;
  AlarmConfig alarms;
  MigrationConfig migration;
  friend bool operator==(const LocalConfig&, const LocalConfig&) = default;
};

// The configuration with its defaults filled in, or all errors in order of position. Nothing is thrown.
[[nodiscard]] tl::expected<LocalConfig, std::vector<FileError>> parse_local_config(std::string_view text,
                                                                                   const std::string& file_name);

}  // namespace haven::file

// How one member of the engine is run (PROTOCOL E2): the configuration that etcd reads, and what must be so before it
// can be started at all.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/units.hpp"
#include "daemon/boot.hpp"
#include "file/local_config.hpp"

namespace haven::daemon {

// A lease renewal must come through while the leader changes: an election is over within half a second or two.
inline constexpr Duration kEngineHeartbeat = 50ms;
inline constexpr Duration kEngineElection = 500ms;
// Haven's own content is a few MiB; at the quota etcd takes no writes any more, so the alarm comes well before.
inline constexpr std::int64_t kEngineQuotaBytes = std::int64_t{2} << 30;
inline constexpr int kQuotaAlarmPercent = 70;
// Two segments of etcd's log and a small database.
inline constexpr std::int64_t kNeededBytes = std::int64_t{192} << 20;

struct EtcdPlan {
  std::string name;
  std::string address;
  std::string data_dir;
  std::string token;
  // The members as they are called and where their peers reach them; this one among them. Read at the first start only.
  std::vector<std::pair<std::string, std::string>> members;
  bool existing = false;   // it joins a running engine
  bool made_anew = false;  // E3: its data goes on as an engine of its own
  std::optional<file::Tls> tls;
};

// YAML for `etcd --config-file`.
[[nodiscard]] std::string etcd_config(const EtcdPlan& plan);

// The program itself, found as the shell would.
[[nodiscard]] OrWhy<std::string> find_etcd();
// Whether a member could be started: the program, the addresses, the space. One sentence names what is missing.
[[nodiscard]] OrWhy<void> etcd_can_start(const std::string& state_dir, const std::string& address);

[[nodiscard]] std::string etcd_folder(const std::string& state_dir);  // of the member's data
[[nodiscard]] std::string etcd_config_path(const std::string& state_dir);
[[nodiscard]] std::string etcd_log_path(const std::string& state_dir);
[[nodiscard]] bool has_etcd_data(const std::string& state_dir);
// Renames it first: data half deleted is never taken for a member's.
[[nodiscard]] OrWhy<void> discard_etcd_data(const std::string& state_dir);

}  // namespace haven::daemon

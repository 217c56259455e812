// From the embedded engine to one's own etcd, at havend's start: nothing can write to the file meanwhile, since its
// only writer is this process before it has begun (PROTOCOL E3: writes freeze before the copy). Guests never notice.
// Until havend.toml names the new engine, the old one counts; whatever ends the move before that ends it without a
// trace.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "adapter/etcd/admin.hpp"
#include "daemon/etcd_member/etcd_process.hpp"
#include "daemon/etcd_member/member_file.hpp"
#include "file/local_config.hpp"

namespace haven::daemon {

// What `haven cluster init` asked for: STATE_DIR/move.json, from then until the move is over.
struct MoveOrder {
  std::string cluster;
  std::string address;
  std::string by;  // who asked
};
[[nodiscard]] OrWhy<void> order_move(const std::string& state_dir, const MoveOrder& order);

struct Moved {
  MemberFile file;
  std::unique_ptr<EtcdProcess> process;
};
[[nodiscard]] std::optional<adapter::EtcdTls> tls_of(const file::LocalConfig& config);
// The member's id, once it leads an engine of which it is the only member.
[[nodiscard]] OrWhy<std::uint64_t> wait_for_member(adapter::EtcdAdmin& admin, const std::string& endpoint,
                                                   const EtcdProcess& process);
// nullopt: no move was ordered. The error stands in STATE_DIR/move.failed too, for whoever asks next.
[[nodiscard]] OrWhy<std::optional<Moved>> move_if_ordered(const file::LocalConfig& config,
                                                          const std::string& config_path);
// Why the last one failed; empty: it did not.
[[nodiscard]] std::string failed_move(const std::string& state_dir);

}  // namespace haven::daemon

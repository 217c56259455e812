// An engine made anew from the one copy that is left (PROTOCOL E3): when a majority of its members is gone for good.
// Ordered while havend runs, once every host has reported that it has lost the engine too or its operator has said that
// it is off; done at havend's next start, before anything can act on the old engine.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "adapter/etcd/admin.hpp"
#include "daemon/etcd_member/etcd_process.hpp"
#include "daemon/etcd_member/member_file.hpp"
#include "file/local_config.hpp"

namespace haven::daemon {

struct RecoveryOrder {
  std::vector<std::string> lost;  // whom the operator calls off; proved dead by his word
  std::string by;
};
// STATE_DIR/recover.json, until it is over: broken off, it is done again; failed, it leaves everything as it was.
[[nodiscard]] OrWhy<void> order_recovery(const std::string& state_dir, const RecoveryOrder& order);

// The member's file after it; nullopt: none was ordered.
[[nodiscard]] OrWhy<std::optional<MemberFile>> recover_if_ordered(const file::LocalConfig& config,
                                                                  const MemberFile& file);

// The machines that a recovery asks about: the spec's hosts and witness, members, and whoever was ever heard of, with
// their addresses where they are known. Read from this host's own copy.
struct Roll {
  std::map<std::string, std::string> addresses;  // name -> address; empty: not known
};
[[nodiscard]] OrWhy<Roll> call_the_roll(adapter::EtcdAdmin& admin, const MemberFile& file, bool tls,
                                        const std::shared_ptr<const Spec>& spec);

}  // namespace haven::daemon

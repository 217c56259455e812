// What an operator of etcd does: members come and go, their health, their space. Calls wait for their answer and are
// for a thread of havend's own; each goes to one endpoint and is sent once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "adapter/etcd/etcd_engine.hpp"
#include "core/model/units.hpp"
#include "port/engine.hpp"

namespace haven::adapter {

struct EtcdMember {
  std::uint64_t id = 0;
  std::string name;                  // empty: it never started
  std::vector<std::string> peers;    // URLs at which the members talk to each other
  std::vector<std::string> clients;  // URLs for clients; empty: it never started
  bool learner = false;
};
struct EtcdMemberList {
  std::uint64_t cluster = 0;
  std::vector<EtcdMember> members;
};
struct EtcdStatus {
  std::string version;
  std::uint64_t cluster = 0;
  std::uint64_t member = 0;
  std::uint64_t leader = 0;  // 0: it sees none
  std::uint64_t term = 0;
  std::uint64_t committed = 0;  // index of the log, as far as this member knows
  std::uint64_t applied = 0;
  std::int64_t bytes = 0;         // of its database's file
  std::int64_t bytes_in_use = 0;  // what of that a defragmentation would keep
  bool learner = false;
};
enum class EtcdAlarm { no_space, corrupt };
struct EtcdAlarmAt {
  std::uint64_t member = 0;
  EtcdAlarm alarm = EtcdAlarm::no_space;
};

// Why a call brought nothing.
struct EtcdRefusal {
  enum class Kind {
    unreachable,  // nobody answered, or not in time: a change may have happened, or may yet
    not_now,      // etcd would rather not at the moment (an unhealthy cluster, a learner that lags): try again later
    refused,      // etcd will not
  };
  Kind kind = Kind::unreachable;
  std::string why;
};
template <class T>
using EtcdAnswer = tl::expected<T, EtcdRefusal>;

// As the engine calls this member among its voters (port::Voter).
[[nodiscard]] std::string etcd_voter_id(std::uint64_t member);

class EtcdAdmin {
 public:
  // The error is about the PEM files.
  [[nodiscard]] static tl::expected<std::unique_ptr<EtcdAdmin>, std::string> open(const std::optional<EtcdTls>& tls);
  virtual ~EtcdAdmin() = default;

  // As of this moment: the member answers only once it has applied everything committed before the call, so an older
  // list than one that somebody has already seen never comes.
  virtual EtcdAnswer<EtcdMemberList> members(const std::string& endpoint, Duration timeout) = 0;
  // As the member sees itself; also of one without a leader.
  virtual EtcdAnswer<EtcdStatus> status(const std::string& endpoint, Duration timeout) = 0;
  virtual EtcdAnswer<std::vector<EtcdAlarmAt>> alarms(const std::string& endpoint, Duration timeout) = 0;

  // The list after the change.
  virtual EtcdAnswer<EtcdMemberList> add_learner(const std::string& endpoint, const std::string& peer,
                                                 Duration timeout) = 0;
  virtual EtcdAnswer<EtcdMemberList> promote(const std::string& endpoint, std::uint64_t member, Duration timeout) = 0;
  virtual EtcdAnswer<EtcdMemberList> remove(const std::string& endpoint, std::uint64_t member, Duration timeout) = 0;
  // `endpoint` is the leader's own.
  virtual EtcdAnswer<void> move_leader(const std::string& endpoint, std::uint64_t to, Duration timeout) = 0;
  // Blocks that member's reads and writes while it runs.
  virtual EtcdAnswer<void> defragment(const std::string& endpoint, Duration timeout) = 0;

  // `call` of the answer is 0.
  virtual port::TransactionDone commit(const std::string& endpoint, const port::Transaction& transaction,
                                       Duration timeout) = 0;
  // Everything under a prefix, at one revision. `newest`: linearizable, so only while there is a leader; false: as this
  // one member happens to know it.
  virtual EtcdAnswer<port::Listed> read(const std::string& endpoint, const std::string& prefix, Duration timeout,
                                        bool newest = true) = 0;
};

}  // namespace haven::adapter

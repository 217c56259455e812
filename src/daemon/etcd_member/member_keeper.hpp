// Keeps this host's part of the engine as it should be, on a thread of its own: starts its etcd once it is a member,
// takes it away once it is none, follows where the voters are; and, while this host controls the cluster, brings the
// members one step at a time to what the file wants (core/membership decides, this performs).
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "adapter/etcd/admin.hpp"
#include "core/membership.hpp"
#include "daemon/etcd_member/etcd_plan.hpp"
#include "daemon/etcd_member/etcd_process.hpp"
#include "daemon/etcd_member/member_file.hpp"
#include "daemon/etcd_member/survey.hpp"
#include "daemon/local_alarms.hpp"

namespace haven::daemon {

// What this host's havend knows of the cluster. A witness knows nothing.
struct EngineSight {
  bool controls = false;  // this host decides for the cluster
  Revision leader;        // of the key that says so
  std::shared_ptr<const Spec> spec;
  std::set<std::string> up;    // hosts whose havend is registered
  std::set<std::string> dead;  // hosts whose last boot is proved dead, and that are not back
  Epoch epoch;
  bool misses_witness = false;  // the file's witness is not heard here: an alarm of its own
};

class MemberKeeper {
 public:
  // While something is to be done; while nothing is.
  static constexpr Duration kBusyTick = 500ms;
  static constexpr Duration kIdleTick = 5s;
  // A change that somebody began and did not end is over after this: no call of his can still be under way.
  static constexpr Duration kChangeLasts = 3 * kAdminTimeout;
  // etcd's "not now" is asked again after this, ever more slowly.
  static constexpr Duration kFirstRetry = 500ms;
  static constexpr Duration kLongestRetry = 8s;
  // A machine whose member did not come up is not asked to vote again before.
  static constexpr Duration kSecondChance = 10min;
  // Databases are looked at this often; worth defragmenting: large, and half of it unused.
  static constexpr Duration kDefragmentEvery = 10min;
  static constexpr std::int64_t kDefragmentFrom = std::int64_t{64} << 20;
  static constexpr Duration kDefragmentTimeout = 30s;
  static constexpr Duration kLeaveWithin = 90s;

  struct Edges {
    std::function<std::optional<EngineSight>()> look;  // nullopt: nothing is known at the moment
    std::function<void(const std::vector<std::string>& endpoints)> endpoints_changed;
    std::function<void(bool is_error, const std::string& line)> say;
  };
  struct Place {
    std::string state_dir;
    std::optional<file::Tls> tls;
    Duration replace_after = kReplaceAfter;
  };

  // `process`: this host's etcd where it runs already. The member's file must have been written.
  MemberKeeper(Place place, MemberFile file, std::unique_ptr<adapter::EtcdAdmin> admin, LocalAlarms& alarms,
               Edges edges, std::unique_ptr<EtcdProcess> process = nullptr);
  ~MemberKeeper();
  MemberKeeper(const MemberKeeper&) = delete;
  MemberKeeper& operator=(const MemberKeeper&) = delete;

  // ---- from any thread ----
  [[nodiscard]] MemberFile file() const;
  [[nodiscard]] EtcdProcess::State process() const;
  // What is being done about the members, or waited for; empty: nothing.
  [[nodiscard]] std::string doing() const;
  [[nodiscard]] OrWhy<Survey> look_around();
  [[nodiscard]] adapter::EtcdAdmin& admin() { return *admin_; }
  void nudge();
  // Notes that this host goes, and waits until it is no member. The error says why it cannot, or what became of it.
  [[nodiscard]] OrWhy<void> leave(const std::string& by);
  // Ends the thread and etcd; afterwards the data may be touched.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  // True: something is under way, look again soon.
  bool tick();
  bool follow(const adapter::EtcdMemberList& list);
  void start_member(const adapter::EtcdMemberList& list, const adapter::EtcdMember& own);
  void run_etcd(const EtcdPlan& plan);
  void stop_etcd();
  void take_member_away();
  void follow_endpoints(const adapter::EtcdMemberList& list);
  void remember(const EngineSight& sight);
  void save(const std::function<void(MemberFile&)>& change);
  void watch_own_member();

  bool lead(const EngineSight& sight);
  [[nodiscard]] Membership membership(const EngineSight& sight, const Survey& survey);
  void warn_of_space(const Survey& survey);
  // Voters whose machine is there and whose member has not answered for a lease. True: one does not answer now.
  bool warn_of_silence(const EngineSight& sight, const Survey& survey);
  // Writes into the journal how the members differ from what it told last. False: not now, look again.
  bool tell(const EngineSight& sight, const Survey& survey);
  bool perform(const EngineSight& sight, const Survey& survey, const MembershipStep& step);
  [[nodiscard]] adapter::EtcdAnswer<void> change_members(const Survey& survey, const MembershipStep& step);
  // nullopt: somebody else changes the members, or this host does not control the cluster any more.
  [[nodiscard]] std::optional<Revision> begin_change(const EngineSight& sight, const Survey& survey,
                                                     const std::string& what);
  // Tells all promises who votes after this step. Why it must wait; empty: every promise names them.
  [[nodiscard]] std::string declare_voters(const EngineSight& sight, const Survey& survey, Revision mark,
                                           const MembershipStep& step);
  void end_change(const Survey& survey, Revision mod);
  void defragment(const EngineSight& sight, const Survey& survey, const Membership& membership);
  void set_doing(const std::string& text);

  Place place_;
  std::unique_ptr<adapter::EtcdAdmin> admin_;
  LocalAlarms& alarms_;
  Edges edges_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  MemberFile file_;
  std::unique_ptr<EtcdProcess> process_;
  std::string doing_;
  bool nudged_ = false;
  bool ending_ = false;

  // The thread's.
  std::map<std::string, Clock::time_point> dead_since_;
  std::map<std::uint64_t, Clock::time_point> silent_since_;
  std::map<std::uint64_t, Clock::time_point> learner_since_;
  std::map<std::string, Clock::time_point> failed_at_;  // learners that did not come up
  std::pair<Revision, Clock::time_point> foreign_change_;
  Clock::time_point retry_at_;
  Duration retry_ = kFirstRetry;
  Clock::time_point defragment_at_;
  std::thread thread_;
};

}  // namespace haven::daemon

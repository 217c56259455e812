// Machines with a keeper each, and an engine made of real etcd processes. What a havend would know of the cluster the
// test says: who is up, who is dead, who controls. Everything ends with the test.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "adapter/engine/folder.hpp"
#include "daemon/etcd_member/engine_copy.hpp"
#include "daemon/etcd_member/member_keeper.hpp"
#include "daemon/etcd_member/move.hpp"

namespace haven::test {

// 127.128.0.0/9, by process and number: no two tests meet.
std::string loopback_address(int number);

// Writes one key after the other through an engine handle of its own, and remembers what was acknowledged.
class Load {
 public:
  explicit Load(const std::vector<std::string>& endpoints);
  ~Load() { stop(); }
  void use(const std::vector<std::string>& endpoints);
  void stop();
  [[nodiscard]] std::set<std::string> acknowledged() const;

 private:
  std::unique_ptr<daemon::PatientEngine> engine_;
  adapter::EtcdHandle* handle_ = nullptr;
  mutable std::mutex mutex_;
  std::set<std::string> acknowledged_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

class Machines {
 public:
  static inline const std::string kCluster = "prod";

  // The spec's first host begins, by `haven cluster init`'s move.
  explicit Machines(int hosts, const std::string& witness = "", Duration replace_after = kReplaceAfter);
  ~Machines();

  // As if it had joined: its seat stands in the engine, its keeper runs.
  void join(const std::string& name, bool witness = false);
  void leave(const std::string& name);  // notes it, and returns once it is no member
  void kill(const std::string& name);   // the machine loses its power
  void boot(const std::string& name);   // and comes back
  void proved_dead(const std::string& name);
  void controller(const std::string& name);

  [[nodiscard]] std::vector<std::string> voters();  // sorted; empty: nobody answers
  [[nodiscard]] bool becomes(const std::vector<std::string>& voters, Duration within = 120s);
  [[nodiscard]] std::vector<std::string> endpoints();
  [[nodiscard]] daemon::MemberKeeper& keeper(const std::string& name) { return *machines_.at(name)->keeper; }
  [[nodiscard]] std::string alarms(const std::string& name);
  [[nodiscard]] daemon::Survey survey();
  void load(Load* load) { load_ = load; }
  void spec_hosts(int hosts);
  // What the controller believes of the key `leader`.
  void leader_mod(Revision mod) {
    const std::lock_guard lock(mutex_);
    leader_ = mod;
  }

 private:
  struct Machine {
    std::string name, address, state_dir;
    bool witness = false;
    daemon::LocalAlarms alarms;
    std::unique_ptr<daemon::MemberKeeper> keeper;
  };
  Machine& machine(const std::string& name);
  void run(Machine& machine, const daemon::MemberFile& file, std::unique_ptr<daemon::EtcdProcess> process = nullptr);
  [[nodiscard]] daemon::EngineSight sight(const std::string& name);

  Duration replace_after_;
  Folder folder_;
  std::mutex mutex_;
  std::shared_ptr<const Spec> spec_;
  std::string witness_;
  std::set<std::string> up_, dead_;
  std::string controller_;
  Revision leader_;
  std::atomic<Load*> load_{nullptr};
  std::map<std::string, std::unique_ptr<Machine>> machines_;
};

}  // namespace haven::test

// Machines with a keeper each, and an engine made of real etcd processes. What a havend would know of the cluster the
// test says: who is up, who is dead, who controls. Everything ends with the test.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "adapter/engine/certificates.hpp"
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
  [[nodiscard]] std::string figures() const;  // for a person: how many, and the longest time without one

 private:
  std::unique_ptr<daemon::PatientEngine> engine_;
  adapter::EtcdHandle* handle_ = nullptr;
  mutable std::mutex mutex_;
  std::set<std::string> acknowledged_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point latest_ = begun_;
  Duration longest_stall_{};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

class Machines {
 public:
  static inline const std::string kCluster = "prod";

  // The spec's first host begins, by `haven cluster init`'s move.
  // `secure`: every host has a certificate of one authority, and `tls` in its havend.toml.
  explicit Machines(int hosts, const std::string& witness = "", Duration replace_after = kReplaceAfter,
                    bool secure = false);
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
  [[nodiscard]] const std::optional<adapter::EtcdTls>& tls() const { return tls_; }
  // As an operator of etcd with a certificate of this cluster's.
  [[nodiscard]] std::unique_ptr<adapter::EtcdAdmin> admin() const;
  [[nodiscard]] const Folder& folder() const { return folder_; }
  [[nodiscard]] daemon::Survey survey();
  // What the journal tells of the engine, oldest first: "voter h2: h2 has caught up …".
  [[nodiscard]] std::vector<std::string> journal();
  // The same, once its latest entry begins so.
  [[nodiscard]] std::vector<std::string> journal_to(const std::string& latest, Duration within = 60s);
  void load(Load* load) { load_ = load; }
  // The file names h1 to hN and this witness from now on.
  void apply(int hosts, const std::string& witness = "");
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

  [[nodiscard]] std::optional<file::Tls> local_tls() const;

  Duration replace_after_;
  Folder folder_;
  std::optional<adapter::EtcdTls> tls_;
  std::mutex mutex_;
  std::shared_ptr<const Spec> spec_;
  std::set<std::string> up_, dead_;
  std::string controller_;
  Revision leader_;
  std::atomic<Load*> load_{nullptr};
  std::map<std::string, std::unique_ptr<Machine>> machines_;
};

}  // namespace haven::test

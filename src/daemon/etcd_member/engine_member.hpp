// All that havend has to do with the engine it runs itself, in the order of a havend's life: what was ordered before
// (a move, a recovery) is done, the member is kept while havend serves, and given up when it leaves.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapter/etcd/etcd_engine.hpp"
#include "daemon/api.hpp"
#include "daemon/etcd_member/cluster_service.hpp"
#include "daemon/etcd_member/door.hpp"
#include "daemon/etcd_member/member_keeper.hpp"
#include "daemon/local_alarms.hpp"
#include "daemon/runtime.hpp"
#include "file/local_config.hpp"

namespace haven::daemon {

class EngineMember {
 public:
  // Fills in what havend.toml leaves to the member's file: endpoints and the cluster's name; `engine` after a move.
  // Folders must exist. The error is for the operator: havend cannot serve.
  [[nodiscard]] static OrWhy<EngineMember> begin(file::LocalConfig& config, const std::string& config_path,
                                                 LocalAlarms& alarms, MemberKeeper::Edges edges_of_log);

  // This host has joined an engine that Haven runs.
  [[nodiscard]] bool joined() const { return file_.has_value(); }
  [[nodiscard]] bool witness() const { return file_ && file_->witness; }
  // Where others reach this host's member; empty: it has joined none.
  [[nodiscard]] std::string address() const { return file_ ? file_->address : std::string(); }
  [[nodiscard]] Epoch epoch() const { return file_ ? file_->epoch : Epoch{}; }

  struct Serving {
    Runtime* runtime = nullptr;             // nullptr: a witness
    adapter::EtcdHandle* handle = nullptr;  // the engine as this havend uses it; nullptr: it is not etcd
    OpenEngine open_engine;
    std::string version;
    std::function<void(Afterwards)> go;
  };
  // To be called once. What goes wrong with the door is an alarm: the host serves all the same.
  void serve(Serving serving);
  // For the API, while this lives.
  [[nodiscard]] std::vector<Route> routes();
  // Ends the thread, the door and etcd, in order.
  void stop();
  // After stop(): this host gives up its membership. The error says what is left to do by hand.
  [[nodiscard]] OrWhy<void> give_up() const;

 private:
  EngineMember(const file::LocalConfig& config, std::string config_path, LocalAlarms& alarms)
      : config_(config), config_path_(std::move(config_path)), alarms_(&alarms) {}

  file::LocalConfig config_;
  std::string config_path_;
  LocalAlarms* alarms_;
  MemberKeeper::Edges edges_;
  std::optional<MemberFile> file_;
  std::unique_ptr<EtcdProcess> process_;
  std::unique_ptr<MemberKeeper> keeper_;
  std::unique_ptr<ClusterService> service_;
  std::unique_ptr<Door> door_;
};

// What the keeper is to know, of what this havend's core knows; nullopt: the engine was not read yet, or there is no
// time to look.
[[nodiscard]] std::optional<EngineSight> engine_sight(Runtime& runtime);

}  // namespace haven::daemon

#include "daemon/etcd_member/engine_member.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/liveness/hearing_alarms.hpp"
#include "daemon/etcd_member/local_file.hpp"
#include "daemon/etcd_member/move.hpp"
#include "daemon/etcd_member/recovery.hpp"

namespace haven::daemon {

std::optional<EngineSight> engine_sight(Runtime& runtime) {
  EngineSight sight;
  bool listed = false;
  const bool seen = runtime.see([&](const Runtime::Sight& now) {
    const View& view = now.node.view();
    listed = view.listed();
    sight.controls = now.node.leads() && !anything_frozen(view);
    sight.leader = view.mod_of(path::kLeader);
    sight.spec = view.shared_spec();
    sight.epoch = epoch_of(view);
    sight.misses_witness = misses_witness(view);
    for (const auto& [name, member] : view.members) sight.up.insert(name.str());
    for (const auto& [boot, fence] : view.fences) {
      if (fence.value.state != FenceState::proved || view.members.contains(boot.first)) continue;
      // Of a host that left in order and is expected back there is no such proof.
      const auto status = view.status.find(boot.first);
      if (status != view.status.end() && status->second.value.incarnation == boot.second)
        sight.dead.insert(boot.first.str());
    }
  });
  if (!seen || !listed) return std::nullopt;
  return sight;
}

OrWhy<EngineMember> EngineMember::begin(file::LocalConfig& config, const std::string& config_path, LocalAlarms& alarms,
                                        MemberKeeper::Edges edges_of_log) {
  EngineMember member(config, config_path, alarms);
  member.edges_ = std::move(edges_of_log);
  auto moved = move_if_ordered(config, config_path);
  if (!moved) member.edges_.say(true, "this host stays with the embedded engine: " + moved.error());
  if (moved && *moved) {
    member.edges_.say(false, "this host's engine is etcd from now on; its content was moved");
    config.engine = file::EngineKind::etcd;
    member.file_ = (*moved)->file;
    member.process_ = std::move((*moved)->process);
  }
  if (config.engine == file::EngineKind::etcd && config.endpoints.empty() && !member.file_) {
    const auto file = read_member_file(config.state_dir);
    if (!file) return tl::unexpected(file.error());
    if (!*file)
      return tl::unexpected<std::string>(
          "engine = \"etcd\" without endpoints, and this host has joined no engine; start it with "
          "engine = \"embedded\", then haven cluster init or haven cluster join");
    member.file_ = **file;
  }
  if (member.file_) {
    auto recovered = recover_if_ordered(config, *member.file_);
    alarms.set("engine/recovery", recovered ? "" : "the engine was not recovered: " + recovered.error());
    if (recovered && *recovered) member.file_ = **recovered;
    if (member.file_->member == 0 && has_etcd_data(config.state_dir))
      if (auto gone = discard_etcd_data(config.state_dir); !gone) return tl::unexpected(gone.error());
    config.endpoints = member.file_->endpoints;
    if (config.cluster.empty()) config.cluster = member.file_->cluster;
  }
  member.config_ = config;
  return member;
}

void EngineMember::serve(Serving serving) {
  if (file_) {
    auto admin = adapter::EtcdAdmin::open(tls_of(config_));
    if (!admin) {
      alarms_->set("engine/tls", admin.error());
    } else {
      MemberKeeper::Edges edges = edges_;
      if (serving.runtime != nullptr) edges.look = [runtime = serving.runtime] { return engine_sight(*runtime); };
      if (serving.handle != nullptr)
        edges.endpoints_changed = [handle = serving.handle](const auto& endpoints) {
          handle->use_endpoints(endpoints);
        };
      keeper_ = std::make_unique<MemberKeeper>(MemberKeeper::Place{config_.state_dir, config_.tls}, *file_,
                                               std::move(*admin), *alarms_, std::move(edges), std::move(process_));
    }
  }
  service_ = std::make_unique<ClusterService>(
      ClusterService::Parts{config_, config_path_, serving.version, serving.runtime, keeper_.get(),
                            std::move(serving.open_engine), std::move(serving.go)});
  if (!file_) return;
  const std::string at = config_.listen.empty() ? host_and_port(file_->address, kDoorPort) : config_.listen;
  auto door = Door::open(
      at, [this](const std::string& path, const std::string& body) { return service_->answer_door(path, body); });
  alarms_->set("engine/door", door ? "" : door.error());
  if (door) door_ = std::move(*door);
}

std::vector<Route> EngineMember::routes() {
  using Query = Service::Query;
  ClusterService& s = *service_;
  return {
      {false, "/v1/cluster/status", [&s](const Query&, const std::string&, const std::string&) { return s.status(); }},
      {false, "/v1/cluster/backup", [&s](const Query&, const std::string&, const std::string&) { return s.backup(); }},
      {true, "/v1/cluster/init",
       [&s](const Query&, const std::string& body, const std::string& who) { return s.init(body, who); }},
      {true, "/v1/cluster/invite",
       [&s](const Query&, const std::string& body, const std::string& who) { return s.invite(body, who); }},
      {true, "/v1/cluster/join",
       [&s](const Query&, const std::string& body, const std::string&) { return s.join(body); }},
      {true, "/v1/cluster/leave",
       [&s](const Query&, const std::string& body, const std::string& who) { return s.leave(body, who); }},
      {true, "/v1/cluster/recover",
       [&s](const Query&, const std::string& body, const std::string& who) { return s.recover(body, who); }},
      {true, "/v1/cluster/restore",
       [&s](const Query&, const std::string& body, const std::string& who) { return s.restore(body, who); }},
  };
}

void EngineMember::stop() {
  door_.reset();
  if (keeper_) keeper_->stop();
}

OrWhy<void> EngineMember::give_up() const {
  // The file first: a havend that dies in between finds a member's file that nothing refers to.
  if (auto set = set_engine(config_path_, file::EngineKind::embedded); !set) return set;
  if (auto gone = discard_etcd_data(config_.state_dir); !gone) return gone;
  for (const auto& path : {member_file_path(config_.state_dir), config_.heartbeat_key}) ::unlink(path.c_str());
  return {};
}

}  // namespace haven::daemon

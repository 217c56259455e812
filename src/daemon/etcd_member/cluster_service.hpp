// What the API answers about the engine itself: `haven cluster …` at havend's end. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "daemon/etcd_member/engine_copy.hpp"
#include "daemon/etcd_member/invitation.hpp"
#include "daemon/etcd_member/member_keeper.hpp"
#include "daemon/service.hpp"
#include "file/local_config.hpp"

namespace haven::daemon {

// How havend goes on once its runtime has ended.
enum class Afterwards {
  end,    // it was asked to
  again,  // it begins anew, in the same process: another engine counts now
  leave,  // it gives its membership up, then begins anew on its own
};

class ClusterService {
 public:
  struct Parts {
    file::LocalConfig config;
    std::string config_path;
    std::string version;
    Runtime* runtime = nullptr;      // nullptr: a witness
    MemberKeeper* keeper = nullptr;  // nullptr: this host has joined no engine that havend runs
    OpenEngine open_engine;          // the one that counts now
    // Ends havend as planned; `afterwards` is done once it has ended.
    std::function<void(Afterwards afterwards)> go;
  };
  explicit ClusterService(Parts parts) : parts_(std::move(parts)), invitations_(parts_.config.run_dir) {}

  [[nodiscard]] Answer status();
  // `who`: by the socket; "by" of the body: whom they say they act for. The journal names both.
  [[nodiscard]] Answer init(const std::string& body, const std::string& who);     // {"address", "cluster", "by"}
  [[nodiscard]] Answer invite(const std::string& body, const std::string& who);   // {"by"}; the secret stays in a file
  [[nodiscard]] Answer join(const std::string& body);                             // {"at", "secret_file", …}
  [[nodiscard]] Answer leave(const std::string& body, const std::string& who);    // {"by"}
  [[nodiscard]] Answer recover(const std::string& body, const std::string& who);  // {"lost": [hosts], "by"}
  [[nodiscard]] Answer backup();
  [[nodiscard]] Answer restore(const std::string& body, const std::string& who);  // {"backup", "by"}

  // What strangers and other hosts ask (door.hpp).
  [[nodiscard]] std::string answer_door(const std::string& path, const std::string& body);

 private:
  // What this havend knows of the cluster's file and of itself.
  struct Present {
    bool listed = false;
    std::string cluster;
    std::shared_ptr<const Spec> spec;
    std::set<std::string> up;
    Epoch epoch;  // of the engine
  };
  [[nodiscard]] Present present() const;
  [[nodiscard]] std::string answer_join(const std::string& body);
  [[nodiscard]] std::string answer_hello(const std::string& body);
  [[nodiscard]] tl::expected<void, std::string> seat(const std::string& name, const std::string& address, bool witness,
                                                     const std::string& by);
  [[nodiscard]] tl::expected<void, std::string> take_reply(const std::string& reply, const Invitation& invitation,
                                                           const std::string& own_address, bool witness);
  [[nodiscard]] bool may_join_again(const Present& now) const;
  [[nodiscard]] bool joined() const { return parts_.keeper != nullptr; }

  Parts parts_;
  std::string run_ = random_id();  // of this havend, until it begins again
  Invitations invitations_;
  std::mutex one_at_a_time_;  // of what changes anything
};

}  // namespace haven::daemon

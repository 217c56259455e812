// `haven cluster recover` at havend's end: who is asked, and who must have answered.
#include <algorithm>

#include "daemon/etcd_member/cluster_service.hpp"
#include "daemon/etcd_member/door.hpp"
#include "daemon/etcd_member/local_file.hpp"
#include "daemon/etcd_member/recovery.hpp"
#include "daemon/etcd_member/sealed.hpp"
#include "daemon/etcd_member/service_words.hpp"

namespace haven::daemon {

using namespace service_words;

namespace {

constexpr Duration kHelloTimeout = 5s;

enum class Word { silent, without_engine, with_engine };

Word ask(const std::string& address, const std::string& key) {
  if (address.empty()) return Word::silent;
  const std::string question = random_id();
  const auto reply = Door::knock(host_and_port(address, kDoorPort), "/v1/hello",
                                 seal(key, Direction::request, question), kHelloTimeout);
  const auto opened = reply ? unseal(key, Direction::reply, *reply) : std::nullopt;
  const auto json = opened ? object(*opened) : std::nullopt;
  if (!json || text_of(*json, "echo") != question) return Word::silent;
  return flag_of(*json, "engine") ? Word::with_engine : Word::without_engine;
}

}  // namespace

Answer ClusterService::recover(const std::string& body, const std::string& who) {
  const std::lock_guard lock(one_at_a_time_);
  const auto json = object(body);
  if (!json || !json->contains("lost") || !(*json)["lost"].is_array()) return no_request("{\"lost\", \"by\"}");
  if (!joined() || parts_.runtime == nullptr)
    return refused("this host has joined no engine that Haven runs", "a host that was a member of the lost engine");
  const MemberFile file = parts_.keeper->file();
  if (file.member == 0) return refused("this host holds no copy of the engine", "a host that was one of its voters");
  if (parts_.keeper->look_around())
    return refused("the engine answers: there is nothing to recover", "haven cluster status");
  RecoveryOrder order;
  order.by = asked_by(*json, who);
  for (const auto& name : (*json)["lost"])
    if (name.is_string()) order.lost.push_back(name.get<std::string>());
  const auto key = read_file(parts_.config.heartbeat_key);
  if (!key) return refused(key.error(), "the cluster's key, as every host has it");
  const auto roll = call_the_roll(parts_.keeper->admin(), file, parts_.config.tls.has_value(), present().spec);
  if (!roll) return refused(roll.error(), "");
  for (const auto& name : order.lost)
    if (!roll->addresses.contains(name))
      return bad_input("there is no host " + name, "haven cluster status names them");
  for (const auto& [name, address] : roll->addresses) {
    const bool lost = std::find(order.lost.begin(), order.lost.end(), name) != order.lost.end();
    switch (ask(address, *key)) {
      case Word::with_engine:
        return refused(name +
                           " reaches the engine: what is missing is this host's way to it, and two engines would "
                           "start everything twice",
                       "a network that joins this host to " + name);
      case Word::without_engine:
        if (lost) return refused(name + " is called lost, and answers", "without --lost " + name);
        break;
      case Word::silent:
        if (!lost)
          return refused(name + " does not answer, so nobody knows what it runs, or with whom",
                         "bring it back; or, once you have seen that it is off, --lost " + name);
        break;
    }
  }
  if (auto ordered = order_recovery(parts_.config.state_dir, order); !ordered) return refused(ordered.error(), "");
  parts_.go(Afterwards::again);
  return data({{"epoch", file.epoch.count + 1}});
}

}  // namespace haven::daemon

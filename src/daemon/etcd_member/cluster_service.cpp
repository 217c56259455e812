#include "daemon/etcd_member/cluster_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "daemon/etcd_member/door.hpp"
#include "daemon/etcd_member/engine_news.hpp"
#include "daemon/etcd_member/etcd_plan.hpp"
#include "daemon/etcd_member/local_file.hpp"
#include "daemon/etcd_member/move.hpp"
#include "daemon/etcd_member/sealed.hpp"
#include "daemon/etcd_member/service_words.hpp"
#include "daemon/names.hpp"

namespace haven::daemon {

using namespace service_words;

namespace {

constexpr Duration kDoorTimeout = 15s;

Json member_json(const SurveyedMember& m) {
  Json json = {{"name", m.name},
               {"voter", !m.member.learner},
               {"leader", m.leads()},
               {"healthy", m.healthy()},
               {"trouble", m.trouble},
               {"endpoint", m.member.clients.empty() ? Json(nullptr) : Json(m.member.clients.front())},
               {"version", nullptr},
               {"db_bytes", nullptr},
               {"db_in_use_bytes", nullptr}};
  if (m.status) {
    json["version"] = m.status->version;
    json["db_bytes"] = m.status->bytes;
    json["db_in_use_bytes"] = m.status->bytes_in_use;
  }
  return json;
}

// The word of the join secret, which the file's content stands for.
OrWhy<Invitation> invitation_in(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  auto invitation = read_invitation(*text);
  if (!invitation) return tl::unexpected(path + ": " + invitation.error());
  return invitation;
}

}  // namespace

ClusterService::Present ClusterService::present() const {
  Present present;
  if (parts_.runtime == nullptr) return present;
  (void)parts_.runtime->see([&](const Runtime::Sight& sight) {
    present.listed = sight.node.view().listed();
    present.cluster = sight.store.cluster();
    if (sight.store.stored().document) present.spec = sight.store.stored().document->spec;
    for (const auto& [name, member] : sight.node.view().members) present.up.insert(name.str());
    present.epoch = epoch_of(sight.node.view());
  });
  return present;
}

Answer ClusterService::status() {
  const std::string failed = failed_move(parts_.config.state_dir);
  Json json = {{"engine", parts_.config.engine == file::EngineKind::embedded ? "embedded" : "etcd"},
               {"managed", joined()},
               {"host", parts_.config.host.str()},
               {"run", run_},
               {"members", Json::array()},
               {"joined", Json::array()},
               {"doing", ""},
               {"trouble", ""},
               {"last_failure", failed}};
  if (!joined()) return data(std::move(json));
  const MemberFile file = parts_.keeper->file();
  const auto process = parts_.keeper->process();
  json["cluster"] = file.cluster;
  json["witness"] = file.witness;
  json["epoch"] = file.epoch.count;
  json["member"] = file.member != 0;
  json["process"] = {{"running", process.running}, {"pid", process.pid}, {"ends", process.ends}, {"why", process.why}};
  const auto around = parts_.keeper->look_around();
  if (!around) {
    json["trouble"] = around.error();
    return data(std::move(json));
  }
  json["doing"] = parts_.keeper->doing();
  for (const auto& member : around->members) json["members"].push_back(member_json(member));
  for (const auto& [name, seat] : around->records.seats) {
    json["joined"].push_back(
        {{"name", name}, {"address", seat.seat.address}, {"witness", seat.seat.witness}, {"left", seat.seat.left}});
  }
  json["alarms"] = Json::array();
  if (const auto alarms = parts_.keeper->admin().alarms(around->endpoint, kStatusTimeout)) {
    for (const auto& alarm : *alarms)
      json["alarms"].push_back(alarm.alarm == adapter::EtcdAlarm::corrupt ? "corrupt" : "no space");
  }
  return data(std::move(json));
}

Answer ClusterService::init(const std::string& body, const std::string& who) {
  const std::lock_guard lock(one_at_a_time_);
  if (joined())
    return refused("this host has joined cluster " + parts_.keeper->file().cluster + " already",
                   "haven cluster status");
  if (parts_.config.engine == file::EngineKind::etcd)
    return refused("this host uses an etcd of your own", "its members are yours to change; Haven leaves them alone");
  const auto json = object(body);
  if (!json) return no_request("{\"address\", \"cluster\"}");
  const Present now = present();
  MoveOrder order{text_of(*json, "cluster"), text_of(*json, "address"), asked_by(*json, who)};
  if (order.cluster.empty()) order.cluster = now.cluster;
  if (order.cluster.empty()) return bad_input("the cluster has no name yet, since no file is applied", "--name prod");
  if (!codec::is_name(order.cluster))
    return bad_input("\"" + order.cluster + "\" is no name of a cluster", "--name prod");
  if (!now.cluster.empty() && order.cluster != now.cluster)
    return bad_input("the cluster is called " + now.cluster, "no --name, or that one");
  const Host* here = now.spec ? now.spec->host(parts_.config.host) : nullptr;
  if (order.address.empty() && here != nullptr) order.address = here->address;
  if (order.address.empty()) return bad_input("this host's address is not known", "--address 10.0.0.1");
  if (auto can = etcd_can_start(parts_.config.state_dir, order.address); !can) return refused(can.error(), "");
  const auto text = read_file(parts_.config_path);
  const auto next = text ? with_engine(*text, file::EngineKind::etcd, parts_.config_path) : text;
  if (!next) return refused(next.error(), "");
  if (auto ordered = order_move(parts_.config.state_dir, order); !ordered) return refused(ordered.error(), "");
  parts_.go(Afterwards::again);
  return data({{"cluster", order.cluster}, {"address", order.address}});
}

Answer ClusterService::invite(const std::string& body, const std::string& who) {
  const auto json = object(body);
  if (!json) return no_request("{\"by\"}");
  if (!joined()) return refused("this host has joined no engine that Haven runs", "haven cluster init");
  if (parts_.runtime == nullptr) return refused("a witness invites nobody", "haven cluster invite, on a host");
  const auto made = invitations_.make(asked_by(*json, who));
  if (!made) return refused(made.error(), "");
  const MemberFile file = parts_.keeper->file();
  const std::string at = parts_.config.listen.empty() ? host_and_port(file.address, kDoorPort) : parts_.config.listen;
  return data({{"file", invitations_.path_of(made->id)}, {"at", at}});
}

Answer ClusterService::join(const std::string& body) {
  const std::lock_guard lock(one_at_a_time_);
  const auto json = object(body);
  if (!json || text_of(*json, "at").empty() || text_of(*json, "secret_file").empty())
    return no_request("{\"at\", \"secret_file\", \"address\", \"witness\"}");
  const Present now = present();
  if (joined() && !may_join_again(now))
    return refused("this host has joined cluster " + parts_.keeper->file().cluster + " already",
                   "haven cluster leave, if it is to go to another");
  if (!joined() && (parts_.config.engine == file::EngineKind::etcd || now.spec != nullptr))
    return refused(now.spec != nullptr ? "this host keeps a cluster of its own (" + now.cluster + ")"
                                       : std::string("this host uses an etcd of your own"),
                   "a host on which nothing was ever applied");
  const bool witness = flag_of(*json, "witness");
  const std::string at = with_port(text_of(*json, "at"));
  std::string address = text_of(*json, "address");
  if (address.empty()) address = parts_.config.listen.empty() ? own_address_towards(at) : host_of(parts_.config.listen);
  if (address.empty()) return bad_input("there is no way to " + at, "the address of a host that has joined");
  const auto invitation = invitation_in(text_of(*json, "secret_file"));
  if (!invitation) return bad_input(invitation.error(), "");
  if (!joined())
    if (auto can = etcd_can_start(parts_.config.state_dir, address); !can) return refused(can.error(), "");
  const auto text = read_file(parts_.config_path);
  if (const auto can = text ? with_engine(*text, file::EngineKind::etcd, parts_.config_path) : text; !can)
    return refused(can.error(), "");
  const Json request = {{"name", parts_.config.host.str()}, {"address", address}, {"witness", witness}};
  const auto reply = Door::knock(
      at, "/v1/join",
      Json{{"id", invitation->id}, {"box", seal(invitation->secret, Direction::request, request.dump())}}.dump(),
      kDoorTimeout);
  if (!reply) return refused(reply.error(), "the address of the host where `haven cluster invite` was said");
  if (auto taken = take_reply(*reply, *invitation, address, witness); !taken) return refused(taken.error(), "");
  parts_.go(Afterwards::again);
  return data({{"address", address}, {"witness", witness}});
}

// Its engine does not answer, is of the past, or counts it among those who left (E3).
bool ClusterService::may_join_again(const Present& now) const {
  const MemberFile file = parts_.keeper->file();
  if (now.listed && now.epoch < file.epoch) return true;
  const auto around = parts_.keeper->look_around();
  if (!around) return true;
  const auto seat = around->records.seats.find(file.name);
  return seat == around->records.seats.end() || seat->second.seat.left;
}

tl::expected<void, std::string> ClusterService::take_reply(const std::string& reply, const Invitation& invitation,
                                                           const std::string& own_address, bool witness) {
  const auto outer = object(reply);
  if (!outer) return tl::unexpected(std::string("the answer cannot be read"));
  if (outer->contains("error")) return tl::unexpected(text_of(*outer, "error"));
  const auto opened = unseal(invitation.secret, Direction::reply, text_of(*outer, "box"));
  const auto inner = opened ? object(*opened) : std::nullopt;
  if (!inner) return tl::unexpected(std::string("the answer is not from the host that made this join secret"));
  if (inner->contains("error")) return tl::unexpected(text_of(*inner, "error"));
  MemberFile file;
  file.cluster = text_of(*inner, "cluster");
  file.token = text_of(*inner, "token");
  file.name = parts_.config.host.str();
  file.address = own_address;
  file.witness = witness;
  file.epoch = {inner->value("epoch", std::uint64_t{0})};
  for (const auto& endpoint : inner->value("endpoints", Json::array()))
    if (endpoint.is_string()) file.endpoints.push_back(endpoint.get<std::string>());
  const auto key = from_base64(text_of(*inner, "key"));
  if (!codec::is_name(file.cluster) || file.token.empty() || file.endpoints.empty() || !key)
    return tl::unexpected(std::string("the answer is not complete; haven and havend of one version are needed"));
  if (auto kept = replace_file_durably(parts_.config.heartbeat_key, *key, 0600); !kept) return kept;
  // Only with both is it a member; a havend that dies in between has joined nothing.
  if (auto written = write_member_file(parts_.config.state_dir, file); !written) return written;
  return set_engine(parts_.config_path, file::EngineKind::etcd);
}

Answer ClusterService::leave(const std::string& body, const std::string& who) {
  const std::lock_guard lock(one_at_a_time_);
  const auto json = object(body);
  if (!json) return no_request("{\"by\"}");
  if (!joined()) return refused("this host has joined no engine that Haven runs", "");
  const Present now = present();
  const auto voters = now.spec ? now.spec->cluster.voters : std::vector<HostName>{};
  const bool named = now.spec && now.spec->cluster.voters_named &&
                     std::find(voters.begin(), voters.end(), parts_.config.host) != voters.end();
  if (named)
    return refused(parts_.config.host.str() + " stands in voters of the cluster file",
                   "take it out there and apply the file first");
  if (auto left = parts_.keeper->leave(asked_by(*json, who)); !left) return refused(left.error(), "");
  parts_.go(Afterwards::leave);
  return data(Json::object());
}

Answer ClusterService::backup() {
  auto engine = PatientEngine::open(parts_.open_engine);
  if (!engine) return refused(engine.error(), "");
  const auto listed = engine->list(codec::Assembler::kRoot);
  if (!listed) return refused(listed.error(), "");
  std::string cluster = joined() ? parts_.keeper->file().cluster : present().cluster;
  if (cluster.empty()) return refused("nothing was ever applied: there is nothing to keep", "");
  const EngineContent content = content_of(*listed, cluster);
  return data({{"backup", backup_text(content)},
               {"cluster", cluster},
               {"entries", content.entries.size()},
               {"revision", listed->revision.count}});
}

Answer ClusterService::restore(const std::string& body, const std::string& who) {
  const std::lock_guard lock(one_at_a_time_);
  const auto json = object(body);
  if (!json) return no_request("{\"backup\"}");
  auto content = read_backup(text_of(*json, "backup"));
  if (!content) return bad_input(content.error(), "a file that `haven cluster backup` wrote");
  if (joined() && parts_.keeper->file().cluster != content->cluster)
    return refused(
        "the backup is of cluster " + content->cluster + ", this engine is of " + parts_.keeper->file().cluster,
        "haven cluster init --name " + content->cluster);
  auto reader = PatientEngine::open(parts_.open_engine);
  if (!reader) return refused(reader.error(), "");
  const auto listed = reader->list(codec::Assembler::kRoot);
  if (!listed) return refused(listed.error(), "");
  for (const auto& cluster : clusters_in(*listed))
    return refused("the engine is not empty: cluster " + cluster + " stands in it", "a new engine");
  const Epoch known = joined() ? parts_.keeper->file().epoch : Epoch{};
  const Epoch epoch{std::max(known, content->epoch).count + 1};
  auto engine = PatientEngine::open(parts_.open_engine);
  if (!engine) return refused(engine.error(), "");
  const std::size_t entries = content->entries.size();
  const std::string cluster = content->cluster;
  const EngineNews news{"restored", "",
                        fmt::format("{} records of a backup go on, in epoch {}: haven cluster restore, by {}", entries,
                                    epoch.count, asked_by(*json, who))};
  if (auto written = write_content(*engine, made_anew(std::move(*content), epoch),
                                   {entry_of(cluster, parts_.config.host.str(), news)});
      !written)
    return refused(written.error(), "");
  if (joined()) parts_.keeper->nudge();
  return data({{"cluster", cluster}, {"entries", entries}, {"epoch", epoch.count}});
}

// ---- what other machines ask ----

std::string ClusterService::answer_door(const std::string& path, const std::string& body) {
  if (path == "/v1/join" && joined() && parts_.runtime != nullptr) return answer_join(body);
  if (path == "/v1/hello" && joined()) return answer_hello(body);
  return {};
}

std::string ClusterService::answer_join(const std::string& body) {
  const std::lock_guard lock(one_at_a_time_);
  const auto outer = object(body);
  const auto invitation = outer ? invitations_.find(text_of(*outer, "id")) : std::nullopt;
  const auto opened =
      invitation ? unseal(invitation->secret, Direction::request, text_of(*outer, "box")) : std::nullopt;
  const auto inner = opened ? object(*opened) : std::nullopt;
  // Strangers learn nothing, not even which half was wrong.
  if (!inner)
    return Json{
        {"error", "the join secret is not known here: it was used, is older than an hour, or is another host's"}}
        .dump();
  const auto reply = [&](const Json& json) {
    return Json{{"box", seal(invitation->secret, Direction::reply, json.dump())}}.dump();
  };
  const std::string name = text_of(*inner, "name");
  const std::string address = text_of(*inner, "address");
  const bool witness = flag_of(*inner, "witness");
  if (auto seated = seat(name, address, witness, invitation->by); !seated) return reply({{"error", seated.error()}});
  const auto key = keep_or_make_key(parts_.config.heartbeat_key);
  if (!key) return reply({{"error", key.error()}});
  if (!invitations_.use_up(invitation->id)) return reply({{"error", "the join secret was used meanwhile"}});
  const MemberFile file = parts_.keeper->file();
  parts_.keeper->nudge();
  return reply({{"cluster", file.cluster},
                {"token", file.token},
                {"endpoints", file.endpoints},
                {"epoch", file.epoch.count},
                {"key", base64(*key)}});
}

tl::expected<void, std::string> ClusterService::seat(const std::string& name, const std::string& address, bool witness,
                                                     const std::string& by) {
  const MemberFile file = parts_.keeper->file();
  if (!codec::is_name(name)) return tl::unexpected("\"" + name + "\" is no name of a host");
  const Present now = present();
  if (now.spec != nullptr) {
    const bool is_witness = now.spec->cluster.witness == name;
    const Host* host = now.spec->host(HostName(name));
    if (witness && !is_witness)
      return tl::unexpected(
          "the cluster file " +
          (now.spec->cluster.witness.empty() ? "names no witness" : "calls its witness " + now.spec->cluster.witness) +
          ", not " + name + ": witness = \"" + name + "\" in [cluster], apply it, then join");
    if (!witness && host == nullptr)
      return tl::unexpected(name + " is no host of the cluster file: add its [[host]], apply the file, then join");
  }
  const auto around = parts_.keeper->look_around();
  if (!around) return tl::unexpected(around.error());
  Revision mod;
  std::string before;  // the witness in whose place it comes
  for (const auto& [other, known] : around->records.seats) {
    if (witness && known.seat.witness && other != name && !known.seat.left) before = other;
    if (other == name) mod = known.mod;
    if (other == name && now.up.contains(name) && name != file.name && known.seat.address != address)
      return tl::unexpected(name + " has joined from " + known.seat.address +
                            " and is up: a machine of that name is enough");
    if (other == name && name == file.name) return tl::unexpected(name + " is this host's own name");
    if (other != name && known.seat.address == address && !known.seat.left)
      return tl::unexpected(fmt::format("{} is where {} has joined from", address, other));
  }
  const SeatRecord record{address, witness, false};
  const std::string key = engine_key::seat(file.cluster, name);
  const EngineNews news{"joined", name,
                        fmt::format("{} has joined {}from {}, invited by {}{}", name, witness ? "as the witness " : "",
                                    address, by, before.empty() ? "" : fmt::format(", in place of {}", before))};
  const auto done = parts_.keeper->admin().commit(
      around->endpoint, {{{key, mod}}, {port::Put{key, encode(record), {}}, entry_of(file.cluster, file.name, news)}},
      kAdminTimeout);
  if (done.outcome == port::Outcome::committed) return {};
  return tl::unexpected("the engine did not take it: " +
                        (done.message.empty() ? "somebody else wrote meanwhile" : done.message));
}

std::string ClusterService::answer_hello(const std::string& body) {
  const auto key = read_file(parts_.config.heartbeat_key);
  const auto opened = key ? unseal(*key, Direction::request, body) : std::nullopt;
  if (!opened) return {};
  const MemberFile file = parts_.keeper->file();
  // The question's own words come back, so that an old answer is no answer.
  return seal(*key, Direction::reply,
              Json{{"echo", *opened},
                   {"name", file.name},
                   {"epoch", file.epoch.count},
                   {"engine", parts_.keeper->look_around().has_value()}}
                  .dump());
}

}  // namespace haven::daemon

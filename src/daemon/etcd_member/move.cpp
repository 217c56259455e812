#include "daemon/etcd_member/move.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "adapter/etcd/admin.hpp"
#include "adapter/etcd/etcd_engine.hpp"
#include "adapter/sqlite/sqlite_engine.hpp"
#include "daemon/etcd_member/engine_copy.hpp"
#include "daemon/etcd_member/engine_news.hpp"
#include "daemon/etcd_member/etcd_plan.hpp"
#include "daemon/etcd_member/local_file.hpp"
#include "daemon/etcd_member/seats.hpp"
#include "daemon/json_fields.hpp"

namespace haven::daemon {

template <class Io>
void describe(Io& io, typename Io::template Ref<MoveOrder> o) {
  io.field("cluster", o.cluster);
  io.field("address", o.address);
  io.field("by", o.by);
}

namespace {

namespace fs = std::filesystem;

constexpr Duration kFirstAnswer = 30s;
constexpr auto kLook = std::chrono::milliseconds(100);

std::string order_path(const std::string& state_dir) { return state_dir + "/move.json"; }
std::string failed_path(const std::string& state_dir) { return state_dir + "/move.failed"; }
std::string database_path(const std::string& state_dir) { return state_dir + "/haven.db"; }

OrWhy<EngineContent> read_embedded(const std::string& state_dir, const std::string& cluster) {
  auto old = PatientEngine::open(
      [&](port::EngineSink sink) { return adapter::open_sqlite_engine(database_path(state_dir), std::move(sink)); });
  if (!old) return tl::unexpected(old.error());
  const auto listed = old->list("");
  if (!listed) return tl::unexpected(listed.error());
  for (const auto& name : clusters_in(*listed))
    if (name != cluster) return tl::unexpected("the cluster here is called " + name + ", not " + cluster);
  return content_of(*listed, cluster);
}

OrWhy<void> copy_to(const std::string& endpoint, const std::optional<adapter::EtcdTls>& tls,
                    const EngineContent& content, const MemberFile& file, const std::string& by) {
  const auto open = [&] {
    return PatientEngine::open([&](port::EngineSink sink) {
      return adapter::open_etcd_engine({{endpoint}, tls}, std::move(sink));
    });
  };
  auto next = open();
  if (!next) return tl::unexpected(next.error());
  if (auto copied = write_content(*next, content); !copied) return copied;
  auto check = open();
  if (!check) return tl::unexpected(check.error());
  const auto listed = check->list(engine_key::of(file.cluster, ""));
  if (!listed) return tl::unexpected(listed.error());
  if (content_of(*listed, file.cluster).entries != content.entries)
    return tl::unexpected(std::string("the copy differs from what was copied"));
  const ToldMembers told{{adapter::etcd_voter_id(file.member), {file.name, true}}};
  const EngineNews news{
      "init", file.name,
      fmt::format("the engine moved from {}'s file to etcd, where it alone votes: haven cluster init, by {}", file.name,
                  by)};
  const auto seat = next->commit(
      {{},
       {port::Put{engine_key::seat(file.cluster, file.name), encode(SeatRecord{file.address}), {}},
        port::Put{engine_key::members(file.cluster), encode(told), {}}, entry_of(file.cluster, file.name, news)}});
  if (seat.outcome != port::Outcome::committed) return tl::unexpected("the engine did not take it: " + seat.message);
  return {};
}

OrWhy<Moved> move_now(const file::LocalConfig& config, const MoveOrder& order, const std::string& config_path) {
  const std::string& dir = config.state_dir;
  Moved moved;
  moved.file.cluster = order.cluster;
  moved.file.token = random_id();
  moved.file.name = config.host.str();
  moved.file.address = order.address;
  const std::string endpoint = client_url(order.address, config.tls.has_value());
  moved.file.endpoints = {endpoint};
  // Found out before anything is begun.
  const auto text = read_file(config_path);
  if (!text) return tl::unexpected(text.error());
  if (auto can = with_engine(*text, file::EngineKind::etcd, config_path); !can) return tl::unexpected(can.error());
  if (auto gone = discard_etcd_data(dir); !gone) return tl::unexpected(gone.error());
  if (auto can = etcd_can_start(dir, order.address); !can) return tl::unexpected(can.error());
  if (auto key = keep_or_make_key(config.heartbeat_key); !key) return tl::unexpected(key.error());
  const auto content = read_embedded(dir, order.cluster);
  if (!content) return tl::unexpected(content.error());
  moved.file.epoch = content->epoch;

  EtcdPlan plan{moved.file.name, order.address, etcd_folder(dir), moved.file.token, {}, false, false, config.tls};
  plan.members = {{moved.file.name, peer_url(order.address, config.tls.has_value())}};
  if (auto written = replace_file_durably(etcd_config_path(dir), etcd_config(plan)); !written)
    return tl::unexpected(written.error());
  const auto admin = adapter::EtcdAdmin::open(tls_of(config));
  if (!admin) return tl::unexpected(admin.error());
  const auto program = find_etcd();
  if (!program) return tl::unexpected(program.error());
  moved.process = std::make_unique<EtcdProcess>(*program, etcd_config_path(dir), etcd_log_path(dir));
  const auto member = wait_for_member(**admin, endpoint, *moved.process);
  if (!member) return tl::unexpected(member.error());
  moved.file.member = *member;
  if (auto copied = copy_to(endpoint, tls_of(config), *content, moved.file, order.by); !copied)
    return tl::unexpected(copied.error());
  if (auto written = write_member_file(dir, moved.file); !written) return tl::unexpected(written.error());
  // From here on the new engine counts.
  if (auto set = set_engine(config_path, file::EngineKind::etcd); !set) {
    (void)replace_file_durably(config_path, *text, mode_of(config_path));
    return tl::unexpected(set.error());
  }
  return moved;
}

// The old file is kept: it is small, and an operator may want to look.
void put_old_engine_aside(const std::string& state_dir) {
  std::error_code ignored;
  for (const char* suffix : {"", "-wal", "-shm"})
    fs::rename(database_path(state_dir) + suffix, state_dir + "/haven.db.moved" + suffix, ignored);
}

}  // namespace

std::optional<adapter::EtcdTls> tls_of(const file::LocalConfig& config) {
  if (!config.tls) return std::nullopt;
  return adapter::EtcdTls{config.tls->ca, config.tls->cert, config.tls->key};
}

OrWhy<std::uint64_t> wait_for_member(adapter::EtcdAdmin& admin, const std::string& endpoint,
                                     const EtcdProcess& process) {
  const auto deadline = std::chrono::steady_clock::now() + kFirstAnswer;
  std::string why = "it does not answer";
  while (std::chrono::steady_clock::now() < deadline) {
    const auto status = admin.status(endpoint, 1s);
    if (status && status->leader == status->member) return status->member;
    if (!status) why = status.error().why;
    const auto state = process.state();
    if (!state.running && state.ends > 0) return tl::unexpected("etcd ended: " + state.why);
    // etcd tells nobody when it is ready but by answering.
    std::this_thread::sleep_for(kLook);
  }
  return tl::unexpected("etcd does not answer: " + why);
}

OrWhy<void> order_move(const std::string& state_dir, const MoveOrder& order) {
  ::unlink(failed_path(state_dir).c_str());
  return replace_file_durably(order_path(state_dir), codec::Writer::json_of(order).dump() + "\n");
}

std::string failed_move(const std::string& state_dir) {
  const auto text = read_file(failed_path(state_dir));
  return text ? text->substr(0, text->find('\n')) : std::string();
}

OrWhy<std::optional<Moved>> move_if_ordered(const file::LocalConfig& config, const std::string& config_path) {
  const std::string path = order_path(config.state_dir);
  const auto text = read_file(path);
  if (!text) return std::nullopt;
  if (config.engine == file::EngineKind::etcd) {
    // Broken off after the new engine counted: what was left to do is to tidy up.
    put_old_engine_aside(config.state_dir);
    ::unlink(path.c_str());
    return std::nullopt;
  }
  MoveOrder order;
  std::string problem;
  const auto json = codec::Json::parse(*text, nullptr, false);
  codec::Reader reader(json, problem);
  if (problem.empty()) describe(reader, order);
  reader.finish();
  auto moved =
      problem.empty() ? move_now(config, order, config_path) : OrWhy<Moved>(tl::unexpected(path + ": " + problem));
  if (moved) {
    put_old_engine_aside(config.state_dir);
    ::unlink(path.c_str());
    return std::optional(std::move(*moved));
  }
  (void)discard_etcd_data(config.state_dir);
  ::unlink(member_file_path(config.state_dir).c_str());
  (void)replace_file_durably(failed_path(config.state_dir), moved.error() + "\n");
  ::unlink(path.c_str());
  return tl::unexpected(moved.error());
}

}  // namespace haven::daemon

#include "daemon/etcd_member/recovery.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "core/model/wording.hpp"
#include "daemon/codec.hpp"
#include "daemon/etcd_member/engine_copy.hpp"
#include "daemon/etcd_member/engine_news.hpp"
#include "daemon/etcd_member/etcd_plan.hpp"
#include "daemon/etcd_member/move.hpp"
#include "daemon/etcd_member/seats.hpp"
#include "daemon/etcd_member/survey.hpp"
#include "daemon/json_fields.hpp"
#include "daemon/mailbox.hpp"

namespace haven::daemon {

template <class Io>
void describe(Io& io, typename Io::template Ref<RecoveryOrder> o) {
  io.field("lost", o.lost);
  io.field("by", o.by);
}

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostOperations = 60;

std::string order_path(const std::string& state_dir) { return state_dir + "/recover.json"; }

// The records of one cluster, decoded where the recovery has to understand them.
class Content {
 public:
  Content(const port::Listed& listed, std::string cluster) : cluster_(std::move(cluster)) {
    const std::string root = engine_key::of(cluster_, "");
    for (const auto& entry : listed.entries)
      if (entry.key.starts_with(root)) entries_.emplace(entry.key.substr(root.size()), entry);
  }
  [[nodiscard]] const std::map<std::string, port::KeyValue>& entries() const { return entries_; }
  template <class R>
  [[nodiscard]] std::optional<R> read(const std::string& path) const {
    const auto it = entries_.find(path);
    if (it == entries_.end()) return std::nullopt;
    const auto record = codec::decode(path, it->second.value);
    const R* found = record ? std::get_if<R>(&*record) : nullptr;
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  // Every boot of this host that a record names.
  [[nodiscard]] std::set<Incarnation> boots_of(const std::string& host) const {
    std::set<Incarnation> boots;
    if (const auto member = read<MemberRecord>("member/" + host)) boots.insert(member->incarnation);
    if (const auto status = read<StatusRecord>("status/" + host)) boots.insert(status->incarnation);
    for (const auto& [path, entry] : entries_) {
      if (!path.starts_with("claim/")) continue;
      if (const auto claim = read<ClaimRecord>(path); claim && claim->host.str() == host)
        boots.insert(claim->incarnation);
    }
    return boots;
  }

 private:
  std::string cluster_;
  std::map<std::string, port::KeyValue> entries_;
};

// Transactions that fit, each resting on what it replaces.
class Writer {
 public:
  Writer(adapter::EtcdAdmin& admin, std::string endpoint, std::string cluster, const Content& content)
      : admin_(admin), endpoint_(std::move(endpoint)), cluster_(std::move(cluster)), content_(content) {}

  void write(const std::string& path, std::optional<std::string> value) {
    const std::string key = engine_key::of(cluster_, path);
    const auto it = content_.entries().find(path);
    batch_.compares.push_back({key, it == content_.entries().end() ? Revision{} : it->second.mod});
    if (value) {
      batch_.operations.emplace_back(port::Put{key, std::move(*value), {}});
    } else {
      batch_.operations.emplace_back(port::Delete{key});
    }
    if (batch_.operations.size() >= kMostOperations) flush();
  }
  // Of a key that nobody can have written.
  void add(port::Operation operation) {
    batch_.operations.push_back(std::move(operation));
    if (batch_.operations.size() >= kMostOperations) flush();
  }
  void flush() {
    if (batch_.operations.empty() || !trouble_.empty()) return;
    const auto done = admin_.commit(endpoint_, batch_, kAdminTimeout);
    batch_ = {};
    if (done.outcome != port::Outcome::committed)
      trouble_ =
          "the recovered engine did not take it: " + (done.message.empty() ? "it changed meanwhile" : done.message);
  }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  adapter::EtcdAdmin& admin_;
  std::string endpoint_, cluster_;
  const Content& content_;
  port::Transaction batch_;
  std::string trouble_;
};

void prove_lost(Writer& writer, const Content& content, const MemberFile& file, const RecoveryOrder& order) {
  for (const auto& host : order.lost) {
    for (const auto& boot : content.boots_of(host)) {
      FenceRecord proof;
      proof.state = FenceState::proved;
      proof.proof = ProofKind::operator_word;
      proof.by = order.by;
      proof.at = read_clocks().wall;
      writer.write(path::fence(HostName(host), boot), codec::encode(proof));
    }
    writer.add(
        entry_of_proof(file.cluster, file.name, host, fmt::format("haven cluster recover --lost, by {}", order.by)));
    const std::string seat = "engine/seat/" + host;
    if (const auto it = content.entries().find(seat); it != content.entries().end()) {
      auto json = codec::Json::parse(it->second.value, nullptr, false);
      if (!json.is_object()) continue;
      json["left"] = true;
      writer.write(seat, json.dump());
    }
  }
}

// Frozen from the first transaction to the last: nobody decides on half a recovery.
OrWhy<Epoch> make_content_anew(adapter::EtcdAdmin& admin, const std::string& endpoint, const MemberFile& file,
                               std::uint64_t member, const RecoveryOrder& order) {
  const auto listed = admin.read(endpoint, engine_key::of(file.cluster, ""), kAdminTimeout);
  if (!listed) return tl::unexpected(listed.error().why);
  const Content content(*listed, file.cluster);
  const auto stored = content.read<EpochRecord>(path::kEpoch);
  const Epoch epoch{std::max(file.epoch, stored ? stored->epoch : Epoch{}).count + 1};
  const std::string by = "haven cluster recover";
  const auto frozen = content.read<FreezeRecord>(path::kFreeze);
  const bool ours = !frozen || frozen->by == by;
  Writer writer(admin, endpoint, file.cluster, content);
  writer.write(path::kEpoch, codec::encode(EpochRecord{epoch}));
  if (ours) writer.write(path::kFreeze, codec::encode(FreezeRecord{by}));
  for (const auto& [path, entry] : content.entries()) {
    const bool bound = path == path::kLeader || path.starts_with("member/") || path == "engine/change";
    if (bound) writer.write(path, std::nullopt);
  }
  writer.flush();
  for (const auto& [path, entry] : content.entries()) {
    if (!path.starts_with("claim/")) continue;
    if (auto anew = claim_made_anew(entry.value, epoch)) writer.write(path, std::move(anew));
  }
  prove_lost(writer, content, file, order);
  const ToldMembers told{{adapter::etcd_voter_id(member), {file.name, true}}};
  writer.write("engine/members", encode(told));
  writer.add(entry_of(
      file.cluster, file.name,
      {"recovered", file.name,
       fmt::format(
           "the engine goes on from {}'s copy, where it alone votes, in epoch {}{}: haven cluster recover, by {}",
           file.name, epoch.count, order.lost.empty() ? "" : "; called lost: " + with_commas(order.lost), order.by)}));
  writer.flush();
  if (!writer.trouble().empty()) return tl::unexpected(writer.trouble());
  if (ours) {
    const auto done =
        admin.commit(endpoint, {{}, {port::Delete{engine_key::of(file.cluster, path::kFreeze)}}}, kAdminTimeout);
    if (done.outcome != port::Outcome::committed) return tl::unexpected("it stays frozen: " + done.message);
  }
  return epoch;
}

// As it was found, for whoever has to look later; the first attempt's counts.
OrWhy<void> keep_copy(const std::string& state_dir) {
  const std::string aside = etcd_folder(state_dir) + ".before-recovery";
  std::error_code error;
  if (fs::exists(aside)) return {};
  const std::string half = aside + ".new";
  fs::remove_all(half, error);
  fs::copy(etcd_folder(state_dir), half, fs::copy_options::recursive, error);
  if (!error) fs::rename(half, aside, error);
  if (error) return tl::unexpected(aside + ": " + error.message());
  return {};
}

OrWhy<MemberFile> recover_now(const file::LocalConfig& config, const MemberFile& file, const RecoveryOrder& order) {
  if (auto kept = keep_copy(config.state_dir); !kept) return tl::unexpected(kept.error());

  const bool tls = config.tls.has_value();
  const std::string endpoint = client_url(file.address, tls);
  EtcdPlan plan{file.name, file.address, etcd_folder(config.state_dir), file.token, {}, false, true, config.tls};
  plan.members = {{file.name, peer_url(file.address, tls)}};
  if (auto written = replace_file_durably(etcd_config_path(config.state_dir), etcd_config(plan)); !written)
    return tl::unexpected(written.error());
  const auto admin = adapter::EtcdAdmin::open(tls_of(config));
  if (!admin) return tl::unexpected(admin.error());
  const auto program = find_etcd();
  if (!program) return tl::unexpected(program.error());
  MemberFile next = file;
  {
    // Ends with this: started once more with the same words, it would throw new members out.
    const EtcdProcess process(*program, etcd_config_path(config.state_dir), etcd_log_path(config.state_dir));
    const auto member = wait_for_member(**admin, endpoint, process);
    if (!member) return tl::unexpected(member.error());
    next.member = *member;
    next.endpoints = {endpoint};
    const auto epoch = make_content_anew(**admin, endpoint, file, *member, order);
    if (!epoch) return tl::unexpected(epoch.error());
    next.epoch = *epoch;
  }
  if (auto written = write_member_file(config.state_dir, next); !written) return tl::unexpected(written.error());
  return next;
}

// As if nothing had been tried.
void put_copy_back(const std::string& state_dir) {
  const std::string aside = etcd_folder(state_dir) + ".before-recovery";
  std::error_code ignored;
  if (!fs::exists(aside) || !discard_etcd_data(state_dir)) return;
  fs::rename(aside, etcd_folder(state_dir), ignored);
}

}  // namespace

OrWhy<void> order_recovery(const std::string& state_dir, const RecoveryOrder& order) {
  std::error_code ignored;
  fs::remove_all(etcd_folder(state_dir) + ".before-recovery", ignored);
  return replace_file_durably(order_path(state_dir), codec::Writer::json_of(order).dump() + "\n");
}

OrWhy<std::optional<MemberFile>> recover_if_ordered(const file::LocalConfig& config, const MemberFile& file) {
  const std::string path = order_path(config.state_dir);
  const auto text = read_file(path);
  if (!text) return std::nullopt;
  RecoveryOrder order;
  std::string problem;
  const auto json = codec::Json::parse(*text, nullptr, false);
  codec::Reader reader(json, problem);
  if (problem.empty()) describe(reader, order);
  reader.finish();
  if (!problem.empty()) return tl::unexpected(path + ": " + problem);
  auto recovered = recover_now(config, file, order);
  ::unlink(path.c_str());
  if (recovered) return *recovered;
  put_copy_back(config.state_dir);
  return tl::unexpected(recovered.error());
}

OrWhy<Roll> call_the_roll(adapter::EtcdAdmin& admin, const MemberFile& file, bool tls,
                          const std::shared_ptr<const Spec>& spec) {
  const std::string own = client_url(file.address, tls);
  const auto listed = admin.read(own, engine_key::folder(file.cluster), kAdminTimeout, false);
  if (!listed) return tl::unexpected("this host's own copy of the engine cannot be read: " + listed.error().why);
  Roll roll;
  for (const auto& name : file.heard) roll.addresses[name];
  if (spec) {
    for (const auto& host : spec->hosts) roll.addresses[host.name.str()] = host.address;
    if (!spec->cluster.witness.empty()) roll.addresses[spec->cluster.witness];
  }
  for (const auto& [name, seat] : read_engine_records(file.cluster, *listed).seats)
    if (!seat.seat.left) roll.addresses[name] = seat.seat.address;
  roll.addresses.erase(file.name);
  return roll;
}

}  // namespace haven::daemon

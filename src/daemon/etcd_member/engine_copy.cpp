#include "daemon/etcd_member/engine_copy.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "daemon/codec.hpp"
#include "daemon/etcd_member/sealed.hpp"
#include "daemon/etcd_member/seats.hpp"
#include "daemon/json_fields.hpp"
#include "daemon/spec_store.hpp"

namespace haven::daemon {

// As it stands in the file.
struct StoredContent {
  EngineContent content;
  std::map<std::string, std::string> boxed;  // values in base64: pieces of the file are cut anywhere
};
template <class Io>
void describe(Io& io, typename Io::template Ref<StoredContent> s) {
  io.field("cluster", s.content.cluster);
  io.field("epoch", s.content.epoch);
  io.field("entries", s.boxed);
}

namespace {

constexpr std::size_t kMostOperations = 100;
constexpr std::size_t kMostBytes = std::size_t{1} << 20;
const std::string kFirstWord = "haven-backup-1 ";
// There while a copy is being written.
const std::string kCopying = "engine/copying";
// Generations of one epoch never meet those of another: no claim is ever moved this often.
constexpr std::uint64_t kGenerationsOfAnEpoch = std::uint64_t{1} << 32;

bool lasts(const std::string& path) {
  const std::string kind = path.substr(0, path.find('/'));
  static const std::set<std::string> kLocal = {"status", "answer", "away", "member", "leader", "engine"};
  return !kLocal.contains(kind);
}

}  // namespace

struct PatientEngine::Inside {
  // Shared with the sink, which may be called until the engine has ended.
  struct Heard {
    std::mutex mutex;
    std::condition_variable arrived;
    std::optional<port::Listed> listed;
    std::optional<port::TransactionDone> done;
    std::string lost;
  };
  std::shared_ptr<Heard> heard = std::make_shared<Heard>();
  std::unique_ptr<port::Engine> engine;
  std::uint64_t calls = 0;
};

PatientEngine::PatientEngine(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
PatientEngine::PatientEngine(PatientEngine&&) noexcept = default;
PatientEngine::~PatientEngine() = default;

OrWhy<PatientEngine> PatientEngine::open(const OpenEngine& open) {
  auto inside = std::make_unique<Inside>();
  auto engine = open([heard = inside->heard](port::EngineEvent event) {
    const std::lock_guard lock(heard->mutex);
    if (auto* listed = std::get_if<port::Listed>(&event); listed != nullptr && !heard->listed)
      heard->listed = std::move(*listed);
    if (auto* done = std::get_if<port::TransactionDone>(&event)) heard->done = std::move(*done);
    if (auto* lost = std::get_if<port::WatchLost>(&event)) heard->lost = lost->message;
    heard->arrived.notify_all();
  });
  if (!engine) return tl::unexpected(engine.error());
  inside->engine = std::move(*engine);
  return PatientEngine(std::move(inside));
}

OrWhy<port::Listed> PatientEngine::list(const std::string& prefix, Duration timeout) {
  inside_->engine->watch(prefix);
  auto& heard = *inside_->heard;
  std::unique_lock lock(heard.mutex);
  if (!heard.arrived.wait_for(lock, timeout, [&] { return heard.listed.has_value(); }))
    return tl::unexpected("the engine does not answer" + (heard.lost.empty() ? "" : ": " + heard.lost));
  return *heard.listed;
}

port::TransactionDone PatientEngine::commit(port::Transaction transaction, Duration timeout) {
  const CallId call{++inside_->calls};
  inside_->engine->commit(call, std::move(transaction), timeout);
  auto& heard = *inside_->heard;
  std::unique_lock lock(heard.mutex);
  // The port answers by the deadline; a little more for the thread that tells it.
  const bool came = heard.arrived.wait_for(lock, timeout + 5s, [&] { return heard.done && heard.done->call == call; });
  if (!came) return {call, port::Outcome::unknown, {}, "no answer"};
  return *std::exchange(heard.done, std::nullopt);
}

EngineContent content_of(const port::Listed& listed, const std::string& cluster) {
  EngineContent content;
  content.cluster = cluster;
  const std::string root = engine_key::of(cluster, "");
  for (const auto& entry : listed.entries) {
    if (!entry.key.starts_with(root) || entry.lease != port::LeaseId{}) continue;
    const std::string path = entry.key.substr(root.size());
    if (lasts(path)) content.entries[path] = entry.value;
    if (path != path::kEpoch) continue;
    const auto record = codec::decode(path, entry.value);
    if (const auto* epoch = record ? std::get_if<EpochRecord>(&*record) : nullptr) content.epoch = epoch->epoch;
  }
  return content;
}

std::vector<std::string> clusters_in(const port::Listed& listed) {
  std::set<std::string> names;
  for (const auto& entry : listed.entries) {
    if (!entry.key.starts_with(codec::Assembler::kRoot)) continue;
    const std::string rest = entry.key.substr(codec::Assembler::kRoot.size());
    const auto slash = rest.find('/');
    if (slash == std::string::npos) continue;
    const std::string path = rest.substr(slash + 1);
    if (path == path::kSpec || path.starts_with("claim/") || path.starts_with("fence/"))
      names.insert(rest.substr(0, slash));
  }
  return {names.begin(), names.end()};
}

std::optional<std::string> claim_made_anew(const std::string& value, Epoch epoch) {
  const auto record = codec::decode("claim/x", value);
  const auto* claim = record ? std::get_if<ClaimRecord>(&*record) : nullptr;
  if (claim == nullptr) return std::nullopt;
  ClaimRecord anew = *claim;
  anew.order = ClaimOrder::let_go;
  anew.move_to.reset();
  anew.generation.count += kGenerationsOfAnEpoch;
  anew.epoch = epoch;
  return codec::encode(anew);
}

EngineContent made_anew(EngineContent content, Epoch epoch) {
  content.epoch = epoch;
  content.entries[path::kEpoch] = codec::encode(EpochRecord{epoch});
  for (auto& [path, value] : content.entries) {
    if (!path.starts_with("claim/")) continue;
    // What cannot be read stays as it is: it holds its resource back until somebody has looked.
    if (auto anew = claim_made_anew(value, epoch)) value = std::move(*anew);
  }
  return content;
}

OrWhy<void> write_content(PatientEngine& engine, const EngineContent& content,
                          const std::vector<port::Operation>& beside) {
  const auto key = [&](const std::string& path) { return engine_key::of(content.cluster, path); };
  const std::string address = sha256_hex(backup_text(content));
  const auto listed = engine.list(key(""));
  if (!listed) return tl::unexpected(listed.error());
  Revision mark;
  bool holds = false;
  for (const auto& entry : listed->entries) {
    if (entry.key == key(kCopying) && entry.value == address) mark = entry.mod;
    const std::string path = entry.key.substr(key("").size());
    holds = holds || (lasts(path) && !path.starts_with(path::kNewJournal) && entry.lease == port::LeaseId{});
  }
  if (holds && mark == Revision{})
    return tl::unexpected("the engine is not empty: cluster " + content.cluster + " stands in it already");
  port::Transaction batch;
  std::size_t bytes = 0;
  const auto send = [&]() -> OrWhy<void> {
    const auto done = engine.commit(std::exchange(batch, {}));
    bytes = 0;
    if (done.outcome == port::Outcome::committed) return {};
    return tl::unexpected("the engine did not take the copy: " +
                          (done.message.empty() ? "somebody else wrote meanwhile" : done.message));
  };
  if (mark == Revision{}) {
    batch.compares = {{key(kCopying), {}}, {key(path::kSpec), {}}};
    batch.operations = {port::Put{key(kCopying), address, {}}};
    if (auto sent = send(); !sent) return sent;
  }
  for (const auto& [path, value] : content.entries) {
    if (path == path::kSpec) continue;
    if (batch.operations.size() >= kMostOperations || bytes + path.size() + value.size() > kMostBytes)
      if (auto sent = send(); !sent) return sent;
    bytes += path.size() + value.size();
    batch.operations.emplace_back(port::Put{key(path), value, {}});
  }
  if (!batch.operations.empty())
    if (auto sent = send(); !sent) return sent;
  const auto spec = content.entries.find(path::kSpec);
  batch.compares = {{key(path::kSpec), {}}};
  if (spec != content.entries.end()) batch.operations.emplace_back(port::Put{key(path::kSpec), spec->second, {}});
  batch.operations.emplace_back(port::Delete{key(kCopying)});
  batch.operations.insert(batch.operations.end(), beside.begin(), beside.end());
  return send();
}

std::string backup_text(const EngineContent& content) {
  StoredContent stored{content, {}};
  for (const auto& [path, value] : content.entries) stored.boxed[path] = base64(value);
  const std::string body = codec::Writer::json_of(stored).dump() + "\n";
  return kFirstWord + sha256_hex(body) + "\n" + body;
}

std::string backup_address(const std::string& text) {
  const auto line = text.find('\n');
  if (!text.starts_with(kFirstWord) || line == std::string::npos) return {};
  return text.substr(kFirstWord.size(), line - kFirstWord.size());
}

OrWhy<EngineContent> read_backup(const std::string& text) {
  const std::string address = backup_address(text);
  if (address.empty()) return tl::unexpected(std::string("this is no backup of an engine (haven cluster backup FILE)"));
  const std::string body = text.substr(text.find('\n') + 1);
  if (sha256_hex(body) != address)
    return tl::unexpected(std::string("the backup is damaged: its content does not match its checksum"));
  StoredContent stored;
  std::string problem;
  const auto json = codec::Json::parse(body, nullptr, false);
  codec::Reader reader(json, problem);
  if (problem.empty()) describe(reader, stored);
  reader.finish();
  for (const auto& [path, box] : stored.boxed) {
    const auto value = from_base64(box);
    if (!value && problem.empty()) problem = "\"" + path + "\" is no base64";
    if (value) stored.content.entries[path] = *value;
  }
  if (!problem.empty()) return tl::unexpected("the backup cannot be read: " + problem);
  return stored.content;
}

}  // namespace haven::daemon

#include "daemon/spec_store.hpp"

#include <openssl/evp.h>

#include <array>
#include <set>
#include <utility>

#include "daemon/codec.hpp"
#include "daemon/json_fields.hpp"

namespace haven::codec {

// spec/current.
struct Selection {
  std::string id;
  int chunks = 0;
};
template <class Io>
void describe(Io& io, typename Io::template Ref<Selection> s) {
  io.field("id", s.id);
  io.number("chunks", s.chunks, {1, static_cast<std::int64_t>(kMaxChunks)});
}

namespace {

const std::string kSpecFolder = "spec/";

std::string id_of(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) return {};
  constexpr std::size_t kUsed = 16;
  return hex_of({reinterpret_cast<const char*>(digest.data()), kUsed});
}

std::string chunk_path(const std::string& id, std::size_t n) { return kSpecFolder + id + "/" + std::to_string(n); }

// spec/<32 hex digits>/<n>
bool is_chunk(const std::string& path) {
  return path.starts_with(kSpecFolder) && path.size() > kSpecFolder.size() + 33 &&
         is_hex32(std::string_view(path).substr(kSpecFolder.size(), 32)) && path[kSpecFolder.size() + 32] == '/';
}

// {"prod", "spec/current"} of /haven/prod/spec/current
std::optional<std::pair<std::string, std::string>> split_key(const std::string& key) {
  if (!key.starts_with(Assembler::kRoot)) return std::nullopt;
  const auto slash = key.find('/', Assembler::kRoot.size());
  if (slash == std::string::npos) return std::nullopt;
  return std::pair(key.substr(Assembler::kRoot.size(), slash - Assembler::kRoot.size()), key.substr(slash + 1));
}

}  // namespace

tl::expected<CutDocument, std::string> cut(const SpecDocument& document) {
  const std::string bytes = write_document(document);
  const std::size_t count = (bytes.size() + kChunkBytes - 1) / kChunkBytes;
  if (count > kMaxChunks) {
    return tl::unexpected("the cluster file and its domains take " + std::to_string(bytes.size()) + " bytes, " +
                          std::to_string(kMaxChunks * kChunkBytes) + " fit");
  }
  CutDocument result;
  result.id = id_of(bytes);
  if (result.id.empty()) return tl::unexpected(std::string("the hash of the document cannot be computed"));
  for (std::size_t n = 0; n < count; ++n) {
    result.chunks.push_back({chunk_path(result.id, n), bytes.substr(n * kChunkBytes, kChunkBytes)});
  }
  result.current = Writer::json_of(Selection{result.id, static_cast<int>(count)}).dump();
  return result;
}

Assembler::Assembler(std::string cluster) : cluster_(std::move(cluster)), told_(!cluster_.empty()) {}

std::optional<std::string> Assembler::path_of(const std::string& key) const {
  if (cluster_.empty()) return std::nullopt;
  const auto parts = split_key(key);
  if (!parts || parts->first != cluster_) return std::nullopt;
  return parts->second;
}

void Assembler::learn_cluster(const std::vector<std::string>& keys) {
  if (!cluster_.empty()) return;
  std::set<std::string> names;
  for (const std::string& key : keys) {
    const auto parts = split_key(key);
    if (parts && parts->second == path::kSpec && is_name(parts->first)) names.insert(parts->first);
  }
  ambiguity_.clear();
  if (names.size() == 1) cluster_ = *names.begin();
  if (names.size() <= 1) return;
  ambiguity_ = "the engine holds several clusters:";
  for (const std::string& name : names) ambiguity_ += " " + name;
}

EngineListed Assembler::take(const port::Listed& listed) {
  if (!told_) cluster_.clear();
  pieces_.clear();
  stored_ = {};
  sendings_.clear();
  std::vector<std::string> keys;
  for (const auto& entry : listed.entries) {
    keys.push_back(entry.key);
    const auto parts = split_key(entry.key);
    if (parts && is_chunk(parts->second)) pieces_[entry.key] = entry.value;
  }
  learn_cluster(keys);
  EngineListed result{.entries = {}, .revision = listed.revision};
  for (const auto& entry : listed.entries) {
    const auto path = path_of(entry.key);
    if (!path) continue;
    if (auto record = record_of(*path, entry.value, entry.mod)) {
      result.entries.push_back({*path, std::move(*record), entry.mod});
    }
  }
  return result;
}

EngineChanged Assembler::take(const port::Changed& changed) {
  std::vector<std::string> keys;
  for (const auto& change : changed.changes) {
    const auto parts = split_key(change.key);
    if (!parts) continue;
    if (!change.deleted) keys.push_back(change.key);
    if (is_chunk(parts->second) && !change.deleted) pieces_[change.key] = change.value;
  }
  learn_cluster(keys);
  EngineChanged result{.changes = {}, .revision = changed.revision};
  for (const auto& change : changed.changes) {
    const auto path = path_of(change.key);
    if (!path) continue;
    if (change.deleted && path->starts_with(kSendings)) {
      sendings_.erase(path->substr(kSendings.size()));
    } else if (change.deleted) {
      stored_.chunks.erase(*path);
      if (*path == path::kSpec)
        stored_ = {.mod = {}, .id = {}, .document = nullptr, .chunks = std::move(stored_.chunks)};
      if (!is_chunk(*path)) result.changes.push_back({*path, std::nullopt, change.mod});
    } else if (auto record = record_of(*path, change.value, change.mod)) {
      result.changes.push_back({*path, std::move(*record), change.mod});
    }
  }
  // A commit that flips spec/current also deletes the pieces of the document before: only now are they of no use.
  for (const auto& change : changed.changes) {
    if (change.deleted) pieces_.erase(change.key);
  }
  return result;
}

std::optional<Record> Assembler::record_of(const std::string& path, const std::string& value, Revision mod) {
  if (path == path::kSpec) return assemble(value, mod);
  if (is_chunk(path)) {
    stored_.chunks[path] = mod;
    return std::nullopt;
  }
  if (path.starts_with(kSendings)) {
    sendings_[path.substr(kSendings.size())] = value;
    return std::nullopt;
  }
  return decode(path, value);
}

Record Assembler::assemble(const std::string& current, Revision mod) {
  stored_ = {.mod = mod, .id = {}, .document = nullptr, .chunks = std::move(stored_.chunks)};
  const Json json = Json::parse(current, nullptr, false);
  if (json.is_discarded()) return UnreadableRecord{"it is no JSON"};
  Selection selection;
  std::string problem;
  Reader reader(json, problem);
  describe(reader, selection);
  reader.finish();
  if (!problem.empty()) return UnreadableRecord{problem};
  if (read_ && read_id_ == selection.id) {
    stored_.id = read_id_;
    stored_.document = read_;
    return SpecRecord{read_->spec};
  }
  std::string bytes;
  for (int n = 0; n < selection.chunks; ++n) {
    const auto piece = pieces_.find(key(chunk_path(selection.id, static_cast<std::size_t>(n))));
    if (piece == pieces_.end()) return UnreadableRecord{"piece " + std::to_string(n) + " of the spec is missing"};
    bytes += piece->second;
  }
  if (id_of(bytes) != selection.id) return UnreadableRecord{"the pieces of the spec do not match their hash"};
  auto document = read_document(bytes);
  if (!document) return UnreadableRecord{"the spec: " + document.error()};
  read_id_ = stored_.id = selection.id;
  read_ = stored_.document = std::make_shared<const SpecDocument>(std::move(*document));
  return SpecRecord{read_->spec};
}

}  // namespace haven::codec

// How the operator's file stands in the engine (PROTOCOL E1): one document, cut into pieces that are named by the
// document's hash, and spec/current, which says which document counts. Pieces are written first, in as many
// transactions as they need; one transaction then flips spec/current.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/model/event.hpp"
#include "core/model/record.hpp"
#include "port/engine.hpp"

namespace haven::codec {

// What the operator applied: his words, and what they mean.
struct SpecDocument {
  std::string file_name;                       // as he called it
  std::string text;                            // of the cluster file
  std::map<std::string, std::string> domains;  // the domain XML files that it names: path as written there -> text
  std::shared_ptr<const Spec> spec;
};

inline constexpr std::size_t kChunkBytes = std::size_t{256} * 1024;
inline constexpr std::size_t kMaxChunks = 64;  // so that the flip can compare every piece in one transaction

struct Chunk {
  std::string path;
  std::string value;
};
struct CutDocument {
  std::string id;             // of the document; equal documents have equal ids
  std::vector<Chunk> chunks;  // in order
  std::string current;        // the value of spec/current that selects it
};
// The error says by how much the document is too large.
[[nodiscard]] tl::expected<CutDocument, std::string> cut(const SpecDocument& document);

// Strict and total, as codec::decode. The error says what is wrong.
[[nodiscard]] std::string write_document(const SpecDocument& document);
[[nodiscard]] tl::expected<SpecDocument, std::string> read_document(std::string_view bytes);

// What is stored now, for whoever wants to replace it.
struct StoredSpec {
  Revision mod;                                  // of spec/current; 0: nothing was ever applied
  std::string id;                                // empty: none, or unreadable
  std::shared_ptr<const SpecDocument> document;  // nullptr: none, or unreadable
  std::map<std::string, Revision> chunks;        // every piece that lies in the engine, of whatever document
};

// Turns what the engine tells into what the core understands: decodes each record, and puts the spec together.
// Watches all of /haven/: a host learns the cluster's name with its first spec. One thread.
class Assembler {
 public:
  static inline const std::string kRoot = "/haven/";
  static inline const std::string kSendings = "sending/";

  // `cluster` empty: the one whose spec is found. Keys of other clusters are ignored.
  explicit Assembler(std::string cluster);

  [[nodiscard]] EngineListed take(const port::Listed& listed);
  [[nodiscard]] EngineChanged take(const port::Changed& changed);
  // A commit of this host's own that wrote pieces or spec/current needs no word here: the watch brings it.

  [[nodiscard]] const StoredSpec& stored() const { return stored_; }
  // What stands in sending/<host>, by host, as it was written: the core is not told of it (daemon/sendings.hpp).
  [[nodiscard]] const std::map<std::string, std::string>& sendings() const { return sendings_; }
  // Empty: not known yet; nothing can be written before it is.
  [[nodiscard]] const std::string& cluster() const { return cluster_; }
  // Why no cluster is known although specs are there (more than one); empty: nothing is wrong.
  [[nodiscard]] const std::string& ambiguity() const { return ambiguity_; }
  // /haven/<cluster>/<path>
  [[nodiscard]] std::string key(const std::string& path) const { return kRoot + cluster_ + "/" + path; }

 private:
  std::optional<std::string> path_of(const std::string& key) const;
  void learn_cluster(const std::vector<std::string>& keys);
  std::optional<Record> record_of(const std::string& path, const std::string& value, Revision mod);
  Record assemble(const std::string& current, Revision mod);

  std::string cluster_;
  bool told_ = false;  // the name was given, not found
  std::string ambiguity_;
  std::map<std::string, std::string> pieces_;  // key -> value, of every cluster until the name is known
  StoredSpec stored_;
  std::map<std::string, std::string> sendings_;
  // The last document that was read: a listing that selects it again costs nothing.
  std::string read_id_;
  std::shared_ptr<const SpecDocument> read_;
};

}  // namespace haven::codec

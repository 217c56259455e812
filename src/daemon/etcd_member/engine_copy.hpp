// The engine's content as a whole: read at one revision, carried to another engine, kept in a file.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/ids.hpp"
#include "daemon/boot.hpp"
#include "port/engine.hpp"

namespace haven::daemon {

using OpenEngine = std::function<tl::expected<std::unique_ptr<port::Engine>, std::string>(port::EngineSink)>;

inline constexpr Duration kCopyTimeout = 10s;  // for one listing or transaction

// An engine whose callers wait.
class PatientEngine {
 public:
  [[nodiscard]] static OrWhy<PatientEngine> open(const OpenEngine& open);
  PatientEngine(PatientEngine&&) noexcept;
  PatientEngine& operator=(PatientEngine&&) = delete;
  ~PatientEngine();

  // Once.
  [[nodiscard]] OrWhy<port::Listed> list(const std::string& prefix, Duration timeout = kCopyTimeout);
  [[nodiscard]] port::TransactionDone commit(port::Transaction transaction, Duration timeout = kCopyTimeout);

 private:
  struct Inside;
  explicit PatientEngine(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

// What lasts: all keys of one cluster but those of leases, reports and answers (which speak of the engine they stand
// in), and what the engine keeps about its own members.
struct EngineContent {
  std::string cluster;
  Epoch epoch;
  std::map<std::string, std::string> entries;  // path below /haven/<cluster>/ -> value
};
[[nodiscard]] EngineContent content_of(const port::Listed& listed, const std::string& cluster);
// The clusters whose file or claims stand there.
[[nodiscard]] std::vector<std::string> clusters_in(const port::Listed& listed);

// As an engine made anew holds it (E3): the next epoch, and every claim let go, with a generation that nobody can have
// reached since. Nothing is then claimed before every host has reported what it runs, or is proved dead (C6).
[[nodiscard]] EngineContent made_anew(EngineContent content, Epoch epoch);
// A claim's value, made anew; nullopt: it cannot be read.
[[nodiscard]] std::optional<std::string> claim_made_anew(const std::string& value, Epoch epoch);

// Into an engine that holds nothing of this cluster. What counts (the file) is written last, so that a copy that was
// broken off is no cluster; doing it again with the same content goes on. `beside`: written with what counts. Entries
// of the journal alone make no cluster.
[[nodiscard]] OrWhy<void> write_content(PatientEngine& engine, const EngineContent& content,
                                        const std::vector<port::Operation>& beside = {});

// The file: a line with the checksum of the rest, which is its address too, then the content as JSON.
[[nodiscard]] std::string backup_text(const EngineContent& content);
[[nodiscard]] OrWhy<EngineContent> read_backup(const std::string& text);
// Of the file's first line; empty: it is no backup.
[[nodiscard]] std::string backup_address(const std::string& text);

}  // namespace haven::daemon

// The file of the embedded engine: entries with their revisions, one transaction at a time. No threads, no clock.
#pragma once

#include <sqlite3.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "port/engine.hpp"

namespace haven::adapter {

class Database {
 public:
  // What a transaction did; `changes` are in the order of its operations.
  struct Applied {
    port::Outcome outcome = port::Outcome::unknown;
    Revision revision;
    std::string message;
    std::vector<port::Change> changes;
  };

  [[nodiscard]] static tl::expected<Database, std::string> open(const std::string& path);

  Applied commit(const port::Transaction& transaction, const std::function<bool(port::LeaseId)>& lease_lives);
  // Deletes the keys of this lease (0: of every lease), all at one revision; none: nothing happens.
  Applied delete_keys_of(port::LeaseId lease);
  [[nodiscard]] tl::expected<port::Listed, std::string> list(const std::string& prefix);
  // nullopt: no such key.
  [[nodiscard]] tl::expected<std::optional<port::KeyValue>, std::string> get(const std::string& key);
  // How often the file was opened before; tells this process' leases from earlier ones'.
  [[nodiscard]] std::int64_t run() const { return run_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Close>;
  struct Error {
    std::string message;
  };
  struct Stored {
    Revision mod;
    Revision create;
  };

  [[nodiscard]] std::string failure(const std::string& doing) const;
  [[nodiscard]] tl::expected<void, std::string> execute(const char* sql);
  [[nodiscard]] tl::expected<void, std::string> prepare_file();
  [[nodiscard]] tl::expected<std::int64_t, std::string> number(const char* sql);
  [[nodiscard]] tl::expected<void, std::string> begin_run();
  [[nodiscard]] tl::expected<void, std::string> prepare_statements();

  // These throw Error, which never leaves this class.
  void must(const char* sql);
  Revision revision();
  Stored stored(const std::string& key);  // mod 0: no such key
  bool step(sqlite3_stmt* statement);     // true: a row
  Applied guarded(const std::function<Applied()>& body);
  Applied apply(const std::vector<port::Operation>& operations, Revision at);
  port::Change write(const port::Put& put, const Stored& before, Revision at);
  port::Change erase(const std::string& key, Revision at);

  std::unique_ptr<sqlite3, Close> db_;
  Statement revision_, set_revision_, find_, put_, delete_, list_, of_lease_;
  std::int64_t run_ = 0;
};

}  // namespace haven::adapter

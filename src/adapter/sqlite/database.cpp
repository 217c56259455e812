#include "adapter/sqlite/database.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "adapter/descriptor.hpp"

namespace haven::adapter {
namespace {

using port::Outcome;

constexpr std::int64_t kApplication = 0x48415645;  // "HAVE" in the file's header
constexpr std::int64_t kSchema = 1;

constexpr const char* kCreateSchema = R"(
  CREATE TABLE store(id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL, run INTEGER NOT NULL);
  INSERT INTO store VALUES(1, 1, 0);
  CREATE TABLE entry(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mod INTEGER NOT NULL,
                     created INTEGER NOT NULL, lease INTEGER NOT NULL);
  CREATE INDEX entry_of_lease ON entry(lease) WHERE lease <> 0;
  PRAGMA application_id = 1212241477;
  PRAGMA user_version = 1;
)";
static_assert(kApplication == 1212241477 && kSchema == 1);

// Resets a statement that was used, whichever way its scope is left: an open read would keep the transaction open.
class Use {
 public:
  explicit Use(sqlite3_stmt* statement) : statement_(statement) {}
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Use& bytes(int at, const std::string& value) {
    sqlite3_bind_blob64(statement_, at, value.data(), value.size(), SQLITE_STATIC);
    if (value.empty()) sqlite3_bind_zeroblob(statement_, at, 0);
    return *this;
  }
  Use& count(int at, std::int64_t value) {
    sqlite3_bind_int64(statement_, at, value);
    return *this;
  }
  [[nodiscard]] sqlite3_stmt* get() const { return statement_; }

 private:
  sqlite3_stmt* statement_;
};

std::string bytes_of(sqlite3_stmt* statement, int column) {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  return size == 0 ? std::string() : std::string(data, size);
}

// The first key after all that begin with `prefix`; empty: there is none.
std::string end_of(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

// SQLite would make the file readable for all. An existing one is not opened here: closing any descriptor of it would
// drop the locks that SQLite holds in this process.
void create_private(const std::string& path) {
  const Descriptor made(::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
}

}  // namespace

std::string Database::failure(const std::string& doing) const {
  const int code = sqlite3_errcode(db_.get());
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return doing + ": it is in use by another process";
  if (code == SQLITE_CORRUPT) return doing + ": the file is damaged (" + sqlite3_errmsg(db_.get()) + ")";
  if (code == SQLITE_NOTADB) return doing + ": it is not a database";
  return doing + ": " + sqlite3_errmsg(db_.get());
}

tl::expected<void, std::string> Database::execute(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return tl::unexpected(failure("cannot use it"));
}

tl::expected<std::int64_t, std::string> Database::number(const char* sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(db_.get(), sql, -1, &raw, nullptr) != SQLITE_OK) {
    return tl::unexpected(failure("cannot read it"));
  }
  const Statement statement(raw);
  if (sqlite3_step(raw) != SQLITE_ROW) return tl::unexpected(failure("cannot read it"));
  return sqlite3_column_int64(raw, 0);
}

tl::expected<Database, std::string> Database::open(const std::string& path) {
  create_private(path);
  Database database;
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  database.db_.reset(raw);
  if (code != SQLITE_OK) {
    const int error = raw == nullptr ? 0 : sqlite3_system_errno(raw);
    return tl::unexpected(path + ": cannot open it: " + (error != 0 ? std::strerror(error) : sqlite3_errstr(code)));
  }
  auto ready = database.prepare_file();
  if (ready) ready = database.begin_run();
  if (ready) ready = database.prepare_statements();
  if (!ready) return tl::unexpected(path + ": " + ready.error());
  const auto cleared = database.delete_keys_of(port::LeaseId{});
  if (cleared.outcome != Outcome::committed) return tl::unexpected(path + ": " + cleared.message);
  return database;
}

tl::expected<void, std::string> Database::prepare_file() {
  // The exclusive lock is taken by the first read and kept: no other process can write between two of our revisions.
  for (const char* sql :
       {"PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"}) {
    if (auto done = execute(sql); !done) return done;
  }
  const auto tables = number("SELECT count(*) FROM sqlite_schema");
  const auto application = number("PRAGMA application_id");
  const auto schema = number("PRAGMA user_version");
  for (const auto* read : {&tables, &application, &schema}) {
    if (!*read) return tl::unexpected(read->error());
  }
  if (*tables == 0) {
    auto made = execute("BEGIN IMMEDIATE");
    if (made) made = execute(kCreateSchema);
    if (made) made = execute("COMMIT");
    return made;
  }
  if (*application != kApplication) return tl::unexpected(std::string("it is a database, but not one of Haven's"));
  if (*schema != kSchema) {
    return tl::unexpected("its schema is version " + std::to_string(*schema) + ", this havend knows version " +
                          std::to_string(kSchema));
  }
  const auto problems = number("SELECT count(*) FROM pragma_quick_check(1) WHERE quick_check <> 'ok'");
  if (!problems) return tl::unexpected(problems.error());
  if (*problems != 0) return tl::unexpected(std::string("the file is damaged (PRAGMA quick_check)"));
  return {};
}

tl::expected<void, std::string> Database::begin_run() {
  if (auto done = execute("UPDATE store SET run = run + 1"); !done) return done;
  const auto run = number("SELECT run FROM store");
  if (!run) return tl::unexpected(run.error());
  run_ = *run;
  return {};
}

tl::expected<void, std::string> Database::prepare_statements() {
  const std::array<std::pair<Statement*, const char*>, 7> statements{{
      {&revision_, "SELECT revision FROM store"},
      {&set_revision_, "UPDATE store SET revision = ?1"},
      {&find_, "SELECT mod, created FROM entry WHERE key = ?1"},
      {&put_,
       "INSERT INTO entry VALUES(?1, ?2, ?3, ?3, ?4)"
       " ON CONFLICT(key) DO UPDATE SET value = ?2, mod = ?3, lease = ?4"},
      {&delete_, "DELETE FROM entry WHERE key = ?1"},
      {&list_,
       "SELECT key, value, mod, created, lease FROM entry WHERE key >= ?1 AND (?2 = x'' OR key < ?2) ORDER BY key"},
      {&of_lease_, "SELECT key FROM entry WHERE lease <> 0 AND (?1 = 0 OR lease = ?1) ORDER BY key"},
  }};
  for (const auto& [statement, sql] : statements) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) != SQLITE_OK) {
      return tl::unexpected(failure("cannot read it"));
    }
    statement->reset(raw);
  }
  return {};
}

void Database::must(const char* sql) {
  if (auto done = execute(sql); !done) throw Error{done.error()};
}

bool Database::step(sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  throw Error{failure("cannot use it")};
}

Revision Database::revision() {
  const Use use(revision_.get());
  if (!step(use.get())) throw Error{"the file is damaged: it has no revision"};
  return {sqlite3_column_int64(use.get(), 0)};
}

Database::Stored Database::stored(const std::string& key) {
  Use use(find_.get());
  use.bytes(1, key);
  if (!step(use.get())) return {};
  return {{sqlite3_column_int64(use.get(), 0)}, {sqlite3_column_int64(use.get(), 1)}};
}

// Runs `body` in one SQLite transaction, which lasts only if the outcome is committed.
Database::Applied Database::guarded(const std::function<Applied()>& body) {
  try {
    must("BEGIN IMMEDIATE");
    auto applied = body();
    must(applied.outcome == Outcome::committed && !applied.changes.empty() ? "COMMIT" : "ROLLBACK");
    return applied;
  } catch (const Error& error) {
    if (sqlite3_get_autocommit(db_.get()) == 0) sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    return {Outcome::unknown, {}, error.message, {}};
  }
}

Database::Applied Database::commit(const port::Transaction& transaction,
                                   const std::function<bool(port::LeaseId)>& lease_lives) {
  return guarded([&]() -> Applied {
    const auto at = revision();
    for (const auto& compare : transaction.compares) {
      if (stored(compare.key).mod != compare.mod) return {Outcome::conflict, at, {}, {}};
    }
    for (const auto& operation : transaction.operations) {
      const auto* put = std::get_if<port::Put>(&operation);
      if (put != nullptr && put->lease != port::LeaseId{} && !lease_lives(put->lease)) {
        return {Outcome::refused, {}, "no such lease: " + std::to_string(put->lease.id), {}};
      }
    }
    return apply(transaction.operations, at);
  });
}

Database::Applied Database::delete_keys_of(port::LeaseId lease) {
  return guarded([&] {
    std::vector<port::Operation> operations;
    {
      Use use(of_lease_.get());
      use.count(1, lease.id);
      while (step(use.get())) operations.push_back(port::Delete{bytes_of(use.get(), 0)});
    }
    return apply(operations, revision());
  });
}

Database::Applied Database::apply(const std::vector<port::Operation>& operations, Revision at) {
  const Revision next{at.count + 1};
  Applied applied{Outcome::committed, at, {}, {}};
  for (const auto& operation : operations) {
    const auto& key = std::visit([](const auto& o) -> const std::string& { return o.key; }, operation);
    const auto before = stored(key);
    if (const auto* put = std::get_if<port::Put>(&operation)) {
      applied.changes.push_back(write(*put, before, next));
    } else if (before.mod != Revision{}) {
      applied.changes.push_back(erase(key, next));
    }
  }
  if (applied.changes.empty()) return applied;
  Use use(set_revision_.get());
  step(use.count(1, next.count).get());
  applied.revision = next;
  return applied;
}

port::Change Database::write(const port::Put& put, const Stored& before, Revision at) {
  Use use(put_.get());
  step(use.bytes(1, put.key).bytes(2, put.value).count(3, at.count).count(4, put.lease.id).get());
  return {put.key, false, put.value, at, before.mod == Revision{} ? at : before.create, put.lease};
}

port::Change Database::erase(const std::string& key, Revision at) {
  Use use(delete_.get());
  step(use.bytes(1, key).get());
  return {key, true, {}, at, {}, {}};
}

tl::expected<port::Listed, std::string> Database::list(const std::string& prefix) {
  try {
    const auto end = end_of(prefix);
    port::Listed listed{{}, revision()};
    Use use(list_.get());
    use.bytes(1, prefix).bytes(2, end);
    while (step(use.get())) {
      auto* row = use.get();
      listed.entries.push_back({bytes_of(row, 0),
                                bytes_of(row, 1),
                                {sqlite3_column_int64(row, 2)},
                                {sqlite3_column_int64(row, 3)},
                                {sqlite3_column_int64(row, 4)}});
    }
    return listed;
  } catch (const Error& error) {
    return tl::unexpected(error.message);
  }
}

tl::expected<std::optional<port::KeyValue>, std::string> Database::get(const std::string& key) {
  auto listed = list(key);
  if (!listed) return tl::unexpected(listed.error());
  // In bytewise order, the key itself stands before all that begin with it.
  if (listed->entries.empty() || listed->entries.front().key != key) return std::optional<port::KeyValue>();
  return std::optional(std::move(listed->entries.front()));
}

}  // namespace haven::adapter

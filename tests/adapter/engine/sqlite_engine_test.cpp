#include "adapter/sqlite/sqlite_engine.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "adapter/engine/engine_contract.hpp"
#include "adapter/engine/folder.hpp"

namespace haven::test {
namespace {

class SqliteWorld final : public EngineWorld {
 public:
  std::unique_ptr<port::Engine> open(port::EngineSink sink) override {
    auto engine = adapter::open_sqlite_engine(folder_.file("engine.db"), std::move(sink));
    EXPECT_TRUE(engine) << engine.error();
    return engine ? std::move(*engine) : nullptr;
  }

 private:
  Folder folder_;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, EngineContract,
                         testing::Values(MakeWorld{"file", [] { return std::make_unique<SqliteWorld>(); }}),
                         MakeWorld::name_of);

struct SqliteEngineTest : testing::Test {
  Folder folder;
  std::string path = folder.file("engine.db");
  Session::Open open = [this](port::EngineSink sink) {
    auto engine = adapter::open_sqlite_engine(path, std::move(sink));
    EXPECT_TRUE(engine) << engine.error();
    return engine ? std::move(*engine) : nullptr;
  };
  std::string error_of_open() {
    auto engine = adapter::open_sqlite_engine(path, [](const port::EngineEvent&) {});
    EXPECT_FALSE(engine) << "opened";
    return engine ? "" : engine.error();
  }
  void sql(const std::string& statement) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, statement.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
};

TEST_F(SqliteEngineTest, RevisionsAndEntriesOutliveTheProcess) {
  Revision first;
  {
    Session session(open);
    session.put("a", "1");
    first = session.put("b", "1");
  }
  Session session(open);
  const auto view = session.watch("");
  EXPECT_EQ(view.entries.size(), 2u);
  EXPECT_EQ(view.revision, first);
  EXPECT_GT(session.put("c", "1"), first);
}

TEST_F(SqliteEngineTest, LeasesAndTheirKeysEndWithTheProcess) {
  port::LeaseId old;
  Revision before;
  {
    Session session(open);
    old = session.grant(3600s);
    session.put("stays", "1");
    session.put("goes", "1", old);
    before = session.put("goes too", "1", old);
  }
  Session session(open);
  const auto view = session.watch("");
  EXPECT_EQ(view.entries.size(), 1u);
  EXPECT_EQ(view.revision, Revision{before.count + 1}) << "one revision for all";
  EXPECT_FALSE(session.keep_alive(old).alive);
  EXPECT_NE(session.grant(60s), old) << "an id was used again";
  EXPECT_EQ(session.commit({{}, {Put{"b", "1", old}}}).outcome, Outcome::refused);
}

TEST_F(SqliteEngineTest, WhatWasAnsweredSurvivesAKill) {
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    auto engine = adapter::open_sqlite_engine(path, [fd = pipe_fds[1]](const port::EngineEvent& event) {
      const auto* done = std::get_if<port::TransactionDone>(&event);
      if (done != nullptr && ::write(fd, &done->revision, sizeof(Revision)) < 0) ::_exit(1);
    });
    for (std::uint64_t i = 1; i < 100; ++i) {
      (*engine)->commit(CallId{i}, {{}, {Put{"key" + std::to_string(i), "1", {}}}}, 10s);
    }
    ::pause();
  }
  ::close(pipe_fds[1]);
  Revision answered;
  for (int i = 0; i < 30; ++i) ASSERT_EQ(::read(pipe_fds[0], &answered, sizeof answered), ssize_t{sizeof answered});
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  while (::read(pipe_fds[0], &answered, sizeof answered) == ssize_t{sizeof answered}) {
  }
  ::close(pipe_fds[0]);
  Session session(open);
  const auto view = session.watch("");
  EXPECT_GE(view.revision, answered);
  EXPECT_EQ(static_cast<std::int64_t>(view.entries.size()), view.revision.count - 1) << "a commit was torn";
}

TEST_F(SqliteEngineTest, TheSameFileByAnotherNameIsTheSameStore) {
  Session session(open);
  session.watch("");
  const auto link = folder.file("link.db");
  std::filesystem::create_symlink(path, link);
  path = link;
  Session other(open);
  EXPECT_TRUE(session.wait_revision(other.put("a", "1")));
}

TEST_F(SqliteEngineTest, OnlyItsOwnerMayReadTheFile) {
  const Session session(open);
  struct stat file {};
  ASSERT_EQ(::stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
}

TEST_F(SqliteEngineTest, AMissingFolderIsNamed) {
  path = folder.file("none/engine.db");
  EXPECT_EQ(error_of_open(), path + ": cannot open it: No such file or directory");
}

TEST_F(SqliteEngineTest, WhatIsNoDatabaseIsNamed) {
  std::ofstream(path) << std::string(10000, 'x');
  EXPECT_EQ(error_of_open(), path + ": cannot use it: it is not a database");
}

TEST_F(SqliteEngineTest, ADamagedFileIsRefused) {
  {
    Session session(open);
    for (int i = 0; i < 200; ++i) session.send({{}, {Put{"key" + std::to_string(i), std::string(500, 'x'), {}}}});
    session.commit({});
  }
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    // A leaf that opening the file does not come by.
    file.seekp(4096L * 12);
    file << std::string(4096, '\x55');
  }
  EXPECT_NE(error_of_open().find("the file is damaged"), std::string::npos) << error_of_open();
}

TEST_F(SqliteEngineTest, AForeignDatabaseIsRefused) {
  sql("CREATE TABLE somebody(s)");
  EXPECT_EQ(error_of_open(), path + ": it is a database, but not one of Haven's");
}

TEST_F(SqliteEngineTest, ALaterSchemaIsRefused) {
  { const Session session(open); }
  sql("PRAGMA user_version = 7");
  EXPECT_EQ(error_of_open(), path + ": its schema is version 7, this havend knows version 1");
}

TEST_F(SqliteEngineTest, AFileInUseByAnotherProcessIsRefused) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    auto engine = adapter::open_sqlite_engine(path, [](const port::EngineEvent&) {});
    if (!engine || ::write(ready[1], "x", 1) != 1) ::_exit(1);
    ::pause();
  }
  ::close(ready[1]);
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::close(ready[0]);
  EXPECT_EQ(error_of_open(), path + ": cannot use it: it is in use by another process");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  Session session(open);
  EXPECT_EQ(session.commit({}).outcome, Outcome::committed) << "its lock went with it";
}

// A disk that a test can hang or break: the default VFS with another xSync.
class Disk {
 public:
  static Disk& instance() {
    static Disk disk;
    return disk;
  }
  void hang(bool on) {
    hangs_ = on;
    hangs_.notify_all();
  }
  void breaks(bool on) { breaks_ = on; }

 private:
  Disk() {
    real_ = sqlite3_vfs_find(nullptr);
    vfs_ = *real_;
    vfs_.zName = "test-disk";
    vfs_.xOpen = [](sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
      auto& disk = instance();
      const int code = disk.real_->xOpen(disk.real_, name, file, flags, out);
      if (code != SQLITE_OK || file->pMethods == nullptr) return code;
      disk.real_sync_ = file->pMethods->xSync;
      auto* methods = new sqlite3_io_methods(*file->pMethods);  // as long as the process: SQLite keeps the pointer
      methods->xSync = [](sqlite3_file* f, int how) {
        auto& d = instance();
        d.hangs_.wait(true);
        return d.breaks_ ? SQLITE_IOERR_FSYNC : d.real_sync_(f, how);
      };
      file->pMethods = methods;
      return code;
    };
    sqlite3_vfs_register(&vfs_, 1);
  }
  sqlite3_vfs* real_ = nullptr;
  sqlite3_vfs vfs_{};
  int (*real_sync_)(sqlite3_file*, int) = nullptr;
  std::atomic<bool> hangs_{false};
  std::atomic<bool> breaks_{false};
};

TEST_F(SqliteEngineTest, AHangingDiskDelaysNoDeadline) {
  auto& disk = Disk::instance();
  Session session(open);
  session.watch("");
  session.put("a", "1");
  disk.hang(true);
  const auto begun = std::chrono::steady_clock::now();
  const auto first = session.send({{}, {Put{"a", "2", {}}}}, 200ms);
  const auto queued = session.send({{}, {Put{"b", "2", {}}}}, 200ms);
  const auto read = session.send({}, 200ms);
  const auto keep = session.send_keep_alive({1}, 200ms);
  for (const auto call : {first, queued, read}) {
    EXPECT_EQ(session.answer<port::TransactionDone>(call).outcome, Outcome::unknown);
  }
  EXPECT_FALSE(session.answer<port::LeaseAnswer>(keep).reached);
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_GE(took, 200ms);
  EXPECT_LT(took, 1s);
  disk.hang(false);
  ASSERT_TRUE(session.wait_revision(session.put("c", "1")));
  const auto view = session.view();
  EXPECT_EQ(view.entries.at("a").value, "2") << "begun before its deadline: it may happen";
  EXPECT_FALSE(view.entries.contains("b")) << "begun after its deadline";
}

TEST_F(SqliteEngineTest, ADiskThatFailsMakesACommitUnknownAndNothingIsTold) {
  auto& disk = Disk::instance();
  Session session(open);
  session.watch("");
  const auto before = session.put("a", "1");
  disk.breaks(true);
  const auto done = session.commit({{}, {Put{"a", "2", {}}}});
  disk.breaks(false);
  EXPECT_EQ(done.outcome, Outcome::unknown);
  EXPECT_FALSE(done.message.empty());
  EXPECT_EQ(session.commit({{Compare{"a", before}}, {}}).outcome, Outcome::committed) << "it did not happen here";
  ASSERT_TRUE(session.wait_revision(session.put("a", "3")));
  EXPECT_EQ(session.view().changes.size(), 2u);
}

TEST_F(SqliteEngineTest, MoreCallsThanItHoldsAreRefusedAtOnce) {
  auto& disk = Disk::instance();
  Session session(open);
  session.put("a", "1");
  disk.hang(true);
  std::vector<CallId> calls;
  for (std::size_t i = 0; i < adapter::kMaxSqliteCalls + 10; ++i) {
    calls.push_back(session.send({{}, {Put{"a", "2", {}}}}));
  }
  EXPECT_EQ(session.answer<port::TransactionDone>(calls.back()).outcome, Outcome::refused);
  disk.hang(false);
  EXPECT_EQ(session.answer<port::TransactionDone>(calls.front()).outcome, Outcome::committed);
}

}  // namespace
}  // namespace haven::test

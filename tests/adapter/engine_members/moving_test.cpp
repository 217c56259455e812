// From the embedded engine to etcd, and everything that may stand in the way: then nothing has changed.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "adapter/engine_members/machines.hpp"
#include "adapter/sqlite/sqlite_engine.hpp"
#include "daemon/etcd_member/invitation.hpp"
#include "daemon/etcd_member/local_file.hpp"
#include "daemon/etcd_member/sealed.hpp"
#include "daemon/etcd_member/seats.hpp"
#include "private_mounts.hpp"

namespace haven::test {
namespace {

using namespace daemon;

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Moving : testing::Test {
  Moving() {
    config.host = HostName("h1");
    config.state_dir = folder.file("state");
    std::filesystem::create_directories(config.state_dir);
    config.heartbeat_key = folder.file("heartbeat.key");
    toml = folder.file("havend.toml");
    std::ofstream(toml) << kToml;
  }
  void fill() {
    auto engine = PatientEngine::open([&](port::EngineSink sink) {
      return adapter::open_sqlite_engine(config.state_dir + "/haven.db", std::move(sink));
    });
    ASSERT_TRUE(engine);
    for (int i = 0; i < 300; ++i) {
      const auto done =
          engine->commit({{}, {port::Put{"/haven/prod/claim/vm" + std::to_string(i), std::string(i, '\xff'), {}}}});
      ASSERT_EQ(done.outcome, port::Outcome::committed);
    }
    for (const char* path : {"spec/current", "status/h1", "away/h1"}) {
      const auto done = engine->commit({{}, {port::Put{std::string("/haven/prod/") + path, "x", {}}}});
      ASSERT_EQ(done.outcome, port::Outcome::committed);
    }
  }
  auto move(const std::string& cluster = "prod") {
    EXPECT_TRUE(order_move(config.state_dir, {cluster, address, "root"}));
    return move_if_ordered(config, toml);
  }
  void expect_nothing_changed(const std::string& why) {
    EXPECT_EQ(content(toml), kToml);
    EXPECT_FALSE(has_etcd_data(config.state_dir));
    EXPECT_EQ(::access(member_file_path(config.state_dir).c_str(), F_OK), -1);
    EXPECT_NE(failed_move(config.state_dir).find(why), std::string::npos) << failed_move(config.state_dir);
    const auto again = move_if_ordered(config, toml);
    EXPECT_TRUE(again && !*again) << "a move that failed is not tried again by itself";
  }

  static inline const std::string kToml = "# mine\nhost = \"h1\"   # here\n";
  Folder folder;
  file::LocalConfig config;
  std::string toml;
  std::string address = loopback_address(50);
};

TEST_F(Moving, CarriesEverythingThatLastsAndKeepsTheOldFile) {
  fill();
  const auto moved = move();
  ASSERT_TRUE(moved) << moved.error();
  ASSERT_TRUE(*moved);
  auto admin = adapter::EtcdAdmin::open({});
  const auto read = (*admin)->read((*moved)->file.endpoints.front(), "/haven/prod/", 5s);
  ASSERT_TRUE(read);
  auto entries = content_of(*read, "prod").entries;
  const auto told = std::erase_if(entries, [](const auto& e) { return e.first.starts_with(path::kNewJournal); });
  EXPECT_EQ(told, 1U) << "that it moved";
  EXPECT_EQ(entries.size(), 301U);
  EXPECT_EQ(entries.at("claim/vm299"), std::string(299, '\xff'));
  EXPECT_EQ(entries.count("status/h1"), 0U);
  EXPECT_EQ(content(toml), "engine = \"etcd\"\n" + kToml);
  EXPECT_EQ(read_engine_records("prod", *read).seats.at("h1").seat.address, address);
  EXPECT_EQ(::access((config.state_dir + "/haven.db.moved").c_str(), F_OK), 0);
  EXPECT_EQ(::access((config.state_dir + "/haven.db").c_str(), F_OK), -1);
  const auto& key = config.heartbeat_key;
  EXPECT_EQ(std::filesystem::status(key).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(Moving, AnAddressThatIsNotThisHostsChangesNothing) {
  fill();
  address = "192.0.2.1";
  EXPECT_FALSE(move());
  expect_nothing_changed("cannot listen at 192.0.2.1:2379");
}

TEST_F(Moving, AnotherClustersNameChangesNothing) {
  fill();
  EXPECT_FALSE(move("test"));
  expect_nothing_changed("the cluster here is called prod, not test");
}

TEST_F(Moving, WithoutEtcdNothingChanges) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nonexistent", 1);
  EXPECT_FALSE(move());
  ::setenv("PATH", path.c_str(), 1);
  expect_nothing_changed("etcd is not installed");
}

TEST_F(Moving, AFullDiskChangesNothing) {
  // In a mount namespace of this thread's own; the tests of this program run one in a process under ctest.
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_NE(test::make_mounts_private(), test::Root::unknown);
  ASSERT_EQ(::mount("tmpfs", config.state_dir.c_str(), "tmpfs", 0, "size=4m"), 0);
  EXPECT_FALSE(move());
  expect_nothing_changed("MiB are free");
}

TEST_F(Moving, AConfigurationNamedFromItsOwnFolderIsFound) {
  std::filesystem::current_path(folder.file(""));
  toml = "havend.toml";
  const auto moved = move();
  EXPECT_TRUE(moved) << moved.error();
  EXPECT_EQ(content(toml), "engine = \"etcd\"\n" + kToml);
}

TEST_F(Moving, AFileThatNoProgramShouldChangeIsLeftToItsOwner) {
  EXPECT_EQ(*with_engine("host = \"h1\"\n  engine = \"embedded\" # mine\n", file::EngineKind::etcd, "f"),
            "host = \"h1\"\nengine = \"etcd\"  # mine\n");
  EXPECT_FALSE(with_engine("host = \"h1\"\n\"engine\" = \"embedded\"\n", file::EngineKind::etcd, "f"));
}

// ---- copies ----

EngineContent sample() {
  return {"prod", {2}, {{"spec/current", "x"}, {"claim/web1", "no record"}, {"spec/0/0", std::string("\0\xff", 2)}}};
}

TEST(Backup, ComesBackAsItWasAndDamageIsNoticed) {
  const std::string text = backup_text(sample());
  const auto back = read_backup(text);
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(back->entries, sample().entries);
  EXPECT_EQ(back->epoch, Epoch{2});
  for (const std::size_t at : {std::size_t{0}, std::size_t{20}, text.size() / 2, text.size() - 2}) {
    std::string damaged = text;
    damaged[at] = damaged[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(read_backup(damaged)) << at;
  }
  EXPECT_FALSE(read_backup(text.substr(0, text.size() - 1)));
}

TEST(Backup, RestoresIntoAnEmptyEngineOnlyAndGoesOnWhereItBroke) {
  Folder folder;
  const auto open = [&] {
    return PatientEngine::open(
        [&](port::EngineSink sink) { return adapter::open_sqlite_engine(folder.file("db"), std::move(sink)); });
  };
  {
    auto engine = open();
    ASSERT_TRUE(write_content(*engine, sample()));
  }
  auto again = open();
  const auto refused = write_content(*again, sample());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().find("not empty"), std::string::npos);
}

// ---- secrets ----

TEST(Sealed, OnlyTheSameSecretAndDirectionOpenIt) {
  const std::string secret(32, 's');
  const std::string box = seal(secret, Direction::request, "hello");
  EXPECT_EQ(unseal(secret, Direction::request, box), "hello");
  EXPECT_EQ(unseal(secret, Direction::reply, box), std::nullopt);
  EXPECT_EQ(unseal(std::string(32, 't'), Direction::request, box), std::nullopt);
  for (std::size_t at = 0; at < box.size(); ++at) {
    std::string forged = box;
    forged[at] = forged[at] == 'A' ? 'B' : 'A';
    EXPECT_EQ(unseal(secret, Direction::request, forged), std::nullopt);
  }
}

TEST(Invitation, IsGoodForOne) {
  Folder folder;
  const Invitations invitations(folder.file(""));
  const auto made = invitations.make("anna as root");
  ASSERT_TRUE(made);
  const auto carried = read_invitation(content(invitations.path_of(made->id)));
  ASSERT_TRUE(carried);
  EXPECT_EQ(carried->secret, made->secret);
  EXPECT_EQ(invitations.find(made->id)->secret, made->secret);
  EXPECT_EQ(invitations.find(made->id)->by, "anna as root");
  EXPECT_TRUE(invitations.use_up(made->id));
  EXPECT_FALSE(invitations.use_up(made->id));
  EXPECT_FALSE(invitations.find(made->id));
  EXPECT_FALSE(invitations.find("../../etc/passwd"));
  EXPECT_FALSE(read_invitation("haven-join-xyz"));
}

}  // namespace
}  // namespace haven::test

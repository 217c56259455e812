// haven and havend together: the real command line, the real socket, the real engine; VMs are files.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "daemon/cluster_text.hpp"
#include "daemon/daemon.hpp"
#include "daemon/process.hpp"

namespace haven::test {
namespace {

using Json = nlohmann::json;

class CliTest : public testing::Test {
 protected:
  CliTest() {
    for (int n = 1; n <= 3; ++n) write_text(folder_ / ("web" + std::to_string(n) + ".xml"), domain_xml(n));
  }
  Process::Result haven(std::vector<std::string> words) {
    words.insert(words.begin(), {HAVEN_CLI, "--socket", daemon_.socket()});
    return Process(words).finish();
  }
  // The object on the last line, and that the exit code is this.
  Json json(std::vector<std::string> words, int exit_code) {
    words.emplace_back("--json");
    const auto result = haven(words);
    EXPECT_EQ(result.exit_code, exit_code) << result.out << result.err;
    Json object = Json::parse(result.last_line(), nullptr, false);
    EXPECT_TRUE(object.is_object()) << result.out << result.err;
    return object;
  }
  std::string file(const std::string& text) {
    std::string path = folder_ / ("cluster" + std::to_string(++files_) + ".toml");
    write_text(path, text);
    return path;
  }
  // Waits until the status has this at this JSON pointer.
  bool becomes(const std::string& pointer, const Json& value) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    std::uint64_t news = 0;
    while (std::chrono::steady_clock::now() < deadline) {
      const Json status = Json::parse(daemon_.service->status().body).at("data");
      const auto place = Json::json_pointer(pointer);
      if (status.contains(place) && status.at(place) == value) return true;
      news = daemon_.runtime->wait_news(news, 1s);
    }
    return false;
  }
  Json apply(const std::string& text) { return json({"apply", file(text), "--yes"}, 0); }

  TemporaryFolder folder_;
  int files_ = 0;
  RunningDaemon daemon_{folder_.path()};
};

TEST_F(CliTest, AppliesAFileAndRunsWhatItNames) {
  const Json before = json({"status"}, 0);
  EXPECT_EQ(before["cluster"], "");
  EXPECT_EQ(apply(kOneHost + vm(1) + vm(2, "state = \"stopped\"\n"))["applied"], true);
  EXPECT_TRUE(becomes("/resources/0/state", "running"));
  const Json status = json({"status"}, 0);
  EXPECT_EQ(status["cluster"], "solo");
  EXPECT_EQ(status["controller"], "h1");
  EXPECT_EQ(status["hosts"][0]["state"], "up");
  EXPECT_EQ(status["hosts"][0]["running"], 1);
  EXPECT_EQ(status["hosts"][0]["memory_mib"], 4096);
  EXPECT_EQ(status["resources"][0]["host"], "h1");
  EXPECT_EQ(status["resources"][1]["state"], "stopped");
  EXPECT_EQ(status["resources"][1]["host"], nullptr);
  const Json entries = json({"journal"}, 0)["entries"];
  ASSERT_FALSE(entries.empty());
  EXPECT_EQ(entries[0]["kind"], "place");
  EXPECT_EQ(entries[0]["resource"], "web1");
  EXPECT_TRUE(json({"journal", "--resource", "web2"}, 0)["entries"].empty());
}

TEST_F(CliTest, OrdersAreObeyed) {
  apply(kOneHost + vm(1));
  ASSERT_TRUE(becomes("/resources/0/state", "running"));
  EXPECT_EQ(json({"stop", "web1"}, 0)["ok"], true);
  EXPECT_TRUE(becomes("/resources/0/state", "stopped"));
  EXPECT_EQ(haven({"start", "web1"}).exit_code, 0);
  EXPECT_TRUE(becomes("/resources/0/state", "running"));
  EXPECT_EQ(haven({"freeze", "on"}).exit_code, 0);
  EXPECT_TRUE(becomes("/frozen", true));
  EXPECT_EQ(haven({"freeze", "off"}).exit_code, 0);
  EXPECT_TRUE(becomes("/frozen", false));
  EXPECT_EQ(haven({"freeze", "on", "web1"}).exit_code, 0);
  EXPECT_TRUE(becomes("/frozen_names/web1", "root"));
  EXPECT_EQ(json({"status"}, 0)["frozen"], false);
  EXPECT_NE(haven({"status"}).out.find("FROZEN: web1"), std::string::npos);
  EXPECT_EQ(haven({"freeze", "off", "web1"}).exit_code, 0);
  EXPECT_TRUE(becomes("/frozen_names", Json::object()));
  const std::string refused = json({"maintenance", "h1", "on"}, 1)["error"]["what"];
  EXPECT_NE(refused.find("there is no other host"), std::string::npos) << refused;
  EXPECT_EQ(json({"maintenance", "h1", "off"}, 0)["left"], Json::array());
  EXPECT_EQ(haven({"maintenance", "h1", "perhaps"}).exit_code, 2);
  EXPECT_EQ(json({"maintenance", "h9", "on"}, 1)["error"]["what"], "there is no host h9");
  const auto stays = haven({"maintenance", "h1", "on", "--force", "--no-wait"});
  EXPECT_EQ(stays.exit_code, 1);
  EXPECT_NE(stays.out.find("still on h1: web1"), std::string::npos) << stays.out;
  EXPECT_EQ(json({"maintenance", "h1", "off"}, 0)["ok"], true);
  EXPECT_EQ(json({"freeze", "on", "nobody"}, 1)["error"]["what"], "there is no host or resource nobody");
  EXPECT_EQ(json({"stop", "nobody"}, 1)["error"]["what"].is_string(), true);
  EXPECT_EQ(haven({"stop", "No Name"}).exit_code, 2);
  EXPECT_EQ(haven({"freeze", "perhaps"}).exit_code, 2);
}

TEST_F(CliTest, TheOnlyHostIsNotRolled) {
  apply(kOneHost + vm(1));
  ASSERT_TRUE(becomes("/resources/0/state", "running"));
  const Json host = json({"status"}, 0)["hosts"][0];
  EXPECT_EQ(host["ready"], true);
  EXPECT_TRUE(host["boot"].is_string());
  EXPECT_FALSE(host["address"].get<std::string>().empty());
  const Json foreseen = json({"roll", "--command", "true {host}", "--dry-run"}, 1)["rounds"][0];
  EXPECT_EQ(foreseen["refused"], "there is no other host that could take anything");
  EXPECT_EQ(foreseen["moves"][0]["resource"], "web1");
  EXPECT_EQ(foreseen["moves"][0]["to"], nullptr);
  EXPECT_EQ(foreseen["commands"]["h1"], (Json{"true", "h1"}));
  const Json refused = json({"roll", "--command", "true"}, 1);
  EXPECT_NE(refused["failed"]["h1"].get<std::string>().find("there is no other host"), std::string::npos) << refused;
  EXPECT_EQ(refused["out_of_service"], Json::array());
  EXPECT_EQ(json({"roll", "--command", "true", "--hosts", "h9"}, 2)["error"]["what"], "there is no host h9");
  EXPECT_EQ(json({"status"}, 0)["hosts"][0]["maintenance"], nullptr);
}

TEST_F(CliTest, WhoSaidItIsTheKernelsWord) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  apply(kOneHost + vm(1));
  std::filesystem::permissions(folder_.path(), std::filesystem::perms::all);
  std::filesystem::permissions(daemon_.run_dir(), std::filesystem::perms::all);
  std::filesystem::permissions(daemon_.socket(), std::filesystem::perms::all);
  const auto said = [&](const std::vector<std::string>& before, const std::string& state) {
    std::vector<std::string> words = before;
    words.insert(words.end(), {HAVEN_CLI, "--socket", daemon_.socket(), "freeze", state});
    EXPECT_EQ(Process(words).finish().exit_code, 0);
    return json({"journal"}, 0)["entries"].back()["why"].get<std::string>();
  };
  const std::vector<std::string> nobody{"/usr/bin/setpriv", "--reuid",      "nobody",
                                        "--clear-groups",   "/usr/bin/env", "SUDO_USER=root"};
  EXPECT_EQ(said(nobody, "on"), "on, by nobody") << "whatever he says of himself";
  EXPECT_EQ(said({"/usr/bin/env", "SUDO_USER=alice"}, "off"), "off, by alice as root");
  EXPECT_EQ(said({"/usr/bin/env", "-u", "SUDO_USER"}, "on"), "on, by root");
}

TEST_F(CliTest, TheTestOfAFenceDeviceAsksForTheHostsName) {
  apply(kOneHost + vm(1));
  EXPECT_EQ(haven({"fence", "test", "h1"}).exit_code, 2) << "nobody typed it";
  EXPECT_EQ(haven({"fence", "test", "h1", "--level", "99"}).exit_code, 2);
  EXPECT_EQ(haven({"fence", "test"}).exit_code, 2);
  EXPECT_NE(haven({"fence", "test", "--help"}).out.find("Example"), std::string::npos);
  const Json status = json({"status"}, 0);
  EXPECT_EQ(status["hosts"][0]["fence"], Json::array()) << "it has none";
}

TEST_F(CliTest, ShowsTheDifferenceBeforeItIsApplied) {
  const std::string first = file(kOneHost + vm(1));
  EXPECT_EQ(json({"diff", first}, 1)["changed"], true);
  EXPECT_EQ(json({"apply", first, "--yes"}, 0)["applied"], true);
  EXPECT_EQ(json({"diff", first}, 0)["changed"], false);
  EXPECT_EQ(json({"apply", first, "--yes"}, 0)["applied"], false) << "nothing to change";
  const std::string second = file(kOneHost + vm(1, "priority = 7\n"));
  const Json changes = json({"diff", second}, 1)["changes"];
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_NE(changes[0].get<std::string>().find("priority"), std::string::npos);
  EXPECT_EQ(json({"apply", second}, 2)["error"]["wanted"], "--yes, after a look at `haven diff`")
      << "nobody can be asked";
  EXPECT_EQ(json({"diff", second}, 1)["changed"], true);
}

TEST_F(CliTest, BadInputNamesItsPlaceAndChangesNothing) {
  const std::string path = file(kOneHost + vm(1, "memroy = \"1GiB\"\n") + vm(1));
  const Json answer = json({"apply", path, "--yes"}, 2);
  EXPECT_GE(answer["errors"].size(), 2u);
  EXPECT_EQ(answer["errors"][0]["where"], path + ":11:1");
  EXPECT_FALSE(answer["errors"][0]["wanted"].get<std::string>().empty());
  EXPECT_EQ(json({"apply", folder_ / "nowhere.toml", "--yes"}, 2)["error"]["what"],
            (folder_ / "nowhere.toml") + ": No such file or directory");
  EXPECT_EQ(json({"status"}, 0)["cluster"], "");
}

TEST_F(CliTest, RefusesWhatCannotRun) {
  const auto refused = [&](const std::string& text) { return json({"apply", file(text), "--yes"}, 2).dump(); };
  write_text(folder_ / "web1.xml", domain_xml(1, "/nowhere/disk.raw"));
  EXPECT_NE(refused(kOneHost + vm(1)).find("/nowhere/disk.raw does not exist"), std::string::npos);
  write_text(folder_ / "web1.xml", "<domain type='qemu'><name>web1</name>");
  EXPECT_NE(refused(kOneHost + vm(1)).find("web1.xml"), std::string::npos);
  EXPECT_NE(refused(kOneHost + vm(2, "memory = \"1TiB\"\n")).find("web2 needs 1048576 MiB"), std::string::npos);
  EXPECT_NE(refused(kOneHost + "[[host.fence]]\nagent = \"fence_nonsense\"\noptions = { ip = \"x\" }\n" + vm(2))
                .find("there is no agent"),
            std::string::npos);
  EXPECT_NE(refused(kOneHost + "\n[[host]]\nname = \"h2\"\naddress = \"10.0.0.2\"\n" + vm(2)).find("embedded engine"),
            std::string::npos);
  EXPECT_EQ(json({"status"}, 0)["cluster"], "");
}

TEST_F(CliTest, WhatBreaksThePromiseIsRefusedUnlessThatIsAccepted) {
  const std::string both =
      kOneHost + vm(1, "memory = \"3GiB\"\npriority = 200\n") + vm(2, "memory = \"3GiB\"\nstate = \"started\"\n");
  const std::string path = file(both);
  const Json refused = json({"apply", path, "--yes"}, 1);
  EXPECT_EQ(refused["error"]["what"], "web2 would stay down without any loss") << refused;
  EXPECT_NE(refused["error"]["wanted"].get<std::string>().find("--unprotected"), std::string::npos);
  EXPECT_EQ(refused["errors"][1]["what"], "now, web2 does not fit: needs 2048 MiB more on h1");
  EXPECT_EQ(json({"status"}, 0)["cluster"], "") << "nothing was applied";
  EXPECT_EQ(json({"diff", path}, 1)["changed"], true) << "a look is not refused";

  EXPECT_EQ(json({"apply", path, "--yes", "--unprotected"}, 0)["applied"], true);
  ASSERT_TRUE(becomes("/resources/1/unprotected", true));
  EXPECT_EQ(json({"status"}, 0)["resources"][0]["unprotected"], false);
  EXPECT_NE(haven({"status"}).out.find("unprotected"), std::string::npos);
  std::string told;
  const Json journal = json({"journal"}, 0);
  for (const Json& entry : journal["entries"])
    if (entry["kind"] == "applied") told = entry["why"];
  EXPECT_NE(told.find("web2 may stay down without any loss: accepted by "), std::string::npos) << told;

  EXPECT_EQ(json({"apply", path, "--yes"}, 0)["changed"], false) << "what was accepted stays so";
  EXPECT_EQ(json({"apply", file(both + vm(3, "priority = 50\n")), "--yes"}, 0)["applied"], true) << "and it fits";
  std::string worse = both;
  worse.replace(worse.find("priority = 200"), 14, "priority = 50 ");
  EXPECT_NE(json({"apply", file(worse), "--yes"}, 1).dump().find("web1 would stay down"), std::string::npos);
}

TEST_F(CliTest, ExplainsWhyAndWhatIf) {
  apply(kOneHost + vm(1));
  ASSERT_TRUE(becomes("/resources/0/state", "running"));
  const Json why = json({"explain", "web1"}, 0);
  EXPECT_EQ(why["host"], "h1");
  EXPECT_EQ(why["placed_anew"], "h1");
  EXPECT_EQ(why["hosts"][0]["holds"], true);
  EXPECT_EQ(why["if_its_host_died"]["resources"][0]["resource"], "web1");
  EXPECT_EQ(why["if_its_host_died"]["resources"][0]["reasons"][0]["reason"], "has died");
  EXPECT_NE(haven({"explain", "web1"}).out.find("> web1             stays down"), std::string::npos);
  EXPECT_EQ(json({"explain", "web2"}, 2)["error"]["wanted"], "web1");
}

TEST_F(CliTest, AClusterKeepsItsNameAndARunningVmItsDomain) {
  apply(kOneHost + vm(1));
  ASSERT_TRUE(becomes("/resources/0/state", "running"));
  std::string renamed = kOneHost + vm(1);
  renamed.replace(renamed.find("solo"), 4, "duet");
  EXPECT_NE(json({"apply", file(renamed), "--yes"}, 2).dump().find("the cluster is called solo"), std::string::npos);
  write_text(folder_ / "web1.xml", domain_xml(5));
  EXPECT_NE(json({"apply", file(kOneHost + vm(1)), "--yes"}, 1).dump().find("its uuid changed"), std::string::npos);
}

TEST_F(CliTest, ProtectsADomainOfThisHost) {
  const std::string path = folder_ / "etc/cluster.toml";
  EXPECT_EQ(json({"protect", "web7", "--file", path, "--apply", "--yes"}, 0)["applied"], true);
  EXPECT_EQ(read_text(folder_ / "etc/web7.xml"), domain_xml(7));
  EXPECT_TRUE(becomes("/resources/0/name", "web7"));
  EXPECT_EQ(json({"diff", path}, 0)["changed"], false) << "the file on disk is what was applied";
  EXPECT_EQ(json({"protect", "web7", "--file", path}, 2)["error"]["what"].is_string(), true)
      << "it stands there already";
  EXPECT_EQ(haven({"protect", "stranger", "--file", path}).exit_code, 1);
}

TEST_F(CliTest, ProtectsADomainInAFileThatIsThereAlready) {
  const std::string path = file(kOneHost);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(json({"protect", "web7", "--file", path}, 0)["applied"], false);
  EXPECT_TRUE(read_text(path).starts_with(kOneHost));
  EXPECT_EQ(daemon::mode_of(path), 0640U);
  const std::string large = std::string((std::size_t{1} << 20U) + 1, '#');
  write_text(path, large);
  EXPECT_EQ(haven({"protect", "web7", "--file", path}).exit_code, 2);
  EXPECT_EQ(read_text(path), large) << "what cannot be read is not replaced by what was applied once";
}

TEST_F(CliTest, FollowsTheJournalUntilItIsInterrupted) {
  apply(kOneHost + vm(1));
  Process follower({HAVEN_CLI, "--socket", daemon_.socket(), "journal", "--follow", "--json"});
  ASSERT_TRUE(becomes("/resources/0/state", "running"));
  ASSERT_EQ(haven({"stop", "web1"}).exit_code, 0);
  EXPECT_TRUE(follower.says("\"kind\":\"stop\""));
  daemon_.stop();  // nobody answers any more: it waits for the next havend
  follower.send(SIGINT);
  const auto result = follower.finish();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.out.find("\"kind\":\"place\""), std::string::npos);
  const auto nobody = haven({"journal", "--follow"});
  EXPECT_EQ(nobody.exit_code, 1) << "where none ever answered there is nothing to wait for";
}

TEST_F(CliTest, ARestartLeavesTheGuestsAlone) {
  apply(kOneHost + vm(1));
  ASSERT_TRUE(becomes("/resources/0/state", "running"));
  daemon_.stop();
  EXPECT_TRUE(std::filesystem::exists(folder_ / ("vms/running/" + uuid_of(1))));
  EXPECT_EQ(haven({"status"}).exit_code, 1);
}

TEST_F(CliTest, NoCommandNoFileNoDaemon) {
  EXPECT_EQ(haven({}).exit_code, 2);
  EXPECT_EQ(haven({"chek"}).exit_code, 2);
  EXPECT_EQ(haven({"apply"}).exit_code, 2);
  EXPECT_EQ(haven({"--help"}).exit_code, 0);
  EXPECT_EQ(haven({"apply", "--help"}).exit_code, 0);
  EXPECT_EQ(haven({"--version"}).exit_code, 0);
  EXPECT_NE(haven({"fence", "confirm", "--help"}).out.find("Example"), std::string::npos);
  const auto nobody = Process({HAVEN_CLI, "--socket", folder_ / "no.sock", "status", "--json"}).finish();
  EXPECT_EQ(nobody.exit_code, 1);
  EXPECT_EQ(Json::parse(nobody.last_line())["error"]["where"], folder_ / "no.sock");
}

TEST_F(CliTest, ChecksWithoutADaemon) {
  std::string text = kOneHost + "cpu = 4\nmemory = \"1GiB\"\n";
  const Json good = json({"check", file(text + vm(1))}, 0);
  EXPECT_EQ(good,
            (Json{{"admitted", true}, {"unprotected", Json::array()}, {"max_losses", 0}, {"reasons", Json::array()}}));
  EXPECT_EQ(json({"check", file(text + "memory = 5\n")}, 2)["error"]["what"].is_string(), true);
}

}  // namespace
}  // namespace haven::test

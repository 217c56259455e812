// haven roll against a havend that is a few maps: rounds, failures, interrupts, and what is told at the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <stdexcept>

#include "cli/fake_havend.hpp"
#include "daemon/process.hpp"

namespace haven::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Rolls : public testing::Test {
 protected:
  Rolls() {
    std::string pattern = (std::filesystem::temp_directory_path() / "haven-roll-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = pattern;
  }
  ~Rolls() override {
    havend_.reset();
    std::filesystem::remove_all(folder_);
  }
  FakeHavend& cluster(const std::vector<std::string>& hosts = {"h1", "h2", "h3"},
                      std::map<std::string, FakeHavend::Resource> resources = {{"web1", {"h2"}}, {"web2", {"h2"}}}) {
    havend_ = std::make_unique<FakeHavend>(socket(), hosts, std::move(resources));
    return *havend_;
  }
  [[nodiscard]] std::string socket() const { return folder_ + "/api.sock"; }
  std::vector<std::string> words(std::vector<std::string> more) const {
    more.insert(more.begin(), {HAVEN_CLI, "--socket", socket(), "roll", "--settle", "0s"});
    return more;
  }
  Process::Result roll(const std::vector<std::string>& more) const { return Process(words(more)).finish(); }
  Json json(std::vector<std::string> more, int exit_code) const {
    more.emplace_back("--json");
    return read(roll(more), exit_code);
  }
  static Json read(const Process::Result& result, int exit_code) {
    EXPECT_EQ(result.exit_code, exit_code) << result.out << result.err;
    Json object = Json::parse(result.last_line(), nullptr, false);
    EXPECT_TRUE(object.is_object()) << result.out << result.err;
    return object;
  }

  std::string folder_;
  std::unique_ptr<FakeHavend> havend_;
};

TEST_F(Rolls, EachHostIsEmptyWhileItsCommandRunsAndGetsBackWhatItHad) {
  FakeHavend& havend = cluster();
  const auto result = roll({"--command", std::string(HAVEN_CLI) + " --socket " + socket() + " status --json"});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(havend.said(),
              ElementsAre("maintain h2", "resume h2", "maintain h3", "resume h3", "maintain h1", "resume h1"));
  const auto at = result.out.find("h2| {");
  ASSERT_NE(at, std::string::npos) << result.out;
  const Json seen = Json::parse(result.out.substr(at + 4, result.out.find('\n', at) - at - 4));
  EXPECT_EQ(seen["hosts"][1]["maintenance"], (Json{{"on", true}, {"by", "anna"}, {"left", Json::array()}}));
  EXPECT_EQ(havend.resources.at("web1").host, "h2");
  EXPECT_EQ(havend.resources.at("web2").host, "h2");
  EXPECT_THAT(result.out, HasSubstr("all done: h2, h3 and h1"));
}

TEST_F(Rolls, HostAndAddressAreFilledInAndNoShellReadsThem) {
  cluster();
  const auto result = roll({"--command", "echo {host} at {address} '$HOME'", "--hosts", "h3,h2"});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("h2| h2 at 10.0.0.2 $HOME\n"));
  EXPECT_THAT(result.out, HasSubstr("h3| h3 at 10.0.0.3 $HOME\n"));
  EXPECT_THAT(result.out, testing::Not(HasSubstr("h1:")));
}

TEST_F(Rolls, ACommandHasNoInputAndItsErrorsAreShown) {
  cluster();
  const auto result = roll({"--command", "cat - /nowhere/at/all", "--hosts", "h3"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("h3| cat: /nowhere/at/all"));
}

TEST_F(Rolls, TheFirstFailureStopsItAndSaysHowToGoOn) {
  FakeHavend& havend = cluster();
  const Json answer = json({"--command", "false 'a b'"}, 1);
  EXPECT_EQ(answer["ok"], false);
  EXPECT_EQ(answer["done"], Json::array());
  EXPECT_EQ(answer["failed"], (Json{{"h2", "the command ended with exit code 1"}}));
  EXPECT_EQ(answer["out_of_service"], Json{"h2"});
  EXPECT_EQ(answer["left"], (Json{"h2", "h3", "h1"}));
  EXPECT_EQ(answer["go_on"], Json{"haven roll --command 'false '\\''a b'\\''' --hosts h2,h3,h1 --settle 0s"});
  EXPECT_THAT(havend.said(), ElementsAre("maintain h2"));
  EXPECT_TRUE(havend.is_out("h2"));

  const auto again = roll({"--command", "true", "--hosts", "h2,h3,h1"});
  EXPECT_EQ(again.exit_code, 0) << again.out << again.err;
  EXPECT_FALSE(havend.is_out("h2")) << "it was taken over by its name";
}

TEST_F(Rolls, WhatHavendRefusesIsNotDone) {
  FakeHavend& havend = cluster();
  havend.refused["h3"] = "there is no room";
  const Json answer = json({"--command", "true"}, 1);
  EXPECT_EQ(answer["done"], Json{"h2"});
  EXPECT_EQ(answer["failed"], (Json{{"h3", "h3 stays in service: there is no room"}}));
  EXPECT_EQ(answer["out_of_service"], Json::array());
  EXPECT_EQ(answer["left"], (Json{"h3", "h1"}));
}

TEST_F(Rolls, ABrokenReserveIsAcceptedByItsOwnWord) {
  FakeHavend& havend = cluster();
  havend.exposed["h3"] = "web1 would stay down after one more loss";
  EXPECT_THAT(json({"--command", "true", "--hosts", "h3"}, 1)["failed"]["h3"].get<std::string>(),
              HasSubstr("web1 would stay down"));
  EXPECT_EQ(json({"--command", "true", "--hosts", "h3", "--unprotected"}, 0)["done"], Json{"h3"});
}

TEST_F(Rolls, AsManyAtOnceAsMayGo) {
  FakeHavend& havend = cluster({"h1", "h2", "h3", "h4"});
  havend.not_at_once = {{"h2", "h3"}};
  const auto result = roll({"--command", "true", "--at-once", "2"});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(havend.said(), ElementsAre("maintain h2", "maintain h4", "resume h2", "resume h4", "maintain h3",
                                         "maintain h1", "resume h3", "resume h1"));
  EXPECT_THAT(result.out, HasSubstr("h3: waits for a later round"));
}

TEST_F(Rolls, AFailureInARoundLetsTheOthersEnd) {
  FakeHavend& havend = cluster({"h1", "h2", "h3", "h4"});
  const Json answer = json({"--command", "test {host} = h2", "--at-once", "2"}, 1);
  EXPECT_EQ(answer["done"], Json{"h2"});
  EXPECT_EQ(answer["out_of_service"], Json{"h3"});
  EXPECT_TRUE(havend.is_out("h3"));
  EXPECT_FALSE(havend.is_out("h2"));
}

TEST_F(Rolls, AHostThatBootsIsWaitedForUntilItIsAnotherBoot) {
  FakeHavend& havend = cluster();
  const std::string boot = std::string(HAVEN_CLI) + " --socket " + socket() + " start {host}";
  EXPECT_EQ(json({"--command", boot, "--reboots"}, 0)["done"], (Json{"h2", "h3", "h1"}));
  EXPECT_THAT(havend.said(), ElementsAre("maintain h2", "boot h2", "resume h2", "maintain h3", "boot h3", "resume h3",
                                         "maintain h1", "boot h1", "resume h1"));
  const Json answer = json({"--command", "true", "--reboots", "--timeout", "1s"}, 1);
  EXPECT_EQ(answer["failed"], (Json{{"h2", "not well in time: it has not booted anew"}}));
  EXPECT_EQ(answer["left"], (Json{"h3", "h1"})) << "its command is done";
  EXPECT_EQ(answer["go_on"][0], "haven maintenance h2 off");
}

TEST_F(Rolls, WhatDoesNotMoveOrSettleInTimeIsNamed) {
  FakeHavend& havend = cluster();
  havend.stuck = "web1";
  const Json stays = json({"--command", "true", "--timeout", "1s"}, 1);
  EXPECT_EQ(stays["failed"], (Json{{"h2", "not empty in time: web1 and web2 still there"}}));
  EXPECT_EQ(stays["out_of_service"], Json{"h2"});
  havend.stuck = "";
  havend.breaks = "web2";
  const Json broken = json({"--command", "true", "--timeout", "3s", "--hosts", "h2,h3"}, 1);
  EXPECT_EQ(broken["failed"], (Json{{"h2", "not settled in time: web2 is failed"}}));
  EXPECT_EQ(broken["out_of_service"], Json::array());
  EXPECT_EQ(broken["left"], Json{"h3"});
  const auto later = roll({"--command", "true", "--hosts", "h3"});
  EXPECT_EQ(later.exit_code, 0) << later.out << later.err;
  EXPECT_THAT(later.out, HasSubstr("not waited for: web2 is failed"));
}

TEST_F(Rolls, ACommandThatDoesNotEndIsEnded) {
  FakeHavend& havend = cluster();
  const Json answer = json({"--command", "sleep 600", "--timeout", "1s"}, 1);
  EXPECT_EQ(answer["failed"], (Json{{"h2", "the command did not end in time"}}));
  EXPECT_TRUE(havend.is_out("h2"));
}

TEST_F(Rolls, AnInterruptLetsTheCommandEndAndStopsThere) {
  FakeHavend& havend = cluster();
  Process process(words({"--command", "sleep 1"}));
  ASSERT_TRUE(process.says("h2: runs"));
  process.send(SIGINT);
  const auto result = process.finish();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("interrupted; done: none"));
  EXPECT_THAT(result.out, HasSubstr("h2: out of service, and stays so; its command is done"));
  EXPECT_THAT(result.out, HasSubstr("haven maintenance h2 off"));
  EXPECT_THAT(result.out, HasSubstr("--hosts h3,h1"));
  EXPECT_THAT(havend.said(), ElementsAre("maintain h2"));
}

TEST_F(Rolls, ASecondInterruptEndsTheCommand) {
  cluster();
  Process process(words({"--command", "sleep 600"}));
  ASSERT_TRUE(process.says("h2: runs"));
  process.send(SIGINT);
  process.send(SIGTERM);
  const auto result = process.finish();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("h2: out of service, and stays so; the command was interrupted"));
  EXPECT_THAT(result.out, HasSubstr("--hosts h2,h3,h1"));
}

TEST_F(Rolls, AnInterruptWhileAHostIsEmptiedLeavesTheRestToHaven) {
  FakeHavend& havend = cluster();
  havend.stuck = "web1";
  Process process(words({"--command", "echo never"}));
  ASSERT_TRUE(process.says("h2: goes out of service"));
  process.send(SIGINT);
  const auto result = process.finish();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, testing::Not(HasSubstr("h2| never")));
  EXPECT_THAT(result.out, HasSubstr("h2: out of service, and stays so"));
  EXPECT_THAT(havend.said(), ElementsAre("maintain h2"));
}

TEST_F(Rolls, ADryRunTellsTheRoundsAndDoesNothing) {
  FakeHavend& havend = cluster();
  const Json answer = json({"--command", "ssh {address} true", "--dry-run"}, 0);
  EXPECT_EQ(answer["dry_run"], true);
  ASSERT_EQ(answer["rounds"].size(), 3u);
  EXPECT_EQ(answer["rounds"][0]["hosts"], Json{"h2"});
  EXPECT_EQ(answer["rounds"][0]["moves"][0]["resource"], "web1");
  EXPECT_EQ(answer["rounds"][0]["commands"]["h2"], (Json{"ssh", "10.0.0.2", "true"}));
  EXPECT_EQ(answer["rounds"][2]["hosts"], Json{"h1"});
  havend.exposed["h3"] = "web1 would stay down after one more loss";
  const auto refused = roll({"--command", "true", "--dry-run"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.out, HasSubstr("web1: h2 -> h1, live"));
  EXPECT_THAT(refused.out, HasSubstr("refused: web1 would stay down after one more loss (--unprotected)"));
  EXPECT_EQ(json({"--command", "true", "--dry-run", "--unprotected"}, 0)["rounds"][1]["reserve"],
            "web1 would stay down after one more loss");
  EXPECT_THAT(havend.said(), IsEmpty());
}

TEST_F(Rolls, BadInputChangesNothing) {
  FakeHavend& havend = cluster();
  EXPECT_THAT(json({"--command", "a 'b"}, 2)["error"]["what"].get<std::string>(), HasSubstr("not closed"));
  EXPECT_THAT(json({"--command", "a && b"}, 2)["error"]["what"].get<std::string>(), HasSubstr("shell"));
  EXPECT_THAT(json({"--command", "no-such-program"}, 2)["error"]["what"].get<std::string>(),
              HasSubstr("there is no program no-such-program"));
  EXPECT_EQ(roll({}).exit_code, 2);
  EXPECT_EQ(roll({"--command", "true", "--at-once", "0"}).exit_code, 2);
  EXPECT_EQ(roll({"--command", "true", "--timeout", "soon"}).exit_code, 2);
  EXPECT_EQ(roll({"--command", "true", "--timeout", "0s"}).exit_code, 2);
  EXPECT_EQ(json({"--command", "true", "--hosts", "h9"}, 2)["error"]["what"], "there is no host h9");
  EXPECT_THAT(havend.said(), IsEmpty());
}

}  // namespace
}  // namespace haven::test

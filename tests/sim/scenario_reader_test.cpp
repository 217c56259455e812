#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clusters.hpp"
#include "sim/scenario.hpp"

namespace haven::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Spec cluster() {
  Spec spec = small_cluster(3, 2);
  spec.cluster.witness = "w1";
  return spec;
}

Scenario read(const std::string& text) {
  auto scenario = parse_scenario(text, "s", cluster());
  EXPECT_TRUE(scenario) << (scenario ? "" : file::to_string(scenario.error().front()));
  return scenario.value_or(Scenario{});
}

std::vector<std::string> errors(const std::string& text) {
  auto scenario = parse_scenario(text, "s", cluster());
  std::vector<std::string> lines;
  if (scenario) return lines;
  for (const auto& error : scenario.error()) lines.push_back(file::to_string(error));
  return lines;
}

TEST(ScenarioReader, SortsStatementsByTimeAndKeepsTheFilesOrderWithinAnInstant) {
  const Scenario s = read("at 2s store on\nat 1s hang h1\nat 1s hang h2\n");
  ASSERT_EQ(s.statements.size(), 3U);
  EXPECT_EQ(s.statements[0].text, "at 1s hang h1");
  EXPECT_EQ(s.statements[1].text, "at 1s hang h2");
  EXPECT_EQ(s.statements[2].text, "at 2s store on");
}

TEST(ScenarioReader, EndsFiveHundredSecondsAfterTheLastStatement) {
  EXPECT_EQ(read("at 100s hang h1\nat 7s resume h1\n").end, 600s);
  EXPECT_EQ(read("").end, 500s);
  EXPECT_EQ(read("end 30s\n").end, 30s);
}

TEST(ScenarioReader, ACommentBeginsAtTheStartOrAfterABlank) {
  Spec spec = cluster();
  spec.resources[0].name = ResourceName{"web1#2"};
  const auto s = parse_scenario("# all of it\nrun web1#2 on h1 # behind\n", "s", spec);
  ASSERT_TRUE(s);
  ASSERT_EQ(s->runs.size(), 1U);
  EXPECT_EQ(s->runs[0].resource, ResourceName{"web1#2"});
}

TEST(ScenarioReader, AReplacementNamesASuccessorThatIsThereFromThenOn) {
  const Scenario s = read(
      "at 2s replace vm1 with vm9 prove 5s settle 1m\nat 9s back vm1\nat 10s guest vm9 crash\n"
      "expect vm9 linked by 9s\nexpect vm1 unlinked\n");
  const auto& deed = std::get<Replace>(s.statements.at(0).deed);
  EXPECT_EQ(deed.successor, ResourceName{"vm9"});
  EXPECT_EQ(deed.succession.predecessor, ResourceName{"vm1"});
  EXPECT_EQ(deed.succession.prove, 5s);
  EXPECT_EQ(deed.succession.settle, 60s);
  EXPECT_EQ(deed.succession.timeout, 10min);
  EXPECT_EQ(std::get<Order>(s.statements.at(1).deed).verb, OperatorVerb::hand_back);
  EXPECT_EQ(s.expectations.at(0).what, Claimed::linked);
  EXPECT_THAT(errors("at 2s replace vm1 with vm2\n"), ElementsAre(HasSubstr("\"vm2\" is there already")));
  EXPECT_THAT(errors("at 2s replace vm1 by vm9\n"), ElementsAre(HasSubstr("would be right: with")));
  EXPECT_THAT(errors("at 2s replace vm1 with vm9 soon 5s\n"), ElementsAre(HasSubstr("prove, settle or timeout")));
  EXPECT_THAT(errors("at 1s guest vm9 crash\nat 2s replace vm1 with vm9\n"),
              ElementsAre(HasSubstr("only added at 2s")));
}

TEST(ScenarioReader, AHostOrAResourceOrEverythingIsFrozen) {
  const Scenario s = read("at 1s freeze on\nat 2s freeze on h1\nat 3s freeze off vm1\n");
  const std::vector<std::string> names{"", "h1", "vm1"};
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(std::get<Order>(s.statements.at(i).deed).name, names[i]);
  EXPECT_EQ(std::get<Order>(s.statements[2].deed).verb, OperatorVerb::thaw);
}

TEST(ScenarioReader, ReadsEveryVerbOfTheLanguage) {
  const Scenario s = read(
      "run vm1 on h1\n"
      "at 1s power h1 off\nat 1s power w1 on\nat 1s network h1 off\nat 1s hang h1\nat 1s resume h1\nat 1s reboot h1\n"
      "at 1s shutdown h2\nat 1s cut h1 h2\nat 1s heal h1 h2\nat 1s cut h1 -> h2\nat 1s heal h1 -> w1\n"
      "at 1s cut h1 link 2\nat 1s heal h1 link 2\nat 1s store off\nat 1s store full\nat 1s uplink h1 off\nat 1s "
      "storage h1 off\nat 1s storage all on\n"
      "at 1s fence-device h1 lying\nat 1s watchdog h1 broken\nat 1s guest vm1 hang\nat 1s libvirt h1 crash\n"
      "at 1s havend h1 crash\nat 1s start-fails vm1 h1 2\nat 1s stop-fails vm1 any\nat 1s kill-fails vm1 h2 1\n"
      "at 1s migrate-fails vm1 any\nat 1s stop vm1\nat 1s start vm1\nat 1s disable vm1\nat 1s ignore vm1\n"
      "at 1s clear vm1\nat 1s relocate vm1 h2\nat 1s freeze on\nat 1s fence-confirm h1\nat 1s remove vm1\n"
      "at 3s add web9 memory 1GiB cpu 1\nat 4s stop web9\n"
      "expect vm1 on h2\nexpect vm1 on h2 by 3s\nexpect vm1 running\nexpect vm1 stopped\nexpect vm1 failed\n"
      "expect fenced h1\nexpect not fenced h1\nexpect fences 2\nexpect web9 running\nend 900s\n");
  EXPECT_EQ(s.statements.size(), 38U);
  EXPECT_EQ(s.expectations.size(), 9U);
  const auto& link = std::get<SetLink>(s.statements[11].deed);
  EXPECT_EQ(link.link, 2U);
  EXPECT_TRUE(link.cut);
  const auto& fails = std::get<LetFail>(s.statements[23].deed);
  EXPECT_EQ(fails.count, 2);
  EXPECT_EQ(fails.host, HostName{"h1"});
  EXPECT_EQ(std::get<LetFail>(s.statements[24].deed).count, 1);
  EXPECT_EQ(std::get<LetFail>(s.statements[24].deed).host, std::nullopt);
  const auto& added = std::get<Add>(s.statements[36].deed).resource;
  EXPECT_EQ(added.memory, MiB{1024});
  EXPECT_EQ(added.priority, 100);
  EXPECT_EQ(s.expectations[1].by, Duration{3s});
}

TEST(ScenarioReader, ReportsEveryErrorWithItsPlaceAndWhatWouldBeRight) {
  EXPECT_THAT(errors("at 10s powr h1 off\n  at 1x hang h1\nat 1s hang h9\nexpect vm1 runing\n"),
              ElementsAre(HasSubstr("s:1:8: there is no verb \"powr\"; would be right: power"),
                          HasSubstr("s:2:6: \"1x\" is no duration"), HasSubstr("s:3:12: there is no host \"h9\""),
                          HasSubstr("s:4:12: \"runing\" cannot stand here; would be right: running")));
}

TEST(ScenarioReader, RefusesVerbsThatAreNotBuiltByTheirName) {
  for (const char* verb : {"health h1 degraded"}) {
    EXPECT_THAT(errors(std::string("at 5s ") + verb), ElementsAre(HasSubstr("s:1:7: \""))) << verb;
    EXPECT_THAT(errors(std::string("at 5s ") + verb), ElementsAre(HasSubstr("not yet"))) << verb;
  }
}

TEST(ScenarioReader, RefusesWhatNoApplicationDoes) {
  EXPECT_THAT(errors("at 5s app vm1 explode"), ElementsAre(HasSubstr("\"explode\" cannot stand here")));
  EXPECT_THAT(errors("at 5s app vm1 fail reboot"), ElementsAre(HasSubstr("\"reboot\" cannot stand here")));
  EXPECT_THAT(errors("at 5s app vm1 heal restart"), ElementsAre(HasSubstr("one word too many")));
  EXPECT_TRUE(
      errors("at 5s app vm1 fail restart\nat 6s app vm1 heal\nexpect vm1 well by 9s\nexpect repairs 1\n").empty());
}

TEST(ScenarioReader, RefusesWhatLiesBehindTheEnd) {
  EXPECT_THAT(errors("at 20s hang h1\nexpect vm1 running by 30s\nend 10s\n"),
              ElementsAre(HasSubstr("s:1:1: this happens after the end"), HasSubstr("s:2:1: this is expected by")));
}

TEST(ScenarioReader, RefusesWhatMeansNothing) {
  EXPECT_THAT(errors("at 1s hang h1 h2\n"), ElementsAre(HasSubstr("one word too many")));
  EXPECT_THAT(errors("at 1s cut h1 h1\n"), ElementsAre(HasSubstr("to itself")));
  EXPECT_THAT(errors("at 1s cut h1 link 3\n"), ElementsAre(HasSubstr("s:1:19")));
  EXPECT_THAT(errors("at 1s hang w1\n"), ElementsAre(HasSubstr("is the witness")));
  EXPECT_THAT(errors("at 1s start-fails vm1 h1 0\n"), ElementsAre(HasSubstr("whole number")));
  EXPECT_THAT(errors("at 1s hang h1\nrun vm1 on h1\n"), ElementsAre(HasSubstr("behind an at")));
  EXPECT_THAT(errors("run vm1 on h1\nrun vm1 on h2\n"), ElementsAre(HasSubstr("runs somewhere already")));
  EXPECT_THAT(errors("end 1s\nend 2s\n"), ElementsAre(HasSubstr("a second end")));
  EXPECT_THAT(errors("expect fences 1 by 3s\nend 9s\n"), ElementsAre(HasSubstr("takes no \"by\"")));
  EXPECT_THAT(errors("at 1s add vm1 cpu 1 memory 1GiB\n"), ElementsAre(HasSubstr("is there already")));
  EXPECT_THAT(errors("at 1s add web9 cpu 1\n"), ElementsAre(HasSubstr("needs its cpu and its memory")));
  EXPECT_THAT(errors("at 1s add all cpu 1 memory 1GiB\n"), ElementsAre(HasSubstr("is no name")));
  EXPECT_THAT(errors("at 1s stop web9\nat 2s add web9 cpu 1 memory 1GiB\n"),
              ElementsAre(HasSubstr("only added at 2s")));
  EXPECT_THAT(errors("at\n"), ElementsAre(HasSubstr("s:1:3: the line ends too early")));
}

TEST(ScenarioReader, WhatWasRemovedMayBeAddedAgain) {
  EXPECT_EQ(read("at 1s remove vm1\nat 2s add vm1 cpu 1 memory 1GiB\n").statements.size(), 2U);
}

TEST(ScenarioReader, AnyBytesAreAnswered) {
  std::string bytes;
  for (int i = 0; i < 4096; ++i) bytes += static_cast<char>((i * 37 + i / 11) % 256);
  EXPECT_FALSE(parse_scenario(bytes, "s", cluster()));
}

}  // namespace
}  // namespace haven::sim

// `haven simulate`, as a person meets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "clusters.hpp"
#include "sim/simulate.hpp"

namespace haven::sim {
namespace {

using testing::HasSubstr;

struct Ran {
  int code = 0;
  std::string out, err;
};

Ran run(SimulateOptions options) {
  std::ostringstream out, err;
  const int code = run_simulate(options, out, err);
  return {code, out.str(), err.str()};
}

SimulateOptions options_for(const std::string& scenario) {
  SimulateOptions options;
  options.spec = small_cluster(3, 2);
  options.scenario_name = "s";
  options.scenario = scenario;
  return options;
}

TEST(Simulate, SaysWhatHappenedAsOneJsonObject) {
  auto options = options_for("run vm1 on h1\nat 20s power h1 off\nexpect vm1 running\nend 200s\n");
  options.json = true;
  const Ran ran = run(options);
  EXPECT_EQ(ran.code, 0) << ran.out;
  const auto json = nlohmann::json::parse(ran.out);
  EXPECT_EQ(json.at("seed"), 1);
  EXPECT_EQ(json.at("fenced"), nlohmann::json({"h1"}));
  EXPECT_EQ(json.at("final").at("vm1").at("state"), "running");
  EXPECT_TRUE(json.at("violations").empty());
  EXPECT_TRUE(json.at("unmet").empty());
  std::vector<std::string> kinds;
  for (const auto& event : json.at("events")) {
    if (event.value("resource", "") == "vm1" || event.value("host", "") == "h1") kinds.push_back(event.at("kind"));
  }
  EXPECT_THAT(kinds, testing::ElementsAre("run", "halt", "host-down", "intent", "fenced", "recover", "run"));
}

TEST(Simulate, AnUnmetExpectationIsNamedAndIsNoSuccess) {
  auto options = options_for("run vm1 on h1\nexpect vm1 on h2\nend 10s\n");
  options.json = true;
  const Ran ran = run(options);
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(nlohmann::json::parse(ran.out).at("unmet"), nlohmann::json({"expect vm1 on h2"}));
}

TEST(Simulate, BadInputIsRefusedWithItsPlace) {
  const Ran ran = run(options_for("at 10s explode h1\n"));
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("s:1:8: "));
}

TEST(Simulate, TellsWhatHappensIfAHostDies) {
  SimulateOptions options = options_for("");
  options.scenario.reset();
  options.kill = "h1";
  const Ran ran = run(options);
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("it is proved dead"));
  EXPECT_THAT(ran.out, HasSubstr("Everything runs again."));
  options.kill = "h4";
  EXPECT_EQ(run(options).code, 2);
}

TEST(Simulate, TellsWhatStaysDownAndWhy) {
  SimulateOptions options = options_for("");
  options.scenario.reset();
  options.kill = "h1";
  options.spec.resources[0].hosts.only = {HostName{"h1"}};
  EXPECT_THAT(run(options).out, HasSubstr("vm1 stays down: "));
  options.spec.hosts[0].fence.clear();
  EXPECT_THAT(run(options).out, HasSubstr("haven fence confirm h1"));
}

TEST(Simulate, RunsRandomFaultsForEachSeed) {
  SimulateOptions options = options_for("");
  options.scenario.reset();
  options.seeds = 2;
  options.hours = 0.05;
  EXPECT_THAT(run(options).out, HasSubstr("2 of 2 seeds, 0 with a violation"));
  options.json = true;
  const auto json = nlohmann::json::parse(run(options).out);
  EXPECT_EQ(json.at("seeds"), 2);
  EXPECT_FALSE(json.at("faults").empty());
  EXPECT_TRUE(json.at("bad").empty());
}

TEST(Simulate, HowManySeedsRunAtATimeChangesNothing) {
  SimulateOptions options = options_for("");
  options.scenario.reset();
  options.seeds = 6;
  options.hours = 0.05;
  options.vary = true;
  const std::string one = run(options).out;
  options.jobs = 3;
  EXPECT_EQ(run(options).out, one);
}

}  // namespace
}  // namespace haven::sim

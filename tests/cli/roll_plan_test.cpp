// Who is rolled, in which order, when all is well again: from what status says alone.
#include "cli/roll_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace haven::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Json host(const std::string& name, bool ready = true) {
  return {{"name", name},
          {"address", "10.0.0." + name.substr(1)},
          {"state", ready ? "up" : "suspected"},
          {"ready", ready},
          {"boot", "boot-of-" + name},
          {"maintenance", nullptr},
          {"why", ready ? "" : "its lease is gone"}};
}
Json out_of_service(const std::string& name, const std::vector<std::string>& left = {}, bool ready = true) {
  Json json = host(name, ready);
  json["maintenance"] = {{"on", true}, {"by", "anna"}, {"left", left}};
  return json;
}
Json resource(const std::string& name, const std::string& state, const Json& moving_to = nullptr) {
  return {{"name", name}, {"state", state}, {"why", ""}, {"moving_to", moving_to}};
}
Json cluster(std::vector<Json> hosts, std::vector<Json> resources = {}) {
  return {{"engine", true}, {"frozen", false},        {"frozen_names", Json::object()},
          {"hosts", hosts}, {"resources", resources}, {"controller", "h1"}};
}
std::string refused(const Json& status, const std::vector<std::string>& named = {}) {
  const auto hosts = hosts_to_roll(status, named);
  EXPECT_FALSE(hosts);
  return hosts ? "" : hosts.error();
}

TEST(RollPlan, AllHostsOrThoseThatAreNamed) {
  const Json three = cluster({host("h1"), host("h2"), host("h3")});
  EXPECT_THAT(*hosts_to_roll(three, {}), ElementsAre("h1", "h2", "h3"));
  EXPECT_THAT(*hosts_to_roll(three, {"h3", "h2"}), ElementsAre("h3", "h2"));
  EXPECT_EQ(refused(three, {"h9"}), "there is no host h9");
  EXPECT_EQ(refused(three, {"h2", "h2"}), "h2 is named twice");
  EXPECT_THAT(refused(cluster({})), HasSubstr("no cluster file"));
}

TEST(RollPlan, WhoIsNotWellIsNotRolled) {
  const Json one_lost = cluster({host("h1"), host("h2", false), host("h3")});
  EXPECT_THAT(refused(one_lost), HasSubstr("h2 is suspected: its lease is gone"));
  EXPECT_THAT(*hosts_to_roll(one_lost, {"h1", "h3"}), ElementsAre("h1", "h3"));
}

TEST(RollPlan, WhoIsOutOfServiceIsTakenOverOnlyByName) {
  const Json status = cluster({host("h1"), out_of_service("h2", {}, false)});
  EXPECT_THAT(refused(status), HasSubstr("h2 is out of service already, by anna"));
  EXPECT_THAT(*hosts_to_roll(status, {"h2"}), ElementsAre("h2"));
}

TEST(RollPlan, NothingIsRolledThatIsFrozen) {
  Json status = cluster({host("h1"), host("h2")});
  status["frozen_names"]["h2"] = "anna";
  EXPECT_THAT(refused(status), HasSubstr("h2 is frozen"));
  EXPECT_THAT(*hosts_to_roll(status, {"h1"}), ElementsAre("h1"));
  status["frozen"] = true;
  EXPECT_THAT(refused(status, {"h1"}), HasSubstr("the cluster is frozen"));
}

TEST(RollPlan, TheControllersHostComesLastAndThisOneBeforeIt) {
  const Json status = cluster({host("h1"), host("h2"), host("h3"), host("h10")});
  EXPECT_THAT(in_order(status, {"h10", "h3", "h1", "h2"}, "h2"), ElementsAre("h3", "h10", "h2", "h1"));
  EXPECT_THAT(in_order(status, {"h1", "h2"}, "h1"), ElementsAre("h2", "h1"));
}

TEST(RollPlan, WhatNeitherRunsNorRestsIsNotSettled) {
  const Json status = cluster({}, {resource("a", "running"), resource("b", "stopped"), resource("c", "ignored"),
                                   resource("d", "failed"), resource("e", "starting"), resource("f", "running", "h2")});
  const auto troubles = unsettled(status);
  ASSERT_EQ(troubles.size(), 3u);
  EXPECT_EQ(troubles.at("d"), "is failed");
  EXPECT_EQ(troubles.at("e"), "is starting");
  EXPECT_EQ(troubles.at("f"), "is being moved to h2");
}

TEST(RollPlan, AHostIsEmptyOnceNothingRunsThereAndNothingComes) {
  const Json status = cluster({out_of_service("h1", {"web1"}), out_of_service("h2"), out_of_service("h3")},
                              {resource("web1", "running", "h3")});
  EXPECT_THAT(still_on(status, "h1"), ElementsAre("web1"));
  EXPECT_THAT(still_on(status, "h2"), IsEmpty());
  EXPECT_THAT(still_on(status, "h3"), ElementsAre("web1")) << "it is on its way";
}

TEST(RollPlan, AHostIsWellOnceItCouldTakeSomething) {
  Json status = cluster({out_of_service("h1"), host("h2", false)});
  EXPECT_EQ(unwell(status, "h1", ""), "");
  EXPECT_EQ(unwell(status, "h1", "boot-of-h1"), "has not booted anew");
  EXPECT_EQ(unwell(status, "h1", "another"), "");
  EXPECT_EQ(unwell(status, "h2", ""), "is suspected: its lease is gone");
  EXPECT_EQ(unwell(status, "h9", ""), "has left the cluster file");
  status["engine"] = false;
  EXPECT_THAT(unwell(status, "h1", ""), HasSubstr("engine is not within reach"));
}

TEST(RollPlan, ItsMemberOfTheEngineIsWellAsItWasBefore) {
  const auto engine = [](const Json& members) { return Json{{"managed", true}, {"members", members}}; };
  const Json before = engine({{{"name", "h1"}, {"healthy", true}}});
  EXPECT_EQ(member_unwell(before, before, "h1"), "");
  EXPECT_EQ(member_unwell(before, before, "h2"), "") << "it had none";
  EXPECT_THAT(member_unwell(before, engine({{{"name", "h1"}, {"healthy", false}, {"trouble", "no answer"}}}), "h1"),
              HasSubstr("not well: no answer"));
  EXPECT_THAT(member_unwell(before, engine(Json::array()), "h1"), HasSubstr("no member"));
  EXPECT_THAT(member_unwell(before, Json(), "h1"), HasSubstr("nobody tells"));
  EXPECT_EQ(member_unwell(Json{{"managed", false}, {"members", Json::array()}}, Json(), "h1"), "");
}

Json foreseen(const std::string& refused, const std::vector<std::string>& exposed = {}) {
  return {{"refused", refused},
          {"exposed", exposed},
          {"reserve", exposed.empty() ? "" : "web1 would stay down"},
          {"moves", Json::array()}};
}

TEST(RollPlan, AScheduleTakesAsManyAtOnceAsMayGo) {
  // h2 and h3 may not be out together.
  const Foresee foresee = [](const std::vector<std::string>& hosts) -> std::optional<Json> {
    const auto has = [&](const char* name) { return std::find(hosts.begin(), hosts.end(), name) != hosts.end(); };
    return foreseen(has("h2") && has("h3") ? "no room" : "");
  };
  const auto rounds = schedule({"h2", "h3", "h4", "h1"}, 2, false, foresee);
  ASSERT_EQ(rounds.size(), 2u);
  EXPECT_THAT(rounds[0].hosts, ElementsAre("h2", "h4"));
  EXPECT_THAT(rounds[1].hosts, ElementsAre("h3", "h1"));
  EXPECT_EQ(schedule({"h2", "h3", "h4", "h1"}, 1, false, foresee).size(), 4u);
}

TEST(RollPlan, ARefusedRoundIsShownAlone) {
  const Foresee never = [](const auto&) { return std::optional(foreseen("there is no other host")); };
  const auto rounds = schedule({"h2", "h1"}, 2, false, never);
  ASSERT_EQ(rounds.size(), 2u);
  EXPECT_THAT(rounds[0].hosts, ElementsAre("h2"));
  EXPECT_EQ(refusal_of(rounds[0].foreseen, false), "there is no other host");
}

TEST(RollPlan, ABrokenReserveRefusesUnlessItIsAccepted) {
  EXPECT_EQ(refusal_of(foreseen("", {"web1"}), false), "web1 would stay down (--unprotected)");
  EXPECT_EQ(refusal_of(foreseen("", {"web1"}), true), "");
  EXPECT_EQ(refusal_of(foreseen("no room", {"web1"}), true), "no room");
  int asked = 0;
  const Foresee ends = [&](const auto&) { return ++asked > 1 ? std::nullopt : std::optional(foreseen("")); };
  EXPECT_EQ(schedule({"h1", "h2", "h3"}, 1, false, ends).size(), 1u);
}

}  // namespace
}  // namespace haven::cli

// An engine that grows and shrinks under load: nothing acknowledged is lost, and it never stands still for long.
#include <gtest/gtest.h>

#include <iostream>

#include "adapter/engine_members/machines.hpp"

namespace haven::test {
namespace {

using Names = std::vector<std::string>;

// Everything that the load was told is stored, is stored.
void expect_nothing_lost(Machines& machines, Load& load) {
  const auto acknowledged = load.acknowledged();
  EXPECT_GT(acknowledged.size(), 0U);
  auto admin = adapter::EtcdAdmin::open({});
  const auto read = (*admin)->read(machines.survey().endpoint, "/load/", 10s);
  ASSERT_TRUE(read) << read.error().why;
  std::set<std::string> stored;
  for (const auto& entry : read->entries) stored.insert(entry.key);
  for (const auto& key : acknowledged) EXPECT_TRUE(stored.contains(key)) << key << " was acknowledged and is lost";
}

TEST(Growing, FromOneToTwoAndAWitnessAndBackUnderLoad) {
  Machines machines(2, "w");
  Load load(machines.endpoints());
  machines.load(&load);
  machines.join("h2");
  // Two votes would bear no loss: the second waits for the third.
  std::this_thread::sleep_for(2s);
  EXPECT_EQ(machines.voters(), Names{"h1"});
  machines.join("w", true);
  EXPECT_TRUE(machines.becomes({"h1", "h2", "w"}));
  expect_nothing_lost(machines, load);
  machines.leave("w");
  EXPECT_EQ(machines.voters(), (Names{"h1", "h2"}));
  machines.leave("h2");
  EXPECT_EQ(machines.voters(), Names{"h1"});
  load.stop();
  expect_nothing_lost(machines, load);
}

TEST(Growing, FromOneToThreeToFiveAndBackUnderLoad) {
  Machines machines(7);
  Load load(machines.endpoints());
  machines.load(&load);
  for (const char* name : {"h2", "h3"}) machines.join(name);
  EXPECT_TRUE(machines.becomes({"h1", "h2", "h3"}));
  expect_nothing_lost(machines, load);
  for (const char* name : {"h4", "h5"}) machines.join(name);
  EXPECT_TRUE(machines.becomes({"h1", "h2", "h3", "h4", "h5"}));
  expect_nothing_lost(machines, load);
  // The first member leads or not; it goes, and whoever is there goes on.
  machines.controller("h3");
  machines.leave("h1");
  EXPECT_TRUE(machines.becomes({"h2", "h3", "h4"}));
  machines.leave("h5");
  machines.leave("h4");
  EXPECT_EQ(machines.voters(), (Names{"h2", "h3"}));
  machines.leave("h2");
  EXPECT_EQ(machines.voters(), Names{"h3"});
  load.stop();
  expect_nothing_lost(machines, load);
}

// 1 -> 2 and a witness -> 3 -> 5, and all the way back.
TEST(Growing, TheWholeWayAndBackUnderLoad) {
  Machines machines(2, "w");
  Load load(machines.endpoints());
  machines.load(&load);
  machines.join("h2");
  machines.join("w", true);
  EXPECT_TRUE(machines.becomes({"h1", "h2", "w"}));
  machines.apply(3);
  machines.join("h3");
  EXPECT_TRUE(machines.becomes({"h1", "h2", "h3"}));
  machines.leave("w");
  machines.apply(7);
  for (const char* name : {"h4", "h5"}) machines.join(name);
  EXPECT_TRUE(machines.becomes({"h1", "h2", "h3", "h4", "h5"}));
  expect_nothing_lost(machines, load);
  machines.apply(3);
  EXPECT_TRUE(machines.becomes({"h1", "h2", "h3"}));
  machines.apply(2, "w");
  machines.join("w", true);
  EXPECT_TRUE(machines.becomes({"h1", "h2", "w"}));
  machines.leave("w");
  machines.leave("h2");
  EXPECT_EQ(machines.voters(), Names{"h1"});
  load.stop();
  expect_nothing_lost(machines, load);
  RecordProperty("load", load.figures());
  std::cout << load.figures() << "\n";
}

TEST(Growing, TheLastOneDoesNotLeave) {
  Machines machines(1);
  const auto left = machines.keeper("h1").leave("root");
  ASSERT_FALSE(left);
  EXPECT_NE(left.error().find("only member"), std::string::npos) << left.error();
  EXPECT_EQ(machines.voters(), Names{"h1"});
}

}  // namespace
}  // namespace haven::test

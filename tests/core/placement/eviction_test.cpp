// Who is stopped so that somebody more important fits, and who is not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/placement/cover.hpp"
#include "core/placement/placement.hpp"
#include "core/placement/small_cluster.hpp"

namespace haven {
namespace {

using namespace story;

// Everybody runs and can be told to stop, but for those who were said to leave or to stay.
struct Crowd {
  explicit Crowd(Spec given) : spec(std::move(given)) {
    for (const auto& h : spec.hosts) views.push_back({h.name, ""});
  }
  Crowd& booked(const std::string& resource, const std::string& host) {
    bookings.emplace_back(resource, host);
    return *this;
  }
  std::string room_for(const std::string& resource, const std::vector<ResourceName>& ahead = {}) const {
    Placement placement(spec, views);
    for (const auto& [r, h] : bookings) placement.book(ResourceName(r), HostName(h));
    const auto found = placement.make_room(
        ResourceName(resource), {}, Occasion::start,
        [&](const ResourceName& name, const HostName& /*host*/) {
          if (name.str() == leaves) return Yields::leaving;
          return name.str() == stays ? Yields::never : Yields::if_told;
        },
        ahead);
    if (!found) return "none";
    std::string text = found->host.str() + ":";
    for (const auto& v : found->victims) text += " " + v.str();
    for (const auto& l : found->leaving) text += " (" + l.str() + ")";
    return text;
  }

  Spec spec;
  std::vector<HostView> views;
  std::vector<std::pair<std::string, std::string>> bookings;
  std::string leaves, stays;
};

Crowd two_full_hosts() {
  Crowd crowd(cluster({host("h1", 4096), host("h2", 4096)},
                      {vm("gold", 2048, 1, 600), vm("a", 1024, 1, 300), vm("b", 3072, 1, 100), vm("c", 2048, 1, 200),
                       vm("d", 1024, 1, 50), vm("e", 1024, 1, 50)}));
  return crowd.booked("a", "h1").booked("b", "h1").booked("c", "h2").booked("d", "h2").booked("e", "h2");
}

TEST(Eviction, OneVictimIsLessThanTwo) { EXPECT_EQ(two_full_hosts().room_for("gold"), "h1: b"); }

TEST(Eviction, OfEquallyManyTheLeastImportant) {
  auto crowd = two_full_hosts();
  crowd.stays = "b";
  EXPECT_EQ(crowd.room_for("gold"), "h2: c") << "one is still enough there";
  crowd.spec.resources[3].priority = 600;
  EXPECT_EQ(crowd.room_for("gold"), "h2: d e");
}

TEST(Eviction, NobodyEquallyImportantOrMore) {
  auto crowd = two_full_hosts();
  for (auto& r : crowd.spec.resources) r.priority = 600;
  EXPECT_EQ(crowd.room_for("gold"), "none");
}

TEST(Eviction, NobodyWhereItWouldNotFitEvenThen) {
  auto crowd = two_full_hosts();
  crowd.spec.resources[0].memory = {5000};
  EXPECT_EQ(crowd.room_for("gold"), "none");
  crowd.spec.resources[0].memory = {2048};
  crowd.spec.resources[0].hosts.never = hosts({"h1", "h2"});
  EXPECT_EQ(crowd.room_for("gold"), "none");
}

TEST(Eviction, WhoIsLeavingAnywayIsEnough) {
  auto crowd = two_full_hosts();
  crowd.leaves = "c";
  EXPECT_EQ(crowd.room_for("gold"), "h2: (c)");
}

TEST(Eviction, WhatLeavesForSomebodyElseIsNotCountedTwice) {
  auto crowd = two_full_hosts();
  crowd.spec.resources.push_back(vm("first", 2048, 1, 700));
  crowd.leaves = "c";
  crowd.booked("first", "h2");
  EXPECT_EQ(crowd.room_for("gold"), "h1: b");
}

TEST(Eviction, WhoStandsTooNearIsStopped) {
  auto crowd = two_full_hosts();
  crowd.spec.rules = {apart({"gold", "e"})};
  crowd.stays = "b";
  EXPECT_EQ(crowd.room_for("gold"), "h2: d e");
  crowd.spec.resources[5].priority = 600;
  EXPECT_EQ(crowd.room_for("gold"), "none");
}

TEST(Eviction, NobodyIsStoppedWhomSomethingImportantWaitsForOrStandsWith) {
  auto crowd = two_full_hosts();
  crowd.spec.resources[0].after = {ResourceName("b")};
  EXPECT_EQ(crowd.room_for("gold"), "h2: c");
  crowd.spec.rules = {together({"a", "c"}, FailureDomain::site)};
  crowd.spec.resources[1].priority = 700;
  EXPECT_EQ(crowd.room_for("gold"), "h2: d e");
}

TEST(Eviction, NobodyIsStoppedForARoomThatSomebodyElseWouldTake) {
  auto crowd = two_full_hosts();
  crowd.spec.resources.push_back(vm("first", 2048, 1, 700));
  EXPECT_EQ(crowd.room_for("gold", {ResourceName("first")}), "none");
  crowd.spec.resources.back().memory = {8192};
  EXPECT_EQ(crowd.room_for("gold", {ResourceName("first")}), "h1: b");
}

TEST(Eviction, ASetIsHelpedAsOne) {
  auto crowd = two_full_hosts();
  crowd.spec.resources.push_back(vm("partner", 1024, 1, 90));
  crowd.spec.rules = {together({"gold", "partner"})};
  EXPECT_EQ(crowd.room_for("gold"), "none") << "b is more important than the partner";
  crowd.spec.resources.back().priority = 250;
  EXPECT_EQ(crowd.room_for("gold"), "h1: b");
}

TEST(Cover, ASearchThatIsGivenUpStillFindsEnough) {
  std::vector<Freed> freed;
  for (int i = 0; i < 60; ++i) freed.push_back({100 + i % 7, 100 - i % 11});
  const auto found = fewest_that_free(freed, {3019, 2893});
  ASSERT_TRUE(found);
  Freed sum;
  for (const auto i : *found) sum = {sum.memory_mib + freed[i].memory_mib, sum.vcpus + freed[i].vcpus};
  EXPECT_GE(sum.memory_mib, 3019);
  EXPECT_GE(sum.vcpus, 2893);
}

}  // namespace
}  // namespace haven

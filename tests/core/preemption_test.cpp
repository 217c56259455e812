// Room made by stopping lesser ones: by order, by nobody twice, and for nobody who would not use it.
#include "core/recovery/preemption.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/reigning.hpp"

namespace haven {
namespace {
using namespace story;

Resource sized(const std::string& name, std::int64_t memory, int priority, bool preempt = false) {
  Resource resource = vm(name, memory);
  resource.priority = priority;
  resource.preempt = preempt;
  return resource;
}

// The hosts have room for one big or two small ones each.
Spec crowded(bool preempt = true) {
  Spec spec = three_hosts({sized("gold", 1024, 600, preempt), sized("silver", 512, 300), sized("bronze", 512, 200),
                           sized("tin", 512, 100), sized("iron", 512, 50)});
  for (auto& host : spec.hosts) host.memory = {1024};
  return spec;
}

struct Crowded : Bench {
  explicit Crowded(Spec spec = crowded()) : Bench(std::move(spec)) {
    running_on("h2", "gold");
    running_on("h1", "silver");
    running_on("h1", "bronze");
    running_on("h3", "tin");
    running_on("h3", "iron");
    boot();
    run_for(2s);
  }
  [[nodiscard]] ClaimOrder order(const std::string& name) const { return claim(name)->order; }
};

TEST(Preemption, VictimsAreStoppedByOrderReleasedAndOnlyThenIsItPlaced) {
  Crowded b;
  b.lazy.insert(h("h3"));
  b.die("h2");
  b.run_for(10s);
  EXPECT_EQ(b.order("tin"), ClaimOrder::stop);
  EXPECT_EQ(b.order("iron"), ClaimOrder::stop);
  EXPECT_EQ(b.order("silver"), ClaimOrder::run);
  EXPECT_EQ(b.order("bronze"), ClaimOrder::run);
  EXPECT_EQ(b.claim("gold")->generation, Generation{1}) << "not before they have released";
  b.lazy.clear();
  b.put(path::status(h("h3")), *b.get<StatusRecord>(path::status(h("h3"))));
  for (const auto* name : {"tin", "iron"}) {
    RunRecord run = *b.run(name);
    run.state = RunState::released;
    run.end = EndReason::stopped;
    b.put(path::run(r(name)), run);
  }
  b.run_for(1s);
  EXPECT_EQ(b.claim("gold")->host, h("h3"));
  EXPECT_EQ(b.claim("tin")->generation, Generation{1}) << "no room is left";
}

TEST(Preemption, TheOrderRestsOnWhoItMakesRoomFor) {
  Crowded b;
  b.forget();
  b.die("h2");
  b.run_for(10s);
  const auto commits = b.commits("claims");
  const auto stop = std::find_if(commits.begin(), commits.end(),
                                 [](const Commit& commit) { return compares(commit, path::claim(r("tin"))); });
  ASSERT_NE(stop, commits.end());
  for (const auto& path : {path::claim(r("gold")), path::order(r("gold")), path::run(r("tin")), path::member(h("h3"))})
    EXPECT_TRUE(compares(*stop, path)) << path;
}

TEST(Preemption, WithoutTheKeyItWaits) {
  Crowded b(crowded(false));
  b.die("h2");
  b.run_for(1min);
  for (const auto* name : {"silver", "bronze", "tin", "iron"}) EXPECT_EQ(b.order(name), ClaimOrder::run) << name;
  EXPECT_EQ(b.claim("gold")->host, h("h2"));
}

TEST(Preemption, WhoFailedToStartStopsNobodyForTheNextTry) {
  Crowded b;
  b.failing = {h("h3")};
  b.die("h2");
  b.run_for(1min);
  EXPECT_EQ(b.order("silver"), ClaimOrder::run);
  EXPECT_EQ(b.order("bronze"), ClaimOrder::run);
  EXPECT_EQ(b.claim("gold")->generation, Generation{2}) << "tried once";
}

TEST(Preemption, AFrozenOneIsPassedOver) {
  Crowded b;
  b.freeze("tin");
  b.die("h2");
  b.run_for(10s);
  EXPECT_EQ(b.order("tin"), ClaimOrder::run);
  EXPECT_EQ(b.order("iron"), ClaimOrder::run);
  EXPECT_EQ(b.claim("gold")->host, h("h1"));
}

TEST(Preemption, WhatStandsStillForItsDiskIsNotStoppedForOthers) {
  Crowded b;
  RunRecord paused = *b.run("iron");
  paused.paused = true;
  b.put(path::run(r("iron")), paused);
  b.die("h2");
  b.run_for(10s);
  EXPECT_EQ(b.order("iron"), ClaimOrder::run);
  EXPECT_EQ(b.claim("gold")->host, h("h1"));
}

}  // namespace
}  // namespace haven

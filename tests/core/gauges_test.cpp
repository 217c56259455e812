// What a host tells of its load, and how rarely.
#include "core/gauges.hpp"

#include "core/bench_node.hpp"

namespace haven {
namespace {
using namespace story;

LoadsMeasured measured(std::int64_t host_cpu, std::vector<GuestFigures> guests = {}) {
  return {{{host_cpu}, {4096}, 0, 0, 0}, std::move(guests)};
}

struct Measuring : Bench {
  explicit Measuring(Spec spec = three_hosts({vm("vm1", 1024)})) : Bench(std::move(spec)) {
    boot();
    forget();
  }
  void measure(Duration time, const LoadsMeasured& loads) {
    for (Duration passed{}; passed < time; passed += kLoadSampled) {
      tell(loads);
      run_for(kLoadSampled);
    }
  }
  const LoadRecord* told() const { return get<LoadRecord>(path::load(h("h1"))); }
};

TEST(Gauges, NothingIsToldBeforeItHasStood) {
  Measuring b;
  b.measure(kLoadStands, measured(1000));
  EXPECT_EQ(b.told(), nullptr);
  b.measure(kLoadSampled, measured(1000));
  ASSERT_NE(b.told(), nullptr);
  EXPECT_EQ(b.told()->host.cpu.count, 1000);
  EXPECT_EQ(b.told()->incarnation, boot_of(h("h1")));
}

TEST(Gauges, EvenLoadIsToldOnce) {
  Measuring b;
  b.measure(5min - kLoadSampled, measured(1000));
  EXPECT_EQ(b.commits("load").size(), 1U);
}

TEST(Gauges, SmallDifferencesWaitForFiveMinutes) {
  Measuring b;
  b.measure(1min, measured(1000));
  b.measure(3min, measured(1200));
  EXPECT_EQ(b.told()->host.cpu.count, 1000);
  b.measure(3min, measured(1200));
  EXPECT_EQ(b.told()->host.cpu.count, 1200);
  EXPECT_EQ(b.commits("load").size(), 2U);
}

TEST(Gauges, AClimbIsToldAsSoonAsItIsTheMedian) {
  Measuring b;
  b.measure(1min, measured(1000));
  b.measure(20s, measured(7000));
  EXPECT_EQ(b.told()->host.cpu.count, 7000);
}

TEST(Gauges, SwayingLoadIsToldAtMostEveryTenSeconds) {
  Measuring b;
  b.measure(1min, measured(1000));
  b.forget();
  for (int i = 0; i < 20; ++i) b.measure(30s, measured(i % 2 == 0 ? 7000 : 1000));
  EXPECT_LE(b.commits("load").size(), 60U);
  EXPECT_GE(b.commits("load").size(), 15U);
}

TEST(Gauges, AGuestThatComesTakesItBackUntilTheNewSumHasStood) {
  Measuring b;
  b.measure(1min, measured(1000));
  ASSERT_NE(b.told(), nullptr);
  b.measure(kLoadSampled, measured(1000, {{r("vm1"), {500}, {0}, {1024}}}));
  EXPECT_EQ(b.told(), nullptr);
  b.measure(35s, measured(1000, {{r("vm1"), {500}, {0}, {1024}}}));
  ASSERT_NE(b.told(), nullptr);
  ASSERT_EQ(b.told()->guests.size(), 1U);
  EXPECT_EQ(b.told()->guests[0].cpu.count, 500);
}

TEST(Gauges, WhatNobodyMeasuresAnyMoreIsTakenBack) {
  Measuring b;
  b.measure(1min, measured(1000));
  b.run_for(kLoadGap);
  EXPECT_EQ(b.told(), nullptr);
}

TEST(Gauges, AWordOfItsOwnThatComesThroughLateIsTakenBackAtOnce) {
  Measuring b;
  LoadRecord late;
  late.incarnation = boot_of(h("h1"));
  b.put(path::load(h("h1")), late);
  b.settle();
  EXPECT_EQ(b.told(), nullptr);
}

TEST(Gauges, WithBalanceOffNothingIsTold) {
  Spec spec = three_hosts({vm("vm1", 1024)});
  spec.cluster.balance = Balance::off;
  Measuring b(std::move(spec));
  b.measure(2min, measured(1000));
  EXPECT_EQ(b.told(), nullptr);
  EXPECT_TRUE(b.commits("load").empty());
}

TEST(Gauges, SwitchedOffWhatWasToldIsTakenBack) {
  Measuring b;
  b.measure(1min, measured(1000));
  Spec spec = b.spec();
  spec.cluster.balance = Balance::off;
  b.apply(std::move(spec));
  b.run_for(1s);
  EXPECT_EQ(b.told(), nullptr);
}

TEST(Gauges, ALineThatIsCrossedIsMarkedHoweverNear) {
  LoadRecord a, b;
  a.host.cpu_some = 49;
  b.host.cpu_some = 50;
  EXPECT_TRUE(differ_markedly(a, b));
  a.host.cpu_some = 48;
  b.host.cpu_some = 49;
  EXPECT_FALSE(differ_markedly(a, b));
}

}  // namespace
}  // namespace haven

// Reservations: what is needed at some times only, and what a clock that jumps may not do.
#include "core/recovery/calendars.hpp"
#include "core/bench_node.hpp"
#include "core/placement/admission.hpp"

namespace haven {
namespace {
using namespace story;

// Daily from 08:00 to 18:00 UTC.
Calendar office(int from = 8 * 60, int to = 18 * 60) {
  return {"daily 08:00-18:00 UTC", {{127, from, to}}, {{WallTime{0}, 0}}};
}
Resource reserved(Resource vm, Calendar calendar = office()) {
  vm.when = std::move(calendar);
  return vm;
}
constexpr std::int64_t kHour_ms = 3'600'000;
// 2026-01-05.
WallTime at_hour(std::int64_t hour) { return {1'767'571'200'000 + hour * kHour_ms}; }

struct Office : Bench {
  explicit Office(std::int64_t hour) : Bench(three_hosts({reserved(vm("vm1", 1024))})) {
    now.wall = at_hour(hour);
    boot();
    run_for(20s);
  }
  bool runs() const {
    const auto* run_record = run("vm1");
    return claim("vm1") != nullptr && claim("vm1")->order == ClaimOrder::run && run_record != nullptr &&
           run_record->state == RunState::running;
  }
};

TEST(Calendars, RunsWhenAndOnlyWhenItIsNeeded) {
  Office b(7);
  EXPECT_FALSE(b.runs());
  EXPECT_FALSE(b.get<CalendarRecord>(path::calendar(r("vm1")))->open);
  b.run_for(1h);
  EXPECT_TRUE(b.runs());
  b.run_for(9h + 55min);
  EXPECT_TRUE(b.runs());
  b.run_for(10min);
  EXPECT_FALSE(b.runs());
}

TEST(Calendars, AClockThatJumpsPastTheEveningAndBackStopsNothing) {
  Office b(12);
  b.run_for(5min);
  ASSERT_TRUE(b.runs());
  const auto generation = b.claim("vm1")->generation;
  b.now.wall.unix_ms += 8 * kHour_ms;
  b.run_for(8min);
  EXPECT_TRUE(b.runs());
  b.now.wall.unix_ms -= 8 * kHour_ms;
  b.run_for(1h);
  EXPECT_TRUE(b.runs());
  EXPECT_EQ(b.claim("vm1")->generation, generation);
}

TEST(Calendars, AClockThatWasSetIsBelievedInTheEnd) {
  Office b(12);
  b.run_for(5min);
  b.now.wall.unix_ms += 8 * kHour_ms;
  b.run_for(kClockTrusted + 1min);
  EXPECT_FALSE(b.runs());
}

TEST(Calendars, AJustStartedHavendStopsNothingAtOnce) {
  Office b(12);
  b.run_for(5min);
  ASSERT_TRUE(b.runs());
  b.now.wall = at_hour(20);
  b.restart_havend();
  b.run_for(kClockSettles / 2);
  EXPECT_TRUE(b.runs());
  b.run_for(kClockSettles);
  EXPECT_FALSE(b.runs());
}

TEST(Calendars, TheOperatorsWordComesFirst) {
  Office b(20);
  EXPECT_FALSE(b.runs());
  b.say(OperatorVerb::start, "vm1");
  b.run_for(30s);
  EXPECT_TRUE(b.runs());
  b.say(OperatorVerb::clear, "vm1");
  b.run_for(30s);
  EXPECT_FALSE(b.runs()) << "it is its calendar's again";
}

TEST(Calendars, ARecordGoesWithItsCalendar) {
  Office b(12);
  ASSERT_NE(b.get<CalendarRecord>(path::calendar(r("vm1"))), nullptr);
  auto spec = three_hosts({vm("vm1", 1024)});
  b.apply(spec);
  b.run_for(20s);
  EXPECT_EQ(b.get<CalendarRecord>(path::calendar(r("vm1"))), nullptr);
  EXPECT_TRUE(b.runs());
}

TEST(Calendars, AFrozenOneIsLeftAlone) {
  Office b(17);
  b.run_for(5min);
  ASSERT_TRUE(b.runs());
  b.freeze("vm1");
  b.run_for(2h);
  EXPECT_TRUE(b.runs());
}

Spec day_and_night(std::int64_t memory) {
  return cluster({host("h1", memory), host("h2", memory)},
                 {reserved(vm("day", 6)), reserved(vm("night", 6), office(18 * 60, 8 * 60)), vm("always", 2)});
}

TEST(Calendars, CapacityCountsByCalendar) {
  EXPECT_TRUE(check_admission(day_and_night(8)).admitted) << "day and night are never together";
  auto both = day_and_night(8);
  both.resources[1].when = office(17 * 60, 8 * 60);
  const auto answer = check_admission(both);
  EXPECT_FALSE(answer.admitted) << "between 17:00 and 18:00 they are";
  EXPECT_EQ(answer.max_losses, 0);
  EXPECT_EQ(answer.unprotected, std::vector{r("night")});
  EXPECT_FALSE(check_admission(day_and_night(7)).admitted);
}

}  // namespace
}  // namespace haven

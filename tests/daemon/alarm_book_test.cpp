// When an alarm is told: raised, repeated, cleared; and by whom.
#include "daemon/alarm_book.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/alarm_watch.hpp"

namespace haven::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Alarm alarm(const std::string& key) { return {key, key + " hurts", {}, {}}; }
Now at(Duration since) { return {Instant{1h + since}, WallTime{1'800'000'000'000}}; }

// What is told at this moment, every telling going well; "raised a".
std::vector<std::string> tell(AlarmBook& book, Duration when, bool well = true) {
  std::vector<std::string> told;
  for (const Notice& notice : book.due(at(when).mono)) {
    told.push_back(std::string(word(notice.telling)) + " " + notice.alarm.key);
    book.told(notice, well, at(when).mono);
  }
  return told;
}

TEST(AlarmBook, TellsOnceThenAgainAndAgainUntilItEnds) {
  AlarmBook book(10min);
  book.stand({alarm("b"), alarm("a")}, at(0s));
  EXPECT_THAT(tell(book, 0s), ElementsAre("raised b", "raised a")) << "in the order in which they came up";
  EXPECT_THAT(tell(book, 10min - 1s), IsEmpty());
  EXPECT_EQ(book.next(), at(10min).mono);
  EXPECT_THAT(tell(book, 10min), ElementsAre("repeated b", "repeated a"));
  book.stand({alarm("a")}, at(11min));
  EXPECT_THAT(tell(book, 11min), IsEmpty()) << "it may come back at once";
  EXPECT_THAT(tell(book, 11min + AlarmBook::kEnded), ElementsAre("cleared b"));
  EXPECT_THAT(tell(book, 20min), ElementsAre("repeated a"));
}

TEST(AlarmBook, WhatComesBackAtOnceHasNotEnded) {
  AlarmBook book(10min);
  book.stand({alarm("a")}, at(0s));
  tell(book, 0s);
  book.stand({}, at(1s));
  book.stand({alarm("a")}, at(5s));
  book.stand({}, at(6s));
  EXPECT_THAT(tell(book, 12s), IsEmpty());
  book.stand({alarm("a")}, at(13s));
  EXPECT_THAT(tell(book, 1min), IsEmpty());
}

TEST(AlarmBook, WhatCouldNotBeToldStaysDue) {
  AlarmBook book(10min);
  book.stand({alarm("a")}, at(0s));
  EXPECT_THAT(tell(book, 0s, false), ElementsAre("raised a"));
  EXPECT_THAT(tell(book, 1s), IsEmpty());
  EXPECT_THAT(tell(book, AlarmBook::kRetry), ElementsAre("raised a"));
  book.stand({}, at(1min));
  EXPECT_THAT(tell(book, 2min, false), ElementsAre("cleared a"));
  EXPECT_THAT(tell(book, 3min), ElementsAre("cleared a"));
  EXPECT_EQ(book.next(), kNever);
}

TEST(AlarmBook, WhatNobodyWasToldOfHasNoEndEither) {
  AlarmBook book(10min);
  book.stand({alarm("a")}, at(0s));
  tell(book, 0s, false);
  book.stand({}, at(1s));
  EXPECT_EQ(book.next(), kNever);
}

TEST(AlarmBook, ASuccessorTellsWhatStandsAnewAndTheEndOfWhatDoesNot) {
  AlarmBook book(10min);
  book.inherit({alarm("a"), alarm("b")}, at(0s));
  book.stand({alarm("a")}, at(0s));
  EXPECT_THAT(tell(book, 0s), ElementsAre("raised a"));
  EXPECT_THAT(tell(book, AlarmBook::kEnded), ElementsAre("cleared b"));
}

TEST(AlarmBook, IsBounded) {
  AlarmBook book(10min);
  std::vector<Alarm> many;
  for (std::size_t i = 0; i < 3 * AlarmBook::kMost; ++i) many.push_back(alarm(std::to_string(i)));
  book.stand(many, at(0s));
  EXPECT_EQ(tell(book, 0s).size(), AlarmBook::kMost);
}

std::vector<std::string> keys(const Standing& standing) {
  std::vector<std::string> result;
  for (const auto& one : standing.alarms) result.push_back(one.key);
  return result;
}

const std::vector<Alarm> kLocal{{"disk", "no disk", {}, {}}};
Scene scene(bool engine, bool leads, bool led) { return {engine, leads, led, "prod", {alarm("fence/h2")}, {}}; }

TEST(TellersRole, TheControllerTellsForAllAndItsOwn) {
  TellersRole role(HostName("h1"));
  const Standing first = role.turn(scene(true, true, true), kLocal, at(0s));
  EXPECT_TRUE(first.new_reign);
  EXPECT_THAT(keys(first), ElementsAre("fence/h2", "host/h1/no disk"));
  EXPECT_EQ(first.alarms[1].text, "h1: no disk");
  EXPECT_FALSE(role.turn(scene(true, true, true), kLocal, at(1s)).new_reign);
  Scene reported = scene(true, true, true);
  reported.alarms.push_back({"host/h1/no disk", "h1: no disk", HostName("h1"), {}});
  EXPECT_EQ(role.turn(reported, kLocal, at(2s)).alarms.size(), 2U) << "told once";
}

TEST(TellersRole, TheOthersTellNothing) {
  TellersRole role(HostName("h1"));
  EXPECT_THAT(keys(role.turn(scene(true, false, true), kLocal, at(0s))), IsEmpty());
}

TEST(TellersRole, WithoutAControllerOrAnEngineEachTellsItsOwn) {
  TellersRole role(HostName("h1"));
  EXPECT_THAT(keys(role.turn(scene(true, false, false), kLocal, at(0s))), ElementsAre("host/h1/no disk"));
  EXPECT_TRUE(role.turn(scene(true, false, true), kLocal, at(1s)).handed_over);
  // What it shows is old then, whoever it says leads.
  EXPECT_THAT(keys(role.turn(scene(false, true, true), kLocal, at(2s))), ElementsAre("host/h1/no disk"));
  EXPECT_THAT(keys(role.turn(scene(false, true, true), kLocal, at(2s + TellersRole::kEngineOut))),
              ElementsAre("engine/h1", "host/h1/no disk"));
  const Standing back = role.turn(scene(true, false, true), kLocal, at(1min));
  EXPECT_TRUE(back.handed_over);
  EXPECT_EQ(back.always_ours, "engine/h1");
}

TEST(TellersRole, HandingOverEndsNothingButTheHostsOwnAlarm) {
  AlarmBook book(10min);
  book.stand({alarm("engine/h1"), alarm("fence/h2"), alarm("host/h1/x")}, at(0s));
  tell(book, 0s);
  book.hand_over({alarm("host/h1/x")}, "engine/h1");
  book.stand({alarm("host/h1/x")}, at(1s));
  EXPECT_THAT(tell(book, 1min), ElementsAre("cleared engine/h1"));
  EXPECT_THAT(tell(book, 10min), ElementsAre("repeated host/h1/x"));
}

}  // namespace
}  // namespace haven::daemon

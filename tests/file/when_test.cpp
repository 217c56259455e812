#include "file/when.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace haven::file {
namespace {

// Unix milliseconds of a UTC time.
WallTime utc(int year, unsigned month, unsigned day, int hour, int minute = 0) {
  using namespace std::chrono;
  const sys_days date{std::chrono::year{year} / month / day};
  return {duration_cast<milliseconds>((date + hours(hour) + minutes(minute)).time_since_epoch()).count()};
}

Calendar when(const std::string& text) {
  auto calendar = parse_when(text);
  EXPECT_TRUE(calendar) << text << ": " << calendar.error();
  return calendar.value_or(Calendar{});
}

std::string refusal(const std::string& text) {
  const auto calendar = parse_when(text);
  return calendar ? "accepted" : calendar.error();
}

TEST(When, IsOpenInItsHoursOfItsZoneInWinterAndSummer) {
  const auto office = when("Mon-Fri 08:00-18:00 Europe/Vienna");
  // 2026-01-05 is a Monday, UTC+1; 2026-07-06 too, UTC+2.
  EXPECT_FALSE(is_open(office, utc(2026, 1, 5, 6, 59)));
  EXPECT_TRUE(is_open(office, utc(2026, 1, 5, 7, 0)));
  EXPECT_TRUE(is_open(office, utc(2026, 1, 5, 16, 59)));
  EXPECT_FALSE(is_open(office, utc(2026, 1, 5, 17, 0)));
  EXPECT_TRUE(is_open(office, utc(2026, 7, 6, 6, 0)));
  EXPECT_FALSE(is_open(office, utc(2026, 7, 6, 16, 0)));
  EXPECT_FALSE(is_open(office, utc(2026, 1, 3, 10))) << "a Saturday";
}

TEST(When, OverMidnightBelongsToTheDayOnWhichItBegins) {
  const auto night = when("Fri 22:00-06:00 UTC");
  EXPECT_TRUE(is_open(night, utc(2026, 1, 2, 23)));
  EXPECT_TRUE(is_open(night, utc(2026, 1, 3, 5, 59)));
  EXPECT_FALSE(is_open(night, utc(2026, 1, 3, 6)));
  EXPECT_FALSE(is_open(night, utc(2026, 1, 2, 3)));
}

TEST(When, SeveralWindowsAndDays) {
  const auto shop = when("Mon,Wed-Thu 08:00-12:00; Sat 09:00-24:00 UTC");
  EXPECT_TRUE(is_open(shop, utc(2026, 1, 5, 8)));
  EXPECT_FALSE(is_open(shop, utc(2026, 1, 6, 8)));
  EXPECT_TRUE(is_open(shop, utc(2026, 1, 8, 11)));
  EXPECT_TRUE(is_open(shop, utc(2026, 1, 3, 23, 59)));
  EXPECT_FALSE(is_open(shop, utc(2026, 1, 4, 0)));
  EXPECT_EQ(when("Sat-Mon 00:00-24:00 UTC").windows.at(0).days, 0b1100001);
}

TEST(When, TheNextChangeIsTheFirstMomentAtWhichItIsOtherwise) {
  const auto office = when("Mon-Fri 08:00-18:00 Europe/Vienna");
  EXPECT_EQ(next_change(office, utc(2026, 1, 5, 6)), utc(2026, 1, 5, 7));
  EXPECT_EQ(next_change(office, utc(2026, 1, 5, 7)), utc(2026, 1, 5, 17));
  EXPECT_EQ(next_change(office, utc(2026, 1, 9, 17)), utc(2026, 1, 12, 7)) << "over the weekend";
  // Summer time begins on 2026-03-29.
  EXPECT_EQ(next_change(office, utc(2026, 3, 27, 17)), utc(2026, 3, 30, 6));
  EXPECT_EQ(next_change(when("daily 00:00-24:00 UTC"), utc(2026, 1, 5, 7)), std::nullopt);
  EXPECT_EQ(next_change(when("Fri 22:00-06:00 UTC"), utc(2026, 1, 2, 23)), utc(2026, 1, 3, 6));
}

TEST(When, NextChangesMatchALookAtEachMinuteAcrossTheClocksChange) {
  for (const char* text : {"Sat-Sun 01:30-02:30 Europe/Vienna", "daily 02:30-03:30 America/New_York",
                           "Sun 23:00-01:00 Australia/Lord_Howe"}) {
    const auto calendar = when(text);
    for (const auto& [from, days] : {std::pair(utc(2026, 3, 27, 0), 12), std::pair(utc(2026, 10, 23, 0), 12)}) {
      WallTime at = from;
      const std::int64_t end = from.unix_ms + days * 86'400'000LL;
      while (at.unix_ms < end) {
        const auto change = next_change(calendar, at);
        ASSERT_TRUE(change) << text;
        for (std::int64_t t = at.unix_ms; t < change->unix_ms && t < end; t += 60'000)
          ASSERT_EQ(is_open(calendar, {t}), is_open(calendar, at)) << text << " at " << t;
        ASSERT_NE(is_open(calendar, *change), is_open(calendar, at)) << text;
        at = *change;
      }
    }
  }
}

TEST(When, SaysWhatIsWrong) {
  EXPECT_EQ(refusal("Mon-Fri"), "\"Mon-Fri\" names no hours or no time zone");
  EXPECT_EQ(refusal("Mon-Fri 08:00-18:00"), "\"Mon-Fri\" is no window: days and hours, as in \"Mon-Fri 08:00-18:00\"");
  EXPECT_EQ(refusal("Mon-Fri 08:00-18:00 Europe/Atlantis"),
            "\"Europe/Atlantis\" is no time zone that this machine knows (tzdata)");
  EXPECT_EQ(refusal("Mon-Fri 08:00-18:00 ../../etc/passwd"),
            "\"../../etc/passwd\" is no time zone that this machine knows (tzdata)");
  EXPECT_EQ(refusal("mon 08:00-18:00 UTC"), "\"mon\" is no day or range of days (Mon Tue Wed Thu Fri Sat Sun, daily)");
  EXPECT_NE(refusal("Mon 8:00-18:00 UTC").find("\"8:00-18:00\" are no hours"), std::string::npos);
  EXPECT_NE(refusal("Mon 08:00-24:30 UTC").find("are no hours"), std::string::npos);
  EXPECT_NE(refusal("Mon 24:00-06:00 UTC").find("are no hours"), std::string::npos);
  EXPECT_NE(refusal("Mon 08:00-08:00 UTC").find("begins when it ends"), std::string::npos);
  EXPECT_NE(refusal("Mon  08:00-18:00 UTC").find("is no window"), std::string::npos);
  EXPECT_NE(refusal("Mon 08:00-18:00; UTC").find("is no window"), std::string::npos);
  EXPECT_NE(refusal(""), "accepted");
}

TEST(When, AZonesFileIsReadToTheLetterOrRefused) {
  std::ifstream file("/usr/share/zoneinfo/Europe/Vienna", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  ASSERT_TRUE(parse_zone(bytes));
  for (std::size_t length = 0; length < 1200; length += 7) EXPECT_FALSE(parse_zone(bytes.substr(0, length))) << length;
  EXPECT_FALSE(parse_zone("TZif"));
  EXPECT_FALSE(parse_zone(std::string(200, '\xff')));
}

}  // namespace
}  // namespace haven::file

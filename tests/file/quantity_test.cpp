#include "file/quantity.hpp"

#include <gtest/gtest.h>

namespace haven::file {
namespace {

TEST(Quantity, ReadsEachUnitOfTime) {
  EXPECT_EQ(parse_duration("300ms").value(), Duration(300ms));
  EXPECT_EQ(parse_duration("30s").value(), Duration(30s));
  EXPECT_EQ(parse_duration("10m").value(), Duration(10min));
  EXPECT_EQ(parse_duration("2h").value(), Duration(2h));
  EXPECT_EQ(parse_duration("0s").value(), Duration::zero());
}

TEST(Quantity, RefusesWhatIsNoDuration) {
  for (const char* text :
       {"", "s", "3", "3 s", "-3s", "1.5s", "3d", "3S", "0x3s", "3s ", "99999999999999999999s", "9999999999h"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Quantity, WritesADurationInItsLargestWholeUnit) {
  EXPECT_EQ(format_duration(0s), "0s");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(600s), "10m");
  EXPECT_EQ(format_duration(120min), "2h");
}

TEST(Quantity, ReadsEachUnitOfSize) {
  EXPECT_EQ(parse_size("4096KiB").value(), KiB{4096});
  EXPECT_EQ(parse_size("512MiB").value(), KiB{512 * 1024});
  EXPECT_EQ(parse_size("2GiB").value(), KiB{2 * 1024 * 1024});
  EXPECT_EQ(parse_size("1TiB").value(), KiB{1024 * 1024 * 1024});
  for (const char* text : {"", "GiB", "2", "2GB", "2G", "2gib", "1.5GiB", "-1GiB", "2 GiB", "1PiB", "2000000TiB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(Quantity, RoundsNeedsUpAndCapacityDown) {
  EXPECT_EQ(rounded_up(KiB{1025}), MiB{2});
  EXPECT_EQ(rounded_down(KiB{2047}), MiB{1});
  EXPECT_EQ(rounded_up(KiB{2048}), MiB{2});
}

TEST(Quantity, WritesASizeInItsLargestWholeUnit) {
  EXPECT_EQ(format_size(MiB{0}), "0MiB");
  EXPECT_EQ(format_size(MiB{1536}), "1536MiB");
  EXPECT_EQ(format_size(MiB{2048}), "2GiB");
  EXPECT_EQ(format_size(MiB{1024 * 1024}), "1TiB");
}

}  // namespace
}  // namespace haven::file

// How a live move reads while it lasts.
#include "cli/moving.hpp"

#include <gtest/gtest.h>

namespace haven::cli {
namespace {

TEST(Moving, SizesAreRoundedAsPeopleSayThem) {
  EXPECT_EQ(size_words(0), "0 MiB");
  EXPECT_EQ(size_words(1), "1 MiB") << "something is left";
  EXPECT_EQ(size_words(std::int64_t{1023} << 20), "1023 MiB");
  EXPECT_EQ(size_words(std::int64_t{1229} << 20), "1.2 GiB");
}

TEST(Moving, SaysHowFarItIs) {
  const Json resource{{"name", "web1"},
                      {"moving_to", "h2"},
                      {"moving", {{"percent", 43}, {"left_bytes", 1288490189}, {"elapsed_ms", 12345}, {"stuck", ""}}}};
  EXPECT_EQ(moving_words(resource), "moving to h2: 43 %, 1.2 GiB left, 12 s");
}

TEST(Moving, SaysWhyItMakesNoHeadway) {
  const Json resource{{"moving_to", "h2"},
                      {"moving",
                       {{"percent", 97},
                        {"left_bytes", 8388608},
                        {"elapsed_ms", 95000},
                        {"stuck", "its guest changes 40 MiB of memory each second, 2 MiB go over"}}}};
  EXPECT_EQ(moving_words(resource),
            "moving to h2: 97 %, 8 MiB left, 95 s; no headway: its guest changes 40 MiB of memory each second, "
            "2 MiB go over");
}

TEST(Moving, WhatNobodyToldOfReadsAsNothing) {
  EXPECT_EQ(moving_words({{"moving_to", "h2"}, {"moving", nullptr}}), "");
  EXPECT_EQ(moving_words({{"moving_to", nullptr}, {"moving", {{"percent", 1}}}}), "") << "it is over";
  EXPECT_EQ(moving_words({{"moving_to", "h2"}}), "") << "an older havend answers";
}

}  // namespace
}  // namespace haven::cli

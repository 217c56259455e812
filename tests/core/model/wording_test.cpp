#include "core/model/wording.hpp"

#include <gtest/gtest.h>

#include "core/model/ids.hpp"

namespace haven {
namespace {

TEST(Wording, ListsWordsAsASentenceDoes) {
  EXPECT_EQ(listed({}), "");
  EXPECT_EQ(listed({"a"}), "a");
  EXPECT_EQ(listed({"a", "b"}), "a and b");
  EXPECT_EQ(listed({"a", "b", "c"}), "a, b and c");
  EXPECT_EQ(listed({"a", "b", "c"}, "or"), "a, b or c");
}

TEST(Wording, ListsWordsWithCommasAlone) {
  EXPECT_EQ(with_commas({}), "");
  EXPECT_EQ(with_commas({"a", "b", "c"}), "a, b, c");
  EXPECT_EQ(with_commas(texts_of(std::vector{HostName("h2"), HostName("h1")})), "h2, h1");
}

TEST(Wording, RoundsThousandthsToTenths) {
  EXPECT_EQ(tenths(0), "0.0");
  EXPECT_EQ(tenths(49), "0.0");
  EXPECT_EQ(tenths(50), "0.1");
  EXPECT_EQ(tenths(1449), "1.4");
  EXPECT_EQ(tenths(1450), "1.5");
  EXPECT_EQ(tenths(12'000), "12.0");
}

}  // namespace
}  // namespace haven

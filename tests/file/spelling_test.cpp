#include "core/model/spelling.hpp"

#include <gtest/gtest.h>

namespace haven {
namespace {

TEST(Spelling, CountsEditsAndSwaps) {
  EXPECT_EQ(edit_distance("memory", "memory"), 0U);
  EXPECT_EQ(edit_distance("memroy", "memory"), 1U);
  EXPECT_EQ(edit_distance("memor", "memory"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
}

TEST(Spelling, SuggestsOnlyWhatIsNear) {
  EXPECT_EQ(closest("naem", {"address", "name"}), "name");
  EXPECT_EQ(closest("db", {"web1", "web2"}), std::nullopt);
  EXPECT_EQ(closest("web3", {"web1", "web2"}), "web1");
  EXPECT_EQ(closest(std::string(100000, 'a'), {"name"}), std::nullopt);
}

}  // namespace
}  // namespace haven

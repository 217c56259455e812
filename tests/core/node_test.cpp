#include "core/bench_node.hpp"

namespace haven {
namespace {
using namespace story;

TEST(Node, JoinsTakesOfficeAndStartsWhatTheFileSays) {
  Bench b(three_hosts({vm("vm1", 1024)}));
  b.boot();
  EXPECT_TRUE(b.node->leads());
  ASSERT_NE(b.run("vm1"), nullptr);
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
  EXPECT_TRUE(b.domains.contains(r("vm1")));
}

}  // namespace
}  // namespace haven

// A node that reigns, for stories about what a controller decides.
#pragma once

#include <algorithm>
#include <string>

#include "core/bench_node.hpp"

namespace haven::story {

struct Reigning : Bench {
  explicit Reigning(Spec spec) : Bench(std::move(spec)) {
    boot();
    run_for(2s);
    EXPECT_TRUE(node->leads());
  }
};

inline bool compares(const Commit& commit, const std::string& path) {
  return std::any_of(commit.checks.begin(), commit.checks.end(), [&](const Check& c) { return c.path == path; });
}

}  // namespace haven::story

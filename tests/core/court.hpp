// A cluster of three that h1 reigns over, for stories about accusations and proofs.
#pragma once

#include <optional>
#include <vector>

#include "core/bench_node.hpp"

namespace haven::story {

// h1 reigns, everything runs where the story put it.
struct Court : Bench {
  explicit Court(Spec spec = three_hosts({})) : Bench(std::move(spec)) {
    boot();
    run_for(5s);
    EXPECT_TRUE(node->leads());
    forget();
  }
  std::vector<AgentVerb> verbs() const {
    std::vector<AgentVerb> verbs;
    for (const auto& run : did<RunAgent>()) verbs.push_back(run.verb);
    return verbs;
  }
  // What is recorded of h2's fence, nothing if there is none.
  std::optional<FenceState> state() const {
    const FenceRecord* record = fence("h2");
    return record == nullptr ? std::nullopt : std::optional(record->state);
  }
};

inline FenceRecord intent_of(const std::string& reign, FenceState state = FenceState::intent) {
  FenceRecord fence;
  fence.reign = Reign(reign);
  fence.state = state;
  return fence;
}

}  // namespace haven::story

// A host that serves another controller, for stories about what an executor does under its claims.
#pragma once

#include <algorithm>
#include <string>

#include "core/bench_node.hpp"

namespace haven::story {

// h2 reigns and does nothing by itself: the story writes h1's claims.
struct Servant : Bench {
  explicit Servant(Spec spec = three_hosts({vm("vm1", 1024)})) : Bench(std::move(spec)) {
    lead("h2");
    boot();
    forget();
  }
  void claim_for(const std::string& host, const std::string& resource, std::uint64_t generation,
                 ClaimOrder order = ClaimOrder::run) {
    const Incarnation boot = h(host) == kSelf ? config.incarnation : boot_of(h(host));
    put(path::claim(r(resource)), ClaimRecord{h(host), boot, {generation}, order, std::nullopt, {}});
    settle();
  }
  void started(const std::string& resource = "vm1", std::uint64_t generation = 1) {
    claim_for("h1", resource, generation);
    run_for(100ms);
    EXPECT_EQ(run(resource)->state, RunState::running);
    forget();
  }
  void crash(const std::string& resource = "vm1", HintKind how = HintKind::crashed) {
    domains.erase(r(resource));
    tell(DomainHint{r(resource), how});
  }
  bool releases() const {
    const auto all = did<Commit>();
    return std::any_of(all.begin(), all.end(), [](const Commit& commit) {
      return std::any_of(commit.writes.begin(), commit.writes.end(), [](const Write& w) {
        const auto* run = w.value ? std::get_if<RunRecord>(&*w.value) : nullptr;
        return run != nullptr && run->state == RunState::released;
      });
    });
  }
};

inline Resource with_restarts(int limit) {
  Resource resource = vm("vm1", 1024);
  resource.restarts.limit = limit;
  return resource;
}

}  // namespace haven::story

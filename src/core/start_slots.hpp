// How many starts may still begin on a host in one pass: more at a time only make each other slow. Only the executor
// includes this.
#pragma once

#include <optional>
#include <utility>

#include "core/executor.hpp"
#include "core/placement/roster.hpp"

namespace haven {

inline int free_starts(const HostState& host, const View& view, const SelfView& self) {
  const auto is_starting = [&](const ResourceName& name) {
    const auto local = host.locals.find(name);
    return local != host.locals.end() && local->second.start_in_flight;
  };
  int free = kParallelStarts;
  for (const auto& [name, run] : view.runs) {
    const auto claim = view.claims.find(name);
    const bool ours = claim != view.claims.end() && claim->second.value.host == self.host &&
                      claim->second.value.incarnation == self.incarnation &&
                      claim->second.value.order != ClaimOrder::let_go &&
                      claim->second.value.generation == run.value.generation && view.roster().resource(name) != nullptr;
    if ((ours && run.value.state == RunState::starting) || is_starting(name)) --free;
  }
  return free;
}

// The starts that may still begin in this pass; counted only where somebody asks.
class StartSlots {
 public:
  StartSlots(const HostState& host, const View& view, const SelfView& self) : host_(host), view_(view), self_(self) {}
  // False: there is none left, and somebody has to wait.
  [[nodiscard]] bool take() {
    if (!free_) free_ = free_starts(host_, view_, self_);
    if (*free_ > 0) {
      --*free_;
      return true;
    }
    refused_ = true;
    return false;
  }
  // Whether anybody was refused since this was asked last.
  [[nodiscard]] bool refused() { return std::exchange(refused_, false); }

 private:
  const HostState& host_;
  const View& view_;
  const SelfView& self_;
  std::optional<int> free_;
  bool refused_ = false;
};

}  // namespace haven

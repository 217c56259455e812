// One choice of losses, packed anew: what is kept, what stays down, and in words why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/model/spec.hpp"
#include "core/placement/losses.hpp"
#include "core/placement/packing.hpp"
#include "core/placement/topology.hpp"

namespace haven {

inline constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

struct Outcome {
  Loss loss;                         // empty: none, as things are now
  std::vector<std::size_t> kept;     // resources, most important first
  std::vector<std::size_t> down;     // likewise
  std::vector<std::size_t> host_of;  // by resource: where it could stand together with all that is kept; or kNowhere
  std::vector<PackingHost> free;     // by host: what that leaves; nothing on lost ones
};

class Repacking {
 public:
  // `spec` must outlive this. `steps`: of packing, from one refill to the next.
  Repacking(const Spec& spec, std::int64_t steps);

  [[nodiscard]] Losses losses() const { return {spec_, topology_, counted_eligible_}; }

  // Unknown counts as no, and makes exact() false.
  [[nodiscard]] bool all_fit(const Loss& loss);
  [[nodiscard]] Outcome after(const Loss& loss);

  // A sentence per resource that is down, kMaxReasons at most.
  void explain(const Outcome& outcome, std::vector<std::string>& reasons) const;

  void refill_steps();
  [[nodiscard]] bool exhausted() const { return steps_ <= 0; }
  [[nodiscard]] bool exact() const { return exact_; }

 private:
  [[nodiscard]] const std::vector<std::size_t>& needed(const Loss& loss) const {
    return loss.empty() ? started_ : counted_;
  }
  [[nodiscard]] bool lost(const Loss& loss, std::size_t host) const;
  [[nodiscard]] std::vector<PackingHost> hosts_after(const Loss& loss) const;
  [[nodiscard]] PackingProblem problem(const Loss& loss, const std::vector<std::size_t>& resources) const;
  [[nodiscard]] Packing packed(const Loss& loss, const std::vector<std::size_t>& resources);
  void keep_longest_prefix(Outcome& outcome, const std::vector<std::size_t>& order);
  [[nodiscard]] bool keep(Outcome& outcome, std::size_t resource);
  [[nodiscard]] bool as_hard(std::size_t resource, std::size_t other) const;
  void settle(Outcome& outcome, std::vector<std::size_t> kept, const Packing& packing) const;

  void stand(Outcome& outcome, std::size_t resource, std::size_t host) const;
  [[nodiscard]] std::string obstacle(const Outcome& outcome, std::size_t resource, std::size_t host) const;
  [[nodiscard]] std::string remedy(const Outcome& outcome, std::size_t resource) const;
  [[nodiscard]] std::string shortage(const Outcome& outcome, std::size_t resource,
                                     const std::vector<std::size_t>& hosts) const;
  [[nodiscard]] std::string when(const Loss& loss) const;

  const Spec& spec_;
  const Topology topology_;
  std::vector<std::size_t> started_;               // most important first
  std::vector<std::size_t> counted_;               // of these, what a loss must leave running
  std::vector<HostSet> eligible_;                  // by resource
  std::vector<HostSet> counted_eligible_;          // by place in counted_
  std::vector<std::vector<std::size_t>> members_;  // by rule
  std::vector<std::vector<std::size_t>> rules_;    // by resource: its strict rules
  const std::int64_t full_;
  std::int64_t steps_;
  bool exact_ = true;
};

}  // namespace haven

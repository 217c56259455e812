#include "core/placement/admission.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/placement/losses.hpp"
#include "core/placement/packing.hpp"
#include "core/placement/topology.hpp"

namespace haven {
namespace {

// What runs and what not after one loss, and where what runs could stand.
struct Outcome {
  Loss loss;
  std::vector<std::size_t> kept, down;  // in the order of importance
  std::vector<std::size_t> host_of;     // of each kept one
};

std::vector<std::size_t> by_importance(const Spec& spec) {
  std::vector<std::size_t> order;
  for (std::size_t r = 0; r < spec.resources.size(); ++r)
    if (spec.resources[r].state == DesiredState::started) order.push_back(r);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto& x = spec.resources[a];
    const auto& y = spec.resources[b];
    return x.priority != y.priority ? x.priority > y.priority : x.name < y.name;
  });
  return order;
}

class Check {
 public:
  explicit Check(const Spec& spec) : spec_(spec), topology_(spec), started_(by_importance(spec)) {
    for (const auto& resource : spec.resources) eligible_.push_back(topology_.eligible(resource.hosts));
    std::vector<HostSet> eligible;
    for (const auto r : started_)
      if (spec.resources[r].tolerate_host) {
        counted_.push_back(r);
        eligible.push_back(eligible_[r]);
      }
    losses_.emplace(spec, topology_, eligible);
  }

  Admission run();

 private:
  [[nodiscard]] const std::vector<std::size_t>& needed(const Loss& loss) const {
    return loss.empty() ? started_ : counted_;
  }
  [[nodiscard]] PackingProblem problem(const Loss& loss, const std::vector<std::size_t>& resources) const;
  [[nodiscard]] std::vector<PackingHost> hosts_after(const Loss& loss) const;
  Packing packed(const Loss& loss, const std::vector<std::size_t>& resources);
  bool survives_every(std::size_t losses);
  Outcome outcome(const Loss& loss);
  std::size_t largest_prefix(const Loss& loss, const std::vector<std::size_t>& order);
  Outcome worst(std::size_t losses);
  void explain(const Outcome& outcome, std::vector<std::string>& reasons) const;
  [[nodiscard]] std::string remedy(const Outcome& outcome, std::size_t resource) const;
  [[nodiscard]] std::string when(const Loss& loss) const;

  const Spec& spec_;
  const Topology topology_;
  const std::vector<std::size_t> started_;  // by importance
  std::vector<std::size_t> counted_;        // of these, what a loss must leave running
  std::vector<HostSet> eligible_;           // by resource
  std::optional<Losses> losses_;
  std::int64_t steps_ = kMaxCheckSteps;
  bool exact_ = true;
};

std::vector<PackingHost> Check::hosts_after(const Loss& loss) const {
  std::vector<PackingHost> hosts;
  for (std::size_t h = 0; h < spec_.hosts.size(); ++h) {
    PackingHost host{{}, {}, topology_.domains_of(h)};
    const auto domain = topology_.domain(spec_.cluster.reserve_domain, h);
    if (!std::binary_search(loss.begin(), loss.end(), domain)) {
      const auto room = room_of(spec_.hosts[h], spec_.cluster, loss.empty() ? Occasion::start : Occasion::recovery);
      host.memory = room.memory;
      host.cpu = room.cpu;
    }
    hosts.push_back(host);
  }
  return hosts;
}

PackingProblem Check::problem(const Loss& loss, const std::vector<std::size_t>& resources) const {
  PackingProblem out{hosts_after(loss), {}, {}};
  HostSet alive(topology_.hosts());
  for (std::size_t h = 0; h < topology_.hosts(); ++h)
    if (!std::binary_search(loss.begin(), loss.end(), topology_.domain(spec_.cluster.reserve_domain, h))) alive.add(h);
  std::vector<std::size_t> item_of(spec_.resources.size(), resources.size());
  for (const auto r : resources) {
    const auto& resource = spec_.resources[r];
    item_of[r] = out.items.size();
    out.items.push_back({resource.memory, resource.cpu, eligible_[r]});
    out.items.back().allowed.keep_only(alive);
  }
  for (const auto& rule : rules_) {
    PackingRule made{rule.kind, rule.domain, {}};
    for (const auto r : rule.resources)
      if (item_of[r] != resources.size()) made.items.push_back(item_of[r]);
    if (made.items.size() > 1) out.rules.push_back(std::move(made));
  }
  return out;
}

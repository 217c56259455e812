#include "core/placement/overbooking.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "core/placement/admission.hpp"
#include "core/placement/losses.hpp"
#include "core/placement/outcome.hpp"

namespace haven {
namespace {

using Counts = std::vector<int>;  // by kind of host: so many of it are down

Spec by_nominal_sizes(Spec spec) {
  spec.cluster.overbook = 1.0;
  spec.cluster.reserve_domain = FailureDomain::host;
  return spec;
}

double choose(int of, int count) {
  double ways = 1;
  for (int i = 1; i <= count; ++i) ways = ways * (of - count + i) / i;
  return ways;
}

// Hosts that are alike are counted, not told apart.
class Standby {
 public:
  Standby(const Spec& spec, const FailureRates& rates)
      : spec_(by_nominal_sizes(spec)), repacking_(spec_, kMaxCheckSteps), losses_(repacking_.losses()) {
    std::map<std::size_t, std::size_t> kind_of;
    for (std::size_t d = 0; d < losses_.domains(); ++d) {
      const auto [it, fresh] = kind_of.emplace(losses_.first_alike(d), kinds_.size());
      if (fresh) kinds_.emplace_back();
      kinds_[it->second].push_back(d);
    }
    const auto up = static_cast<double>(rates.mtbf.count());
    const auto down = static_cast<double>(rates.mttr.count());
    unavailability_ = down / (up + down);
    const auto year = static_cast<double>(Duration(std::chrono::hours(24 * 365)).count());
    failures_per_year_ = year / up;
  }

  Shortage judge() {
    const int hosts = static_cast<int>(losses_.domains());
    Shortage answer;
    double seen = 0;
    bool none_short = true;
    int down = 0;
    for (; down <= hosts && packed_ < kMaxShortageStates; ++down) {
      Counts counts(kinds_.size(), 0);
      double mass = 0;
      double shortage = 0;
      double begins = 0;
      each(counts, 0, down, [&](const Counts& state) {
        const double weight = probability(state, hosts);
        mass += weight;
        if (is_short(state)) {
          shortage += weight;
          return;
        }
        begins += weight * failures_per_year_ * ways_into(state);
      });
      seen += mass;
      answer.probability += shortage;
      answer.per_year += begins;
      none_short = none_short && shortage == 0;
      if (none_short) answer.survived = down;
    }
    if (down <= hosts) {
      const double rest = std::max(0.0, 1 - seen);
      answer.exact = false;
      answer.probability += rest;
      answer.per_year += rest * failures_per_year_ * hosts;
    }
    answer.exact = answer.exact && repacking_.exact();
    return answer;
  }

 private:
  template <class Visit>
  void each(Counts& counts, std::size_t kind, int left, const Visit& visit) {
    if (kind == counts.size()) {
      if (left == 0) visit(counts);
      return;
    }
    const int most = std::min(left, static_cast<int>(kinds_[kind].size()));
    for (int n = 0; n <= most; ++n) {
      counts[kind] = n;
      each(counts, kind + 1, left - n, visit);
    }
    counts[kind] = 0;
  }

  [[nodiscard]] double probability(const Counts& state, int hosts) const {
    double weight = 1;
    int down = 0;
    for (std::size_t k = 0; k < state.size(); ++k) {
      weight *= choose(static_cast<int>(kinds_[k].size()), state[k]);
      down += state[k];
    }
    return weight * std::pow(unavailability_, down) * std::pow(1 - unavailability_, hosts - down);
  }

  // So many of the hosts that are up would begin a shortage by failing.
  double ways_into(Counts state) {
    double ways = 0;
    for (std::size_t k = 0; k < state.size(); ++k) {
      const int up = static_cast<int>(kinds_[k].size()) - state[k];
      if (up == 0) continue;
      ++state[k];
      if (is_short(state)) ways += up;
      --state[k];
    }
    return ways;
  }

  // Not known to fit counts as short. What a smaller loss leaves short stays so.
  bool is_short(const Counts& state) {
    if (const auto known = known_.find(state); known != known_.end()) return known->second;
    bool result = false;
    auto less = state;
    for (std::size_t k = 0; k < state.size() && !result; ++k) {
      if (state[k] == 0) continue;
      --less[k];
      const auto known = known_.find(less);
      result = known != known_.end() && known->second;
      ++less[k];
    }
    if (!result) {
      Loss loss;
      for (std::size_t k = 0; k < state.size(); ++k)
        loss.insert(loss.end(), kinds_[k].begin(), kinds_[k].begin() + state[k]);
      std::sort(loss.begin(), loss.end());
      result = !repacking_.all_fit(loss);
      ++packed_;
    }
    known_.emplace(state, result);
    return result;
  }

  const Spec spec_;
  Repacking repacking_;
  const Losses losses_;
  std::vector<std::vector<std::size_t>> kinds_;
  std::map<Counts, bool> known_;
  double unavailability_ = 0;
  double failures_per_year_ = 0;
  int packed_ = 0;
};

}  // namespace

Shortage shortage_of(const Spec& spec, const FailureRates& rates) { return Standby(spec, rates).judge(); }

}  // namespace haven

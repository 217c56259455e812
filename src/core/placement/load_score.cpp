#include "core/placement/load_score.hpp"

#include <algorithm>
#include <numeric>

namespace haven::balancing {
namespace {

constexpr std::int64_t kCopyingMilliCpu = 1000;

// By which the square of a use grows, over what there is.
double growth(std::int64_t used, std::int64_t more, std::int64_t all) {
  return number(more) * (2 * number(used) + number(more)) / number(all);
}

}  // namespace

// Sums of whole numbers do not depend on the order either.
LoadMeans means_of(const std::vector<LoadedHost>& hosts) {
  LoadMeans means;
  for (const auto kind : kKinds) {
    std::int64_t used = 0, size = 0, count = 0;
    for (const auto& host : hosts)
      if (host.measured) {
        used += host.used[kind];
        size += host.size[kind];
        ++count;
      }
    if (count == 0) return means;
    means.share[kind] = number(used) / number(size);
    means.size[kind] = number(size) / number(count);
  }
  return means;
}

double load_score(const std::vector<LoadedHost>& hosts, const LoadMeans& means) {
  std::vector<double> squares;
  for (const auto& host : hosts)
    for (const auto kind : kKinds)
      if (host.measured) squares.push_back(host.share(kind) * number(host.used[kind]) / means.size[kind]);
  std::sort(squares.begin(), squares.end());
  return std::accumulate(squares.begin(), squares.end(), 0.0);
}

double gain_of(const Amounts& moved, const LoadedHost& from, const LoadedHost& to, const LoadMeans& means) {
  double sum = 0;
  for (const auto kind : kKinds) {
    const auto less = growth(from.used[kind] - moved[kind], moved[kind], from.all[kind]);
    const auto more = growth(to.used[kind], moved[kind], to.all[kind]);
    sum += (less - more) / means.size[kind];
  }
  return sum;
}

double copying_load(const LoadedHost& from, const LoadedHost& to, const LoadMeans& means) {
  return (growth(from.used[cpu], kCopyingMilliCpu, from.all[cpu]) +
          growth(to.used[cpu], kCopyingMilliCpu, to.all[cpu])) /
         means.size[cpu];
}

}  // namespace haven::balancing

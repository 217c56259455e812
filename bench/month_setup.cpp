#include "month_setup.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace haven::month {
namespace {

constexpr std::size_t kHostsInARack = 16;
constexpr std::array<std::int64_t, 10> kSizes{1, 1, 1, 2, 2, 2, 2, 4, 4, 8};  // vCPUs; 2.7 on average
constexpr std::int64_t kMemoryOfAVcpu = 2048;                                 // MiB
// Of a host for each guest that it has on average: 32 CPUs and, 84 % full, 128 GiB for 20.
constexpr double kCpusForEach = 1.6, kMemoryForEach = 6553.6 * 0.84;

std::string numbered(const char* word, std::size_t number) { return word + std::to_string(number); }

// At least four racks.
std::size_t hosts_in_a_rack(const Options& options) {
  return std::clamp<std::size_t>(options.hosts / 4, 1, kHostsInARack);
}

void add_rule(Spec& spec, RuleKind kind, FailureDomain domain, std::size_t first) {
  if (first + 1 >= spec.resources.size()) return;
  spec.rules.push_back({kind, {spec.resources[first].name, spec.resources[first + 1].name}, domain, true});
}

// Of a hundred: ten pairs apart, of these one by rack; two pairs together; two that may run in one rack only.
void add_rules(Spec& spec, const Options& options) {
  const auto in_a_rack = hosts_in_a_rack(options);
  for (std::size_t i = 0; i < spec.resources.size(); i += 10) {
    add_rule(spec, RuleKind::apart, i % 100 == 50 ? FailureDomain::rack : FailureDomain::host, i);
    if (i % 50 != 0) continue;
    add_rule(spec, RuleKind::together, FailureDomain::host, i + 3);
    if (i + 5 >= spec.resources.size()) continue;
    const auto rack = i / 50 % (options.hosts / in_a_rack);
    for (std::size_t h = rack * in_a_rack; h < (rack + 1) * in_a_rack; ++h)
      spec.resources[i + 5].hosts.only.push_back(spec.hosts[h].name);
  }
}

}  // namespace

std::shared_ptr<const Spec> pool_spec(const Options& options) {
  auto spec = std::make_shared<Spec>();
  sim::Random dice(options.seed);
  spec->cluster.name = "month";
  const double each = static_cast<double>(options.vms) / static_cast<double>(options.hosts);
  for (std::size_t i = 0; i < options.hosts; ++i) {
    Host host;
    host.name = HostName(numbered("host", i + 1));
    host.cpu = {std::max<std::int64_t>(1, std::llround(each * kCpusForEach))};
    host.memory = {std::llround(each * kMemoryForEach / options.full)};
    host.rack = numbered("rack", i / hosts_in_a_rack(options) + 1);
    spec->hosts.push_back(std::move(host));
  }
  for (std::size_t i = 0; i < options.vms; ++i) {
    Resource vm;
    vm.name = ResourceName(numbered("vm", i + 1));
    vm.cpu = {kSizes[dice.below(kSizes.size())]};
    vm.memory = {vm.cpu.count * kMemoryOfAVcpu};
    vm.priority = static_cast<int>(i % 3 * 10);
    spec->resources.push_back(std::move(vm));
  }
  add_rules(*spec, options);
  return spec;
}

}  // namespace haven::month

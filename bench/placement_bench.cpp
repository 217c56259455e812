// Where things are to run, at size: what the loss of one host costs the planner, and what placing everything anew.
// One host's loss is decided as in production: from books that are kept up to date, most important first, each choice
// with the reasons that the journal gets.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/placement/admission.hpp"
#include "core/placement/placement.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/reserve.hpp"

namespace haven {
namespace {

struct Size {
  std::size_t hosts, vms;
};

std::string numbered(const char* word, std::size_t number) { return word + std::to_string(number); }

// Hosts that are half full, VMs of four sizes, every tenth apart from the next.
std::shared_ptr<const Spec> spec_of(Size size) {
  auto spec = std::make_shared<Spec>();
  const auto each = static_cast<std::int64_t>((size.vms + size.hosts - 1) / size.hosts);
  spec->cluster.name = "bench";
  spec->cluster.cpu_overcommit = 1.0;
  for (std::size_t i = 0; i < size.hosts; ++i) {
    Host host;
    host.name = HostName(numbered("host", i + 1));
    host.cpu = {each * 8};
    host.memory = {each * 8192};
    host.rack = numbered("rack", i / 16 + 1);
    spec->hosts.push_back(std::move(host));
  }
  for (std::size_t i = 0; i < size.vms; ++i) {
    Resource vm;
    vm.name = ResourceName(numbered("vm", i + 1));
    vm.cpu = {static_cast<std::int64_t>(1 + i % 4)};
    vm.memory = {static_cast<std::int64_t>(1024 * (1 + i % 4))};
    vm.priority = static_cast<int>(i % 3 * 10);
    spec->resources.push_back(std::move(vm));
  }
  for (std::size_t i = 0; i + 1 < size.vms; i += 10)
    spec->rules.push_back(
        {RuleKind::apart, {spec->resources[i].name, spec->resources[i + 1].name}, FailureDomain::host, true});
  return spec;
}

std::vector<HostView> all_up(const Spec& spec) {
  std::vector<HostView> views;
  views.reserve(spec.hosts.size());
  for (const auto& host : spec.hosts) views.push_back({host.name, ""});
  return views;
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void host_lost(benchmark::State& state, Size size) {
  const auto roster = std::make_shared<const Roster>(spec_of(size));
  const Spec& spec = *roster->spec;
  Placement books(roster, all_up(spec));
  std::vector<std::vector<ResourceName>> residents(size.hosts);
  for (const Resource* vm : roster->order) {
    const std::size_t at = static_cast<std::size_t>(vm - spec.resources.data()) % size.hosts;
    books.book(vm->name, spec.hosts[at].name);
    residents[at].push_back(vm->name);
  }
  std::size_t lost = 0;
  std::int64_t placed = 0;
  for (auto _ : state) {
    const HostName& host = spec.hosts[lost].name;
    books.begin_trial();
    books.set_refusal(host, "is down, proved");
    for (const auto& vm : residents[lost]) {
      books.release(vm, host);
      const Choice choice = books.choose(vm, {}, Occasion::recovery);
      if (!choice.host) return state.SkipWithError("no host can take one");
      books.book(vm, *choice.host);
      ++placed;
    }
    state.PauseTiming();
    books.end_trial();
    books.set_refusal(host, "");
    lost = (lost + 1) % size.hosts;
    state.ResumeTiming();
  }
  state.counters["placed"] = static_cast<double>(placed) / static_cast<double>(state.iterations());
  state.counters["peak_mib"] = peak_mib();
}

// With all that follows from the file alone.
void from_nothing(benchmark::State& state, Size size) {
  const auto spec = spec_of(size);
  const auto views = all_up(*spec);
  for (auto _ : state) {
    const auto roster = std::make_shared<const Roster>(spec);
    Placement books(roster, views);
    for (const Resource* vm : roster->order) {
      const Choice choice = books.choose(vm->name);
      if (!choice.host) return state.SkipWithError("no host can take one");
      books.book(vm->name, *choice.host);
    }
  }
  state.counters["peak_mib"] = peak_mib();
}

// The growth: with what the host held, and with the hosts.
// The longer of the two questions that maintenance asks of the reserve: the brain stands still meanwhile.
void reserve_asked(benchmark::State& state, Size size) {
  const auto spec = spec_of(size);
  Admission answer;
  for (auto _ : state) benchmark::DoNotOptimize(answer = check_reserve(*spec, kReserveSteps));
  state.counters["exact"] = answer.exact ? 1 : 0;
}

BENCHMARK_CAPTURE(host_lost, 16x1000, Size{16, 1000})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(host_lost, 64x1000, Size{64, 1000})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(host_lost, 64x3000, Size{64, 3000})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(host_lost, 256x3000, Size{256, 3000})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(host_lost, 16x10000, Size{16, 10000})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(host_lost, 1000x10000, Size{1000, 10000})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(host_lost, 1000x100000, Size{1000, 100000})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(host_lost, 10000x100000, Size{10000, 100000})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(from_nothing, 16x1000, Size{16, 1000})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(from_nothing, 64x3000, Size{64, 3000})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(from_nothing, 1000x10000, Size{1000, 10000})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(from_nothing, 10000x100000, Size{10000, 100000})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(reserve_asked, 16x320, Size{16, 320})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(reserve_asked, 64x1280, Size{64, 1280})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(reserve_asked, 128x2560, Size{128, 2560})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(reserve_asked, 256x4800, Size{256, 4800})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(reserve_asked, 1000x20000, Size{1000, 20000})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace haven

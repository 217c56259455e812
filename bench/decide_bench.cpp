// One event at the controller of a large cluster: fold it, decide, hand out the actions. DESIGN 3 wants that to cost
// what the event touches, not what exists.
#include <benchmark/benchmark.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/node.hpp"

namespace haven {
namespace {

std::string numbered(const char* word, std::size_t number) { return word + std::to_string(number); }
HostName host_at(std::size_t index) { return HostName{numbered("host", index + 1)}; }
ResourceName vm_at(std::size_t index) { return ResourceName{numbered("vm", index + 1)}; }
Incarnation boot_at(std::size_t index) { return Incarnation{numbered("0123456789abcdef0123456789abcde", index)}; }

std::shared_ptr<const Spec> large_spec(std::size_t hosts, std::size_t vms) {
  auto spec = std::make_shared<Spec>();
  spec->cluster.name = "large";
  for (std::size_t i = 0; i < hosts; ++i) {
    Host host;
    host.name = host_at(i);
    host.cpu = Vcpu{64};
    host.memory = MiB{524288};
    host.rack = numbered("rack", i / 16);
    host.fence.push_back({"fence_ipmilan", {}, 1});
    spec->hosts.push_back(std::move(host));
  }
  for (std::size_t i = 0; i < vms; ++i) {
    Resource vm;
    vm.name = vm_at(i);
    vm.cpu = Vcpu{4};
    vm.memory = MiB{8192};
    vm.priority = static_cast<int>(i % 10);
    spec->resources.push_back(std::move(vm));
  }
  for (std::size_t i = 0; i + 1 < vms; i += 20) {
    spec->rules.push_back({RuleKind::apart, {vm_at(i), vm_at(i + 1)}, FailureDomain::host, true});
  }
  return spec;
}

// The controller's havend, an engine that commits everything, a hypervisor without a VM, a clock that stands still.
class Office {
 public:
  Office(std::size_t hosts, std::size_t vms) : node_(config()), spec_(large_spec(hosts, vms)) {
    EngineListed listed;
    const auto put = [&](const std::string& path, Record record) {
      listed.entries.push_back({path, std::move(record), Revision{++revision_}});
    };
    put(path::kSpec, SpecRecord{spec_});
    for (std::size_t i = 1; i < hosts; ++i) {
      const MachineIdentity machine{numbered("machine", i), numbered("dmi", i)};
      put(path::member(host_at(i)), MemberRecord{boot_at(i), machine, true, {}, {}});
      put(path::machine(host_at(i)), MachineRecord{machine});
      put(path::status(host_at(i)), StatusRecord{boot_at(i), Revision{1}, true, {}, {}, {}});
    }
    for (std::size_t i = 0; i < vms; ++i) {
      const std::size_t at = 1 + i % (hosts - 1);
      ClaimRecord claim;
      claim.host = host_at(at);
      claim.incarnation = boot_at(at);
      claim.generation = {1};
      put(path::claim(vm_at(i)), claim);
      put(path::run(vm_at(i)), run_of(i));
    }
    listed.revision = Revision{revision_};
    tell(listed);
    settle();
  }

  [[nodiscard]] bool leads() const { return node_.leads(); }
  [[nodiscard]] std::size_t hosts() const { return spec_->hosts.size(); }
  [[nodiscard]] std::size_t vms() const { return spec_->resources.size(); }

  RunRecord run_of(std::size_t vm) const {
    RunRecord run;
    const std::size_t at = 1 + vm % (hosts() - 1);
    run.host = host_at(at);
    run.incarnation = boot_at(at);
    run.generation = {1};
    run.state = RunState::running;
    return run;
  }
  [[nodiscard]] EngineChanged change(std::string path, std::optional<Record> value) {
    EngineChanged changed;
    changed.revision = Revision{++revision_};
    changed.changes.push_back({std::move(path), std::move(value), changed.revision});
    return changed;
  }
  void tell(const Event& event) {
    for (Issued& issued : node_.step(event, now_)) asked_.push_back(std::move(issued));
  }
  // Until nothing is asked any more; everything is granted.
  void settle() {
    for (int turn = 0; turn < 1000 && !asked_.empty(); ++turn) {
      const Issued issued = std::move(asked_.front());
      asked_.erase(asked_.begin());
      if (const auto answer = answer_to(issued)) tell(*answer);
    }
  }

 private:
  static NodeConfig config() {
    NodeConfig config;
    config.host = host_at(0);
    config.incarnation = boot_at(0);
    config.machine = {"machine0", "dmi0"};
    return config;
  }
  std::optional<Event> answer_to(const Issued& issued) {
    if (std::holds_alternative<Commit>(issued.action)) {
      return CommitDone{issued.call, CommitOutcome::committed, Revision{++revision_}, ""};
    }
    if (std::holds_alternative<GrantLease>(issued.action)) return LeaseGranted{issued.call, LeaseId{1}};
    if (std::holds_alternative<Inspect>(issued.action)) {
      Inspected nothing;
      nothing.call = issued.call;
      nothing.reached = true;
      return nothing;
    }
    return std::nullopt;
  }

  Node node_;
  std::shared_ptr<const Spec> spec_;
  std::int64_t revision_ = 0;
  Now now_{Instant{1h}, WallTime{1'700'000'000'000}};
  std::vector<Issued> asked_;
};

// A guest pauses, or goes on: an executor's word about one VM.
void decide_one_run(benchmark::State& state) {
  Office office(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
  if (!office.leads()) return state.SkipWithError("it is not the controller");
  std::size_t vm = 0;
  bool paused = false;
  for (auto _ : state) {
    vm = (vm + 7) % office.vms();
    if (vm < 7) paused = !paused;
    RunRecord run = office.run_of(vm);
    run.paused = paused;
    office.tell(office.change(path::run(vm_at(vm)), run));
    office.settle();
  }
}
BENCHMARK(decide_one_run)->Args({3, 6})->Args({64, 1000})->Unit(benchmark::kMicrosecond);

// A host reports something new about itself.
void decide_one_status(benchmark::State& state) {
  Office office(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
  if (!office.leads()) return state.SkipWithError("it is not the controller");
  bool hypervisor = true;
  for (auto _ : state) {
    hypervisor = !hypervisor;
    office.tell(office.change(path::status(host_at(1)), StatusRecord{boot_at(1), Revision{1}, hypervisor, {}, {}, {}}));
    office.settle();
  }
}
BENCHMARK(decide_one_status)->Args({3, 6})->Args({64, 1000})->Unit(benchmark::kMicrosecond);

// The slow full pass.
void derive_everything(benchmark::State& state) {
  Office office(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
  if (!office.leads()) return state.SkipWithError("it is not the controller");
  for (auto _ : state) {
    office.tell(EngineLost{"the watch broke"});
    office.tell(EngineBack{});
    office.settle();
  }
}
BENCHMARK(derive_everything)->Args({3, 6})->Args({64, 1000})->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace haven

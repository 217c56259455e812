// The contract against the simulated hypervisor, in real time with short durations.
#include <atomic>
#include <thread>

#include "adapter/libvirt/hypervisor_contract.hpp"
#include "adapter/libvirt/links_contract.hpp"
#include "adapter/libvirt/migration_contract.hpp"
#include "sim/hypervisor.hpp"

namespace haven::testing {
namespace {

constexpr sim::HypervisorTimes kShort{
    .call = 1ms, .start = 40ms, .appear = 20ms, .stop = 20ms, .destroy = 10ms, .kill = 10ms, .keepalive = 8s};

// The port over the pure state: a thread that advances it whenever something is due.
class RealTime final : public port::Hypervisor {
 public:
  explicit RealTime(port::HypervisorSink sink) : sink_(std::move(sink)), thread_([this] { run(); }) {}
  ~RealTime() override {
    with([this](auto&, Instant) { stopping_ = true; });
    thread_.join();
  }
  void start(CallId call, const std::string& xml, Duration timeout) override {
    with([&](auto& state, Instant now) { state.start(call, xml, timeout, now); });
  }
  void shutdown(CallId call, const std::string& uuid, Duration timeout) override {
    with([&](auto& state, Instant now) { state.shutdown(call, uuid, timeout, now); });
  }
  void destroy(CallId call, const std::string& uuid, Duration timeout) override {
    with([&](auto& state, Instant now) { state.destroy(call, uuid, timeout, now); });
  }
  void resume(CallId call, const std::string& uuid, Duration timeout) override {
    with([&](auto& state, Instant now) { state.resume(call, uuid, timeout, now); });
  }
  void kill(CallId call, const std::string& uuid, const std::string& name, Duration timeout) override {
    with([&](auto& state, Instant now) { state.kill(call, uuid, name, timeout, now); });
  }
  void migrate(CallId call, const std::string& uuid, const std::string& to, Duration timeout) override {
    with([&](auto& state, Instant now) { state.migrate(call, uuid, to, timeout, now); });
  }
  void cap(CallId call, const std::string& uuid, std::optional<MilliCpu> cap, Duration timeout) override {
    with([&](auto& state, Instant now) { state.cap(call, uuid, cap, timeout, now); });
  }
  void abort_migration(CallId call, const std::string& uuid, Duration timeout) override {
    with([&](auto& state, Instant now) { state.abort_migration(call, uuid, timeout, now); });
  }
  void set_links(CallId call, const std::string& uuid, bool up, Duration timeout) override {
    with([&](auto& state, Instant now) { state.set_links(call, uuid, up, timeout, now); });
  }
  void inspect(CallId call, Duration timeout, const std::vector<std::string>& links) override {
    with([&](auto& state, Instant now) { state.inspect(call, timeout, now, links); });
  }
  void with(const std::function<void(sim::HypervisorState&, Instant)>& change) {
    const std::lock_guard lock(mutex_);
    change(state_, now());
    changed_.notify_all();
  }

 private:
  using Clock = std::chrono::steady_clock;
  static Instant now() { return {Clock::now().time_since_epoch()}; }
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      for (auto& event : state_.advance(now()).events) sink_(std::move(event));
      const auto due = std::min(state_.next_due(), now() + 1h);
      changed_.wait_until(lock, Clock::time_point(due.since_boot));
    }
  }

  port::HypervisorSink sink_;
  std::mutex mutex_;
  std::condition_variable changed_;
  sim::HypervisorState state_{kShort};
  bool stopping_ = false;
  std::thread thread_;
};

class SimulatedBench final : public HypervisorBench {
 public:
  port::Hypervisor& hypervisor() override { return hypervisor_; }
  Heard& heard() override { return heard_; }
  std::string domain(const std::string& uuid, const std::string& name) override {
    return "<domain type='qemu'><name>" + name + "</name><uuid>" + uuid + "</uuid></domain>";
  }
  std::string refused_domain(const std::string& uuid, const std::string& name) override {
    hypervisor_.with([&](auto& state, Instant) { state.fail_starts(uuid, 1); });
    return domain(uuid, name);
  }
  bool obeys_shutdown() override { return true; }
  void freeze_libvirt() override {
    hypervisor_.with([](auto& state, Instant now) { state.hang(now); });
  }
  void thaw_libvirt() override {
    hypervisor_.with([](auto& state, Instant now) { state.go_on(now); });
  }
  void kill_libvirt() override {
    hypervisor_.with([](auto& state, Instant now) { state.crash(now); });
  }
  void start_libvirt() override {
    hypervisor_.with([](auto& state, Instant now) { state.come_back(now); });
  }
  bool tells_every_end() override { return true; }
  void end_guest(const std::string& uuid, const std::string&) override {
    hypervisor_.with([&](auto& state, Instant now) { state.end_process(uuid, now); });
  }
  void pause(const std::string& uuid) override {
    hypervisor_.with([&](auto& state, Instant now) { state.pause_guest(uuid, false, now); });
  }

 private:
  Heard heard_;
  RealTime hypervisor_{heard_.sink()};
};

INSTANTIATE_TEST_SUITE_P(Every, HypervisorContract,
                         ::testing::Values(NamedBench{"Simulated", [] { return std::make_unique<SimulatedBench>(); }}),
                         bench_name);

class SimulatedLinksBench final : public LinksBench {
 public:
  port::Hypervisor& hypervisor() override { return hypervisor_; }
  Heard& heard() override { return heard_; }
  std::string domain(const std::string& uuid, const std::string& name, bool linked) override {
    return "<domain type='qemu'><name>" + name + "</name><uuid>" + uuid + "</uuid>" +
           (linked ? "" : "<link state='down'/>") + "</domain>";
  }
  void kill_libvirt() override {
    hypervisor_.with([](auto& state, Instant now) { state.crash(now); });
  }
  void start_libvirt() override {
    hypervisor_.with([](auto& state, Instant now) { state.come_back(now); });
  }

 private:
  Heard heard_;
  RealTime hypervisor_{heard_.sink()};
};

INSTANTIATE_TEST_SUITE_P(Every, LinksContract,
                         ::testing::Values(NamedLinksBench{"Simulated",
                                                           [] { return std::make_unique<SimulatedLinksBench>(); }}),
                         [](const auto& info) { return info.param.name; });

class SimulatedMigrationBench final : public MigrationBench {
 public:
  explicit SimulatedMigrationBench(bool slowly) {
    sim::HypervisorTimes times = kShort;
    times.migrate = slowly ? Duration{10s} : Duration{50ms};
    source_.with([&](auto& state, Instant) {
      state.set_times(times);
      state.set_world({nullptr,
                       [this](const std::string& to, const std::function<void(sim::HypervisorState&)>& deed) {
                         if (to != address()) return false;
                         destination_.with([&](auto& other, Instant) { deed(other); });
                         return true;
                       },
                       nullptr, nullptr});
    });
  }
  MigrationEnd source() override { return {source_, source_heard_}; }
  MigrationEnd destination() override { return {destination_, destination_heard_}; }
  std::string domain(const std::string& uuid, const std::string& name) override {
    return "<domain type='qemu'><name>" + name + "</name><uuid>" + uuid + "</uuid></domain>";
  }
  std::string linked_domain(const std::string& uuid, const std::string& name) override { return domain(uuid, name); }
  std::string address() override { return "h2"; }
  std::string nobodys_address() override { return "h9"; }
  void end_destination() override {
    destination_.with([](auto& state, Instant now) { state.crash(now); });
  }

 private:
  Heard source_heard_, destination_heard_;
  RealTime destination_{destination_heard_.sink()};
  RealTime source_{source_heard_.sink()};
};

INSTANTIATE_TEST_SUITE_P(Every, MigrationContract,
                         ::testing::Values(NamedMigrationBench{
                             "Simulated",
                             [](bool slowly) { return std::make_unique<SimulatedMigrationBench>(slowly); }}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace haven::testing

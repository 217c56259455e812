#include "core/gauges.hpp"

#include <algorithm>
#include <utility>

#include "core/placement/roster.hpp"

namespace haven {
namespace {

// A quarter of a CPU, half a GiB, and a tenth of whatever was told.
constexpr std::int64_t kMarkedCpu = 250, kMarkedMemory = 512;
constexpr int kMarkedPressure = 10;

bool apart(std::int64_t a, std::int64_t b, std::int64_t least) {
  return std::max(a, b) - std::min(a, b) >= least + std::max(a, b) / 10;
}

// Two shares in percent.
bool apart(int a, int b) { return std::max(a, b) - std::min(a, b) >= kMarkedPressure; }

int percent_of(const LoadWindow& window, Instant now) { return static_cast<int>(window.median(now).value_or(0)); }

HostLoad judged(const HostFigures& figures) {
  HostLoad load;
  load.cpu_pressure = {static_cast<double>(figures.cpu_some), static_cast<double>(figures.cpu_full)};
  load.memory_pressure = {static_cast<double>(figures.memory_some), 0};
  return load;
}

bool differ_markedly(const HostFigures& a, const HostFigures& b) {
  return apart(a.cpu.count, b.cpu.count, kMarkedCpu) || apart(a.memory.count, b.memory.count, kMarkedMemory) ||
         apart(a.cpu_some, b.cpu_some) || apart(a.cpu_full, b.cpu_full) || apart(a.memory_some, b.memory_some) ||
         lacks_cpu(judged(a)) != lacks_cpu(judged(b)) || lacks_memory(judged(a)) != lacks_memory(judged(b));
}

bool differ_markedly(const GuestFigures& a, const GuestFigures& b) {
  return a.guest != b.guest || apart(a.cpu.count, b.cpu.count, kMarkedCpu) ||
         apart(a.waiting.count, b.waiting.count, kMarkedCpu) || apart(a.memory.count, b.memory.count, kMarkedMemory);
}

// nullopt: nothing that has stood long enough.
std::optional<LoadRecord> standing(const Gauges& gauges, const SelfView& self, Pass& pass) {
  const Instant now = pass.now().mono;
  const HostGauge& host = gauges.host;
  if (host.cpu.stood(now) < kLoadStands || pass.due(gauges.sampled + kLoadGap + Duration{1})) return std::nullopt;
  LoadRecord record;
  record.incarnation = self.incarnation;
  record.host = {{host.cpu.median(now).value_or(0)},
                 {host.memory.median(now).value_or(0)},
                 percent_of(host.cpu_some, now),
                 percent_of(host.cpu_full, now),
                 percent_of(host.memory_some, now)};
  for (const auto& [name, guest] : gauges.guests)
    record.guests.push_back({name,
                             {guest.cpu.median(now).value_or(0)},
                             {guest.waiting.median(now).value_or(0)},
                             {guest.memory.median(now).value_or(0)}});
  return record;
}

bool worth_telling(const Gauges& gauges, const LoadRecord& told, const LoadRecord& now, Pass& pass) {
  if (told == now) return false;
  if (!gauges.told) return true;
  return pass.due(*gauges.told + (differ_markedly(told, now) ? kLoadTold : kLoadRetold));
}

}  // namespace

bool differ_markedly(const LoadRecord& told, const LoadRecord& now) {
  return told.incarnation != now.incarnation || differ_markedly(told.host, now.host) ||
         !std::equal(told.guests.begin(), told.guests.end(), now.guests.begin(), now.guests.end(),
                     [](const GuestFigures& a, const GuestFigures& b) { return !differ_markedly(a, b); });
}

void observe_measured(Gauges& gauges, const LoadsMeasured& measured, Instant now) {
  const auto runs = [&](const ResourceName& name) {
    return std::any_of(measured.guests.begin(), measured.guests.end(),
                       [&](const GuestFigures& guest) { return guest.guest == name; });
  };
  const std::size_t before = gauges.guests.size();
  const std::size_t gone = std::erase_if(gauges.guests, [&](const auto& guest) { return !runs(guest.first); });
  for (const GuestFigures& guest : measured.guests) gauges.guests.try_emplace(guest.guest);
  if (gone > 0 || gauges.guests.size() != before) gauges.host = {};
  for (const GuestFigures& guest : measured.guests) {
    GuestGauge& gauge = gauges.guests.at(guest.guest);
    gauge.cpu.sample(guest.cpu.count, now);
    gauge.waiting.sample(guest.waiting.count, now);
    gauge.memory.sample(guest.memory.count, now);
  }
  gauges.host.cpu.sample(measured.host.cpu.count, now);
  gauges.host.memory.sample(measured.host.memory.count, now);
  gauges.host.cpu_some.sample(measured.host.cpu_some, now);
  gauges.host.cpu_full.sample(measured.host.cpu_full, now);
  gauges.host.memory_some.sample(measured.host.memory_some, now);
  gauges.sampled = now;
}

void tell_loads(const Gauges& gauges, const View& view, const SelfView& self, Pass& pass) {
  const std::string path = path::load(self.host);
  if (!self.registered || !self.watching || view.unreadable(path)) return;
  const bool asked = view.spec()->cluster.balance != Balance::off && view.roster().host(self.host) != nullptr;
  const auto told = view.loads.find(self.host);
  const auto now = asked ? standing(gauges, self, pass) : std::nullopt;
  if (!now && told == view.loads.end()) return;
  if (now && told != view.loads.end() && !worth_telling(gauges, told->second.value, *now, pass)) return;
  Commit commit;
  commit.lane = "load";
  commit.timeout = kCommitTimeout;
  for (const auto& key : {path::member(self.host), path, path::kSpec}) commit.checks.push_back({key, view.mod_of(key)});
  commit.writes.push_back({path, now ? std::optional<Record>(*now) : std::nullopt, {}});
  pass.act(std::move(commit));
}

}  // namespace haven

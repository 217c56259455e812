#include "sim/loads.hpp"

#include <algorithm>

namespace haven::sim {
namespace {

constexpr std::int64_t kPercent = 100;

template <class Key>
std::int64_t wanted(const std::map<Key, MilliCpu>& wants, const Key& name) {
  const auto found = wants.find(name);
  return found == wants.end() ? 0 : found->second.count;
}

}  // namespace

void Loads::want(const ResourceName& guest, MilliCpu cpu) {
  guests_[guest] = cpu;
  any_ = true;
}

void Loads::want(const HostName& host, MilliCpu cpu) {
  hosts_[host] = cpu;
  any_ = true;
}

port::Measured Loads::measure(const Host& host, const std::vector<Running>& guests) const {
  const std::int64_t has = host.cpu.count * 1000;
  std::int64_t all = wanted(hosts_, host.name);
  port::Measured measured;
  bool throttled = false;
  for (const auto& [guest, cap] : guests) {
    // No guest has more than one CPU for each vCPU.
    const std::int64_t wants = std::min(wanted(guests_, guest->name), guest->cpu.count * 1000);
    const std::int64_t has_at_most = std::min(wants, cap ? cap->count : wants);
    throttled = throttled || has_at_most < wants;
    measured.guests.push_back({guest->name.str(), {has_at_most}, {wants - has_at_most}, guest->memory});
    all += has_at_most;
    measured.host.memory += guest->memory;
  }
  measured.host.cpu = {std::min(all, has)};
  measured.host.memory = std::min(measured.host.memory, host.memory);
  // The kernel counts who has used up his quota among those that wait.
  if (throttled) measured.host.cpu_some = static_cast<int>(kPercent);
  if (all <= has || all == 0) return measured;
  for (port::MeasuredGuest& guest : measured.guests) {
    const std::int64_t had = guest.cpu.count * has / all;
    guest.waiting.count += guest.cpu.count - had;
    guest.cpu = {had};
  }
  measured.host.cpu_some = static_cast<int>(kPercent);
  measured.host.cpu_full = static_cast<int>(kPercent * (all - has) / all);
  return measured;
}

}  // namespace haven::sim

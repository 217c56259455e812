#include "core/placement/hogs.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "core/model/wording.hpp"

namespace haven {
namespace {

// Of the kernel's own default period, which vcpu_quota is measured by.
constexpr std::int64_t kPeriodMicroseconds = 100'000;
constexpr std::size_t kMostNamed = 3;

struct Resident {
  const Resource* resource = nullptr;
  const GuestLoad* load = nullptr;  // nullptr: not measured long enough
  bool held = false;
  std::int64_t share = 0;  // thousandths of a CPU

  [[nodiscard]] double waits() const {
    return static_cast<double>(load->waiting.count) / static_cast<double>(resource->cpu.count * 1000);
  }
  [[nodiscard]] bool starves() const {
    return !held && load != nullptr && load->cpu.count < share && waits() >= kStarves;
  }
  [[nodiscard]] bool takes_more() const {
    return load != nullptr && static_cast<double>(load->cpu.count) >= static_cast<double>(share) * kHogsShare &&
           load->cpu.count > share;
  }
};

std::string told(const std::vector<const Resident*>& starved) {
  std::vector<std::string> names;
  for (const auto* one : starved) {
    if (names.size() == kMostNamed) {
      names.push_back(std::to_string(starved.size() - kMostNamed) + " more");
      break;
    }
    const auto percent = std::lround(one->waits() * 100);
    names.push_back(one->resource->name.str() + " (" + std::to_string(percent) + " % of its time)");
  }
  return listed(names);
}

Hog accused(const Resident& guest, const Host& host, const std::vector<const Resident*>& starved) {
  const auto& name = guest.resource->name;
  Hog hog{name, host.name, guest.load->cpu, {guest.share}, {}, "hog/" + name.str(), {}, {}};
  std::vector<const Resident*> others;
  for (const auto* one : starved)
    if (one != &guest) others.push_back(one);
  for (const auto* one : others) hog.starved.push_back(one->resource->name);
  const auto quota = std::max<std::int64_t>(
      1000, guest.share * kPeriodMicroseconds / 1000 / std::max<std::int64_t>(guest.resource->cpu.count, 1));
  hog.what = name.str() + " uses " + tenths(hog.uses.count) + " CPUs of " + host.name.str() + ", its share is " +
             tenths(hog.share.count) + "; waiting for a CPU there: " + told(others);
  hog.text = hog.what + "; virsh schedinfo " + name.str() + " --live vcpu_quota=" + std::to_string(quota) + " on " +
             host.name.str() + " keeps it to its share, haven migrate " + name.str() + " HOST takes it away";
  return hog;
}

void accuse(std::vector<Resident>& residents, const Host& host, std::vector<Hog>& hogs) {
  std::int64_t vcpus = 0;
  for (const auto& one : residents) vcpus += one.resource->cpu.count;
  std::vector<const Resident*> starved;
  for (auto& one : residents) {
    one.share = share_of(*one.resource, host, vcpus).count;
    if (one.starves()) starved.push_back(&one);
  }
  if (starved.empty()) return;
  std::sort(starved.begin(), starved.end(), [](const Resident* a, const Resident* b) {
    return a->waits() != b->waits() ? a->waits() > b->waits() : a->resource->name < b->resource->name;
  });
  for (const auto& one : residents)
    if (one.takes_more()) hogs.push_back(accused(one, host, starved));
}

}  // namespace

MilliCpu share_of(const Resource& resource, const Host& host, std::int64_t vcpus) {
  const std::int64_t own = resource.cpu.count * 1000;
  return {vcpus > 0 ? std::min(own, own * host.cpu.count / vcpus) : 0};
}

std::vector<Hog> hogs(const Roster& roster, const std::vector<StandsOn>& standing,
                      const std::vector<HostLoad>& host_loads, const std::vector<GuestLoad>& guest_loads,
                      const std::set<ResourceName>& held) {
  std::map<ResourceName, const GuestLoad*> loads;
  for (const auto& load : guest_loads)
    if (load.stood >= kHogStands) loads.emplace(load.guest, &load);
  std::map<ResourceName, int> bookings;
  for (const auto& s : standing) ++bookings[s.resource];
  std::map<HostName, std::vector<Resident>> residents;
  for (const auto& s : standing) {
    const Resource* resource = roster.resource(s.resource);
    if (resource == nullptr || resource->cpu.count == 0) continue;
    const auto load = loads.find(s.resource);
    const bool known = load != loads.end() && bookings[s.resource] == 1;
    residents[s.host].push_back({resource, known ? load->second : nullptr, held.contains(s.resource), 0});
  }
  std::vector<Hog> found;
  for (const auto& load : host_loads) {
    const Host* host = roster.host(load.host);
    const auto here = residents.find(load.host);
    if (host != nullptr && here != residents.end() && load.stood >= kHogStands && lacks_cpu(load))
      accuse(here->second, *host, found);
  }
  std::sort(found.begin(), found.end(), [](const Hog& a, const Hog& b) {
    const auto beyond = [](const Hog& hog) { return hog.uses.count - hog.share.count; };
    return beyond(a) != beyond(b) ? beyond(a) > beyond(b) : a.guest < b.guest;
  });
  return found;
}

}  // namespace haven

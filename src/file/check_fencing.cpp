// Who is switched off by what: devices among themselves, what else they cut, virtual hosts (F2 to F4).
#include <algorithm>

#include "file/draft.hpp"

namespace haven::file {
namespace {

bool same_device(const FenceDevice& a, const FenceDevice& b) { return a.agent == b.agent && a.options == b.options; }

bool cuts(const FenceDevice& device, const HostName& host) {
  return std::find(device.cuts.begin(), device.cuts.end(), host) != device.cuts.end();
}

// One device under two hosts is one mistake, unless both say that it switches both.
void check_shared(const Draft& draft, Problems& problems) {
  struct Seen {
    const HostDraft* host;
    const FenceDevice* device;
    int line;
  };
  std::vector<Seen> seen;
  for (const HostDraft& host : draft.hosts) {
    for (std::size_t i = 0; i < host.host.fence.size(); ++i) {
      const FenceDevice& device = host.host.fence[i];
      if (device.agent.empty()) continue;
      const Position at = host.fence[i].at;
      for (const Seen& other : seen) {
        if (!same_device(*other.device, device)) continue;
        const HostName& theirs = other.host->host.name;
        const bool explained = other.host != &host && cuts(device, theirs) && cuts(device, host.host.name) &&
                               cuts(*other.device, theirs) && cuts(*other.device, host.host.name);
        if (explained) continue;
        const std::string whose = other.host == &host ? "this host" : "host " + theirs.str();
        problems.add(at,
                     "the same " + device.agent + " with the same options already switches " + whose + " (line " +
                         std::to_string(other.line) + ")",
                     other.host == &host ? "the device, or the plug, that switches this host alone"
                                         : "the device, or the plug, that switches this host alone; or cuts = [\"" +
                                               theirs.str() + "\", \"" + host.host.name.str() + "\"] under both");
        break;
      }
      seen.push_back({&host, &device, at.line});
    }
  }
}

std::size_t devices_of_level(const Host& host, int level) {
  return static_cast<std::size_t>(
      std::count_if(host.fence.begin(), host.fence.end(), [&](const FenceDevice& d) { return d.level == level; }));
}

// What `cuts` says must be what the level of each host says: one of two power supplies switches nobody off.
void check_cuts(const Draft& draft, const HostDraft& host, std::size_t index, Problems& problems) {
  const FenceDevice& device = host.host.fence[index];
  const FenceDraft& where = host.fence[index];
  if (where.cuts.empty()) return;
  if (!cuts(device, host.host.name)) {
    problems.add(where.cuts.front().at, "cuts leaves out " + in_quotes(host.host.name.str()) + ", whose device it is",
                 "every host that it switches off, this one among them");
  }
  for (const LocatedText& cut : where.cuts) {
    for (const HostDraft& other : draft.hosts) {
      if (other.host.name.str() != cut.value || &other == &host) continue;
      for (const FenceDevice& theirs : other.host.fence) {
        if (!same_device(theirs, device) || devices_of_level(other.host, theirs.level) < 2) continue;
        if (devices_of_level(host.host, device.level) >= devices_of_level(other.host, theirs.level)) continue;
        problems.add(cut.at,
                     "cuts names " + in_quotes(cut.value) + ", which has " +
                         std::to_string(devices_of_level(other.host, theirs.level)) +
                         " devices of one level: this one alone does not switch it off",
                     "all devices of that level here too, or cuts without it");
      }
    }
  }
}

void check_virtual(const Draft& draft, const HostDraft& host, Problems& problems) {
  if (!host.runs_on) return;
  const std::string& name = host.runs_on->value;
  if (name == host.host.name.str()) {
    problems.add(host.runs_on->at, in_quotes(name) + " cannot run on itself", "its physical machine");
    return;
  }
  const auto under = std::find_if(draft.hosts.begin(), draft.hosts.end(),
                                  [&](const HostDraft& other) { return other.host.name.str() == name; });
  if (under == draft.hosts.end()) return;
  if (under->runs_on) {
    problems.add(host.runs_on->at, in_quotes(name) + " is a virtual host itself", "a physical machine");
  }
  if (!host.fence.empty()) {
    problems.add(host.fence.front().at,
                 in_quotes(host.host.name.str()) + " runs on " + name + " and is fenced there, by ending its domain",
                 "no [[host.fence]] for it");
  }
}

}  // namespace

void check_fencing(const Draft& draft, Problems& problems) {
  check_shared(draft, problems);
  for (const HostDraft& host : draft.hosts) {
    for (std::size_t i = 0; i < host.fence.size(); ++i) check_cuts(draft, host, i, problems);
    check_virtual(draft, host, problems);
  }
}

}  // namespace haven::file

#include "core/liveness/probes.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace haven {
namespace {

std::string hex_of(const std::string& uuid) {
  std::string hex;
  for (const unsigned char c : uuid)
    if (std::isxdigit(c) != 0) hex += static_cast<char>(std::tolower(c));
  return hex;
}

// The same 16 bytes with the first three groups the other way round, as SMBIOS and IPMI have them.
std::string swapped(const std::string& hex) {
  static constexpr std::array<int, 16> kOrder{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
  std::string out;
  for (const int byte : kOrder) out += hex.substr(static_cast<std::size_t>(byte) * 2, 2);
  return out;
}

std::string reversed(const std::string& hex) {
  std::string out;
  for (std::size_t i = hex.size(); i >= 2; i -= 2) out += hex.substr(i - 2, 2);
  return out;
}

// One that was never set says one digit over and over.
bool is_told(const std::string& hex) { return hex.size() == 32 && hex != std::string(32, hex.front()); }

bool same_uuid(const std::string& guid, const std::string& uuid) {
  const std::string bmc = hex_of(guid);
  const std::string known = hex_of(uuid);
  if (!is_told(bmc) || !is_told(known)) return false;
  return bmc == known || swapped(bmc) == known || reversed(bmc) == known || swapped(reversed(bmc)) == known;
}

// An agent at work on these devices and a probe would disturb each other.
bool being_fenced(const View& view, const HostName& host) {
  return std::any_of(view.fences.begin(), view.fences.end(), [&](const auto& fence) {
    return fence.first.first == host && fence.second.value.state != FenceState::proved;
  });
}

const MachineIdentity* machine_of(const View& view, const HostName& host) {
  if (const MemberRecord* member = member_of(view, host)) return &member->machine;
  const auto machine = view.machines.find(host);
  return machine == view.machines.end() ? nullptr : &machine->second.value.machine;
}

ProbedDevice found(const View& view, const HostName& host, const Probe& probe) {
  ProbedDevice device{probe.device, probe.problem, probe.guid, false};
  const MachineIdentity* machine = machine_of(view, host);
  // A host that libvirt was told another identity of is known by that one too.
  device.foreign =
      machine != nullptr && !guid_fits(probe.guid, machine->firmware_uuid) && !same_uuid(probe.guid, machine->dmi_uuid);
  return device;
}

// What is known of this host's devices now: of each what it answered here, else what stood in the record.
std::optional<DevicesRecord> devices_now(const Probes& probes, const View& view, const Host& host) {
  const auto known = view.devices.find(host.name);
  DevicesRecord record;
  if (known != view.devices.end()) record.tests = known->second.value.tests;
  bool any = false;
  for (std::size_t i = 0; i < host.fence.size(); ++i) {
    const std::string id = device_id(host.fence[i]);
    const auto probe = probes.find({host.name, i});
    const bool asked = probe != probes.end() && probe->second.device == id && probe->second.answered;
    // Once failed: not yet a word, the last one stands.
    if (asked && probe->second.failures != 1) {
      record.devices.push_back(found(view, host.name, probe->second));
      any = true;
      continue;
    }
    if (known == view.devices.end()) continue;
    for (const auto& device : known->second.value.devices)
      if (device.device == id) record.devices.push_back(device);
  }
  if (!any) return std::nullopt;
  return record;
}

void ask(const Probes& probes, const Host& host, Pass& pass) {
  for (std::size_t i = 0; i < host.fence.size(); ++i) {
    const auto probe = probes.find({host.name, i});
    if (probe != probes.end() && probe->second.device == device_id(host.fence[i]) && probe->second.asked) {
      const Duration pause = probe->second.failures > 0 ? kProbeAgain : kProbeInterval;
      if (!pass.due(*probe->second.asked + pause)) continue;
    }
    pass.act(ProbeDevice{host.name, i, kAgentTimeout});
  }
}

}  // namespace

std::optional<HostName> prober_of(const View& view, const HostName& host) {
  if (!view.leader) return std::nullopt;
  if (view.leader->value.host != host) return view.leader->value.host;
  for (const auto& [name, member] : view.members)
    if (name != host && !proved_dead(view, name, member.value.incarnation)) return name;
  return host;
}

void observe_probe_issued(Probes& probes, const View& view, const ProbeDevice& probe, Instant now) {
  const Host* host = view.spec() == nullptr ? nullptr : view.spec()->host(probe.host);
  if (host == nullptr || probe.device >= host->fence.size()) return;
  const std::string id = device_id(host->fence[probe.device]);
  Probe& known = probes[{probe.host, probe.device}];
  if (known.device != id) known = {};
  known.device = id;
  known.asked = now;
}

void observe_probe(Probes& probes, const ProbeDevice& probe, const DeviceProbed& done, Instant now) {
  const auto known = probes.find({probe.host, probe.device});
  if (known == probes.end()) return;
  Probe& p = known->second;
  p.answered = now;
  if (done.result == AgentResult::is_on || done.result == AgentResult::is_off) {
    p.failures = 0;
    p.problem.clear();
    p.guid = done.guid;
    return;
  }
  p.failures = std::min(p.failures + 1, 2);
  p.problem = !done.message.empty()                   ? done.message
              : done.result == AgentResult::timed_out ? "no answer in time"
                                                      : "it does not answer";
}

bool guid_fits(const std::string& guid, const std::string& firmware_uuid) {
  return !is_told(hex_of(guid)) || !is_told(hex_of(firmware_uuid)) || same_uuid(guid, firmware_uuid);
}

void decide_probes(const Probes& probes, const View& view, const SelfView& self, Pass& pass) {
  if (!self.registered || !self.watching || view.spec() == nullptr) return;
  for (const auto& host : view.spec()->hosts) {
    if (host.fence.empty() || prober_of(view, host.name) != self.host || being_fenced(view, host.name)) continue;
    const std::string path = path::device(host.name);
    if (view.unreadable(path)) continue;
    ask(probes, host, pass);
    const auto now = devices_now(probes, view, host);
    const auto known = view.devices.find(host.name);
    if (!now || (known != view.devices.end() && known->second.value == *now)) continue;
    Commit commit;
    commit.lane = "device/" + host.name.str();
    commit.timeout = kCommitTimeout;
    for (const auto& checked : {path, path::kSpec, path::member(self.host)})
      commit.checks.push_back({checked, view.mod_of(checked)});
    commit.writes.push_back({path, *now, {}});
    pass.act(std::move(commit));
  }
}

}  // namespace haven

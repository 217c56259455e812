#include "core/liveness/fence_alarms.hpp"

#include <algorithm>
#include <string>

#include "core/liveness/blast.hpp"
#include "core/liveness/charge.hpp"
#include "core/liveness/fencing.hpp"
#include "core/liveness/hypervisors.hpp"
#include "core/liveness/storage_loss.hpp"
#include "core/liveness/suspicion.hpp"
#include "core/model/wording.hpp"
#include "core/recovery/maintenance.hpp"

namespace haven {
namespace {

const ProbedDevice* probed(const View& view, const Host& host, const FenceDevice& device) {
  const auto known = view.devices.find(host.name);
  if (known == view.devices.end()) return nullptr;
  const auto& devices = known->second.value.devices;
  const auto found = std::find_if(devices.begin(), devices.end(),
                                  [&](const ProbedDevice& p) { return p.device == device_id(device); });
  return found == devices.end() ? nullptr : &*found;
}

// With the devices and the machine that are there now.
const DeviceTest* last_test(const View& view, const Host& host, int level) {
  const auto known = view.devices.find(host.name);
  if (known == view.devices.end()) return nullptr;
  const auto machine = view.machines.find(host.name);
  for (const auto& test : known->second.value.tests) {
    const bool same_machine =
        machine == view.machines.end() || test.machine_id == machine->second.value.machine.machine_id;
    if (test.level == level && test.devices == devices_id(host, level) && same_machine) return &test;
  }
  return nullptr;
}

// Why the hypervisors have not ended it yet.
std::string unproved_virtual(const View& view, const HostBoot& boot) {
  if (domain_uuid(view, boot.first).empty()) return "no hypervisor host has ever seen its domain";
  const auto holders = may_hold(view, boot);
  return holders.empty() ? "" : with_commas(texts_of(holders)) + " may hold its domain";
}

void add_standing(const View& view, const HostBoot& boot, const FenceRecord& fence, std::vector<Alarm>& alarms) {
  const std::string host = boot.first.str();
  const Host* known = view.spec()->host(boot.first);
  // While another round is tried as well: it stays an alarm until something is proved.
  if (fence.attempts > 0 && fence.state != FenceState::proved) {
    const bool by_hypervisors = known != nullptr && fenced_on_hypervisors(*view.spec(), *known);
    const std::string why = by_hypervisors ? "no hypervisor proved it dead: " + unproved_virtual(view, boot)
                                           : "no fence device proved it dead";
    alarms.push_back({"fence/" + host,
                      host + " is silent and " + why + "; if it is, say: haven fence confirm " + host,
                      boot.first,
                      {}});
  }
  if (fence.state == FenceState::proved && holds_member_key(view, boot.first, boot.second))
    alarms.push_back({"zombie/" + host,
                      host + " was proved dead and still holds its lease: it is to reboot itself; see to it",
                      boot.first,
                      {}});
}

// F4: it is lost, and its devices would hit somebody who lives.
void add_blocked(const View& view, const Host& host, std::vector<Alarm>& alarms) {
  const auto missing = missing_incarnation(view, host.name);
  if (!missing || out_of_service(view, host.name) || !cannot_be_switched(view, host)) return;
  std::vector<HostName> living;
  for (const int level : levels_of(host))
    for (const auto& other : living_inside(view, host, level))
      if (std::find(living.begin(), living.end(), other) == living.end()) living.push_back(other);
  const std::string why = living.empty()
                              ? "its fence devices belong to another machine"
                              : "its fence devices also cut " + with_commas(texts_of(living)) + ", which lives";
  alarms.push_back({"blast/" + host.name.str(),
                    host.name.str() + " is silent and is not fenced: " + why +
                        "; if it is dead, say: haven fence confirm " + host.name.str(),
                    host.name,
                    {}});
}

// It lives and is to be fenced for a resource's sake; but not at the price of the engine.
void add_spared(const View& view, const Host& host, std::vector<Alarm>& alarms) {
  const MemberRecord* member = member_of(view, host.name);
  if (member == nullptr || view.fences.contains({host.name, member->incarnation})) return;
  const HostBoot boot{host.name, member->incarnation};
  const auto stuck = costs_its_host(view, boot);
  const std::string why = stuck ? stuck->str() + " cannot be stopped there" : storage_charge(view, host.name);
  if (why.empty() || engine_outlives(view, boot)) return;
  alarms.push_back({"spared/" + host.name.str(),
                    host.name.str() + " is not fenced, although " + why +
                        ": the engine would lose its majority; bring its other voters back first",
                    host.name, stuck.value_or(ResourceName{})});
}

void add_devices(const View& view, const Host& host, std::vector<Alarm>& alarms) {
  const std::string& name = host.name.str();
  for (const auto& device : host.fence) {
    const ProbedDevice* p = probed(view, host, device);
    if (p == nullptr || (p->problem.empty() && !p->foreign)) continue;
    const std::string text =
        p->foreign ? "says that it belongs to another machine (GUID " + p->guid + "): it is not used; see to its wiring"
                   : "does not answer: " + p->problem;
    alarms.push_back(
        {"device/" + name + "/" + p->device,
         "fence device " + device.agent + " of " + name + " (level " + std::to_string(device.level) + ") " + text,
         host.name,
         {}});
  }
  for (const int level : levels_of(host)) {
    const DeviceTest* test = last_test(view, host, level);
    if (test == nullptr || test->passed) continue;
    alarms.push_back({"device-test/" + name + "/" + std::to_string(level),
                      "the last test of " + name + "'s fence devices failed (level " + std::to_string(level) +
                          "): " + test->why + "; once mended: haven fence test " + name,
                      host.name,
                      {}});
  }
}

// Two hosts with one identity: neither is proved dead by its return (F8).
void add_doubles(const View& view, std::vector<Alarm>& alarms) {
  for (auto a = view.members.begin(); a != view.members.end(); ++a) {
    const MachineIdentity& one = a->second.value.machine;
    for (auto b = std::next(a); b != view.members.end(); ++b) {
      const MachineIdentity& other = b->second.value.machine;
      const bool same_id = !one.machine_id.empty() && one.machine_id == other.machine_id;
      const bool same_uuid = !one.dmi_uuid.empty() && one.dmi_uuid == other.dmi_uuid;
      if (!same_id && !same_uuid) continue;
      alarms.push_back({"identity/" + a->first.str() + "/" + b->first.str(),
                        a->first.str() + " and " + b->first.str() + " have the same " +
                            (same_id ? "/etc/machine-id" : "libvirt host UUID") +
                            ": neither is known again after a reboot; give one its own",
                        b->first,
                        {}});
    }
  }
}

}  // namespace

void add_fence_alarms(const View& view, std::vector<Alarm>& alarms) {
  for (const auto& [boot, fence] : view.fences) add_standing(view, boot, fence.value, alarms);
  for (const auto& host : view.spec()->hosts) add_blocked(view, host, alarms);
  for (const auto& host : view.spec()->hosts) add_spared(view, host, alarms);
  for (const auto& host : view.spec()->hosts) add_devices(view, host, alarms);
  add_doubles(view, alarms);
}

std::vector<FenceLevel> fence_levels(const View& view, const Host& host) {
  std::vector<FenceLevel> levels;
  for (const int level : levels_of(host)) {
    FenceLevel line;
    line.level = level;
    for (const auto& device : host.fence) {
      const ProbedDevice* p = device.level == level ? probed(view, host, device) : nullptr;
      if (p != nullptr && p->foreign) line.problem = device.agent + " belongs to another machine";
      if (p != nullptr && !p->foreign && !p->problem.empty()) line.problem = device.agent + " does not answer";
    }
    const DeviceTest* test = last_test(view, host, level);
    if (test != nullptr && test->passed) line.tested = test->at;
    if (test != nullptr && !test->passed) line.problem = "its last test failed";
    levels.push_back(line);
  }
  return levels;
}

}  // namespace haven

#include "daemon/judge.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "adapter/libvirt/domain_xml.hpp"
#include "core/model/wording.hpp"
#include "core/placement/admission.hpp"

namespace haven::daemon {
namespace {

file::FileError finding(std::string what, std::string wanted) {
  return {.file = {}, .line = 0, .column = 0, .what = std::move(what), .wanted = std::move(wanted)};
}

bool names(const std::vector<HostName>& list, const HostName& host) {
  return std::find(list.begin(), list.end(), host) != list.end();
}

// A host where it never runs need not have its files; what its cache keeps matters everywhere.
void forget_paths(libvirt::DomainFacts& facts) {
  facts.filesystems.clear();
  facts.boot_files.clear();
  for (auto& disk : facts.disks) {
    if (disk.path.empty()) continue;
    if (disk.protocol.empty()) disk.protocol = "file";
    disk.path.clear();
  }
}

bool known(const Host& host) { return host.cpu.count > 0 && host.memory.count > 0; }

}  // namespace

bool may_run_on(const Resource& resource, const HostName& host) {
  return (resource.hosts.only.empty() || names(resource.hosts.only, host)) && !names(resource.hosts.never, host);
}

Findings judge_domains(const Spec& spec, const HostName& here, bool elsewhere_too) {
  Findings findings;
  const bool many = spec.hosts.size() > 1;
  for (const Resource& resource : spec.resources) {
    auto facts = libvirt::parse_domain(resource.xml);
    if (!facts) {
      findings.push_back(finding(resource.name.str() + ": " + facts.error(), "a libvirt domain XML"));
      continue;
    }
    const auto others = std::count_if(spec.hosts.begin(), spec.hosts.end(), [&](const Host& host) {
      return host.name != here && may_run_on(resource, host.name);
    });
    if (!may_run_on(resource, here) || (others > 0 && !elsewhere_too)) forget_paths(*facts);
    for (const std::string& problem : libvirt::portability_problems(*facts, many)) {
      findings.push_back(
          finding(resource.name.str() + ": " + problem, "a domain that can be started on every host where it may run"));
    }
  }
  return findings;
}

std::vector<std::string> judge_hazards(const Spec& spec) {
  std::vector<std::string> warnings;
  for (const Resource& resource : spec.resources) {
    const auto facts = libvirt::parse_domain(resource.xml);
    if (!facts) continue;
    for (const std::string& rivalry : libvirt::rivalries(*facts))
      warnings.push_back(resource.name.str() + ": " + rivalry);
    const std::string loss = libvirt::loss_in_live_moves(*facts);
    if (!loss.empty() && resource.live_migration && spec.hosts.size() > 1)
      warnings.push_back(resource.name.str() + ": " + loss);
  }
  return warnings;
}

Findings judge_fencing(const Spec& spec, port::FenceDevice& fence, Duration timeout) {
  Findings findings;
  for (const Host& host : spec.hosts) {
    for (const FenceDevice& device : host.fence) {
      for (const std::string& problem : fence.validate({device.agent, device.options}, timeout)) {
        findings.push_back(finding("fence device of " + host.name.str() + ": " + problem,
                                   "what `" + device.agent + " -o metadata` describes"));
      }
    }
  }
  return findings;
}

Findings judge_capacity(const Spec& spec) {
  Findings findings;
  for (const Resource& resource : spec.resources) {
    const Host* largest = nullptr;
    const bool fits = std::any_of(spec.hosts.begin(), spec.hosts.end(), [&](const Host& host) {
      if (!may_run_on(resource, host.name)) return false;
      if (!known(host)) return true;
      if (largest == nullptr || largest->memory < host.memory) largest = &host;
      const Capacity capacity = capacity_of(host, spec.cluster);
      return static_cast<double>(resource.cpu.count) <= capacity.cpu && resource.memory <= capacity.memory;
    });
    if (fits) continue;
    const std::string most =
        largest == nullptr ? "no host may run it"
                           : "the largest host, " + largest->name.str() + ", has " +
                                 std::to_string(capacity_of(*largest, spec.cluster).memory.count) + " MiB and " +
                                 std::to_string(static_cast<long>(capacity_of(*largest, spec.cluster).cpu)) + " vCPUs";
    findings.push_back(finding(resource.name.str() + " needs " + std::to_string(resource.memory.count) + " MiB and " +
                                   std::to_string(resource.cpu.count) + " vCPUs; " + most,
                               "a resource that fits a host on which it may run"));
  }
  return findings;
}

AdmissionJudged judge_admission(const Spec& before, const Spec& spec) {
  AdmissionJudged judged;
  judged.known = std::all_of(spec.hosts.begin(), spec.hosts.end(), known);
  if (!judged.known) {
    judged.reasons.emplace_back(
        "whether everything runs again after a loss is not known: a host has not said yet what it has");
    return judged;
  }
  const Admission admission = check_admission(spec);
  judged.unprotected = admission.unprotected;
  judged.reasons = admission.reasons;
  if (admission.admitted) return judged;
  std::vector<ResourceName> old;
  if (!before.hosts.empty() && std::all_of(before.hosts.begin(), before.hosts.end(), known))
    old = check_admission(before).unprotected;
  for (const ResourceName& name : judged.unprotected) {
    const Resource* accepted = before.resource(name);
    const bool so_before = std::find(old.begin(), old.end(), name) != old.end();
    if (!so_before && (accepted == nullptr || !accepted->unprotected)) judged.fresh.push_back(name);
  }
  return judged;
}

}  // namespace haven::daemon

#include "daemon/domains.hpp"

#include <set>
#include <utility>

#include "adapter/libvirt/domain_xml.hpp"
#include "port/to_event.hpp"

namespace haven::daemon {
namespace {

// What sits in a drive that may be empty is not what it lives on.
std::set<std::string> paths_of(const libvirt::DomainFacts& facts) {
  std::set<std::string> paths(facts.filesystems.begin(), facts.filesystems.end());
  for (const auto& disk : facts.disks)
    if (!disk.path.empty() && !disk.removable) paths.insert(disk.path);
  return paths;
}

const Resource* find(const auto& map, const auto& key) {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : it->second;
}

using Users = std::map<std::string, std::vector<ResourceName>>;

std::vector<std::string> keys_of(const Users& users) {
  std::vector<std::string> keys;
  for (const auto& [key, resources] : users) keys.push_back(key);
  return keys;
}

std::vector<ResourceName> resources_on(const Users& users, const std::vector<std::string>& keys) {
  std::set<ResourceName> names;
  for (const auto& key : keys)
    if (const auto it = users.find(key); it != users.end()) names.insert(it->second.begin(), it->second.end());
  return {names.begin(), names.end()};
}

}  // namespace

Domains::Domains(std::shared_ptr<const Spec> spec) : spec_(std::move(spec)) {
  if (!spec_) return;
  for (const Resource& resource : spec_->resources) {
    by_name_[resource.name] = &resource;
    if (!resource.uuid.empty()) by_uuid_[resource.uuid] = &resource;
    const auto facts = libvirt::parse_domain(resource.xml);
    if (facts) {
      for (const auto& path : paths_of(*facts)) storage_[path].push_back(resource.name);
      for (const auto& link : facts->links) links_[link].push_back(resource.name);
    }
    // A QEMU process tells its uuid, a container's only its name.
    if (!resource.container) continue;
    const std::string name = facts ? facts->name : resource.name.str();
    container_names_[resource.name] = name;
    containers_[name] = &resource;
  }
}

const Resource* Domains::resource(const ResourceName& name) const { return find(by_name_, name); }
const Resource* Domains::of_uuid(const std::string& uuid) const { return find(by_uuid_, uuid); }

std::string Domains::domain_name(const ResourceName& name) const {
  const auto it = container_names_.find(name);
  return it == container_names_.end() ? name.str() : it->second;
}

std::vector<std::string> Domains::uuids() const {
  std::vector<std::string> result;
  for (const auto& [uuid, resource] : by_uuid_) result.push_back(uuid);
  return result;
}

std::vector<std::string> Domains::storage_paths() const { return keys_of(storage_); }
std::vector<std::string> Domains::links() const { return keys_of(links_); }

std::vector<ResourceName> Domains::on_paths(const std::vector<std::string>& paths) const {
  return resources_on(storage_, paths);
}
std::vector<ResourceName> Domains::on_links(const std::vector<std::string>& links) const {
  return resources_on(links_, links);
}

const Resource* Domains::of_process(const port::VmProcess& process) const {
  return process.uuid.empty() ? find(containers_, process.name) : of_uuid(process.uuid);
}

Inspected Domains::translate(const port::Inspected& seen) const {
  std::set<std::string> others;
  Inspected result{.call = seen.call,
                   .reached = seen.reached,
                   .domains = {},
                   .processes = {},
                   .storage_lost = {},
                   .others = {},
                   .uplink_lost = {},
                   .others_taken = {}};
  for (const auto& domain : seen.domains) {
    const auto condition = to_event(domain.state);
    if (!condition) continue;
    if (const Resource* r = of_uuid(domain.uuid)) {
      result.domains.push_back({r->name, *condition, domain.migrating, domain.cap, domain.linked});
    } else {
      others.insert(domain.uuid);
      result.others_taken.cpu += domain.footprint.cpu;
      result.others_taken.memory += domain.footprint.memory;
    }
  }
  // A VM may have more than one process; that it has any is what counts.
  std::set<ResourceName> processes;
  for (const auto& process : seen.processes) {
    if (const Resource* r = of_process(process)) {
      processes.insert(r->name);
    } else if (!process.uuid.empty()) {
      others.insert(process.uuid);
    }
  }
  result.others.assign(others.begin(), others.end());
  result.processes.assign(processes.begin(), processes.end());
  return result;
}

LoadsMeasured Domains::translate(const port::Measured& measured) const {
  LoadsMeasured loads{measured.host, {}};
  for (const port::MeasuredGuest& guest : measured.guests)
    if (const Resource* resource = of_uuid(guest.uuid))
      loads.guests.push_back({resource->name, guest.cpu, guest.waiting, guest.memory});
  return loads;
}

std::optional<DomainHint> Domains::translate(const port::Lifecycle& seen) const {
  const Resource* resource = of_uuid(seen.uuid);
  if (resource == nullptr) return std::nullopt;
  return DomainHint{resource->name, to_event(seen.kind)};
}

}  // namespace haven::daemon

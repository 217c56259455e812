// Resources of the spec and what libvirt calls them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/event.hpp"
#include "core/model/spec.hpp"
#include "port/hypervisor.hpp"
#include "port/load_meter.hpp"

namespace haven::daemon {

class Domains {
 public:
  Domains() = default;
  explicit Domains(std::shared_ptr<const Spec> spec);

  [[nodiscard]] const Spec* spec() const { return spec_.get(); }
  [[nodiscard]] std::shared_ptr<const Spec> shared() const { return spec_; }
  // nullptr: not of the spec.
  [[nodiscard]] const Resource* resource(const ResourceName& name) const;
  [[nodiscard]] const Resource* of_uuid(const std::string& uuid) const;
  // By which its processes are told where they do not tell a uuid.
  [[nodiscard]] std::string domain_name(const ResourceName& name) const;
  [[nodiscard]] std::vector<std::string> uuids() const;

  // What must be readable for them to run: disks and containers' directories on this host, each once.
  [[nodiscard]] std::vector<std::string> storage_paths() const;
  // Whose disks these paths are.
  [[nodiscard]] std::vector<ResourceName> on_paths(const std::vector<std::string>& paths) const;

  // The bridges and devices by which their networks leave this host, each once; and whose they are.
  [[nodiscard]] std::vector<std::string> links() const;
  [[nodiscard]] std::vector<ResourceName> on_links(const std::vector<std::string>& links) const;

  // What libvirt and /proc say, about the resources of the spec alone.
  [[nodiscard]] Inspected translate(const port::Inspected& seen) const;
  [[nodiscard]] LoadsMeasured translate(const port::Measured& measured) const;
  // nullopt: not about a resource of the spec.
  [[nodiscard]] std::optional<DomainHint> translate(const port::Lifecycle& seen) const;

 private:
  [[nodiscard]] const Resource* of_process(const port::VmProcess& process) const;

  std::shared_ptr<const Spec> spec_;
  std::map<ResourceName, const Resource*> by_name_;
  std::map<std::string, const Resource*> by_uuid_;
  std::map<std::string, const Resource*> containers_;  // by the domain's name
  std::map<ResourceName, std::string> container_names_;
  std::map<std::string, std::vector<ResourceName>> storage_;  // by path
  std::map<std::string, std::vector<ResourceName>> links_;    // by bridge or device
};

}  // namespace haven::daemon

// A cluster in a few words, for stories about placement.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/model/spec.hpp"

namespace haven::story {

inline Host host(const std::string& name, std::int64_t memory_mib, std::int64_t cpus = 16,
                 const std::string& rack = "") {
  Host h;
  h.name = HostName(name);
  h.memory = {memory_mib};
  h.cpu = {cpus};
  h.rack = rack;
  return h;
}

inline Resource vm(const std::string& name, std::int64_t memory_mib, std::int64_t vcpus = 1, int priority = 100) {
  Resource r;
  r.name = ResourceName(name);
  r.memory = {memory_mib};
  r.cpu = {vcpus};
  r.priority = priority;
  return r;
}

inline std::vector<HostName> hosts(const std::vector<std::string>& names) { return {names.begin(), names.end()}; }

inline Rule rule(RuleKind kind, const std::vector<std::string>& resources, FailureDomain domain = FailureDomain::host,
                 bool strict = true) {
  return {kind, {resources.begin(), resources.end()}, domain, strict};
}

inline Rule apart(const std::vector<std::string>& resources, FailureDomain domain = FailureDomain::host) {
  return rule(RuleKind::apart, resources, domain);
}

inline Rule together(const std::vector<std::string>& resources, FailureDomain domain = FailureDomain::host) {
  return rule(RuleKind::together, resources, domain);
}

inline Rule preferably(Rule rule) {
  rule.strict = false;
  return rule;
}

inline Spec cluster(std::vector<Host> hosts, std::vector<Resource> resources, std::vector<Rule> rules = {}) {
  Spec spec;
  spec.cluster.name = "story";
  spec.hosts = std::move(hosts);
  spec.resources = std::move(resources);
  spec.rules = std::move(rules);
  return spec;
}

}  // namespace haven::story

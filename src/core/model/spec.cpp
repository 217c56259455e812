#include "core/model/spec.hpp"

#include <algorithm>

namespace haven {
namespace {

template <class List, class N>
auto find_named(const List& list, const N& name) -> decltype(list.data()) {
  const auto it = std::find_if(list.begin(), list.end(), [&](const auto& e) { return e.name == name; });
  return it == list.end() ? nullptr : &*it;
}

}  // namespace

const Host* Spec::host(const HostName& name) const { return find_named(hosts, name); }
const Resource* Spec::resource(const ResourceName& name) const { return find_named(resources, name); }

bool fenced_on_hypervisors(const Spec& spec, const Host& host) {
  return !host.runs_on.empty() && spec.host(HostName{host.runs_on}) != nullptr;
}

std::string domain_of(const Host& host, FailureDomain level) {
  const std::string* named = nullptr;
  switch (level) {
    case FailureDomain::host:
      break;
    case FailureDomain::rack:
      named = &host.rack;
      break;
    case FailureDomain::room:
      named = &host.room;
      break;
    case FailureDomain::site:
      named = &host.site;
      break;
  }
  // "/" cannot stand in a name: a host without a rack never shares one with a rack that bears its name.
  if (named == nullptr || named->empty()) return "/" + (host.runs_on.empty() ? host.name.str() : host.runs_on);
  return *named;
}

Capacity capacity_of(const Host& host, const Cluster& cluster) {
  return {static_cast<double>((host.cpu - host.keep_cpu).count) * cluster.cpu_overcommit,
          host.memory - host.keep_memory};
}

}  // namespace haven

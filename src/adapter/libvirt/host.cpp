#include "adapter/libvirt/host.hpp"

#include <libvirt/virterror.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string_view>

#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/domain_xml.hpp"
#include "adapter/libvirt/within.hpp"

namespace haven::libvirt {
namespace {

template <class T>
using Result = tl::expected<T, std::string>;
using Failure = tl::unexpected<std::string>;

std::vector<std::string> uris(const LibvirtConfig& config) {
  std::vector<std::string> result;
  for (const auto& uri : {config.qemu_uri, config.lxc_uri})
    if (!uri.empty()) result.push_back(uri);
  return result;
}

std::string taken(char* text) {
  std::string result = text != nullptr ? text : "";
  std::free(text);
  return result;
}

// Asks each driver in turn until one gives an answer; the error is the last one that matters.
template <class T>
Result<T> first_answer(const LibvirtConfig& config, const std::function<Result<T>(virConnectPtr)>& ask) {
  std::string why = "this host has no libvirt driver that Haven knows";
  for (const auto& uri : uris(config)) {
    Connection connection;
    if (const auto failure = connection.ensure(uri)) {
      if (!failure->driver_absent) why = failure->message;
      continue;
    }
    auto result = ask(connection.get());
    if (result) return result;
    why = result.error();
  }
  return Failure(why);
}

// Nothing: this driver does not have the domain.
DomainRef find(virConnectPtr connection, const std::string& uuid) {
  return DomainRef(virDomainLookupByUUIDString(connection, uuid.c_str()));
}

// The kernel's own count: virNodeGetInfo adds up NUMA nodes, which do not know of memory that was added later.
Result<MiB> memory_of(virConnectPtr connection) {
  int count = 0;
  if (virNodeGetMemoryStats(connection, VIR_NODE_MEMORY_STATS_ALL_CELLS, nullptr, &count, 0) < 0)
    return Failure(last_error().message);
  std::vector<virNodeMemoryStats> stats(static_cast<std::size_t>(count));
  if (virNodeGetMemoryStats(connection, VIR_NODE_MEMORY_STATS_ALL_CELLS, stats.data(), &count, 0) < 0)
    return Failure(last_error().message);
  const auto total = std::ranges::find_if(
      stats, [](const auto& stat) { return std::string_view(stat.field) == VIR_NODE_MEMORY_STATS_TOTAL; });
  if (total == stats.end()) return Failure(std::string("libvirt does not tell this host's memory"));
  return MiB{static_cast<std::int64_t>(total->value / 1024)};
}

// True: it was not so, and is now.
Result<bool> set_autostart(virDomainPtr domain, int wanted, const std::function<bool()>& may) {
  if (virDomainIsPersistent(domain) == 0) return false;
  int on = 0;
  if (virDomainGetAutostart(domain, &on) < 0) return Failure(last_error().message);
  if (on == wanted) return false;
  if (!may()) return Failure(std::string("what it was cannot be remembered"));
  if (virDomainSetAutostart(domain, wanted) < 0) return Failure(last_error().message);
  if (virDomainGetAutostart(domain, &on) < 0) return Failure(last_error().message);
  if (on != wanted) return Failure(std::string("libvirt keeps autostart as it was"));
  return true;
}

// Calls `each` with every one of these domains that a driver has; the rest is a failure or not there.
Result<std::vector<std::string>> for_defined(
    const LibvirtConfig& config, const std::vector<std::string>& uuids,
    const std::function<Result<bool>(virDomainPtr, const std::string&)>& each) {
  std::vector<std::string> failures;
  const auto reached = on_each_driver(uris(config), [&](virConnectPtr connection, const std::string&) {
    for (const auto& uuid : uuids) {
      const auto domain = find(connection, uuid);
      if (!domain) {
        const auto error = last_error();
        if (!error.answered || error.code != VIR_ERR_NO_DOMAIN) failures.push_back(uuid + ": " + error.message);
        continue;
      }
      if (const auto done = each(domain.get(), uuid); !done) failures.push_back(uuid + ": " + done.error());
    }
    return std::string();
  });
  if (!reached) return Failure(reached.error());
  return failures;
}

Result<Autostart> all_autostart_off(const LibvirtConfig& config, const std::vector<std::string>& uuids,
                                    const std::function<bool(const std::string&)>& remember) {
  Autostart result;
  auto failures = for_defined(config, uuids, [&](virDomainPtr domain, const std::string& uuid) -> Result<bool> {
    const char* name = virDomainGetName(domain);
    if (name != nullptr && virDomainIsPersistent(domain) == 1) result.names.emplace_back(name);
    auto changed = set_autostart(domain, 0, [&] { return remember(uuid); });
    if (changed && *changed) result.turned_off.push_back(uuid);
    return changed;
  });
  if (!failures) return Failure(failures.error());
  result.failures = std::move(*failures);
  return result;
}

}  // namespace

Result<HostCapacity> host_capacity(const LibvirtConfig& config, Duration timeout) {
  return within<HostCapacity>(timeout, [config] {
    return first_answer<HostCapacity>(config, [](virConnectPtr connection) -> Result<HostCapacity> {
      virNodeInfo info{};
      if (virNodeGetInfo(connection, &info) < 0) return Failure(last_error().message);
      const auto memory = memory_of(connection);
      if (!memory) return Failure(memory.error());
      auto uuid = parse_host_uuid(taken(virConnectGetCapabilities(connection)));
      if (!uuid) return Failure(uuid.error());
      return HostCapacity{Vcpu{info.cpus}, *memory, std::move(*uuid)};
    });
  });
}

Result<std::string> describe_domain(const LibvirtConfig& config, const std::string& name, Duration timeout) {
  return within<std::string>(timeout, [config, name] {
    return first_answer<std::string>(config, [&](virConnectPtr connection) -> Result<std::string> {
      const DomainRef domain(virDomainLookupByName(connection, name.c_str()));
      if (!domain) return Failure(last_error().message);
      // Not VIR_DOMAIN_XML_MIGRATABLE: that form has the passwords in it.
      auto xml = taken(virDomainGetXMLDesc(domain.get(), VIR_DOMAIN_XML_INACTIVE));
      if (xml.empty()) return Failure(last_error().message);
      return xml;
    });
  });
}

Result<Autostart> turn_autostart_off(const LibvirtConfig& config, const std::vector<std::string>& uuids,
                                     const std::function<bool(const std::string&)>& remember, Duration timeout) {
  return within<Autostart>(timeout, [config, uuids, remember] { return all_autostart_off(config, uuids, remember); });
}

Result<std::vector<std::string>> turn_autostart_on(const LibvirtConfig& config, const std::vector<std::string>& uuids,
                                                   Duration timeout) {
  return within<std::vector<std::string>>(timeout, [config, uuids] {
    return for_defined(config, uuids, [](virDomainPtr domain, const std::string&) -> Result<bool> {
      if (virDomainIsActive(domain) != 1)
        return Failure(
            std::string("it does not run here, and may run on another host; if it runs nowhere: virsh "
                        "autostart"));
      return set_autostart(domain, 1, [] { return true; });
    });
  });
}

}  // namespace haven::libvirt

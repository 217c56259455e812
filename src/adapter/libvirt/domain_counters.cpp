#include "adapter/libvirt/domain_counters.hpp"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <memory>
#include <optional>
#include <string_view>

#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/within.hpp"

namespace haven::libvirt {
namespace {

constexpr unsigned kStats = VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_BALLOON;
constexpr unsigned kFlags = VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;

struct StatsDeleter {
  void operator()(virDomainStatsRecordPtr* records) const { virDomainStatsRecordListFree(records); }
};

// What is begun counts.
MiB whole_mib(std::uint64_t kib) { return {static_cast<std::int64_t>((kib + 1023) / 1024)}; }

bool is_delay(std::string_view field) { return field.starts_with("vcpu.") && field.ends_with(".delay"); }

// nullopt: it has not begun to run, or is gone by now.
std::optional<DomainCounters> counters_of(const virDomainStatsRecord& record) {
  DomainCounters counters;
  counters.uuid = uuid_of(record.dom);
  bool has_cpu = false;
  for (int i = 0; i < record.nparams; ++i) {
    const virTypedParameter& parameter = record.params[i];
    if (parameter.type != VIR_TYPED_PARAM_ULLONG) continue;
    const std::string_view field = parameter.field;
    if (field == "cpu.time") {
      counters.cpu_ns = parameter.value.ul;
      has_cpu = true;
    }
    if (is_delay(field)) counters.waiting_ns += parameter.value.ul;
    if (field == "balloon.rss") counters.memory = whole_mib(parameter.value.ul);
  }
  if (!has_cpu || counters.uuid.empty()) return std::nullopt;
  return counters;
}

using Answer = tl::expected<std::vector<DomainCounters>, std::string>;

// One call for all of them.
bool count_at_once(virConnectPtr connection, std::vector<DomainCounters>& all) {
  virDomainStatsRecordPtr* records = nullptr;
  const int count = virConnectGetAllDomainStats(connection, kStats, &records, kFlags);
  if (count < 0) return false;
  const std::unique_ptr<virDomainStatsRecordPtr, StatsDeleter> owned(records);
  for (int i = 0; i < count; ++i)
    if (auto counters = counters_of(*records[i])) all.push_back(std::move(*counters));
  return true;
}

// libvirt's LXC driver has no such call. What its vCPUs waited is not told there.
bool count_one_by_one(virConnectPtr connection, std::vector<DomainCounters>& all) {
  const auto domains = active_domains(connection);
  if (!domains) return false;
  for (const auto& domain : *domains) {
    virDomainInfo info{};
    if (virDomainGetInfo(domain.get(), &info) == 0)
      all.push_back({uuid_of(domain.get()), info.cpuTime, 0, whole_mib(info.memory)});
  }
  return true;
}

bool count(virConnectPtr connection, std::vector<DomainCounters>& all) {
  if (count_at_once(connection, all)) return true;
  return last_error().code == VIR_ERR_NO_SUPPORT && count_one_by_one(connection, all);
}

Answer ask(const LibvirtConfig& config) {
  std::vector<DomainCounters> all;
  const auto reached =
      on_each_driver({config.qemu_uri, config.lxc_uri}, [&](virConnectPtr connection, const std::string& uri) {
        return count(connection, all) ? std::string() : uri + ": " + last_error().message;
      });
  if (!reached) return tl::unexpected(reached.error());
  return all;
}

}  // namespace

Answer domain_counters(const LibvirtConfig& config, Duration timeout) {
  return within<std::vector<DomainCounters>>(timeout, [config] { return ask(config); });
}

}  // namespace haven::libvirt

#include "adapter/libvirt/migration.hpp"

#include <algorithm>
#include <chrono>
#include <memory>

namespace haven::libvirt {
namespace {

// Typed parameters as libvirt keeps them.
class Parameters {
 public:
  Parameters() = default;
  ~Parameters() { virTypedParamsFree(list_, count_); }
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  [[nodiscard]] bool add(const char* name, unsigned long long value) {
    return virTypedParamsAddULLong(&list_, &count_, &room_, name, value) == 0;
  }
  [[nodiscard]] virTypedParameterPtr list() const { return list_; }
  [[nodiscard]] unsigned count() const { return static_cast<unsigned>(count_); }

 private:
  virTypedParameterPtr list_ = nullptr;
  int count_ = 0;
  int room_ = 0;
};

bool is_bare_v6(const std::string& address) {
  return !address.starts_with("[") && std::count(address.begin(), address.end(), ':') > 1;
}

}  // namespace

int migrate_domain(virDomainPtr domain, const MigrationConfig& config, const std::string& to) {
  const std::string host = is_bare_v6(to) ? "[" + to + "]" : to;
  const std::string uri = std::string(config.tls ? "qemu+tls://" : "qemu+tcp://") + host + "/system";
  unsigned flags = VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_PAUSED | VIR_MIGRATE_AUTO_CONVERGE |
                   VIR_MIGRATE_ABORT_ON_ERROR;
  if (config.tls) flags |= VIR_MIGRATE_TLS;
  if (config.trust_storage) flags |= VIR_MIGRATE_UNSAFE;
  const auto downtime_ms = std::chrono::duration_cast<std::chrono::milliseconds>(config.max_downtime).count();
  if (virDomainMigrateSetMaxDowntime(domain, static_cast<unsigned long long>(downtime_ms), 0) < 0) return -1;
  Parameters parameters;
  const auto bandwidth = static_cast<unsigned long long>(config.bandwidth_per_second.count);
  if (bandwidth > 0 && !parameters.add(VIR_MIGRATE_PARAM_BANDWIDTH, bandwidth)) return -1;
  return virDomainMigrateToURI3(domain, uri.c_str(), parameters.list(), parameters.count(), flags);
}

}  // namespace haven::libvirt

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
  // What libvirt fills in: one list, once.
  [[nodiscard]] virTypedParameterPtr* filled() { return &list_; }
  [[nodiscard]] int* counted() { return &count_; }
  // 0 where it is not there.
  [[nodiscard]] unsigned long long number(const char* name) const {
    unsigned long long value = 0;
    return virTypedParamsGetULLong(list_, count_, name, &value) > 0 ? value : 0;
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

std::optional<port::Sending> sending_of(virDomainPtr domain) {
  int type = VIR_DOMAIN_JOB_NONE;
  Parameters job;
  if (virDomainGetJobStats(domain, &type, job.filled(), job.counted(), 0) < 0) return std::nullopt;
  port::Sending sending;
  // All that is to go over; without a disk among it, that is the memory.
  sending.total = job.number(VIR_DOMAIN_JOB_DATA_TOTAL);
  // Until QEMU has begun there is a job, and no figure of it.
  if ((type != VIR_DOMAIN_JOB_UNBOUNDED && type != VIR_DOMAIN_JOB_BOUNDED) || sending.total == 0) return std::nullopt;
  sending.left = job.number(VIR_DOMAIN_JOB_DATA_REMAINING);
  sending.sent = job.number(VIR_DOMAIN_JOB_DATA_PROCESSED);
  sending.sent_each_second = job.number(VIR_DOMAIN_JOB_MEMORY_BPS);
  sending.changed_each_second =
      job.number(VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE) * job.number(VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE);
  sending.round = static_cast<int>(std::min(job.number(VIR_DOMAIN_JOB_MEMORY_ITERATION), 1'000'000ULL));
  sending.elapsed = std::chrono::milliseconds(job.number(VIR_DOMAIN_JOB_TIME_ELAPSED));
  return sending;
}

}  // namespace haven::libvirt

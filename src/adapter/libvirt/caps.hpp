// How libvirt holds a domain to a part of the host's CPUs, for Haven (core/recovery/hog_caps.hpp says whom and why).
//
// By vcpu_quota: of each vcpu_period every vCPU runs for so many microseconds at most. quota = cap / vCPUs * period,
// and for a container, whose quota is that of all of it, cap * period. QEMU's own threads are left out (that would be
// global_quota): a main loop that stands still answers neither its guest's disk nor libvirt.
//
// Of the running domain alone (VIR_DOMAIN_AFFECT_LIVE): it dies with the process. A mark beside it, an element in the
// domain's metadata, says that it is Haven's, to a havend that comes later and to the host that the domain is sent to,
// for both go along. The mark is set first and goes last, so that no cap of Haven's is ever without it.
#pragma once

#include <libvirt/libvirt.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "adapter/libvirt/hypervisor.hpp"
#include "core/model/load.hpp"
#include "core/model/units.hpp"
#include "port/hypervisor.hpp"

namespace haven::libvirt {

// The kernel's own default, which libvirt keeps as well.
inline constexpr std::int64_t kCapPeriod_us = 100'000;
// libvirt takes no less.
inline constexpr std::int64_t kLeastQuota_us = 1000;

[[nodiscard]] std::int64_t quota_of(MilliCpu cap, Vcpu vcpus, port::Driver driver);

// As port::Hypervisor::cap. The error says why libvirt would not, or what else limits it; `answered` false: libvirt did
// not answer, and nobody knows.
struct CapFailure {
  std::string message;
  bool answered = true;
};
[[nodiscard]] std::optional<CapFailure> cap_domain(virDomainPtr domain, port::Driver driver,
                                                   std::optional<MilliCpu> cap);

// Which domains bear no mark, so that an inspection asks each of them once and not each time.
class Unmarked {
 public:
  // As port::Domain::cap. nullopt also where libvirt does not tell.
  [[nodiscard]] std::optional<MilliCpu> cap_on(virDomainPtr domain, const std::string& uuid);
  // Its mark was, or is about to be, changed.
  void forget(const std::string& uuid);
  // Those that are not among these are gone.
  void keep(const std::vector<port::Domain>& active);

 private:
  std::mutex mutex_;
  std::map<std::string, unsigned> ids_;  // of the run that bears none, by uuid: the next one has another id
  std::uint64_t changes_ = 0;
};

// Takes Haven's caps off every domain that runs here: the failures, a sentence each. Error: libvirt was not reached.
[[nodiscard]] tl::expected<std::vector<std::string>, std::string> take_caps_off(const LibvirtConfig& config,
                                                                                Duration timeout);

}  // namespace haven::libvirt

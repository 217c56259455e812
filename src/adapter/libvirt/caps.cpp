#include "adapter/libvirt/caps.hpp"

#include <libvirt/virterror.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/within.hpp"

namespace haven::libvirt {
namespace {

constexpr const char* kMarkUri = "urn:haven:cap";
constexpr const char* kMarkKey = "haven";

struct Mark {
  std::int64_t cap = 0;  // thousandths of a CPU
  std::int64_t quota = 0;
};

CapFailure failure_of_libvirt() {
  const auto error = last_error();
  return {error.message, error.answered};
}

// The value of an attribute in what this very file has written.
std::int64_t attribute(std::string_view xml, std::string_view name) {
  const std::string begin = std::string(name) + "=";
  const auto at = xml.find(begin);
  if (at == std::string_view::npos || at + begin.size() + 1 >= xml.size()) return 0;
  const char* from = xml.data() + at + begin.size() + 1;
  std::int64_t value = 0;
  (void)std::from_chars(from, xml.data() + xml.size(), value);
  return value;
}

// nullopt: it bears none. The failure is libvirt's own.
tl::expected<std::optional<Mark>, CapFailure> mark_of(virDomainPtr domain) {
  const std::unique_ptr<char, decltype(&std::free)> xml(
      virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, kMarkUri, VIR_DOMAIN_AFFECT_LIVE), &std::free);
  if (xml) return Mark{attribute(xml.get(), "cap"), attribute(xml.get(), "quota")};
  const auto failure = failure_of_libvirt();
  if (last_error().code == VIR_ERR_NO_DOMAIN_METADATA) return std::nullopt;
  return tl::unexpected(failure);
}

bool set_mark(virDomainPtr domain, const std::optional<Mark>& mark) {
  const std::string xml =
      mark ? "<cap cap='" + std::to_string(mark->cap) + "' quota='" + std::to_string(mark->quota) + "'/>" : "";
  return virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, mark ? xml.c_str() : nullptr, kMarkKey, kMarkUri,
                              VIR_DOMAIN_AFFECT_LIVE) == 0;
}

// Microseconds; nullopt: there is no limit. The failure is libvirt's own.
tl::expected<std::optional<std::int64_t>, CapFailure> quota_on(virDomainPtr domain) {
  int count = 0;
  const std::unique_ptr<char, decltype(&std::free)> type(virDomainGetSchedulerType(domain, &count), &std::free);
  if (!type) return tl::unexpected(failure_of_libvirt());
  std::vector<virTypedParameter> parameters(static_cast<std::size_t>(std::max(count, 1)));
  if (virDomainGetSchedulerParametersFlags(domain, parameters.data(), &count, VIR_DOMAIN_AFFECT_LIVE) < 0)
    return tl::unexpected(failure_of_libvirt());
  long long quota = -1;
  const int found = virTypedParamsGetLLong(parameters.data(), count, VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, &quota);
  virTypedParamsClear(parameters.data(), count);
  if (found < 0) return tl::unexpected(failure_of_libvirt());
  // Without one libvirt tells -1, or the largest number that it takes.
  constexpr long long kLargestQuota = 17'592'186'044'415;
  if (found == 0 || quota <= 0 || quota >= kLargestQuota) return std::nullopt;
  return quota;
}

// -1: none.
bool set_quota(virDomainPtr domain, std::int64_t quota) {
  virTypedParameterPtr list = nullptr;
  int count = 0;
  int room = 0;
  const bool well = (quota < 0 || virTypedParamsAddULLong(&list, &count, &room, VIR_DOMAIN_SCHEDULER_VCPU_PERIOD,
                                                          static_cast<unsigned long long>(kCapPeriod_us)) == 0) &&
                    virTypedParamsAddLLong(&list, &count, &room, VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, quota) == 0 &&
                    virDomainSetSchedulerParametersFlags(domain, list, count, VIR_DOMAIN_AFFECT_LIVE) == 0;
  virTypedParamsFree(list, count);
  return well;
}

std::optional<CapFailure> uncap(virDomainPtr domain) {
  const auto mark = mark_of(domain);
  if (!mark) return mark.error();
  if (!*mark) return std::nullopt;
  if (!set_quota(domain, -1) || !set_mark(domain, std::nullopt)) return failure_of_libvirt();
  return std::nullopt;
}

}  // namespace

std::int64_t quota_of(MilliCpu cap, Vcpu vcpus, port::Driver driver) {
  const std::int64_t parts = driver == port::Driver::lxc ? 1 : std::max<std::int64_t>(vcpus.count, 1);
  return std::max(cap.count * kCapPeriod_us / 1000 / parts, kLeastQuota_us);
}

std::optional<CapFailure> cap_domain(virDomainPtr domain, port::Driver driver, std::optional<MilliCpu> cap) {
  if (!cap) return uncap(domain);
  virDomainInfo info{};
  if (virDomainGetInfo(domain, &info) < 0) return failure_of_libvirt();
  const auto mark = mark_of(domain);
  if (!mark) return mark.error();
  const auto before = quota_on(domain);
  if (!before) return before.error();
  if (!*mark && *before)
    return CapFailure{"it has a limit of its own (vcpu_quota " + std::to_string(**before) + "), which is left alone"};
  const Mark wanted{cap->count, quota_of(*cap, {static_cast<std::int64_t>(info.nrVirtCpu)}, driver)};
  if (!set_mark(domain, wanted)) return failure_of_libvirt();
  if (!set_quota(domain, wanted.quota)) {
    const auto failure = failure_of_libvirt();
    if (!*mark) (void)set_mark(domain, std::nullopt);
    return failure;
  }
  const auto now = quota_on(domain);
  if (!now) return now.error();
  if (*now != wanted.quota) return CapFailure{"libvirt took its vcpu_quota, and does not tell it"};
  return std::nullopt;
}

namespace {

// 0: something else than the mark says.
MilliCpu held_by(virDomainPtr domain, const Mark& mark) {
  const auto quota = quota_on(domain);
  return {quota && *quota != mark.quota ? 0 : mark.cap};
}

}  // namespace

std::optional<MilliCpu> Unmarked::cap_on(virDomainPtr domain, const std::string& uuid) {
  const unsigned id = virDomainGetID(domain);
  std::uint64_t changes = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto known = ids_.find(uuid);
    if (known != ids_.end() && known->second == id) return std::nullopt;
    changes = changes_;
  }
  const auto mark = mark_of(domain);
  if (!mark) return std::nullopt;
  if (*mark) return held_by(domain, **mark);
  const std::lock_guard lock(mutex_);
  if (changes == changes_) ids_[uuid] = id;
  return std::nullopt;
}

void Unmarked::forget(const std::string& uuid) {
  const std::lock_guard lock(mutex_);
  ids_.erase(uuid);
  ++changes_;
}

void Unmarked::keep(const std::vector<port::Domain>& active) {
  const std::lock_guard lock(mutex_);
  std::erase_if(ids_, [&](const auto& known) {
    return std::ranges::find(active, known.first, &port::Domain::uuid) == active.end();
  });
}

namespace {

using Failures = tl::expected<std::vector<std::string>, std::string>;

Failures take_off(const LibvirtConfig& config) {
  std::vector<std::string> failures;
  const auto reached =
      on_each_driver({config.qemu_uri, config.lxc_uri}, [&](virConnectPtr connection, const std::string&) {
        const auto domains = active_domains(connection);
        if (!domains) return last_error().message;
        for (const auto& domain : *domains) {
          const char* name = virDomainGetName(domain.get());
          if (const auto failure = uncap(domain.get()))
            failures.push_back(std::string(name != nullptr ? name : "a domain") + ": " + failure->message);
        }
        return std::string();
      });
  if (!reached) return tl::unexpected(reached.error());
  return failures;
}

}  // namespace

Failures take_caps_off(const LibvirtConfig& config, Duration timeout) {
  return within<std::vector<std::string>>(timeout, [config] { return take_off(config); });
}

}  // namespace haven::libvirt

#include "adapter/guest/libvirt_edges.hpp"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "adapter/libvirt/connection.hpp"

namespace haven::libvirt {
namespace {

using adapter::guest::AgentReply;
using Kind = AgentReply::Kind;

// The balloon tells what the guest has left only as often as it is asked to, seconds.
constexpr int kBalloonPeriod = 5;

DomainRef domain_of(Connection& connection, const std::string& uri, const std::string& uuid) {
  if (connection.ensure(uri)) return nullptr;
  return DomainRef(virDomainLookupByUUIDString(connection.get(), uuid.c_str()));
}

// No agent that answers, as far as libvirt knows; everything else is the agent's own word, or libvirt's trouble.
bool is_silence(int code) {
  return code == VIR_ERR_AGENT_UNRESPONSIVE || code == VIR_ERR_AGENT_UNSYNCED || code == VIR_ERR_OPERATION_TIMEOUT;
}

AgentReply ask(Connection& connection, const std::string& uri, const std::string& uuid, const std::string& command,
               Duration patience) {
  const DomainRef domain = domain_of(connection, uri, uuid);
  if (!domain) return {Kind::unasked, "libvirt does not have it"};
  // libvirt counts whole seconds; whoever asks keeps his own time.
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(patience).count();
  char* reply = virDomainQemuAgentCommand(domain.get(), command.c_str(),
                                          static_cast<int>(std::clamp<std::int64_t>(seconds, 1, 3600)), 0);
  if (reply != nullptr) {
    const std::unique_ptr<char, void (*)(void*)> owned(reply, std::free);
    return {Kind::answered, reply};
  }
  const LibvirtError error = last_error();
  if (!error.answered) return {Kind::unasked, error.message};
  return {is_silence(error.code) ? Kind::silent : Kind::said_no, error.message};
}

struct RecordsDeleter {
  void operator()(virDomainStatsRecordPtr* records) const { virDomainStatsRecordListFree(records); }
};

// block.0.rd.reqs, block.1.fl.reqs
bool ends_requests(std::string_view field) { return field.starts_with("block.") && field.ends_with(".reqs"); }

void count(const virTypedParameter& parameter, GuestPulse& pulse) {
  if (parameter.type != VIR_TYPED_PARAM_ULLONG) return;
  const std::string_view field = parameter.field;
  if (field == "cpu.time") pulse.cpu = std::chrono::nanoseconds(parameter.value.ul);
  if (ends_requests(field)) pulse.requests += parameter.value.ul;
  if (field.starts_with("block.") && field.ends_with(".errors")) pulse.errors += parameter.value.ul;
  if (field == "balloon.usable") pulse.available = MiB{static_cast<std::int64_t>(parameter.value.ul / 1024)};
}

std::optional<GuestPulse> pulse_of(Connection& connection, const std::string& uri, const std::string& uuid) {
  const DomainRef domain = domain_of(connection, uri, uuid);
  if (!domain) return std::nullopt;
  virDomainPtr one[] = {domain.get(), nullptr};
  virDomainStatsRecordPtr* listed = nullptr;
  constexpr unsigned kStats = VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BLOCK | VIR_DOMAIN_STATS_BALLOON;
  const int counted = virDomainListGetStats(one, kStats, &listed, VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
  const std::unique_ptr<virDomainStatsRecordPtr, RecordsDeleter> records(counted < 0 ? nullptr : listed);
  if (counted < 1) return std::nullopt;
  GuestPulse pulse;
  for (int i = 0; i < listed[0]->nparams; ++i) count(listed[0]->params[i], pulse);
  // A balloon that was never asked to tell tells nothing: from now on it does.
  if (!pulse.available) (void)virDomainSetMemoryStatsPeriod(domain.get(), kBalloonPeriod, VIR_DOMAIN_AFFECT_LIVE);
  return pulse;
}

// The first that is neither the guest's own nor a link's.
std::optional<std::string> address_from(virDomainPtr domain, unsigned source) {
  virDomainInterfacePtr* interfaces = nullptr;
  const int count = virDomainInterfaceAddresses(domain, &interfaces, source, 0);
  std::optional<std::string> found;
  for (int i = 0; i < count; ++i) {
    for (unsigned a = 0; a < interfaces[i]->naddrs; ++a) {
      const std::string address = interfaces[i]->addrs[a].addr;
      const bool local = address.starts_with("127.") || address == "::1" || address.starts_with("fe80:");
      const bool better = !found || (found->find(':') != std::string::npos && address.find(':') == std::string::npos);
      if (!local && better) found = address;
    }
    virDomainInterfaceFree(interfaces[i]);
  }
  std::free(interfaces);
  return found;
}

std::optional<std::string> address_of(Connection& connection, const std::string& uri, const std::string& uuid) {
  const DomainRef domain = domain_of(connection, uri, uuid);
  if (!domain) return std::nullopt;
  if (auto told = address_from(domain.get(), VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT)) return told;
  return address_from(domain.get(), VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE);
}

}  // namespace

adapter::guest::GuestEdges guest_edges(std::string qemu_uri) {
  return {[uri = qemu_uri](Connection& connection, const std::string& uuid, const std::string& command,
                           Duration patience) { return ask(connection, uri, uuid, command, patience); },
          [uri = qemu_uri](Connection& connection, const std::string& uuid) { return pulse_of(connection, uri, uuid); },
          [uri = std::move(qemu_uri)](Connection& connection, const std::string& uuid) {
            return address_of(connection, uri, uuid);
          }};
}

}  // namespace haven::libvirt

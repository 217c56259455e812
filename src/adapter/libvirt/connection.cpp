#include "adapter/libvirt/connection.hpp"

#include <libvirt/virterror.h>

#include <array>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <utility>

namespace haven::libvirt {
namespace {

void ignore_error(void*, virErrorPtr) {}

// Libvirt's event loop is one for the whole process and cannot be taken down again, so it is started once, by
// whichever connection comes first, and runs until the process ends.
void ensure_event_loop() {
  static std::once_flag once;
  std::call_once(once, [] {
    virInitialize();
    virSetErrorFunc(nullptr, ignore_error);  // errors are returned, not printed
    virEventRegisterDefaultImpl();
    std::thread([] {
      for (;;) virEventRunDefaultImpl();
    }).detach();
  });
}

}  // namespace

LibvirtError last_error() {
  const virErrorPtr error = virGetLastError();
  if (error == nullptr) return {VIR_ERR_INTERNAL_ERROR, "libvirt gave no reason", false};
  const bool on_the_way = error->domain == VIR_FROM_RPC || error->domain == VIR_FROM_REMOTE;
  return {error->code, error->message != nullptr ? error->message : "libvirt gave no reason", !on_the_way};
}

Connection::~Connection() { close(); }

void Connection::close() {
  if (connection_ != nullptr) virConnectClose(connection_);
  connection_ = nullptr;
}

std::optional<OpenFailure> Connection::ensure(const std::string& uri) {
  ensure_event_loop();
  if (connection_ != nullptr && virConnectIsAlive(connection_) == 1) return std::nullopt;
  close();
  connection_ = virConnectOpen(uri.c_str());
  if (connection_ == nullptr) {
    const auto error = last_error();
    const bool absent = error.code == VIR_ERR_NO_CONNECT || error.code == VIR_ERR_NO_SUPPORT;
    return OpenFailure{absent, error.message};
  }
  // Drivers that live in our own process (test:///) have no peer to keep alive and say no; that is right for them.
  virConnectSetKeepAlive(connection_, kKeepaliveInterval_s, kKeepaliveCount);
  return std::nullopt;
}

std::optional<std::vector<DomainRef>> active_domains(virConnectPtr connection) {
  virDomainPtr* listed = nullptr;
  const int count = virConnectListAllDomains(connection, &listed, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
  if (count < 0) return std::nullopt;
  std::vector<DomainRef> domains(listed, listed + count);
  std::free(listed);
  return domains;
}

tl::expected<void, std::string> on_each_driver(
    const std::vector<std::string>& uris,
    const std::function<std::string(virConnectPtr, const std::string& uri)>& work) {
  bool reached = false;
  for (const auto& uri : uris) {
    if (uri.empty()) continue;
    Connection connection;
    if (const auto failure = connection.ensure(uri)) {
      if (failure->driver_absent) continue;
      return tl::unexpected(failure->message);
    }
    if (std::string trouble = work(connection.get(), uri); !trouble.empty()) return tl::unexpected(std::move(trouble));
    reached = true;
  }
  if (!reached) return tl::unexpected(std::string("this host has no libvirt driver that Haven knows"));
  return {};
}

std::string uuid_of(virDomainPtr domain) {
  std::array<char, VIR_UUID_STRING_BUFLEN> text{};
  if (virDomainGetUUIDString(domain, text.data()) < 0) return {};
  return text.data();
}

}  // namespace haven::libvirt

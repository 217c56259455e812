// One connection to one libvirt driver, and what libvirt's errors mean.
#pragma once

#include <libvirt/libvirt.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace haven::libvirt {

// Libvirt's last error on this thread.
struct LibvirtError {
  int code = 0;
  std::string message;
  // False: it arose on the way (socket, keepalive, protocol), so whether the daemon acted is not known.
  bool answered = false;
};
[[nodiscard]] LibvirtError last_error();

struct OpenFailure {
  bool driver_absent = false;  // the daemon is there and says that it has no such driver, or it is not installed
  std::string message;
};

// A dead peer closes the connection this long after its last word: a call on it then ends as not answered.
inline constexpr int kKeepaliveInterval_s = 2;
inline constexpr unsigned kKeepaliveCount = 3;

// Used by one thread at a time. Every operation may block for as long as libvirtd hangs. The process ignores SIGPIPE:
// libvirt writes to the socket of a daemon that may just have died.
class Connection {
 public:
  Connection() = default;
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Opens it, or opens it again where it has died. Nothing: it is usable.
  [[nodiscard]] std::optional<OpenFailure> ensure(const std::string& uri);
  [[nodiscard]] virConnectPtr get() const { return connection_; }
  void close();

 private:
  virConnectPtr connection_ = nullptr;
};

struct DomainDeleter {
  void operator()(virDomainPtr domain) const { virDomainFree(domain); }
};
using DomainRef = std::unique_ptr<virDomain, DomainDeleter>;

// nullopt: libvirt did not tell; last_error() says why.
[[nodiscard]] std::optional<std::vector<DomainRef>> active_domains(virConnectPtr connection);

// Calls `work` with a connection to each of these drivers that this host has; its error ends it, empty is well.
// Error: that, or a driver was not reached, or there is none.
[[nodiscard]] tl::expected<void, std::string> on_each_driver(
    const std::vector<std::string>& uris,
    const std::function<std::string(virConnectPtr, const std::string& uri)>& work);

// Lower case, with hyphens; empty where libvirt cannot say.
[[nodiscard]] std::string uuid_of(virDomainPtr domain);

}  // namespace haven::libvirt

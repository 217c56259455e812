// port::Hypervisor over libvirt's QEMU and LXC drivers.
//
// Every call to libvirt is made by a worker with a connection of its own and answered by a timer if it hangs, so that
// a stopped libvirtd costs its callers their timeouts and nothing else. Calls that libvirt cannot be reached for are
// answered `failed` at once, for they were not sent. What hangs is left behind: at most kMaxWorkers calls of each
// driver; while all of these hang, further calls wait for one of them and are `failed` (not sent) at their timeouts.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "adapter/libvirt/migration.hpp"
#include "port/hypervisor.hpp"

namespace haven::libvirt {

struct LibvirtConfig {
  // An empty URI: that driver is not used. A driver that libvirt does not have is as good as not used.
  std::string qemu_uri = "qemu:///system";
  std::string lxc_uri = "lxc:///system";
  std::string proc_path = "/proc";
  MigrationConfig migration{};
};

class LibvirtHypervisor final : public port::Hypervisor {
 public:
  // Calls of one driver that may be on their way at once; some starts, and room for stops and looks beside them.
  static constexpr std::size_t kMaxWorkers = 8;
  // Kills wait for the kernel, and a host that must stop everything has many; looks at /proc take milliseconds.
  static constexpr std::size_t kMaxKills = 32;
  static constexpr std::size_t kMaxLooks = 4;
  // Each takes minutes and as much of the network as it gets; more of them wait.
  static constexpr std::size_t kMaxMigrations = 2;

  // The sink must not call back into this object.
  LibvirtHypervisor(LibvirtConfig config, port::HypervisorSink sink);
  // No event comes afterwards. Calls that hang are left behind (bounded as above) without delaying this by more than
  // a second.
  ~LibvirtHypervisor() override;

  void start(CallId call, const std::string& xml, Duration timeout) override;
  void shutdown(CallId call, const std::string& uuid, Duration timeout) override;
  void destroy(CallId call, const std::string& uuid, Duration timeout) override;
  void resume(CallId call, const std::string& uuid, Duration timeout) override;
  void migrate(CallId call, const std::string& uuid, const std::string& to, Duration timeout) override;
  void cap(CallId call, const std::string& uuid, std::optional<MilliCpu> cap, Duration timeout) override;
  void abort_migration(CallId call, const std::string& uuid, Duration timeout) override;
  void kill(CallId call, const std::string& uuid, const std::string& name, Duration timeout) override;
  void set_links(CallId call, const std::string& uuid, bool up, Duration timeout) override;
  void inspect(CallId call, Duration timeout, const std::vector<std::string>& links) override;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace haven::libvirt

// Cluster files for the tests, and the domains they name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "file/cluster_file.hpp"

namespace haven::file {

inline constexpr std::string_view kFullFile = R"(# a comment
[cluster]
name = "prod"
reserve = 2
reserve_domain = "rack"
lease = "4s"
voters = ["h1", "h2", "h10"]
witness = "box"
cpu_overcommit = 2
overbook = 1.5
shutdown_policy = "failover"
after_fence = "on"
balance = "auto"
hogs = "cap"

[[host]]
name = "h1"
address = "10.0.0.1"
cpu = 16
memory = "64GiB"
keep = { cpu = 1, memory = "2GiB" }
links = ["10.0.0.1", "10.1.0.1"]
site = "hq"
room = "a"
rack = "r1"
[[host.fence]]
agent = "fence_ipmilan"
options = { ip = "10.9.0.1", username = "admin", password_file = "/etc/haven/h1.pw", lanplus = "1" }
[[host.fence]]
agent = "fence_apc"
level = 2
options = { ip = "10.9.0.9", plug = "1" }

[[host]]
name = "h2"
address = "10.0.0.2"

[[host]]
name = "h10"
address = "10.0.0.10"
cpu = 16
memory = "1TiB"

[[vm]]
name = "db1"
domain = "db1.xml"

[[vm]]
name = "web1"
domain = "/srv/web1.xml"
cpu = 2
memory = "1000000KiB"
state = "stopped"
priority = 200
tolerate = "guest"
preempt = true
live_migration = true
cap = false
hosts = { only = ["h1", "h2"], prefer = [["h2", "h1"]], never = ["h10"] }
failback = "restart"
restarts = { limit = 3, within = "1h" }
relocations = 0
retry = false
on_stop_fail = "fence"
on_poweroff = "stop"
after = ["db1"]
after_timeout = "3m"
on_after_timeout = "continue"
instances = 1
[[vm.check]]
kind = "tcp"
port = 80
[[vm.repair]]
kind = "restart"
limit = 2
within = "1h"

[[rule]]
kind = "apart"
resources = ["web1", "db1"]

[[rule]]
kind = "together"
resources = ["db1", "web1"]
domain = "site"
strict = false
)";

// Domains by path; every other path is an error.
inline ReadDomain domains() {
  return [](const std::string& path) -> tl::expected<DomainText, std::string> {
    if (path == "conf/db1.xml") return DomainText{"<domain>db1</domain>", "uuid-db1", "db1", true, Vcpu{4}, MiB{8192}};
    if (path == "conf/db2.xml") return DomainText{"<domain>db2</domain>", "uuid-db2", "db2", false, Vcpu{1}, MiB{1024}};
    if (path == "conf/copy.xml") return DomainText{"<domain>db1</domain>", "uuid-db1", "db1", true, Vcpu{1}, MiB{1024}};
    if (path == "conf/nouuid.xml") return DomainText{"<domain/>", "", "x", false, Vcpu{1}, MiB{1024}};
    if (path == "/srv/web1.xml") {
      return DomainText{"<domain>web1</domain>", "uuid-web1", "web1", false, Vcpu{1}, MiB{512}};
    }
    return tl::make_unexpected(std::string("no such file"));
  };
}

}  // namespace haven::file

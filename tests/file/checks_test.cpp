// What the file says of checks: its defaults, its ladder, and what a domain must have for it.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "file/notation.hpp"
#include "sample.hpp"

namespace haven::file {
namespace {

// `more` begins in line 11.
std::string file_of(const std::string& more) {
  return "[cluster]\nname = \"c\"\n[[host]]\nname = \"h1\"\naddress = \"10.0.0.1\"\ncpu = 4\nmemory = \"8GiB\"\n"
         "[[vm]]\nname = \"v\"\ndomain = \"v.xml\"\n" +
         more;
}
ReadDomain domain_with(bool agent, bool container = false) {
  return [=](const std::string&) -> tl::expected<DomainText, std::string> {
    return DomainText{"<domain/>", "uuid-v", "v", container, Vcpu{1}, MiB{512}, agent};
  };
}
Resource vm_of(const std::string& more) {
  const auto spec = parse_cluster(file_of(more), "c.toml", Purpose::apply, domain_with(true));
  if (!spec) {
    ADD_FAILURE() << to_string(spec.error().front());
    return {};
  }
  return spec->resources.front();
}
std::string refusal_of(const std::string& more, bool agent = true, bool container = false) {
  const auto spec = parse_cluster(file_of(more), "c.toml", Purpose::apply, domain_with(agent, container));
  std::string all;
  if (!spec)
    for (const FileError& error : spec.error()) all += to_string(error) + "\n";
  return all;
}

TEST(Checks, SayEveryKey) {
  const Resource vm = vm_of(R"(before_serve = ["/bin/verify", "-q"]
serve = ["/bin/serve"]
[[vm.check]]
kind = "http"
url = "https://10.0.0.50:8443/health"
status = 204
contains = "ok"
ca = "/etc/haven/ca.pem"
interval = "30s"
timeout = "2s"
failures = 5
grace = "0s"
[[vm.check]]
kind = "exec"
command = ["/bin/check"]
contains = "fine"
[[vm.check]]
kind = "memory"
available = "64MiB"
[[vm.check]]
kind = "tcp"
port = 80
address = "10.0.0.50"
[[vm.repair]]
kind = "application"
command = ["/bin/restart"]
limit = 2
within = "1h"
timeout = "5m"
[[vm.repair]]
kind = "failover"
)");
  GuestCheck http;
  http.kind = CheckKind::http;
  http.url = "https://10.0.0.50:8443/health";
  http.status = 204;
  http.contains = "ok";
  http.authority = "/etc/haven/ca.pem";
  http.interval = 30s;
  http.timeout = 2s;
  http.failures = 5;
  http.grace = 0s;
  GuestCheck exec;
  exec.kind = CheckKind::exec;
  exec.command = {"/bin/check"};
  exec.contains = "fine";
  GuestCheck memory;
  memory.kind = CheckKind::memory;
  memory.available = MiB{64};
  GuestCheck tcp;
  tcp.kind = CheckKind::tcp;
  tcp.port = 80;
  tcp.address = "10.0.0.50";
  EXPECT_EQ(vm.checks, (std::vector<GuestCheck>{http, exec, memory, tcp}));
  EXPECT_EQ(vm.repairs, (std::vector<Repair>{{Remedy::application, {"/bin/restart"}, 2, 1h, 5min},
                                             {Remedy::failover, {}, 1, 10min, 60s}}));
  EXPECT_EQ(vm.before_serve, (GuestCommand{"/bin/verify", "-q"}));
  EXPECT_EQ(vm.serve, (GuestCommand{"/bin/serve"}));
}

TEST(Checks, HaveTheUsualLadderWhereNoneIsSaid) {
  const Resource vm = vm_of("restarts = { limit = 3, within = \"20m\" }\n[[vm.check]]\nkind = \"guest-agent\"\n");
  EXPECT_EQ(vm.repairs,
            (std::vector<Repair>{{Remedy::restart, {}, 3, 20min, 60s}, {Remedy::failover, {}, 1, 1h, 60s}}));
  EXPECT_EQ(vm.checks.front().interval, 10s);
  EXPECT_EQ(vm.checks.front().timeout, 5s);
  EXPECT_EQ(vm.checks.front().failures, 3);
  EXPECT_EQ(vm.checks.front().grace, 60s);
}

TEST(Checks, NobodyIsTreatedWithoutThem) { EXPECT_TRUE(vm_of("").repairs.empty()); }

TEST(Checks, ShowInADiffAsTheFileWritesThem) {
  const Resource vm = vm_of("[[vm.check]]\nkind = \"tcp\"\nport = 80\ninterval = \"5s\"\n");
  const Keys keys = keys_of(vm);
  const auto value = [&](const std::string& key) {
    const auto found = std::find_if(keys.begin(), keys.end(), [&](const auto& entry) { return entry.first == key; });
    return found == keys.end() ? "" : found->second;
  };
  EXPECT_EQ(value("check"), "[{ kind = \"tcp\", port = 80, interval = \"5s\" }]");
  EXPECT_EQ(
      value("repair"),
      "[{ kind = \"restart\", limit = 1, within = \"10m\" }, { kind = \"failover\", limit = 1, within = \"1h\" }]");
}

struct Wrong {
  const char* name;
  std::string text;
  std::string what;
  bool agent = true;
  bool container = false;
};
void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.name; }
class ChecksRefused : public testing::TestWithParam<Wrong> {};

TEST_P(ChecksRefused, WithWhatIsWrong) {
  const std::string refusal = refusal_of(GetParam().text, GetParam().agent, GetParam().container);
  EXPECT_NE(refusal.find(GetParam().what), std::string::npos) << (refusal.empty() ? "it was accepted" : refusal);
}

std::string check(const std::string& lines) { return "[[vm.check]]\n" + lines; }
std::string repair(const std::string& lines) { return "[[vm.check]]\nkind = \"guest-agent\"\n[[vm.repair]]\n" + lines; }

INSTANTIATE_TEST_SUITE_P(
    Files, ChecksRefused,
    testing::Values(
        Wrong{"Kindless", check("port = 80\n"), "c.toml:11:1: kind is missing in [[vm.check]]"},
        Wrong{"UnknownKind", check("kind = \"ping\"\n"), "cannot be \"ping\""},
        Wrong{"TcpWithoutPort", check("kind = \"tcp\"\n"), "port is missing"},
        Wrong{"PortTooHigh", check("kind = \"tcp\"\nport = 65536\n"), "65536"},
        Wrong{"HttpWithoutUrl", check("kind = \"http\"\n"), "url is missing"},
        Wrong{"UrlOfAnotherScheme", check("kind = \"http\"\nurl = \"ftp://x/\"\n"), "is no URL of a check"},
        Wrong{"UrlWithBlanks", check("kind = \"http\"\nurl = \"/a b\"\n"), "is no URL of a check"},
        Wrong{"UrlWithASecret", check("kind = \"http\"\nurl = \"http://me:pw@x/\"\n"), "is no URL of a check"},
        Wrong{"UrlAndAddress", check("kind = \"http\"\nurl = \"http://x/\"\naddress = \"y\"\n"), "do so as well"},
        Wrong{"CaWithoutTls", check("kind = \"http\"\nurl = \"/\"\nca = \"/a.pem\"\n"), "ca without https"},
        Wrong{"ExecWithoutCommand", check("kind = \"exec\"\n"), "command is missing"},
        Wrong{"EmptyCommand", check("kind = \"exec\"\ncommand = []\n"), "names no program"},
        Wrong{"CommandIsNoList", check("kind = \"exec\"\ncommand = \"ls -l\"\n"), "command in [[vm.check]] is a text"},
        Wrong{"MemoryWithoutMark", check("kind = \"memory\"\n"), "available is missing"},
        Wrong{"KeyOfAnotherKind", check("kind = \"tcp\"\nport = 1\nstatus = 200\n"), "status says nothing to a check"},
        Wrong{"UnknownKey", check("kind = \"tcp\"\nport = 1\nretries = 2\n"), "unknown key \"retries\""},
        Wrong{"IntervalTooShort", check("kind = \"guest-agent\"\ninterval = \"500ms\"\n"), "from \"1s\" to \"1h\""},
        Wrong{"TimeoutOfNothing", check("kind = \"guest-agent\"\ntimeout = \"0s\"\n"), "is zero"},
        Wrong{"NoFailures", check("kind = \"guest-agent\"\nfailures = 0\n"), "from 1 to 100"},
        Wrong{"StepWithoutKind", repair("limit = 1\n"), "kind is missing in [[vm.repair]]"},
        Wrong{"StepWithoutCommand", repair("kind = \"command\"\n"), "command is missing in [[vm.repair]]"},
        Wrong{"RestartWithCommand", repair("kind = \"restart\"\ncommand = [\"x\"]\n"), "runs no command"},
        Wrong{"LadderWithoutCheck", "[[vm.repair]]\nkind = \"restart\"\n", "without any [[vm.check]]"},
        Wrong{"TimeoutWithoutAfter", "after_timeout = \"1m\"\n", "without after"},
        Wrong{"AgentWithoutChannel", check("kind = \"guest-agent\"\n"),
              "c.toml:11:1: this check asks the guest's agent, but v has no channel", false},
        Wrong{"ExecWithoutChannel", check("kind = \"exec\"\ncommand = [\"x\"]\n"), "org.qemu.guest_agent.0", false},
        Wrong{"DiskWithoutChannel", check("kind = \"disk-io\"\n"), "has no channel", false},
        Wrong{"CallUpWithoutChannel", "before_serve = [\"x\"]\n", "before_serve and serve run by the guest's agent",
              false},
        Wrong{"RepairWithoutChannel",
              check("kind = \"tcp\"\nport = 1\n[[vm.repair]]\nkind = \"command\"\n"
                    "command = [\"x\"]\n"),
              "[[vm.repair]] runs a command by the guest's agent", false},
        Wrong{"ContainerWithAgent", check("kind = \"guest-agent\"\n"), "is a container", true, true},
        Wrong{"ContainerWithMemory", check("kind = \"memory\"\navailable = \"1MiB\"\n"), "is a container", true, true}),
    [](const testing::TestParamInfo<Wrong>& info) { return std::string(info.param.name); });

TEST(Checks, AskNothingOfAChannelThatIsNotNeeded) {
  EXPECT_EQ(refusal_of(check("kind = \"tcp\"\nport = 80\n"), false), "");
  EXPECT_EQ(refusal_of(check("kind = \"http\"\nurl = \"/\"\n"), true, true), "");
  EXPECT_EQ(refusal_of(check("kind = \"memory\"\navailable = \"1MiB\"\n"), false), "");
}

}  // namespace
}  // namespace haven::file

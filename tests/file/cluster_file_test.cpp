#include "file/cluster_file.hpp"

#include <gtest/gtest.h>

#include "sample.hpp"

namespace haven::file {
namespace {

std::string all(const std::vector<FileError>& errors) {
  std::string out;
  for (const FileError& e : errors) out += to_string(e) + "\n";
  return out;
}

Spec parsed(std::string_view text, Purpose purpose) {
  const auto spec = parse_cluster(text, "conf/prod.toml", purpose, domains());
  if (spec) return *spec;
  ADD_FAILURE() << all(spec.error());
  return {};
}

std::string hosts(int count) {
  std::string out = "[cluster]\nname = \"c\"\n";
  for (int i = 1; i <= count; ++i) {
    const std::string n = std::to_string(i);
    out += "[[host]]\nname = \"h" + n + "\"\naddress = \"10.0.0." + n + "\"\ncpu = 4\nmemory = \"8GiB\"\n";
  }
  return out;
}

std::vector<std::string> voters(const Spec& spec) {
  std::vector<std::string> out;
  for (const HostName& h : spec.cluster.voters) out.push_back(h.str());
  return out;
}

TEST(ClusterFile, SaysEveryKeyOfAFullFile) {
  const Spec spec = parsed(kFullFile, Purpose::apply);
  Spec expected;
  expected.cluster = {"prod",
                      2,
                      FailureDomain::rack,
                      4s,
                      {HostName("h1"), HostName("h2"), HostName("h10")},
                      "box",
                      2,
                      1.5,
                      100ms,
                      500ms,
                      AfterFence::on,
                      true,
                      ShutdownPolicy::failover,
                      Balance::automatic,
                      Hogs::cap};
  Host h1{HostName("h1"), "10.0.0.1", {16}, {65536}, {1}, {2048}, {"10.0.0.1", "10.1.0.1"}, "hq", "a", "r1", {}};
  h1.fence = {{"fence_ipmilan",
               {{"ip", "10.9.0.1"}, {"username", "admin"}, {"password_file", "/etc/haven/h1.pw"}, {"lanplus", "1"}},
               1},
              {"fence_apc", {{"ip", "10.9.0.9"}, {"plug", "1"}}, 2}};
  Host h2;
  h2.name = HostName("h2");
  h2.address = "10.0.0.2";
  h2.links = {"10.0.0.2"};
  Host h10 = h2;
  h10.name = HostName("h10");
  h10.address = "10.0.0.10";
  h10.links = {"10.0.0.10"};
  h10.cpu = {16};
  h10.memory = {1 << 20};
  expected.hosts = {h1, h2, h10};
  Resource db1;
  db1.name = ResourceName("db1");
  db1.uuid = "uuid-db1";
  db1.xml = "<domain>db1</domain>";
  db1.container = true;
  db1.cpu = {4};
  db1.memory = {8192};
  Resource web1;
  web1.name = ResourceName("web1");
  web1.uuid = "uuid-web1";
  web1.xml = "<domain>web1</domain>";
  web1.cpu = {2};
  web1.memory = {977};
  web1.state = DesiredState::stopped;
  web1.priority = 200;
  web1.hosts = {{HostName("h1"), HostName("h2")}, {{HostName("h2"), HostName("h1")}}, {HostName("h10")}};
  web1.failback = Failback::restart;
  web1.restarts = {3, 1h};
  web1.relocations = 0;
  web1.retry = false;
  web1.on_stop_fail = OnStopFail::fence;
  web1.on_poweroff = OnPoweroff::stop;
  web1.after = {ResourceName("db1")};
  web1.tolerate_host = false;
  web1.preempt = true;
  web1.cap = false;
  GuestCheck tcp;
  tcp.kind = CheckKind::tcp;
  tcp.port = 80;
  web1.checks = {tcp};
  web1.repairs = {{Remedy::restart, {}, 2, 1h}};
  web1.after_timeout = 3min;
  web1.on_after_timeout = AfterTimeout::go_on;
  expected.resources = {db1, web1};
  expected.rules = {{RuleKind::apart, {ResourceName("web1"), ResourceName("db1")}, FailureDomain::host, true},
                    {RuleKind::together, {ResourceName("db1"), ResourceName("web1")}, FailureDomain::site, false}};
  EXPECT_EQ(spec.cluster, expected.cluster);
  EXPECT_EQ(spec.hosts, expected.hosts);
  EXPECT_EQ(spec.resources, expected.resources);
  EXPECT_EQ(spec.rules, expected.rules);
}

TEST(ClusterFile, FillsInTheDefaultsOfTheTable) {
  const Spec spec = parsed(hosts(3) + "[[vm]]\nname = \"v\"\ncpu = 1\nmemory = \"1GiB\"\n", Purpose::simulate);
  Cluster cluster;
  cluster.name = "c";
  cluster.voters = {HostName("h1"), HostName("h2"), HostName("h3")};
  EXPECT_EQ(spec.cluster, cluster);
  EXPECT_EQ(spec.cluster.reserve, 1);
  EXPECT_EQ(spec.cluster.lease, Duration(3s));
  Resource v;
  v.name = ResourceName("v");
  v.cpu = {1};
  v.memory = {1024};
  EXPECT_EQ(spec.resources.at(0), v);
  EXPECT_EQ(v.priority, 100);
  EXPECT_EQ(v.restarts, (RestartBudget{1, 10min}));
}

TEST(ClusterFile, OneHostKeepsNoReserve) { EXPECT_EQ(parsed(hosts(1), Purpose::simulate).cluster.reserve, 0); }

TEST(ClusterFile, VotesAreThreeAndFiveFromSevenHostsUp) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(voters(parsed(hosts(1), Purpose::simulate)), (Names{"h1"}));
  EXPECT_EQ(voters(parsed(hosts(2), Purpose::simulate)), (Names{"h1", "h2"}));
  EXPECT_EQ(voters(parsed(hosts(6), Purpose::simulate)), (Names{"h1", "h2", "h3"}));
  EXPECT_EQ(voters(parsed(hosts(7), Purpose::simulate)), (Names{"h1", "h2", "h3", "h4", "h5"}));
}

TEST(ClusterFile, TwoHostsGetAWitnessInTheSimulatorOnly) {
  EXPECT_EQ(parsed(hosts(2), Purpose::simulate).cluster.witness, "witness");
  EXPECT_EQ(parsed(hosts(2), Purpose::apply).cluster.witness, "");
  EXPECT_EQ(parsed(hosts(3), Purpose::simulate).cluster.witness, "");
  const std::string taken = "[[vm]]\nname = \"witness\"\ncpu = 1\nmemory = \"1GiB\"\n";
  EXPECT_EQ(parsed(hosts(2) + taken, Purpose::simulate).cluster.witness, "witness-2");
}

TEST(ClusterFile, TakesItsHeartbeatAndTimeToSuspect) {
  const std::string file = "[cluster]\nname = \"c\"\nheartbeat = \"50ms\"\nsuspect = \"300ms\"\n" +
                           hosts(3).substr(hosts(3).find("[[host]]"));
  EXPECT_EQ(parsed(file, Purpose::simulate).cluster.heartbeat, Duration(50ms));
  EXPECT_EQ(parsed(file, Purpose::simulate).cluster.suspect, Duration(300ms));
}

TEST(ClusterFile, SuspectsMoreSlowlyFromSeventeenHostsUp) {
  EXPECT_EQ(parsed(hosts(16), Purpose::simulate).cluster.suspect, Duration(500ms));
  EXPECT_EQ(parsed(hosts(17), Purpose::simulate).cluster.suspect, Duration(1s));
  EXPECT_EQ(parsed(hosts(16), Purpose::simulate).cluster.heartbeat, Duration(100ms));
  EXPECT_EQ(parsed(hosts(17), Purpose::simulate).cluster.heartbeat, Duration(200ms));
}

TEST(ClusterFile, SimulatorReadsTheXmlOnlyForWhatTheKeysDoNotSay) {
  const std::string vm = "[[vm]]\nname = \"v\"\ndomain = \"db2.xml\"\n";
  const Resource from_xml = parsed(hosts(3) + vm, Purpose::simulate).resources.at(0);
  EXPECT_EQ(from_xml.cpu, Vcpu{1});
  EXPECT_EQ(from_xml.memory, MiB{1024});
  EXPECT_EQ(from_xml.uuid, "");
  EXPECT_EQ(from_xml.xml, "");
  const Resource mixed = parsed(hosts(3) + vm + "memory = \"2GiB\"\n", Purpose::simulate).resources.at(0);
  EXPECT_EQ(mixed.cpu, Vcpu{1});
  EXPECT_EQ(mixed.memory, MiB{2048});
  const std::string absent = "[[vm]]\nname = \"v\"\ndomain = \"absent.xml\"\ncpu = 1\nmemory = \"1GiB\"\n";
  EXPECT_EQ(parsed(hosts(3) + absent, Purpose::simulate).resources.at(0).cpu, Vcpu{1});
}

TEST(ClusterFile, InstancesBecomeResourcesThatAreApart) {
  const Spec spec = parsed(hosts(3) + R"([[vm]]
name = "web"
cpu = 1
memory = "1GiB"
instances = 2
spread = "rack"
after = ["db"]
[[vm]]
name = "db"
cpu = 1
memory = "1GiB"
[[vm]]
name = "front"
cpu = 1
memory = "1GiB"
after = ["web"]
[[rule]]
kind = "apart"
resources = ["web", "db"]
)",
                           Purpose::simulate);
  using Names = std::vector<ResourceName>;
  const ResourceName one("web#1"), two("web#2"), db("db");
  ASSERT_EQ(spec.resources.size(), 4U);
  EXPECT_EQ(spec.resources[0].name, one);
  EXPECT_EQ(spec.resources[1].name, two);
  EXPECT_EQ(spec.resources[1].after, Names{db});
  EXPECT_EQ(spec.resources[3].after, (Names{one, two}));
  ASSERT_EQ(spec.rules.size(), 2U);
  EXPECT_EQ(spec.rules[0], (Rule{RuleKind::apart, {one, two}, FailureDomain::rack, true}));
  EXPECT_EQ(spec.rules[1], (Rule{RuleKind::apart, {one, two, db}, FailureDomain::host, true}));
}

TEST(ClusterFile, TogetherInARoomAndApartOnHostsIsNoContradiction) {
  const std::string vms =
      "[[vm]]\nname = \"a\"\ncpu = 1\nmemory = \"1GiB\"\n[[vm]]\nname = \"b\"\ncpu = 1\nmemory = \"1GiB\"\n";
  std::string rooms = hosts(2);
  for (std::size_t at = 0; (at = rooms.find("cpu = 4", at)) != std::string::npos; at += 20)
    rooms.insert(at, "room = \"r\"\n");
  const Spec spec = parsed(rooms + vms + R"([[rule]]
kind = "together"
domain = "room"
resources = ["a", "b"]
[[rule]]
kind = "apart"
resources = ["a", "b"]
)",
                           Purpose::simulate);
  EXPECT_EQ(spec.rules.size(), 2U);
}

TEST(ClusterFile, TellsEveryErrorInOrderOfPosition) {
  const auto spec = parse_cluster("[cluster]\nname = \"c\"\nlease = 3\n[[host]]\nname = \"H1\"\n", "prod.toml",
                                  Purpose::simulate, domains());
  ASSERT_FALSE(spec);
  EXPECT_EQ(
      all(spec.error()),
      "prod.toml:3:9: lease in [cluster] is a whole number; would be right: a duration in quotes: \"300ms\", "
      "\"30s\", \"10m\" or \"2h\"\n"
      "prod.toml:4:1: address is missing in [[host]]; would be right: address = \"10.0.0.1\"\n"
      "prod.toml:4:1: cpu is missing in [[host]]; would be right: cpu = 16 (the simulator has no libvirt to ask)\n"
      "prod.toml:4:1: memory is missing in [[host]]; would be right: memory = \"64GiB\" (the simulator has no "
      "libvirt to ask)\n"
      "prod.toml:5:8: \"H1\" is no name; would be right: small letters, digits and -, beginning with a letter or "
      "digit\n");
}

TEST(ClusterFile, SharedOutletsAndVirtualHostsAreTold) {
  const auto spec = parse_cluster(R"([cluster]
name = "c"
[[host]]
name = "h1"
rack = "r1"
room = "u1"
address = "10.0.0.1"
cpu = 4
memory = "8GiB"
[[host.fence]]
agent = "fence_pdu"
cuts = ["h1", "h2"]
[[host]]
name = "h2"
address = "10.0.0.2"
cpu = 4
memory = "8GiB"
[[host.fence]]
agent = "fence_pdu"
cuts = ["h1", "h2"]
[[host]]
name = "v1"
address = "10.0.0.3"
cpu = 2
memory = "2GiB"
room = "u2"
runs_on = "h1"
[[host]]
name = "v2"
address = "10.0.0.4"
cpu = 2
memory = "2GiB"
runs_on = "blade-7"
[[host.fence]]
agent = "fence_vmware_rest"
)",
                                  "c.toml", Purpose::simulate, domains());
  ASSERT_TRUE(spec) << to_string(spec.error().front());
  EXPECT_EQ(spec->hosts[1].fence[0].cuts, (std::vector{HostName("h1"), HostName("h2")}));
  EXPECT_EQ(spec->hosts[2].runs_on, "h1");
  EXPECT_TRUE(fenced_on_hypervisors(*spec, spec->hosts[2]));
  EXPECT_FALSE(fenced_on_hypervisors(*spec, spec->hosts[3])) << "its machine is none of ours";
  EXPECT_FALSE(fenced_on_hypervisors(*spec, spec->hosts[0]));
  EXPECT_EQ(domain_of(spec->hosts[2], FailureDomain::host), domain_of(spec->hosts[0], FailureDomain::host));
  EXPECT_EQ(spec->hosts[2].rack, "r1") << "it stands where its machine stands,";
  EXPECT_EQ(spec->hosts[2].room, "u2") << "unless the file says otherwise";
  EXPECT_EQ(spec->hosts[3].rack, "");
}

}  // namespace
}  // namespace haven::file

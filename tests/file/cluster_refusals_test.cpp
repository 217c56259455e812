// One small wrong file for each rule, with the place and the words of its refusal. The text of a case stands in a good
// file whose lines are few enough to count: see base().
#include <gtest/gtest.h>

#include <ostream>

#include "sample.hpp"

namespace haven::file {
namespace {

struct Case {
  const char* name;
  std::string text;
  std::string place;   // line:column
  std::string what;    // contained in what is wrong
  std::string wanted;  // contained in what would be right
  Purpose purpose = Purpose::simulate;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// Lines 1 to 2: [cluster]; what `cluster` adds begins in line 3.
std::string cluster(const std::string& lines) { return "[cluster]\nname = \"c\"\n" + lines; }
// Four lines each, three of them in front of `more`.
std::string host(const std::string& n, const std::string& more = "") {
  return "[[host]]\nname = \"h" + n + "\"\naddress = \"10.0.0." + n + "\"\ncpu = 4\nmemory = \"8GiB\"\n" + more;
}
// Lines 1 to 12: a cluster of two hosts, so that `more` begins in line 13.
std::string base(const std::string& more) { return cluster("") + host("1") + host("2") + more; }
// `more` begins in line 17.
std::string vm(const std::string& more) { return base("[[vm]]\nname = \"v\"\ncpu = 1\nmemory = \"1GiB\"\n" + more); }
// Three VMs a, b, c in lines 13, 17 and 21; `more` begins in line 25.
std::string three(const std::string& more) {
  std::string text;
  for (const char* n : {"a", "b", "c"})
    text += std::string("[[vm]]\nname = \"") + n + "\"\ncpu = 1\nmemory = \"1GiB\"\n";
  return base(text + more);
}
// So many VMs v1, v2… on two hosts, and `more` after a rule that ties the first `tied` of them.
std::string many(int vms, int tied, const std::string& more = "") {
  std::string text, names;
  for (int n = 1; n <= vms; ++n) {
    text += "[[vm]]\nname = \"v" + std::to_string(n) + "\"\ncpu = 1\nmemory = \"1MiB\"\n";
    if (n <= tied) names += (n > 1 ? ", " : "") + ("\"v" + std::to_string(n)) + "\"";
  }
  return base(text + "[[rule]]\nkind = \"together\"\nresources = [" + names + "]\n" + more);
}
// Line 2 of a host table, for a second host of its own in lines 8 to 12.
std::string second_host(const std::string& more) { return cluster("") + host("1") + host("2", more); }
// For apply; `more` begins in line 16.
std::string applied(const std::string& more) { return base("[[vm]]\nname = \"v\"\ndomain = \"db2.xml\"\n" + more); }

class Refusal : public testing::TestWithParam<Case> {};

TEST_P(Refusal, NamesThePlaceAndWhatWouldBeRight) {
  const Case& c = GetParam();
  const auto spec = parse_cluster(c.text, "conf/c.toml", c.purpose, domains());
  ASSERT_FALSE(spec) << "accepted:\n" << c.text;
  std::string all;
  for (const FileError& e : spec.error()) all += to_string(e) + "\n";
  ASSERT_EQ(spec.error().size(), 1U) << all;
  const FileError& e = spec.error().front();
  EXPECT_EQ(std::to_string(e.line) + ":" + std::to_string(e.column), c.place) << all;
  EXPECT_NE(e.what.find(c.what), std::string::npos) << all;
  EXPECT_NE(e.wanted.find(c.wanted), std::string::npos) << all;
}

std::string name_of(const testing::TestParamInfo<Case>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Syntax, Refusal,
    testing::Values(Case{"BareDuration", cluster("lease = 3s\n"), "3:10", "no TOML", "lease = \"3s\""},
                    Case{"UnclosedList", cluster("voters = [\"h1\"\n"), "3:16", "no TOML", ""},
                    Case{"ThreeBrackets", host("1") + "[[[vm]]]\n", "6:1", "no TOML", "[[table"},
                    Case{"KeyTwice", cluster("reserve = 1\nreserve = 1\n"), "4:11", "redefine", "once"},
                    Case{"NoHost", cluster(""), "1:1", "no [[host]]", "[[host]]"},
                    Case{"NoCluster", host("1"), "1:1", "no [cluster]", "[cluster]"},
                    Case{"HostIsNoList", "[cluster]\nname = \"c\"\n[host]\nname = \"h1\"\n", "3:1",
                         "host in the file is a table", "[[host]]"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Keys, Refusal,
    testing::Values(
        Case{"UnknownKey", vm("memroy = \"1GiB\"\n"), "17:1",
             "unknown key \"memroy\" in [[vm]], did you mean \"memory\"?", "memory"},
        Case{"UnknownKeyLikeNone", vm("zzzzzzz = 1\n"), "17:1", "unknown key \"zzzzzzz\"", "priority"},
        Case{"UnknownTable", base("[[vmm]]\nname = \"x\"\n"), "13:3", "unknown key \"vmm\" in the file", "vm"},
        Case{"UnknownKeyOfKeep", second_host("keep = { memori = \"1GiB\" }\n"), "13:10",
             "unknown key \"memori\" in keep", "memory"},
        Case{"UnknownKeyOfHosts", vm("hosts = { onli = [\"h1\"] }\n"), "17:11", "unknown key \"onli\" in hosts",
             "only"},
        Case{"UnknownKeyOfRestarts", vm("restarts = { count = 1 }\n"), "17:14", "unknown key \"count\" in restarts",
             "limit"},
        Case{"UnknownKeyOfRule", three("[[rule]]\nkind = \"apart\"\nresources = [\"a\", \"b\"]\nlevel = \"host\"\n"),
             "28:1", "unknown key \"level\" in [[rule]]", "kind"},
        Case{"UnknownKeyOfFence", second_host("[[host.fence]]\nagent = \"fence_x\"\nip = \"1\"\n"), "15:1",
             "unknown key \"ip\" in [[host.fence]]", "options"},
        Case{"TextForNumber", vm("priority = \"high\"\n"), "17:12", "priority in [[vm]] is a text",
             "a whole number from 0 to 1000"},
        Case{"NumberForText", cluster("witness = 1\n") + host("1") + host("2"), "3:11",
             "witness in [cluster] is a whole number", ""},
        Case{"FractionForCount", vm("relocations = 1.5\n"), "17:15", "a number with a fraction", "whole number"},
        Case{"TextForFlag", vm("retry = \"true\"\n"), "17:9", "retry in [[vm]] is a text", "without quotes"},
        Case{"TextForRatio", cluster("cpu_overcommit = \"4\"\n") + host("1"), "3:18", "is a text", "a number above 0"},
        Case{"TextForList", vm("after = \"v\"\n"), "17:9", "after in [[vm]] is a text", "[\"web1\", \"web2\"]"},
        Case{"NumberInList", vm("hosts = { only = [\"h1\", 2] }\n"), "17:25",
             "an entry of only in hosts is a whole number", "[\"h1\", \"h2\"]"},
        Case{"TextForTable", vm("restarts = \"3\"\n"), "17:12", "restarts in [[vm]] is a text", "{ limit = 1"},
        Case{"OptionIsNoText", second_host("[[host.fence]]\nagent = \"fence_x\"\noptions = { lanplus = 1 }\n"), "15:23",
             "option lanplus is no text", "lanplus = \"1\""},
        Case{"NameMissing", base("[[vm]]\ncpu = 1\nmemory = \"1GiB\"\n"), "13:1", "name is missing in [[vm]]",
             "name ="},
        Case{"MemoryMissing", base("[[vm]]\nname = \"v\"\ncpu = 1\n"), "13:1", "memory is missing in [[vm]]",
             "memory = "},
        Case{"AddressMissing", cluster("") + "[[host]]\nname = \"h1\"\ncpu = 1\nmemory = \"1GiB\"\n", "3:1",
             "address is missing", "address ="},
        Case{"RuleWithoutKind", three("[[rule]]\nresources = [\"a\", \"b\"]\n"), "25:1", "kind is missing",
             "kind = \"apart\""},
        Case{"AgentMissing", second_host("[[host.fence]]\noptions = { ip = \"1\" }\n"), "13:1", "agent is missing",
             "fence_ipmilan"},
        Case{"AgentIsNoName", second_host("[[host.fence]]\nagent = \"../sh\"\n"), "14:9", "\"../sh\" is no fence agent",
             "fence_ipmilan"},
        Case{"SecretInTheFile",
             second_host("[[host.fence]]\nagent = \"fence_x\"\noptions = { password = \"hunter2\" }\n"), "15:13",
             "shows a secret", "password_file"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Values, Refusal,
    testing::Values(
        Case{"DurationUnit", cluster("lease = \"3d\"\n") + host("1"), "3:9", "there is no unit \"d\"", "\"30s\""},
        Case{"DurationFraction", cluster("lease = \"1.5s\"\n") + host("1"), "3:9", "not whole", "\"300ms\""},
        Case{"DurationWithoutUnit", cluster("lease = \"3\"\n") + host("1"), "3:9", "its unit is missing", "\"30s\""},
        Case{"DurationZero", vm("restarts = { within = \"0s\" }\n"), "17:23", "within in restarts is zero",
             "above zero"},
        Case{"DurationTooLarge", vm("restarts = { within = \"99999999999999999999h\" }\n"), "17:23", "too large", ""},
        Case{"LeaseTooShort", cluster("lease = \"999ms\"\n") + host("1"), "3:9", "lease in [cluster] is 999ms",
             "from \"1s\""},
        Case{"SizeUnit", base("[[vm]]\nname = \"v\"\ncpu = 1\nmemory = \"1GB\"\n"), "16:10", "there is no unit \"GB\"",
             "GiB"},
        Case{"SizeFraction", base("[[vm]]\nname = \"v\"\ncpu = 1\nmemory = \"1.5GiB\"\n"), "16:10", "not whole",
             "\"512MiB\""},
        Case{"SizeZero", base("[[vm]]\nname = \"v\"\ncpu = 1\nmemory = \"0GiB\"\n"), "16:10",
             "memory in [[vm]] is zero", ""},
        Case{"SizeIsNumber", base("[[vm]]\nname = \"v\"\ncpu = 1\nmemory = 1024\n"), "16:10", "is a whole number",
             "\"2GiB\""},
        Case{"CpuZero", base("[[vm]]\nname = \"v\"\ncpu = 0\nmemory = \"1GiB\"\n"), "15:7", "cpu in [[vm]] is 0",
             "at least 1"},
        Case{"PriorityTooHigh", vm("priority = 1001\n"), "17:12", "priority in [[vm]] is 1001", "from 0 to 1000"},
        Case{"PriorityNegative", vm("priority = -1\n"), "17:12", "is -1", "from 0 to 1000"},
        Case{"RatioZero", cluster("overbook = 0.0\n") + host("1"), "3:12", "out of range", "above 0"},
        Case{"RatioInfinite", cluster("overbook = inf\n") + host("1"), "3:12", "out of range", "above 0"},
        Case{"UnknownWord", vm("state = \"startd\"\n"), "17:9", "cannot be \"startd\", did you mean \"started\"?",
             "\"stopped\""},
        Case{"UnknownFailback", vm("failback = \"never\"\n"), "17:12", "failback in [[vm]]", "\"restart\""},
        Case{"NameWithCapital", cluster("") + "[[host]]\nname = \"H1\"\naddress = \"a\"\ncpu = 1\nmemory = \"1GiB\"\n",
             "4:8", "\"H1\" is no name", "small letters"},
        Case{"NameWithDashFirst", cluster("witness = \"-x\"\n") + host("1"), "3:11", "is no name", "beginning with"},
        Case{"NameReserved", base("[[vm]]\nname = \"all\"\ncpu = 1\nmemory = \"1GiB\"\n"), "14:8", "reserved",
             "small letters"},
        Case{"AddressIsNone",
             cluster("") + "[[host]]\nname = \"h1\"\naddress = \"10.0.0.1 \"\ncpu = 1\nmemory = \"1GiB\"\n", "5:11",
             "is no address", "10.0.0.1"},
        Case{"EmptyOnly", vm("hosts = { only = [] }\n"), "17:18", "only in hosts names nobody", "at least one"},
        Case{"EmptyVoters", cluster("voters = []\n") + host("1"), "3:10", "names nobody", "at least one"},
        Case{"ReserveTooLarge", cluster("reserve = 2\n") + host("1") + host("2"), "3:11", "reserve is 2 of 2",
             "at most 1"},
        Case{"ReserveOfOneHost", cluster("reserve = 1\n") + host("1"), "3:11", "reserve is 1 of 1", "0 with one host"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Names, Refusal,
    testing::Values(
        Case{"HostTwice", base("[[host]]\nname = \"h2\"\naddress = \"10.0.0.3\"\ncpu = 1\nmemory = \"1GiB\"\n"), "14:8",
             "taken by the host in line 9", "a name of its own"},
        Case{"VmNamedAsHost", base("[[vm]]\nname = \"h1\"\ncpu = 1\nmemory = \"1GiB\"\n"), "14:8",
             "vm \"h1\": the name is taken by the host in line 4", "share one set"},
        Case{"WitnessNamedAsHost", cluster("witness = \"h1\"\n") + host("1"), "3:11", "taken by the host", ""},
        Case{"AddressTwice", base("[[host]]\nname = \"h3\"\naddress = \"10.0.0.1\"\ncpu = 1\nmemory = \"1GiB\"\n"),
             "15:11", "belongs to host h1 in line 5", "of its own"},
        Case{"LinkOfAnother", second_host("links = [\"10.0.0.2\", \"10.0.0.1\"]\n"), "13:22", "belongs to host h1", ""},
        Case{"LinkTwice", second_host("links = [\"10.0.0.2\", \"10.0.0.2\"]\n"), "13:22", "stands twice in links",
             "once"},
        Case{"UnknownHostInOnly", vm("hosts = { only = [\"h3\"] }\n"), "17:19",
             "hosts.only names an unknown host \"h3\"", "\"h1\""},
        Case{"UnknownHostInTie", vm("hosts = { prefer = [\"h1\", [\"h2\", \"x\"]] }\n"), "17:34",
             "hosts.prefer names an unknown host", ""},
        Case{"UnknownHostInNever", vm("hosts = { never = [\"web\"] }\n"), "17:20", "hosts.never names an unknown host",
             ""},
        Case{"UnknownVoter", cluster("voters = [\"h9\"]\n") + host("1"), "3:11",
             "voters names an unknown host \"h9\", did you mean \"h1\"?", ""},
        Case{"WitnessAsVoter", cluster("witness = \"w\"\nvoters = [\"h1\", \"w\"]\n") + host("1"), "4:17",
             "voters names the witness", "always votes"},
        Case{"UnknownAfter", vm("after = [\"db\"]\n"), "17:10", "after names an unknown resource \"db\"", ""},
        Case{"UnknownInRule", three("[[rule]]\nkind = \"apart\"\nresources = [\"a\", \"dd\"]\n"), "27:19",
             "unknown resource \"dd\"", ""},
        Case{"HostInRule", three("[[rule]]\nkind = \"apart\"\nresources = [\"a\", \"h1\"]\n"), "27:19",
             "unknown resource \"h1\"", ""},
        Case{"TwiceInOnly", vm("hosts = { only = [\"h1\", \"h1\"] }\n"), "17:25", "stands twice in hosts.only", "once"},
        Case{"TwiceInPrefer", vm("hosts = { prefer = [\"h1\", [\"h2\", \"h1\"]] }\n"), "17:34",
             "stands twice in hosts.prefer", "once"},
        Case{"TwiceInAfter", three("after = [\"a\", \"a\"]\n"), "25:15", "stands twice in after", "once"},
        Case{"TwiceInVoters", cluster("voters = [\"h1\", \"h1\"]\n") + host("1"), "3:17", "stands twice in voters",
             "once"},
        Case{"TwiceInRule", three("[[rule]]\nkind = \"apart\"\nresources = [\"a\", \"b\", \"a\"]\n"), "27:24",
             "stands twice", "once"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Contradictions, Refusal,
    testing::Values(
        Case{"PreferOfNever", vm("hosts = { prefer = [\"h1\"], never = [\"h1\"] }\n"), "17:21",
             "hosts.never excludes it", "may run on"},
        Case{"PreferOutsideOnly", vm("hosts = { only = [\"h1\"], prefer = [\"h2\"] }\n"), "17:36",
             "hosts.only does not allow it", "may run on"},
        Case{"OnlyAndNever", vm("hosts = { only = [\"h1\", \"h2\"], never = [\"h2\"] }\n"), "17:25", "both name \"h2\"",
             "one of them"},
        Case{"NeverEverywhere", vm("hosts = { never = [\"h1\", \"h2\"] }\n"), "17:9", "excludes every host",
             "at least one"},
        Case{"AfterItself", vm("after = [\"v\"]\n"), "17:10", "circle: v after v", "out"},
        Case{"AfterInACircle",
             base("[[vm]]\nname = \"a\"\ncpu = 1\nmemory = \"1GiB\"\nafter = [\"b\"]\n[[vm]]\nname = \"b\"\ncpu = "
                  "1\nmemory = \"1GiB\"\nafter = [\"a\"]\n"),
             "22:10", "circle: a after b after a", "out"},
        Case{"ApartAndTogether",
             three("[[rule]]\nkind = \"together\"\nresources = [\"a\", \"b\"]\n[[rule]]\nkind = \"apart\"\nresources = "
                   "[\"b\", \"a\"]\n"),
             "28:1",
             "these rules cannot all hold: together at host: a and b (25:1); apart at host: b and a, of 2 hosts (28:1)",
             "one of them less, or strict = false"},
        Case{
            "ApartAndTogetherByOthers",
            three("[[rule]]\nkind = \"together\"\nresources = [\"a\", \"b\"]\n[[rule]]\nkind = \"together\"\nresources "
                  "= [\"b\", \"c\"]\n[[rule]]\nkind = \"apart\"\nresources = [\"a\", \"c\"]\n"),
            "31:1",
            "together at host: a and b (25:1); together at host: b and c (28:1); apart at host: a and c, of 2 hosts",
            "strict = false"},
        Case{"ApartInRacksTogetherOnAHost",
             three("[[rule]]\nkind = \"together\"\nresources = [\"a\", \"b\"]\n[[rule]]\nkind = \"apart\"\ndomain = "
                   "\"rack\"\nresources = [\"a\", \"b\"]\n"),
             "28:1", "apart at rack: a and b, of 2 racks (28:1)", ""},
        Case{"InstancesTogether",
             base("[[vm]]\nname = \"w\"\ninstances = 2\ncpu = 1\nmemory = \"1GiB\"\n[[vm]]\nname = \"x\"\ncpu = "
                  "1\nmemory = \"1GiB\"\n[[rule]]\nkind = \"together\"\nresources = [\"w\", \"x\"]\n"),
             "22:1", "apart at host: w#1 and w#2, of 2 hosts (14:8); together at host: w#1, w#2 and x (22:1)", ""},
        Case{"ApartOverTooFewHosts", three("[[rule]]\nkind = \"apart\"\nresources = [\"a\", \"b\", \"c\"]\n"), "25:1",
             "this rule cannot hold: apart at host: a, b and c, of 2 hosts (25:1)", "another rule, or strict = false"},
        Case{"OnlyAgainstApart",
             base("[[vm]]\nname = \"a\"\ncpu = 1\nmemory = \"1GiB\"\nhosts = { only = [\"h1\"] }\n[[vm]]\nname = "
                  "\"b\"\ncpu = 1\nmemory = \"1GiB\"\nhosts = { never = [\"h2\"] }\n[[rule]]\nkind = "
                  "\"apart\"\nresources = [\"a\", \"b\"]\n"),
             "23:1", "a only on h1 (17:19); b never on h2 (22:20); apart at host: a and b, of 2 hosts (23:1)",
             "more hosts"},
        Case{"TogetherLargerThanAnyHost",
             base("[[vm]]\nname = \"a\"\ncpu = 1\nmemory = \"6GiB\"\n[[vm]]\nname = \"b\"\ncpu = 1\nmemory = "
                  "\"6GiB\"\n[[rule]]\nkind = \"together\"\nresources = [\"a\", \"b\"]\n"),
             "21:1", "a and b need 12GiB and 2 vCPUs in all, and no host", "a larger host"},
        Case{"WhenWithoutAZone", vm("when = \"Mon-Fri 08:00-18:00\"\n"), "17:8", "is no window", "Europe/Vienna"},
        Case{"WhenInNoZone", vm("when = \"Mon 08:00-18:00 Mars\"\n"), "17:8", "\"Mars\" is no time zone", ""},
        Case{"SetTooLargeForOneTransaction", many(38, 38), "165:1", "38 resources are strictly together, by this rule",
             "at most 37 with 2 host(s), or strict = false"},
        Case{"SetTooLargeByTwoRules",
             many(
                 38, 20,
                 "[[rule]]\nkind = \"together\"\nresources = [" +
                     [] {
                       std::string names = "\"v20\"";
                       for (int n = 21; n <= 38; ++n) names += ", \"v" + std::to_string(n) + "\"";
                       return names;
                     }() +
                     "]\n"),
             "165:1", "38 resources are strictly together", "at most 37"},
        Case{"RuleOverOne", three("[[rule]]\nkind = \"apart\"\nresources = [\"a\"]\n"), "27:14",
             "a rule over one resource", "at least two"},
        Case{"RuleOverNone", three("[[rule]]\nkind = \"apart\"\nresources = []\n"), "27:13", "names nobody",
             "at least two"},
        Case{"TooMuchMemory", base("[[vm]]\nname = \"v\"\ncpu = 1\nmemory = \"9GiB\"\n"), "16:10",
             "needs 9GiB of memory; the largest host it may run on has 8GiB", "at most 8GiB"},
        Case{"TooManyCpus", base("[[vm]]\nname = \"v\"\ncpu = 17\nmemory = \"1GiB\"\n"), "15:7", "needs 17 vCPUs",
             "at most 16"},
        Case{"TooLargeForWhatKeepLeaves",
             second_host("keep = { memory = \"1GiB\" }\n[[vm]]\nname = \"v\"\ncpu = 1\nmemory = \"8GiB\"\nhosts = { "
                         "only = [\"h2\"] }\n"),
             "17:10", "has 7GiB", "at most 7GiB"},
        Case{"KeepLargerThanHost", second_host("keep = { memory = \"9GiB\" }\n"), "13:8", "keep takes 9GiB of 8GiB",
             "less"},
        Case{"KeepMoreCpusThanHost", second_host("keep = { cpu = 5 }\n"), "13:8", "keep takes 5 of 4 CPUs", "less"},
        Case{"SameFenceDevice",
             cluster("") + host("1", "[[host.fence]]\nagent = \"fence_x\"\noptions = { ip = \"1\" }\n") +
                 host("2", "[[host.fence]]\nagent = \"fence_x\"\nlevel = 2\noptions = { ip = \"1\" }\n"),
             "16:1", "already switches host h1 (line 8)", "this host alone"},
        Case{"HeartbeatTooFast", cluster("heartbeat = \"20ms\"\n") + host("1"), "3:13",
             "heartbeat in [cluster] is 20ms", "from \"50ms\""},
        Case{"SuspectsTooFast", cluster("suspect = \"299ms\"\n") + host("1"), "3:11", "suspect in [cluster] is 299ms",
             "from \"300ms\""},
        Case{"SuspectsTooSlowly", cluster("suspect = \"2m\"\n") + host("1"), "3:11", "suspect in [cluster] is 2m",
             "to \"1m\""},
        Case{"SuspectsAfterTwoPackets", cluster("heartbeat = \"200ms\"\n") + host("1"), "3:13",
             "suspected after 500ms with a heartbeat each 200ms", "suspect = \"600ms\""},
        Case{"SuspectIsNoDuration", cluster("suspect = 1\n") + host("1"), "3:11", "", ""},
        Case{"NineLinks",
             cluster("") + host("1", "links = [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\"]\n"),
             "8:9", "more than 8", "at most 8 links"},
        Case{"FenceDeviceTwice",
             second_host("[[host.fence]]\nagent = \"fence_x\"\n[[host.fence]]\nagent = \"fence_x\"\n"), "15:1",
             "already switches this host", ""}),
    name_of);

// A device of h2 in line 13 and following, beside one like it under h1 in line 8 and following where `first` says so.
std::string device(const std::string& more) { return "[[host.fence]]\nagent = \"fence_x\"\n" + more; }
std::string two_devices(const std::string& first, const std::string& second) {
  return cluster("") + host("1", device(first)) + host("2", device(second));
}

INSTANTIATE_TEST_SUITE_P(
    Fencing, Refusal,
    testing::Values(
        Case{"CutsNobody", second_host(device("cuts = []\n")), "15:8", "cuts in [[host.fence]] names nobody",
             "every host"},
        Case{"CutsAStranger", second_host(device("cuts = [\"h2\", \"h3\"]\n")), "15:15",
             "cuts names an unknown host \"h3\"", "\"h1\""},
        Case{"CutsOneTwice", second_host(device("cuts = [\"h2\", \"h2\"]\n")), "15:15", "stands twice in cuts", ""},
        Case{"CutsWithoutItsOwn", second_host(device("cuts = [\"h1\"]\n")), "15:9", "cuts leaves out \"h2\"", ""},
        Case{"SharedButNotSaid", two_devices("", ""), "15:1", "already switches host h1 (line 8)", "cuts = "},
        Case{"SharedAndSaidByOneOnly", two_devices("", "cuts = [\"h1\", \"h2\"]\n"), "15:1", "already switches host h1",
             "under both"},
        Case{"OneOfTwoSupplies",
             cluster("") + host("1", device("cuts = [\"h1\", \"h2\"]\n")) +
                 host("2", device("cuts = [\"h1\", \"h2\"]\n") + "[[host.fence]]\nagent = \"fence_y\"\n"),
             "10:15", "cuts names \"h2\", which has 2 devices of one level", "all devices"},
        Case{"RunsOnItself", second_host("runs_on = \"h2\"\n"), "13:11", "\"h2\" cannot run on itself", ""},
        Case{"RunsOnAVirtualHost", cluster("") + host("1", "runs_on = \"x1\"\n") + host("2", "runs_on = \"h1\"\n"),
             "14:11", "\"h1\" is a virtual host itself", "physical"},
        Case{"VirtualHostWithADevice", second_host("runs_on = \"h1\"\n" + device("")), "14:1",
             "\"h2\" runs on h1 and is fenced there", "no [[host.fence]]"},
        Case{"GuessingAgent", second_host("[[host.fence]]\nagent = \"fence_virsh\"\n"), "14:9", "it proves nothing",
             "runs_on"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Promises, Refusal,
    testing::Values(Case{"SelfFenceIsAFlag", second_host("self_fence = \"yes\"\n"), "13:14", "self_fence", "true"},
                    Case{"ShorterThanItsWatchdogCanKeep", second_host("promise = \"14s\"\n"), "13:11", "is 14s",
                         "from \"15s\" to \"10m\""},
                    Case{"LongerThanAnybodyWaits", second_host("promise = \"11m\"\n"), "13:11", "is 11m", "30s"},
                    Case{"VirtualHostsPromiseNothing", second_host("runs_on = \"h1\"\nself_fence = true\n"), "14:14",
                         "self_fence in a virtual host", "physical machine"},
                    Case{"SoftWatchdogIsAFlag", second_host("watchdog_accept_soft = 1\n"), "13:24",
                         "watchdog_accept_soft", "true"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Balance, Refusal,
    testing::Values(Case{"IsOneOfThree", cluster("balance = \"on\"\n") + host("1"), "3:11", "\"on\"", "\"advise\""},
                    Case{"HogsAreToldOrCapped", cluster("hogs = \"kill\"\n") + host("1"), "3:8", "\"kill\"", "\"cap\""},
                    Case{"NobodyLooksForHogs", cluster("balance = \"off\"\nhogs = \"cap\"\n") + host("1"), "4:8",
                         "nobody looks for hogs", "balance = \"advise\""}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    NotYet, Refusal,
    testing::Values(Case{"TolerateSite", vm("tolerate = \"site\"\n"), "17:12", "not yet", "\"guest\" or \"host\""},
                    Case{"Rto", vm("rto = \"30s\"\n"), "17:1", "not yet", ""},
                    Case{"Rpo", vm("rpo = \"0s\"\n"), "17:1", "not yet", ""},
                    Case{"Service", base("[[service]]\nname = \"a\"\n"), "13:3", "service in the file: not yet", ""},
                    Case{"Group", base("[[group]]\nname = \"a\"\n"), "13:3", "not yet", ""},
                    Case{"Instances", applied("instances = 2\n"), "16:13", "not yet", "instances = 1", Purpose::apply}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Domains, Refusal,
    testing::Values(
        Case{"DomainMissing", base("[[vm]]\nname = \"v\"\n"), "13:1", "domain is missing", "domain =", Purpose::apply},
        Case{"DomainUnreadable", base("[[vm]]\nname = \"v\"\ndomain = \"absent.xml\"\n"), "15:10",
             "\"conf/absent.xml\": no such file", "virsh dumpxml", Purpose::apply},
        Case{"DomainUnreadableInTheSimulator", base("[[vm]]\nname = \"v\"\ndomain = \"absent.xml\"\n"), "15:10",
             "no such file", "cpu and memory given here"},
        Case{"DomainWithoutUuid", base("[[vm]]\nname = \"v\"\ndomain = \"nouuid.xml\"\n"), "15:10", "has no uuid",
             "<uuid>", Purpose::apply},
        Case{"DomainTwice",
             base("[[vm]]\nname = \"v\"\ndomain = \"db1.xml\"\n[[vm]]\nname = \"w\"\ndomain = \"copy.xml\"\n"), "18:10",
             "has the uuid of v", "of its own", Purpose::apply},
        Case{"TooLargeByItsXml",
             cluster("") + "[[host]]\nname = \"h1\"\naddress = \"a\"\nmemory = \"4GiB\"\n[[vm]]\nname = \"v\"\ndomain "
                           "= \"db1.xml\"\n",
             "7:1", "needs 8GiB", "at most 4GiB", Purpose::apply}),
    name_of);

TEST(Refusals, ASizeThatIsNotKnownYetRefusesNothing) {
  const std::string text =
      cluster("") +
      "[[host]]\nname = \"h1\"\naddress = \"a\"\nmemory = \"4GiB\"\n[[host]]\nname = \"h2\"\naddress = \"b\"\n" +
      "[[vm]]\nname = \"v\"\ndomain = \"db1.xml\"\n";
  EXPECT_TRUE(parse_cluster(text, "conf/c.toml", Purpose::apply, domains()));
}

TEST(Refusals, WhatIsNotStartedNeedNotFit) {
  EXPECT_TRUE(parse_cluster(base("[[vm]]\nname = \"v\"\ncpu = 1\nmemory = \"9GiB\"\nstate = \"ignored\"\n"), "c.toml",
                            Purpose::simulate, domains()));
}

TEST(Refusals, SecretsAreNotRepeatedInTheMessage) {
  const auto spec =
      parse_cluster(second_host("[[host.fence]]\nagent = \"fence_x\"\noptions = { passwd = \"hunter2\" }\n"), "c.toml",
                    Purpose::simulate, domains());
  ASSERT_FALSE(spec);
  EXPECT_EQ(to_string(spec.error().front()).find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace haven::file

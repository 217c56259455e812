#include "file/diff.hpp"

#include <gtest/gtest.h>

#include "file/vm_table.hpp"
#include "sample.hpp"

namespace haven::file {
namespace {

Spec full() { return parse_cluster(kFullFile, "conf/prod.toml", Purpose::apply, domains()).value(); }

std::vector<std::string> lines(const Spec& before, const Spec& after) {
  std::vector<std::string> out;
  for (const DiffLine& line : diff(before, after)) out.push_back(to_string(line));
  return out;
}

using Lines = std::vector<std::string>;

TEST(Diff, NothingChangesNothing) { EXPECT_TRUE(diff(full(), full()).empty()); }

TEST(Diff, ShowsValuesAsTheFileWritesThem) {
  Spec after = full();
  after.cluster.lease = 10min;
  after.hosts[0].memory = {2048};
  after.hosts[0].fence.pop_back();
  after.resources[1].memory = {2048};
  after.resources[1].hosts.prefer.clear();
  after.resources[1].failback = Failback::off;
  after.resources[1].cap = true;
  after.resources[1].after.clear();
  after.rules[1].strict = true;
  EXPECT_EQ(
      lines(full(), after),
      (Lines{"~ cluster prod: lease 4s -> 10m", "~ host h1: memory 64GiB -> 2GiB",
             "~ host h1: fence { agent = \"fence_ipmilan\", ip = \"10.9.0.1\", lanplus = \"1\", password_file = "
             "\"/etc/haven/h1.pw\", username = \"admin\" }, { agent = \"fence_apc\", level = 2, ip = \"10.9.0.9\", "
             "plug = \"1\" } -> { agent = \"fence_ipmilan\", ip = \"10.9.0.1\", lanplus = \"1\", password_file = "
             "\"/etc/haven/h1.pw\", username = \"admin\" }",
             "~ vm web1: memory 977MiB -> 2GiB",
             "~ vm web1: hosts { only = [\"h1\", \"h2\"], prefer = [[\"h2\", \"h1\"]], never = [\"h10\"] } -> { only = "
             "[\"h1\", \"h2\"], never = [\"h10\"] }",
             "~ vm web1: failback \"restart\" -> false", "~ vm web1: cap false -> true",
             "~ vm web1: after [\"db1\"] -> none", "~ rule together [\"db1\", \"web1\"]: strict false -> true"}));
}

TEST(Diff, TellsWhatComesAndWhatGoes) {
  Spec after = full();
  after.resources[0].name = ResourceName("db7");
  after.rules.erase(after.rules.begin());
  const Lines shown = lines(full(), after);
  EXPECT_EQ(shown,
            (Lines{"+ vm db7: domain = XML " + shown.at(0).substr(23, 8) + ", uuid = uuid-db1, cpu = 4, memory = 8GiB",
                   "- vm db1: domain = XML " + shown.at(0).substr(23, 8) + ", uuid = uuid-db1, cpu = 4, memory = 8GiB",
                   "- rule apart [\"web1\", \"db1\"]: resources = [\"web1\", \"db1\"]"}));
}

TEST(Diff, TellsADomainWhoseXmlChanged) {
  Spec after = full();
  after.resources[0].xml += " ";
  const auto changes = diff(full(), after);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].key, "domain");
  EXPECT_NE(changes[0].before, changes[0].after);
}

TEST(Diff, NoChangeOfASpecIsInvisible) {
  Spec after = full();
  std::swap(after.hosts[0], after.hosts[1]);
  EXPECT_EQ(lines(full(), after), (Lines{"~ host: order h1, h2, h10 -> h2, h1, h10"}));
}

TEST(VmTable, AppendedTextParsesToTheSameResource) {
  Resource r = full().resources[1];
  const std::string alone(kFullFile.substr(0, kFullFile.find("[[vm]]\nname = \"web1\"")));
  const auto again = parse_cluster(append_vm(alone, r, "/srv/web1.xml"), "conf/prod.toml", Purpose::apply, domains());
  ASSERT_TRUE(again) << to_string(again.error().front());
  r.cpu = {1};  // the table leaves them to the XML
  r.memory = {512};
  EXPECT_EQ(again->resources.back(), r);
}

TEST(VmTable, SaysNoMoreThanItMust) {
  Resource r;
  r.name = ResourceName("web3");
  EXPECT_EQ(append_vm("[cluster]", r, "a \"b\".xml"),
            "[cluster]\n\n[[vm]]\nname = \"web3\"\ndomain = \"a \\\"b\\\".xml\"\n");
}

}  // namespace
}  // namespace haven::file

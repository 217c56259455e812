#include "file/local_config.hpp"

#include <gtest/gtest.h>

namespace haven::file {
namespace {

std::vector<std::string> errors(const std::string& text) {
  const auto config = parse_local_config(text, "havend.toml");
  std::vector<std::string> out;
  if (config) return out;
  for (const FileError& e : config.error()) out.push_back(to_string(e));
  return out;
}
using Lines = std::vector<std::string>;

TEST(LocalConfig, ReadsEveryKey) {
  const auto config = parse_local_config(R"(host = "h1"
cluster = "prod"
engine = "etcd"
endpoints = ["https://10.0.0.1:2379", "https://[fd00::2]:2379"]
tls = { ca = "ca.pem", cert = "h1.pem", key = "h1.key" }
listen = "10.0.0.1:7420"
heartbeat_key = "/etc/x/heartbeat.key"
heartbeat_port = 7777
run_dir = "/run/x"
state_dir = "/var/lib/x"
log = "debug"
[alarms]
exec = "/usr/local/sbin/page"
webhook = "https://[fd00::1]:8443/haven?key=x"
webhook_ca = "/etc/haven/ca.pem"
repeat = "1h"
[migration]
transport = "tcp"
bandwidth = "100MiB"
max_downtime = "1s"
trust_storage = true
)",
                                         "havend.toml");
  ASSERT_TRUE(config) << to_string(config.error().front());
  const LocalConfig expected{HostName("h1"),
                             "prod",
                             EngineKind::etcd,
                             {"https://10.0.0.1:2379", "https://[fd00::2]:2379"},
                             Tls{"ca.pem", "h1.pem", "h1.key"},
                             "10.0.0.1:7420",
                             "/etc/x/heartbeat.key",
                             7777,
                             "/run/x",
                             "/var/lib/x",
                             LogLevel::debug,
                             {"/usr/local/sbin/page", "https://[fd00::1]:8443/haven?key=x", "/etc/haven/ca.pem", 1h},
                             {false, {100}, 1s, true}};
  EXPECT_EQ(*config, expected);
}

TEST(LocalConfig, OneHostNeedsItsNamesOnly) {
  const auto config = parse_local_config("host = \"h1\"\ncluster = \"prod\"\n", "havend.toml");
  ASSERT_TRUE(config);
  LocalConfig expected;
  expected.host = HostName("h1");
  expected.cluster = "prod";
  EXPECT_EQ(*config, expected);
  EXPECT_EQ(config->run_dir, "/run/haven");
  EXPECT_EQ(config->heartbeat_key, "/etc/haven/heartbeat.key");
  EXPECT_EQ(config->heartbeat_port, 7421);
  EXPECT_EQ(config->state_dir, "/var/lib/haven");
  EXPECT_EQ(config->log, LogLevel::info);
  EXPECT_EQ(config->alarms.repeat, 10min);
  EXPECT_TRUE(config->alarms.exec.empty() && config->alarms.webhook.empty()) << "nobody is called";
}

TEST(LocalConfig, RefusesWithPlaceAndCure) {
  EXPECT_EQ(
      errors("cluster = \"prod\"\n"),
      (Lines{"havend.toml:1:1: host is missing in havend.toml; would be right: host = \"h1\" (this host's name in the "
             "cluster file)"}));
  const std::string good = "host = \"h1\"\ncluster = \"c\"\n";
  const auto one = [&](const std::string& lines) {
    const Lines found = errors(good + lines);
    return found.size() == 1 ? found[0].substr(0, found[0].find(';')) : std::to_string(found.size()) + " errors";
  };
  EXPECT_EQ(one("engin = \"etcd\"\n"),
            "havend.toml:3:1: unknown key \"engin\" in havend.toml, did you mean \"engine\"?");
  EXPECT_EQ(one("engine = \"zookeeper\"\n"), "havend.toml:3:10: engine in havend.toml cannot be \"zookeeper\"");
  // Those of the engine that this host has joined.
  EXPECT_TRUE(parse_local_config("host = \"h1\"\nengine = \"etcd\"\n", "havend.toml"));
  EXPECT_EQ(one("engine = \"etcd\"\nendpoints = []\n"), "havend.toml:4:13: endpoints names nobody");
  EXPECT_EQ(one("endpoints = [\"http://a:1\"]\n"), "havend.toml:3:13: endpoints with the embedded engine");
  const std::string etcd = "engine = \"etcd\"\nendpoints = ";
  EXPECT_EQ(one(etcd + "[\"a:2379\"]\n"), "havend.toml:4:14: \"a:2379\" is no endpoint");
  EXPECT_EQ(one(etcd + "[\"http://a:99999\"]\n"), "havend.toml:4:14: \"http://a:99999\" is no endpoint");
  EXPECT_EQ(one(etcd + "[\"http://a\"]\n"), "havend.toml:4:14: \"http://a\" is no endpoint");
  EXPECT_EQ(one(etcd + "[\"https://a:1\"]\n"), "havend.toml:4:14: \"https://a:1\" needs tls");
  EXPECT_EQ(one(etcd + "[\"http://a:1\", \"http://a:1\"]\n"),
            "havend.toml:4:28: \"http://a:1\" stands twice in endpoints");
  EXPECT_EQ(one("tls = { ca = \"a\", cert = \"b\" }\n"), "havend.toml:3:7: key is missing in tls");
  EXPECT_NE(one("heartbeat_key = \"key\"\n").find("3:17: heartbeat_key in havend.toml is relative"), std::string::npos);
  EXPECT_NE(one("heartbeat_port = 0\n").find("3:18"), std::string::npos);
  EXPECT_EQ(one("run_dir = \"run\"\n"), "havend.toml:3:11: run_dir in havend.toml is relative");
  EXPECT_EQ(one("listen = \"10.0.0.1\"\n"), "havend.toml:3:10: \"10.0.0.1\" is no place to listen");
  EXPECT_EQ(one("log = \"loud\"\n"), "havend.toml:3:7: log in havend.toml cannot be \"loud\"");
  EXPECT_EQ(one("[alarms]\nexec = \"page\"\n"), "havend.toml:4:8: exec in [alarms] is relative");
  for (const char* bad : {"example.org", "ftp://example.org", "https://", "https://:80", "http://a b", "http://a:x/"})
    EXPECT_EQ(one("[alarms]\nwebhook = \"" + std::string(bad) + "\"\n"),
              "havend.toml:4:11: \"" + std::string(bad) + "\" is no address");
  EXPECT_EQ(one("[alarms]\nrepeat = \"5s\"\n"), "havend.toml:4:10: repeat in [alarms] is too short");
}

TEST(LocalConfig, ALetterOutsideAsciiIsNoBlank) {
  for (const char* letter : {"\u00e9", "\u0100", "\ufcff", "\U0001f600"})
    EXPECT_FALSE(parse_local_config("host" + std::string(letter) + " = \"h1\"\n", "havend.toml").has_value()) << letter;
}

}  // namespace
}  // namespace haven::file

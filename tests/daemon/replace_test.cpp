// `haven replace`: the real command line, the real socket, the real engine; VMs are files.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "daemon/cluster_text.hpp"
#include "daemon/daemon.hpp"
#include "daemon/process.hpp"

namespace haven::test {
namespace {

using Json = nlohmann::json;

std::string with_interface(int n) {
  std::string xml = domain_xml(n);
  const auto end = xml.find("</devices>");
  const std::string card = "<interface type='bridge'><source bridge='br0'/></interface>";
  return end == std::string::npos ? xml.insert(xml.find("</domain>"), "<devices>" + card + "</devices>")
                                  : xml.insert(end, card);
}

class ReplaceTest : public testing::Test {
 protected:
  ReplaceTest() {
    for (int n = 1; n <= 3; ++n) write_text(xml(n), with_interface(n));
    write_text(file_, kOneHost + vm(1));
    EXPECT_EQ(haven({"apply", file_, "--yes"}).exit_code, 0);
    EXPECT_TRUE(becomes("web1", "running"));
  }
  [[nodiscard]] std::string xml(int n) const { return folder_ / ("web" + std::to_string(n) + ".xml"); }
  Process::Result haven(std::vector<std::string> words) {
    words.insert(words.begin(), {HAVEN_CLI, "--socket", daemon_.socket()});
    return Process(words).finish();
  }
  Json json(std::vector<std::string> words, int exit_code) {
    words.emplace_back("--json");
    const auto result = haven(words);
    EXPECT_EQ(result.exit_code, exit_code) << result.out << result.err;
    Json object = Json::parse(result.last_line(), nullptr, false);
    EXPECT_TRUE(object.is_object()) << result.out << result.err;
    return object;
  }
  Json resource(const std::string& name) {
    const Json status = Json::parse(daemon_.service->status().body);
    for (const Json& one : status["data"]["resources"])
      if (one["name"] == name) return one;
    return nullptr;
  }
  bool becomes(const std::string& name, const std::string& state) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (std::chrono::steady_clock::now() < deadline) {
      const Json one = resource(name);
      if (state.empty() ? one.is_null() : !one.is_null() && one["state"] == state) return true;
      std::this_thread::sleep_for(50ms);
    }
    return false;
  }
  [[nodiscard]] bool is_linked(int n) const { return !daemon_.hypervisor->unlinked.contains(uuid_of(n)); }
  Json replace() {
    return json({"replace", "web1", "--with", xml(2), "--name", "web2", "--prove", "1s", "--timeout", "20s"}, 0);
  }

  TemporaryFolder folder_;
  const std::string file_ = folder_ / "cluster.toml";
  RunningDaemon daemon_{folder_.path()};
};

TEST_F(ReplaceTest, TheNewOneServesAndTheOldOneIsKept) {
  const Json done = replace();
  EXPECT_EQ(done["phase"], "settling");
  EXPECT_TRUE(is_linked(2));
  EXPECT_FALSE(is_linked(1));
  EXPECT_EQ(resource("web1")["state"], "running");
  EXPECT_EQ(resource("web1")["replacement"]["successor"], "web2");
  EXPECT_NE(haven({"status"}).out.find("serves in place of web1"), std::string::npos);
  const Json refused = json({"apply", file_, "--yes"}, 1);
  EXPECT_NE(refused["error"]["what"].get<std::string>().find("web2 is replacing web1"), std::string::npos);
}

TEST_F(ReplaceTest, TheWayBackLeavesTheFileAsItWas) {
  replace();
  const Json back = json({"replace", "web1", "--back"}, 0);
  EXPECT_EQ(back["phase"], "over");
  EXPECT_TRUE(is_linked(1));
  EXPECT_TRUE(becomes("web2", ""));
  EXPECT_EQ(haven({"diff", file_}).exit_code, 0);
}

TEST_F(ReplaceTest, ForGoodTheFileHasToNameTheNewOne) {
  replace();
  EXPECT_EQ(json({"replace", "web1", "--finish"}, 0)["phase"], "finishing");
  EXPECT_TRUE(becomes("web1", ""));
  EXPECT_TRUE(is_linked(2));
  const Json refused = json({"apply", file_, "--yes"}, 1);
  EXPECT_NE(refused["error"]["wanted"].get<std::string>().find("name = \"web2\" and domain = \"" + xml(2) + "\""),
            std::string::npos)
      << refused;
  const auto diff = haven({"diff", file_});
  EXPECT_NE(diff.out.find("- vm web2"), std::string::npos) << diff.out << diff.err;
  write_text(file_, kOneHost + vm(2));
  EXPECT_EQ(haven({"apply", file_, "--yes"}).exit_code, 0);
  write_text(file_, kOneHost + vm(2) + vm(1));
  EXPECT_EQ(haven({"apply", file_, "--yes"}).exit_code, 0)
      << "the file said once who serves: web1 is another guest now";
}

TEST_F(ReplaceTest, WhatFailsIsTakenOutAgainAndSaid) {
  std::thread fault([this] {
    for (int n = 0; n < 2; ++n) {
      EXPECT_TRUE(becomes("web2", "running"));
      daemon_.mailbox().post(daemon::Task([this] { daemon_.hypervisor->crash(uuid_of(2)); }));
      std::this_thread::sleep_for(2s);
    }
  });
  const Json done =
      json({"replace", "web1", "--with", xml(2), "--name", "web2", "--prove", "20s", "--timeout", "60s"}, 1);
  fault.join();
  EXPECT_NE(done["why"].get<std::string>().find("web2 failed"), std::string::npos) << done;
  EXPECT_TRUE(is_linked(1));
  EXPECT_EQ(resource("web2"), nullptr);
}

TEST_F(ReplaceTest, BadInputIsSaid) {
  const auto what = [&](std::vector<std::string> words, int exit_code) {
    return json(std::move(words), exit_code)["error"]["what"].get<std::string>();
  };
  EXPECT_NE(what({"replace", "web1"}, 2).find("it is not said"), std::string::npos);
  EXPECT_NE(what({"replace", "nobody", "--with", xml(2)}, 1).find("there is no resource nobody"), std::string::npos);
  EXPECT_NE(what({"replace", "web1", "--with", folder_ / "none.xml"}, 2), "");
  EXPECT_NE(what({"replace", "web1", "--with", xml(1), "--name", "web9"}, 2).find("the uuid of web1"),
            std::string::npos);
  EXPECT_NE(what({"replace", "web1", "--with", xml(2), "--name", "web1"}, 2).find("is taken"), std::string::npos);
  EXPECT_NE(what({"replace", "web1", "--with", xml(2), "--prove", "soon"}, 2), "");
  EXPECT_NE(what({"replace", "web1", "--with", xml(2), "--prove", "1h"}, 2).find("no longer than"), std::string::npos);
  EXPECT_NE(what({"replace", "web1", "--back"}, 1).find("is not being replaced"), std::string::npos);
  EXPECT_EQ(haven({"replace", "web1", "--back", "--finish"}).exit_code, 2);
  write_text(xml(3), domain_xml(3));
  EXPECT_NE(what({"replace", "web1", "--with", xml(3), "--name", "web3"}, 2).find("no network interface"),
            std::string::npos);
}

}  // namespace
}  // namespace haven::test

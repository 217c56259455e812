// kill -9 at any moment loses nothing that was acknowledged, and touches no guest.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "daemon/cluster_text.hpp"
#include "daemon/fakes.hpp"
#include "daemon/process.hpp"

namespace haven::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

class KillTest : public testing::Test {
 protected:
  Process::Result haven(std::vector<std::string> words) {
    words.insert(words.begin(), {HAVEN_CLI, "--socket", folder_ / "run/api.sock"});
    return Process(words).finish();
  }
  Json status() { return Json::parse(haven({"status", "--json"}).last_line(), nullptr, false); }
  // Until what the cluster is told to do stands in its status.
  bool eventually(const std::function<bool(const Json&)>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (std::chrono::steady_clock::now() < deadline) {
      const Json seen = status();
      if (seen.is_object() && seen.contains("resources") && holds(seen)) return true;
    }
    return false;
  }
  TemporaryFolder folder_;
};

TEST_F(KillTest, NothingAcknowledgedIsLost) {
  write_text(folder_ / "web1.xml", domain_xml(1));
  std::mt19937 random(4711);  // where the kill falls also depends on the machine: that is the point
  int acknowledged = -1;
  int sent = -1;
  std::string incarnation;
  for (int round = 0; round < 12; ++round) {
    Process havend({HAVEN_VICTIM, folder_.path()});
    // What was acknowledged stands there, or what was sent after it and not answered.
    ASSERT_TRUE(eventually([&](const Json& seen) { return acknowledged < 0 || !seen["resources"].empty(); })) << round;
    if (acknowledged >= 0) {
      const int priority = status()["resources"][0]["priority"].get<int>();
      EXPECT_TRUE(priority == acknowledged || priority == sent) << priority << ", not " << acknowledged;
      EXPECT_TRUE(eventually([](const Json& seen) { return seen["resources"][0]["state"] == "running"; })) << round;
      acknowledged = priority;
    }
    const std::string now = read_text(folder_ / "run/incarnation");
    if (!incarnation.empty()) {
      EXPECT_EQ(now, incarnation) << "the same boot";
    }
    incarnation = now;
    std::jthread killer([&, after = std::chrono::milliseconds(random() % 150)] {
      std::this_thread::sleep_for(after);
      havend.kill();
    });
    for (int i = 0; i < 20; ++i) {
      sent = (sent + 1) % 1000;
      write_text(folder_ / "cluster.toml", kOneHost + vm(1, "priority = " + std::to_string(sent) + "\n"));
      if (haven({"apply", folder_ / "cluster.toml", "--yes"}).exit_code != 0) break;
      acknowledged = sent;
    }
  }
  EXPECT_GE(acknowledged, 0);
  EXPECT_EQ(read_text(folder_ / "vms/starts"), uuid_of(1) + "\n") << "started once, then adopted each time";
}

TEST_F(KillTest, WhoFollowsTheJournalGoesOnWithTheNextHavendAndMissesNothing) {
  for (int n = 1; n <= 3; ++n) write_text(folder_ / ("web" + std::to_string(n) + ".xml"), domain_xml(n));
  auto havend = std::make_unique<Process>(std::vector<std::string>{HAVEN_VICTIM, folder_.path()});
  ASSERT_TRUE(eventually([](const Json&) { return true; }));
  Process follower({HAVEN_CLI, "--socket", folder_ / "run/api.sock", "journal", "--follow"});
  const auto place = [&](int most) {
    std::string text = kOneHost;
    for (int n = 1; n <= most; ++n) text += vm(n);
    write_text(folder_ / "cluster.toml", text);
    EXPECT_EQ(haven({"apply", folder_ / "cluster.toml", "--yes"}).exit_code, 0);
    EXPECT_TRUE(eventually([&](const Json& seen) {
      return static_cast<int>(seen["resources"].size()) == most && seen["resources"].back()["state"] == "running";
    }));
  };
  place(1);
  ASSERT_TRUE(follower.says("web1 on h1"));
  havend->kill();
  havend = std::make_unique<Process>(std::vector<std::string>{HAVEN_VICTIM, folder_.path()});
  ASSERT_TRUE(eventually(
      [](const Json& seen) { return !seen["resources"].empty() && seen["resources"][0]["state"] == "running"; }));
  place(2);
  ASSERT_TRUE(follower.says("web2 on h1"));
  follower.send(SIGINT);
  const auto result = follower.finish();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out.find("web1 on h1"), result.out.rfind("web1 on h1")) << "nothing is told twice";
  EXPECT_NE(result.err.find("going on when it does"), std::string::npos);
}

}  // namespace
}  // namespace haven::test

// The loop with the real core, the embedded engine and VMs that are files.
#include "daemon/runtime.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "daemon/cluster_text.hpp"
#include "daemon/codec.hpp"
#include "daemon/daemon.hpp"

namespace haven::test {
namespace {

class RuntimeTest : public testing::Test {
 protected:
  daemon::ApplyRequest request(const std::string& text) {
    daemon::ApplyRequest request;
    request.file_name = "cluster.toml";
    request.text = text;
    for (int n = 1; n <= 3; ++n) request.domains["web" + std::to_string(n) + ".xml"] = domain_xml(n);
    return request;
  }
  void apply(const std::string& text) {
    const auto done = daemon_.applier->apply(request(text));
    ASSERT_TRUE(done.has_value()) << done.error().errors.front().what;
  }
  bool becomes(const std::function<bool(const Node&)>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    std::uint64_t news = 0;
    while (std::chrono::steady_clock::now() < deadline) {
      bool held = false;
      if (daemon_.runtime->see([&](const auto& sight) { held = holds(sight.node); }) && held) return true;
      news = daemon_.runtime->wait_news(news, 1s);
    }
    return false;
  }
  bool runs(int n) {
    return becomes([&](const Node& node) {
      const auto it = node.view().runs.find(ResourceName("web" + std::to_string(n)));
      return it != node.view().runs.end() && it->second.value.state == RunState::running;
    });
  }
  std::tuple<std::uint64_t, bool, std::string> ask_hook(std::uint64_t id, const std::string& uuid) {
    EXPECT_TRUE(daemon_.mailbox().offer(daemon::HookQuestion{id, uuid, false}));
    std::tuple<std::uint64_t, bool, std::string> answer;
    for (int i = 0; i < 200; ++i) {
      (void)daemon_.runtime->see([&](const auto&) {
        if (!daemon_.hook_answers.empty()) answer = daemon_.hook_answers.back();
      });
      if (std::get<0>(answer) == id) break;
    }
    return answer;
  }
  TemporaryFolder folder_;
  RunningDaemon daemon_{folder_.path()};
};

TEST_F(RuntimeTest, RestartsAGuestWhoseProcessEnded) {
  apply(kOneHost + vm(1));
  ASSERT_TRUE(runs(1));
  daemon_.hypervisor->crash(uuid_of(1));
  EXPECT_TRUE(becomes([](const Node& node) {
    for (const auto& [path, entry] : node.view().journal) {
      if (entry.kind == JournalKind::restart) return true;
    }
    return false;
  }));
  EXPECT_TRUE(runs(1));
  EXPECT_TRUE(std::filesystem::exists(folder_ / ("vms/running/" + uuid_of(1))));
}

TEST_F(RuntimeTest, TheHookIsAnsweredByWhatIsProtected) {
  EXPECT_FALSE(std::get<1>(ask_hook(1, uuid_of(9)))) << "on the list of an earlier havend, and nothing is known yet";
  EXPECT_TRUE(std::get<1>(ask_hook(2, uuid_of(8)))) << "nobody's";
  apply(kOneHost + vm(1));
  ASSERT_TRUE(runs(1));
  EXPECT_TRUE(std::get<1>(ask_hook(3, uuid_of(9)))) << "the spec is known, and does not name it";
  const auto [id, allowed, reason] = ask_hook(4, uuid_of(1));
  EXPECT_FALSE(allowed) << "it runs, and nobody of Haven starts it";
  EXPECT_FALSE(reason.empty());
  std::vector<std::string> published;
  ASSERT_TRUE(daemon_.runtime->see([&](const auto&) { published = daemon_.published; }));
  EXPECT_EQ(published, (std::vector<std::string>{uuid_of(1)}));
}

TEST_F(RuntimeTest, AnApplyThatRestsOnAnOldViewIsRefused) {
  apply(kOneHost + vm(1));
  auto late = request(kOneHost + vm(2));
  late.seen = Revision{1};
  const auto done = daemon_.applier->apply(late);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().kind, daemon::Refusal::Kind::refused);
  EXPECT_NE(done.error().errors.front().what.find("changed meanwhile"), std::string::npos);
}

TEST_F(RuntimeTest, TheFileIsKeptAsItWasWrittenAndOldPiecesGo) {
  const std::string text = kOneHost + vm(1) + "# a word to myself: " + std::string(600'000, 'x') + "\n";
  apply(text);
  apply(kOneHost + vm(1) + "# shorter\n");
  codec::StoredSpec stored;
  ASSERT_TRUE(daemon_.runtime->see([&](const auto& sight) { stored = sight.store.stored(); }));
  EXPECT_EQ(stored.document->text, kOneHost + vm(1) + "# shorter\n");
  EXPECT_EQ(stored.document->domains.at("web1.xml"), domain_xml(1));
  EXPECT_EQ(stored.chunks.size(), 1u);
}

TEST_F(RuntimeTest, AValueThatDoesNotParseIsAnAlarmAndNothingIsTouched) {
  apply(kOneHost + vm(1) + vm(2));
  ASSERT_TRUE(runs(1));
  ASSERT_TRUE(runs(2));
  const auto done = daemon_.runtime->commit({{}, {port::Put{"/haven/solo/claim/web1", "nonsense", {}}}}, 10s);
  ASSERT_EQ(done.outcome, port::Outcome::committed);
  EXPECT_TRUE(becomes([](const Node& node) {
    const auto report = node.report();
    return !report.alarms.empty() && report.resources[0].condition == ResourceCondition::unreadable;
  }));
  EXPECT_TRUE(std::filesystem::exists(folder_ / ("vms/running/" + uuid_of(1)))) << "left as it is";
  EXPECT_TRUE(runs(2));
}

TEST_F(RuntimeTest, TheSocketIsForRootAndItsGroup) {
  struct stat status {};
  ASSERT_EQ(::stat(daemon_.socket().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0660U);
}

TEST_F(RuntimeTest, AfterItsEndNobodyWaits) {
  daemon_.runtime->ask_shutdown(ShutdownKind::restart);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (daemon_.runtime->see([](const auto&) {}, 1s) && std::chrono::steady_clock::now() < deadline) {
  }
  const auto began = std::chrono::steady_clock::now();
  EXPECT_FALSE(daemon_.runtime->see([](const auto&) {}));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 1s) << "refused at once";
}

TEST_F(RuntimeTest, RequestsOfAnyKindAreAnswered) {
  for (const std::string body :
       {"", "null", "[]", "{}", "{\"file_name\":1}", "{\"file_name\":\"a\",\"text\":\"b\",\"seen\":\"c\"}",
        "{\"file_name\":\"a\",\"text\":\"\xff\",\"domains\":[]}", "{\"verb\":\"explode\"}"}) {
    for (const auto& answer : {daemon_.service->apply(body, "root"), daemon_.service->operate(body, "root")}) {
      EXPECT_EQ(answer.code, daemon::Code::bad_request) << body;
      EXPECT_TRUE(nlohmann::json::parse(answer.body).contains("error")) << answer.body;
    }
  }
  EXPECT_EQ(daemon_.service->journal({{"wait_s", "soon"}}).code, daemon::Code::bad_request);
  EXPECT_EQ(daemon_.service->domain({}).code, daemon::Code::bad_request);
}

}  // namespace
}  // namespace haven::test

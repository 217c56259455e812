// What can run where: a havend tells of its own host, and answers whoever is about to apply a file.
#include "daemon/fitness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <nlohmann/json.hpp>

#include "daemon/cluster_text.hpp"
#include "daemon/daemon.hpp"

namespace haven::test {
namespace {

using daemon::FitAnswers;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Resource guest(const std::string& name) {
  Resource r;
  r.name = ResourceName(name);
  return r;
}

Spec hosts_and_guests(const std::vector<std::string>& hosts, std::vector<Resource> guests) {
  Spec spec;
  for (const auto& name : hosts) {
    spec.hosts.emplace_back();
    spec.hosts.back().name = HostName(name);
  }
  spec.resources = std::move(guests);
  return spec;
}

FitAnswers answers(const std::map<std::string, std::vector<Unfit>>& by_host) {
  FitAnswers out;
  for (const auto& [host, unfit] : by_host) out.by_host[HostName(host)] = FitRecord{{}, {}, "q", unfit};
  return out;
}

Unfit unfit(const std::string& resource, const std::string& why, bool state = false) {
  return {ResourceName(resource), why, state};
}

TEST(JudgeFitness, AHostIsOutForTheOneThatItCannotRun) {
  const auto judged = judge_fitness(hosts_and_guests({"h1", "h2"}, {guest("a"), guest("b")}),
                                    answers({{"h1", {}}, {"h2", {unfit("a", "there is no network net0")}}}));
  EXPECT_THAT(judged.nowhere, IsEmpty());
  EXPECT_THAT(judged.warnings, ElementsAre("h2 is out for a: there is no network net0"));
}

TEST(JudgeFitness, WhereNoHostIsLeftEachHasItsReason) {
  auto a = guest("a");
  a.hosts.never = {HostName("h3")};
  const auto judged =
      judge_fitness(hosts_and_guests({"h1", "h2", "h3"}, {a}),
                    answers({{"h1", {unfit("a", "no net0")}}, {"h2", {unfit("a", "no pool")}}, {"h3", {}}}));
  EXPECT_THAT(judged.nowhere, ElementsAre("a can run on no host: h1: no net0; h2: no pool"));
  a.state = DesiredState::stopped;
  EXPECT_THAT(judge_fitness(hosts_and_guests({"h1"}, {a}), answers({{"h1", {unfit("a", "no net0")}}})).nowhere,
              IsEmpty());
}

TEST(JudgeFitness, WhoSaysNothingMayBeFit) {
  auto silent = answers({{"h1", {unfit("a", "no net0")}}});
  silent.silent = {HostName("h2")};
  const auto judged = judge_fitness(hosts_and_guests({"h1", "h2"}, {guest("a")}), silent);
  EXPECT_THAT(judged.nowhere, IsEmpty());
  EXPECT_THAT(judged.warnings, ElementsAre(HasSubstr("h1 is out for a"), HasSubstr("h2 did not say in time")));
}

TEST(JudgeFitness, StateThatNobodyHasYetIsNoObstacle) {
  const auto spec = hosts_and_guests({"h1", "h2"}, {guest("a")});
  const auto nobody = answers({{"h1", {unfit("a", "no variables", true)}}, {"h2", {unfit("a", "no variables", true)}}});
  EXPECT_THAT(judge_fitness(spec, nobody).nowhere, IsEmpty());
  EXPECT_THAT(judge_fitness(spec, nobody).warnings, IsEmpty());
  const auto one = answers({{"h1", {}}, {"h2", {unfit("a", "no variables", true)}}});
  EXPECT_THAT(judge_fitness(spec, one).warnings, ElementsAre("h2 is out for a: no variables"));
}

TEST(NeedsOf, AreGroupedAndLeaveStateOutWhereThereIsOneHost) {
  auto a = guest("a");
  a.xml = domain_xml(1);
  auto b = guest("b");
  b.xml = domain_xml(2, "/srv/b.raw");
  const auto needs = daemon::needs_of({a, b}, true);
  ASSERT_EQ(needs.size(), 2U);
  EXPECT_THAT(needs[0].resources, ElementsAre(a.name, b.name));
  EXPECT_EQ(needs[1].name, "/srv/b.raw");
  a.xml.replace(a.xml.find("<type>"), 6, "<nvram>/srv/a.fd</nvram><type>");
  EXPECT_EQ(daemon::needs_of({a}, true).size(), 2U);
  EXPECT_EQ(daemon::needs_of({a}, false).size(), 1U);
}

class FitnessTest : public testing::Test {
 protected:
  FitnessTest() {
    for (int n = 1; n <= 2; ++n) write_text(folder_ / ("web" + std::to_string(n) + ".xml"), domain_xml(n));
  }
  daemon::Answer apply(const std::string& text) {
    nlohmann::json request{{"file_name", folder_ / "c.toml"}, {"text", text}, {"domains", nlohmann::json::object()}};
    for (int n = 1; n <= 2; ++n) request["domains"][folder_ / ("web" + std::to_string(n) + ".xml")] = domain_xml(n);
    return daemon_.service->apply(request.dump(), "root");
  }
  template <class Holds>
  bool becomes(Holds holds) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    std::uint64_t news = 0;
    while (std::chrono::steady_clock::now() < deadline) {
      bool held = false;
      (void)daemon_.runtime->see([&](const daemon::Runtime::Sight& sight) {
        const auto fit = sight.node.view().fits.find(HostName("h1"));
        held = fit != sight.node.view().fits.end() && holds(fit->second.value);
      });
      if (held) return true;
      news = daemon_.runtime->wait_news(news, 1s);
    }
    return false;
  }
  // What this host lacks: `missing` for web2.
  daemon::Lacking lacking() {
    return [this](const std::vector<Need>& needs) -> tl::expected<std::vector<Unfit>, std::string> {
      const std::lock_guard lock(mutex_);
      std::vector<Unfit> out;
      for (const Need& need : needs)
        for (const ResourceName& name : need.resources)
          if (name == ResourceName("web2") && !missing_.empty()) out.push_back({name, missing_, false});
      return out;
    };
  }
  void miss(const std::string& what) {
    const std::lock_guard lock(mutex_);
    missing_ = what;
  }

  TemporaryFolder folder_;
  RunningDaemon daemon_{folder_.path()};
  std::mutex mutex_;
  std::string missing_;
};

TEST_F(FitnessTest, AHostTellsWhatItLacksAndAnswersBeforeAFileIsStored) {
  ASSERT_EQ(apply(kOneHost + vm(1)).code, daemon::Code::ok);
  const daemon::Fitness fitness(*daemon_.runtime, HostName("h1"), *daemon::incarnation(daemon_.run_dir()), lacking());
  ASSERT_TRUE(becomes([](const FitRecord& fit) { return fit.unfit.empty(); }));
  miss("there is no network net0");
  const auto refused = apply(kOneHost + vm(1) + vm(2));
  EXPECT_EQ(refused.code, daemon::Code::refused);
  EXPECT_THAT(refused.body, HasSubstr("web2 can run on no host: h1: there is no network net0"));
  miss("");
  EXPECT_EQ(apply(kOneHost + vm(1) + vm(2)).code, daemon::Code::ok);
  EXPECT_TRUE(becomes([](const FitRecord& fit) { return !fit.answered.empty() && fit.answer.empty(); }));
}

}  // namespace
}  // namespace haven::test

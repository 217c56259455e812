// Why it is here, why not there, and what its host's death would come to.
#include "core/explain.hpp"

#include <algorithm>

#include "core/bench_node.hpp"

namespace haven {
namespace {
using namespace story;

Spec hosts_of(std::int64_t memory, std::vector<Resource> resources, std::vector<Rule> rules = {}) {
  Spec spec = three_hosts(std::move(resources), std::move(rules));
  for (auto& host : spec.hosts) host.memory = {memory};
  return spec;
}

// All members, and these claims run.
Records running(Spec spec, const std::vector<std::pair<std::string, std::string>>& where) {
  Records records(std::move(spec));
  for (const char* host : {"h1", "h2", "h3"}) records.member(host);
  for (const auto& [resource, host] : where) records.claim(resource, host).run(resource, host, RunState::running);
  return records;
}

std::string fate(const DeathExplained& death, const std::string& resource) {
  for (const auto& one : death.fallen)
    if (one.resource == r(resource)) return one.to ? one.to->str() : "down";
  return "untouched";
}

std::string reason_at(const std::vector<Refusal>& refusals, const std::string& host) {
  for (const auto& refusal : refusals)
    if (refusal.host == h(host)) return refusal.reason;
  return "";
}

TEST(Explain, AnUnknownResourceHasNoExplanation) {
  EXPECT_FALSE(explain(running(three_hosts({}), {}).view(), r("vm1")));
  EXPECT_FALSE(explain(View{}, r("vm1")));
}

TEST(Explain, SaysWhereItWouldBePlacedNowAndThatItStaysAllTheSame) {
  auto vm1 = vm("vm1", 1024);
  vm1.hosts.prefer = {{h("h2")}, {h("h3")}};
  vm1.hosts.never = {h("h1")};
  const auto why = explain(running(three_hosts({vm1}), {{"vm1", "h3"}}).view(), r("vm1"));
  ASSERT_TRUE(why);
  EXPECT_EQ(why->report.host, h("h3"));
  EXPECT_EQ(why->today, h("h2"));
  EXPECT_EQ(why->hosts[0].refusal, "never: vm1 may not run here");
  EXPECT_EQ(why->hosts[1].remark, "preferred, 1st; the best of all that are left");
  EXPECT_TRUE(why->hosts[2].holds);
  EXPECT_EQ(why->hosts[2].remark, "preferred, 2nd");
}

TEST(Explain, AHostsDeathIsPackedByImportanceOnWhatIsLeft) {
  const auto view =
      running(hosts_of(4096, {vm("small", 1024), vm("big", 3072, 1, 200), vm("other", 3072), vm("third", 2048)}),
              {{"small", "h1"}, {"big", "h1"}, {"other", "h2"}, {"third", "h3"}})
          .view();
  const auto why = explain(view, r("small"));
  ASSERT_TRUE(why && why->death);
  ASSERT_EQ(why->death->fallen.size(), 2U);
  EXPECT_EQ(why->death->fallen[0].resource, r("big")) << "the more important one first";
  EXPECT_EQ(fate(*why->death, "big"), "down") << "3072 MiB are free nowhere";
  EXPECT_EQ(fate(*why->death, "small"), "h3");
  EXPECT_EQ(fate(*why->death, "other"), "untouched");
  const auto& big = why->death->fallen[0].refusals;
  EXPECT_EQ(reason_at(big, "h1"), "has died");
  EXPECT_EQ(reason_at(big, "h2"), "memory: needs 3072 MiB, 1024 MiB free");
  EXPECT_NE(why->death->fallen[0].remedy.find("would do"), std::string::npos) << why->death->fallen[0].remedy;
}

TEST(Explain, WhoHasToStopForWhatFellIsNamed) {
  auto spec = hosts_of(4096, {vm("big", 3072, 1, 900), vm("lesser", 3072, 1, 100), vm("other", 3072, 1, 500)});
  spec.resources[0].preempt = true;
  const auto view = running(spec, {{"big", "h1"}, {"lesser", "h2"}, {"other", "h3"}}).view();
  const auto death = explain_death(view, *view.spec()->host(h("h1")));
  ASSERT_EQ(death.fallen.size(), 1U);
  EXPECT_EQ(fate(death, "big"), "h2");
  EXPECT_EQ(death.fallen[0].stops, std::vector{r("lesser")});
}

TEST(Explain, AnArrangementOfAllThatFellIsFoundWhereOneAfterTheOtherLeavesSomebodyOut) {
  auto spec = hosts_of(4096, {vm("a", 1024, 1, 900), vm("b", 3072, 1, 800), vm("on2", 1024), vm("on3", 3072)});
  spec.resources[0].hosts.prefer = {{h("h2")}};
  const auto view = running(spec, {{"a", "h1"}, {"b", "h1"}, {"on2", "h2"}, {"on3", "h3"}}).view();
  const auto death = explain_death(view, *view.spec()->host(h("h1")));
  EXPECT_EQ(fate(death, "b"), "h2");
  EXPECT_EQ(fate(death, "a"), "h3");
}

TEST(Explain, NamesByWhatAHostIsProvedDead) {
  auto spec = three_hosts({});
  spec.hosts[1].fence.clear();
  spec.hosts[2].fence.clear();
  auto records = running(spec, {});
  records.put(path::promise(h("h3")), PromiseRecord{boot_of(h("h3")), 30s, 5s, {}});
  const auto view = records.view();
  const auto by_power = explain_death(view, *view.spec()->host(h("h1")));
  EXPECT_TRUE(by_power.proved_by_itself);
  EXPECT_LT(by_power.proved, 5s);
  const auto by_nothing = explain_death(view, *view.spec()->host(h("h2")));
  EXPECT_FALSE(by_nothing.proved_by_itself);
  EXPECT_NE(by_nothing.proof.find("haven fence confirm h2"), std::string::npos);
  const auto by_promise = explain_death(view, *view.spec()->host(h("h3")));
  EXPECT_TRUE(by_promise.proved_by_itself);
  EXPECT_GT(by_promise.proved, 30s);
}

TEST(Explain, WhatDoesNotRunHasItsReasonAndNoHostToDie) {
  const auto why = explain(running(hosts_of(1024, {vm("vm1", 2048)}), {}).view(), r("vm1"));
  ASSERT_TRUE(why);
  EXPECT_FALSE(why->death);
  EXPECT_FALSE(why->today);
  EXPECT_EQ(why->hosts[0].refusal, "memory: needs 2048 MiB, 1024 MiB free");
}

}  // namespace
}  // namespace haven

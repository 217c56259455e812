// What runs on a host besides the resources takes its room; what a host lacks keeps it out.
#include <gmock/gmock.h>

#include "core/bench_node.hpp"
#include "core/recovery/lifecycle.hpp"

namespace haven {
namespace {
using namespace story;

const Footprint kForeign{{2}, {3072}};

Spec tight() {
  Spec spec = three_hosts({vm("vm1", 2048)});
  for (auto& host : spec.hosts) host.memory = {4096};
  return spec;
}

StatusRecord status_with(const std::string& host, Footprint others) {
  StatusRecord status{boot_of(h(host)), {1'000'000}, true, {}, {}, {}};
  status.others = others;
  return status;
}

TEST(Unmanaged, WhatRunsBesidesTakesItsRoom) {
  auto records = Records(tight()).member("h1").member("h2").member("h3");
  records.put(path::status(h("h1")), status_with("h1", kForeign));
  const auto choice = book_view(records.view()).choose(r("vm1"));
  EXPECT_EQ(choice.host, h("h2"));
  ASSERT_EQ(choice.refusals.size(), 1U);
  EXPECT_EQ(choice.refusals[0].reason,
            "memory: needs 2048 MiB, 1024 MiB free; 3072 MiB and 2 vCPU are taken by what Haven does not manage");
}

TEST(Unmanaged, ABootThatIsGoneTakesNothing) {
  auto records = Records(tight()).member("h1").member("h2").member("h3");
  auto status = status_with("h1", kForeign);
  status.incarnation = Incarnation("an-older-boot");
  records.put(path::status(h("h1")), status);
  EXPECT_EQ(book_view(records.view()).choose(r("vm1")).host, h("h1"));
}

TEST(Unmanaged, AHostReportsItWhenItChangesAndOnlyThen) {
  Bench b(three_hosts({}));
  b.boot();
  b.run_for(20s);
  b.forget();
  b.others.insert("a-stranger");
  b.others_take = kForeign;
  b.run_for(20s);
  const auto* status = b.get<StatusRecord>(path::status(kSelf));
  ASSERT_NE(status, nullptr);
  EXPECT_EQ(status->others, kForeign);
  EXPECT_EQ(b.commits("status").size(), 1U);
}

TEST(Unmanaged, TheNextPlacementHeedsWhatWasReportedMeanwhile) {
  auto spec = tight();
  spec.resources[0].state = DesiredState::stopped;
  Bench b(spec);
  b.boot();
  b.run_for(20s);
  b.others.insert("a-stranger");
  b.others_take = kForeign;
  b.run_for(20s);
  ASSERT_EQ(b.get<StatusRecord>(path::status(kSelf))->others, kForeign);
  b.say(OperatorVerb::start, "vm1");
  b.run_for(10s);
  ASSERT_NE(b.claim("vm1"), nullptr);
  EXPECT_EQ(b.claim("vm1")->host, h("h2")) << "h1 would be the first by name";
}

TEST(Unfit, AHostThatLacksSomethingIsOutForThatResource) {
  auto records = Records(tight()).member("h1").member("h2").member("h3");
  records.put(path::fit(h("h1")), FitRecord{boot_of(h("h1")), {{r("vm1"), "there is no network net0", false}}, "", {}});
  const View view = records.view();
  const auto choice = book_view(view).choose(r("vm1"), path_refusals(view, r("vm1")));
  EXPECT_EQ(choice.host, h("h2"));
  ASSERT_EQ(choice.refusals.size(), 1U);
  EXPECT_EQ(choice.refusals[0].reason, "cannot run here: there is no network net0");
}

TEST(Unfit, StateOnADiskBindsItOnlyOnceSomebodyHasIt) {
  const Unfit no_variables{r("vm1"), "its UEFI variables are not here", true};
  auto records = Records(tight()).member("h1").member("h2").member("h3");
  for (const char* host : {"h1", "h2", "h3"})
    records.put(path::fit(h(host)), FitRecord{boot_of(h(host)), {no_variables}, "", {}});
  EXPECT_TRUE(fit_refusals(records.view(), r("vm1")).empty()) << "nobody has it: any host may begin it";
  records.put(path::fit(h("h2")), FitRecord{boot_of(h("h2")), {}, "", {}});
  EXPECT_EQ(fit_refusals(records.view(), r("vm1")).size(), 2U);
}

TEST(Unfit, WhatRunsOnAHostThatBecameUnfitRunsOn) {
  Bench b(tight());
  b.boot();
  b.run_for(10s);
  ASSERT_NE(b.claim("vm1"), nullptr);
  const HostName there = b.claim("vm1")->host;
  b.put(path::fit(there), FitRecord{boot_of(there), {{r("vm1"), "the network net0 is not active", false}}, "", {}});
  b.run_for(5min);
  EXPECT_EQ(b.claim("vm1")->host, there);
  EXPECT_EQ(b.claim("vm1")->generation, Generation{1});
}

}  // namespace
}  // namespace haven

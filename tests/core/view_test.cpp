// What a node knows of the engine: newer revisions win, whoever brings them (R4).
#include "core/model/view.hpp"

#include "core/bench_node.hpp"

namespace haven {
namespace {
using namespace story;

FreezeRecord frozen_by(const std::string& who) { return {who}; }

EngineChanged change(const std::string& path, std::optional<Record> value, std::int64_t mod) {
  return {{{path, std::move(value), {mod}}}, {mod}};
}

Commit write_of(const std::string& path, std::optional<Record> value) {
  Commit commit;
  commit.writes.push_back({path, std::move(value), {}});
  return commit;
}

View listed_at(std::int64_t revision) {
  View view;
  view.take(EngineListed{{}, {revision}});
  return view;
}

TEST(View, KnowsNothingBeforeTheFirstListing) {
  const View view;
  EXPECT_FALSE(view.listed());
  EXPECT_EQ(view.spec(), nullptr);
}

TEST(View, ItsOwnCommitIsKnownAtOnceAndTheWatchThatBringsItChangesNothing) {
  View view = listed_at(10);
  view.take_own(write_of(path::kFreeze, frozen_by("anna")), {12});
  ASSERT_TRUE(view.freeze);
  EXPECT_EQ(view.mod_of(path::kFreeze), Revision{12});
  EXPECT_EQ(view.revision(), Revision{10});
  view.take(change(path::kFreeze, frozen_by("anna"), 12));
  EXPECT_EQ(view.freeze->value.by, "anna");
  EXPECT_EQ(view.revision(), Revision{12});
}

TEST(View, OlderNewsThanItsOwnCommitIsIgnored) {
  View view = listed_at(10);
  view.take_own(write_of(path::kFreeze, frozen_by("anna")), {12});
  view.take(change(path::kFreeze, frozen_by("somebody before"), 11));
  EXPECT_EQ(view.freeze->value.by, "anna");
  view.take(change(path::kFreeze, std::nullopt, 11));
  EXPECT_TRUE(view.freeze);
}

TEST(View, OlderNewsThanItsOwnDeletionRaisesNothingFromTheDead) {
  View view = listed_at(10);
  view.take(change(path::kFreeze, frozen_by("anna"), 11));
  view.take_own(write_of(path::kFreeze, std::nullopt), {14});
  view.take(change(path::kFreeze, frozen_by("somebody before"), 13));
  EXPECT_FALSE(view.freeze);
  EXPECT_EQ(view.mod_of(path::kFreeze), Revision{});
}

TEST(View, WhatWasWrittenAfterItsOwnDeletionCounts) {
  View view = listed_at(10);
  view.take_own(write_of(path::kFreeze, std::nullopt), {14});
  view.take(change(path::kFreeze, frozen_by("bert"), 15));
  ASSERT_TRUE(view.freeze);
  EXPECT_EQ(view.freeze->value.by, "bert");
}

TEST(View, AListingForgetsWhatWasKnownBefore) {
  View view = listed_at(10);
  view.take(change(path::kFreeze, frozen_by("anna"), 11));
  view.take(change(path::member(h("h1")), MemberRecord{}, 12));
  view.take(EngineListed{{{path::member(h("h2")), MemberRecord{}, {20}}}, {20}});
  EXPECT_FALSE(view.freeze);
  EXPECT_EQ(view.members.size(), 1U);
  EXPECT_TRUE(view.members.contains(h("h2")));
  EXPECT_EQ(view.revision(), Revision{20});
}

TEST(View, AnUnreadableValueTakesThePlaceOfWhatWasKnownAndHasARevision) {
  View view = Records(three_hosts({vm("vm1", 1)})).member("h1").claim("vm1", "h1").view();
  const std::string path = path::claim(r("vm1"));
  view.take(change(path, UnreadableRecord{"not JSON"}, 50));
  EXPECT_TRUE(view.unreadable(path));
  EXPECT_FALSE(view.claims.contains(r("vm1")));
  EXPECT_EQ(view.mod_of(path), Revision{50});
  view.take(change(path, ClaimRecord{}, 51));
  EXPECT_FALSE(view.unreadable(path));
  EXPECT_TRUE(view.claims.contains(r("vm1")));
}

TEST(View, FillsInWhatTheFileLeavesOutFromTheMembers) {
  Spec spec = three_hosts({});
  spec.hosts[0].memory = {};
  spec.hosts[0].cpu = {8};
  View view = Records(spec).view();
  const auto edition = view.spec_edition();
  EXPECT_EQ(view.spec()->host(h("h1"))->memory, MiB{0});
  MemberRecord member;
  member.memory = {4096};
  member.cpu = {99};
  view.take(change(path::member(h("h1")), member, 20));
  EXPECT_EQ(view.spec()->host(h("h1"))->memory, MiB{4096});
  EXPECT_EQ(view.spec()->host(h("h1"))->cpu, Vcpu{8});
  EXPECT_NE(view.spec_edition(), edition);
}

TEST(View, TheSameFileAgainIsNoNewEdition) {
  View view = Records(three_hosts({vm("vm1", 1)})).view();
  const auto edition = view.spec_edition();
  view.take(change(path::kSpec, SpecRecord{std::make_shared<const Spec>(three_hosts({vm("vm1", 1)}))}, 30));
  EXPECT_EQ(view.spec_edition(), edition);
  EXPECT_EQ(view.mod_of(path::kSpec), Revision{30});
}

TEST(View, AClaimLeavesAnIncarnationByItsOwnReleaseOrByProofOnly) {
  const auto closed = [](const Records& records) { return claim_closed(records.view(), r("vm1")); };
  const Spec spec = three_hosts({vm("vm1", 1)});
  EXPECT_TRUE(closed(Records(spec)));
  EXPECT_FALSE(closed(Records(spec).claim("vm1", "h2")));
  EXPECT_FALSE(closed(Records(spec).claim("vm1", "h2").run("vm1", "h2", RunState::starting)));
  EXPECT_FALSE(closed(Records(spec).claim("vm1", "h2").run("vm1", "h2", RunState::running)));
  EXPECT_TRUE(closed(Records(spec).claim("vm1", "h2").run("vm1", "h2", RunState::released)));
  EXPECT_TRUE(closed(Records(spec).claim("vm1", "h2", ClaimOrder::let_go)));
  // A lost lease, an intent, agents that failed: nothing of that frees it.
  for (const FenceState state : {FenceState::intent, FenceState::shooting, FenceState::failed, FenceState::proved}) {
    FenceRecord fence;
    fence.state = state;
    const Records records =
        Records(spec).lost("h2").claim("vm1", "h2").put(path::fence(h("h2"), boot_of(h("h2"))), fence);
    EXPECT_EQ(closed(records), state == FenceState::proved);
  }
}

TEST(View, AReleaseOfAnotherGenerationHostOrBootReleasesNothing) {
  RunRecord run;
  run.host = h("h2");
  run.incarnation = boot_of(h("h2"));
  run.generation = {1};
  run.state = RunState::released;
  const auto closed = [&](const RunRecord& record) {
    return claim_closed(Records(three_hosts({vm("vm1", 1)})).claim("vm1", "h2").put(path::run(r("vm1")), record).view(),
                        r("vm1"));
  };
  EXPECT_TRUE(closed(run));
  RunRecord other = run;
  other.generation = {2};
  EXPECT_FALSE(closed(other));
  other = run;
  other.host = h("h3");
  EXPECT_FALSE(closed(other));
  other = run;
  other.incarnation = Incarnation("another-boot");
  EXPECT_FALSE(closed(other));
}

TEST(View, ReportsMustBeAboutTheLastClaimThatWasLetGo) {
  Records records(three_hosts({vm("vm1", 1)}));
  const Revision spec = report_basis(records.view());
  EXPECT_EQ(spec, Revision{1});
  records.claim("vm1", "h2");
  EXPECT_EQ(report_basis(records.view()), spec);
  records.claim("vm1", "h2", ClaimOrder::let_go);
  EXPECT_EQ(report_basis(records.view()), Revision{3});
}

}  // namespace
}  // namespace haven

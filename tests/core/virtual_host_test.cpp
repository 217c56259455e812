// A virtual host is fenced by its hypervisor hosts (F3), seen from both sides.
#include "core/court.hpp"
#include "core/liveness/guard.hpp"
#include "core/liveness/hypervisors.hpp"

namespace haven {
namespace {
using namespace story;

const std::string kUuid = "domain-of-v1";

// Physical h1 and h2, and v1 on h2.
Spec with_virtual(std::vector<Resource> resources = {}) {
  Spec spec = three_hosts(std::move(resources));
  spec.hosts[2].name = h("v1");
  spec.hosts[2].runs_on = "h2";
  spec.hosts[2].fence.clear();
  return spec;
}

StatusRecord report_of(const std::string& host, bool holds, std::vector<KeptAway> kept = {}) {
  StatusRecord status{boot_of(h(host)), {1'000'000}, true, {}, {}, {}, {}, std::move(kept)};
  if (holds) status.holds = {{h("v1"), kUuid}};
  return status;
}

struct Hypervisors : Court {
  explicit Hypervisors(Spec spec = with_virtual()) : Court(std::move(spec)) {
    lazy.insert(h("h2"));  // its reports are the story's
    put(path::machine(h("v1")), MachineRecord{machine_of(h("v1")), kUuid});
    settle();
  }
  Revision shot() { return mod(path::fence(h("v1"), boot_of(h("v1")))); }
  void h2_reports(std::vector<KeptAway> kept) {
    put(path::status(h("h2")), report_of("h2", kept.empty(), std::move(kept)));
    settle();
  }
  std::optional<FenceState> v1() const {
    const FenceRecord* record = fence("v1");
    return record == nullptr ? std::nullopt : std::optional(record->state);
  }
};

TEST(VirtualHost, IsProvedOnceEveryHypervisorKeepsItAway) {
  Hypervisors b;
  b.run_for(kAllowedStartAppears);
  b.die("v1");
  b.run_for(2s);
  ASSERT_EQ(b.v1(), FenceState::shooting);
  EXPECT_TRUE(b.did<RunAgent>().empty()) << "no agent has anything to do with it";
  b.h2_reports({{h("v1"), boot_of(h("v1")), b.shot()}});
  EXPECT_EQ(b.v1(), FenceState::proved);
  EXPECT_EQ(b.fence("v1")->level, 1);
}

TEST(VirtualHost, AWordAboutAnEarlierRecordProvesNothing) {
  Hypervisors b;
  b.run_for(kAllowedStartAppears);
  b.die("v1");
  b.run_for(kGrace / 2);
  const Revision intent = b.shot();
  b.run_for(2s);
  b.h2_reports({{h("v1"), boot_of(h("v1")), intent}});
  b.run_for(1s);
  EXPECT_EQ(b.v1(), FenceState::shooting);
}

TEST(VirtualHost, WithoutAWordFromAHypervisorThatMayHoldItItFailsAndIsTriedAgain) {
  Hypervisors b;
  b.run_for(kAllowedStartAppears);
  b.die("v1");
  b.run_for(kDestroyPatience + 3s);
  EXPECT_EQ(b.v1(), FenceState::failed);
  b.run_for(kFenceRetry);
  EXPECT_EQ(b.v1(), FenceState::shooting);
}

TEST(VirtualHost, AHypervisorThatIsProvedDeadHoldsNothing) {
  Hypervisors b;
  b.run_for(kAllowedStartAppears);
  b.die("h2");
  b.die("v1");
  b.run_for(20s);
  EXPECT_EQ(b.state(), FenceState::proved);
  EXPECT_EQ(b.v1(), FenceState::proved);
}

TEST(VirtualHost, WithoutAKnownDomainItsAbsenceProvesNothing) {
  Hypervisors b;
  b.put(path::machine(h("v1")), MachineRecord{machine_of(h("v1")), ""});
  b.run_for(kAllowedStartAppears);
  b.die("v1");
  b.run_for(2s);
  b.h2_reports({{h("v1"), boot_of(h("v1")), b.shot()}});
  b.run_for(1s);
  EXPECT_NE(b.v1(), FenceState::proved);
}

TEST(VirtualHost, IsNeverProvedDeadByItsReturn) {
  Hypervisors b(with_virtual({vm("vm1", 1024)}));
  b.running_on("v1", "vm1");
  b.settle();
  b.die("v1");
  b.run_for(100ms);
  b.join("v1", Incarnation("second-boot-of-v1"));
  b.run_for(10s);
  EXPECT_FALSE(proved_dead(b.node->view(), h("v1"), boot_of(h("v1"))));
  EXPECT_EQ(b.claim("vm1")->incarnation, boot_of(h("v1")));
}

TEST(VirtualHost, ItsDomainIsRecordedFromTheWordOfItsHypervisor) {
  Hypervisors b;
  b.put(path::machine(h("v1")), MachineRecord{machine_of(h("v1")), ""});
  b.h2_reports({});
  b.run_for(1s);
  EXPECT_EQ(domain_uuid(b.node->view(), h("v1")), kUuid);
}

// ---- on the hypervisor: h1 holds v1 ----

struct Holder : Bench {
  Holder() : Bench(on_h1()) {
    put(path::machine(h("v1")), MachineRecord{machine_of(h("v1")), kUuid});
    others = {kUuid, "somebody-else"};
    lead("h2");
    boot();
    run_for(kAllowedStartAppears + 1s);
    forget();
  }
  static Spec on_h1() {
    Spec spec = with_virtual();
    spec.hosts[2].runs_on = "h1";
    return spec;
  }
  void accuse(FenceState state) {
    put(path::fence(h("v1"), boot_of(h("v1"))), intent_of("reign-of-h2", state));
    settle();
  }
  std::vector<KeptAway> kept() const { return get<StatusRecord>(path::status(kSelf))->kept_away; }
  bool lets_in(const std::string& uuid) {
    const CallId question{77};
    tell(HookAsked{question, {}, true, uuid});
    return hook_answers.at(question).allow;
  }
};

TEST(VirtualHost, ItsHypervisorReportsThatItHoldsIt) {
  Holder b;
  const auto* status = b.get<StatusRecord>(path::status(kSelf));
  ASSERT_NE(status, nullptr);
  EXPECT_EQ(status->holds, (std::vector<HeldHost>{{h("v1"), kUuid}}));
}

TEST(VirtualHost, NothingIsEndedDuringTheGraceButNothingComesInEither) {
  Holder b;
  EXPECT_TRUE(b.lets_in(kUuid));
  b.accuse(FenceState::intent);
  EXPECT_TRUE(b.did<EndVirtualHost>().empty());
  EXPECT_FALSE(b.lets_in(kUuid));
  EXPECT_TRUE(b.lets_in("somebody-else"));
  ASSERT_FALSE(b.did<PublishProtected>().empty());
  EXPECT_EQ(b.did<PublishProtected>().back().uuids, (std::vector<std::string>{kUuid}));
}

TEST(VirtualHost, OnceShotItsDomainIsEndedLookedForAndSaidToBeGone) {
  Holder b;
  b.accuse(FenceState::shooting);
  b.run_for(1s);
  ASSERT_EQ(b.did<EndVirtualHost>().size(), 1U);
  EXPECT_EQ(b.did<EndVirtualHost>()[0].uuid, kUuid);
  EXPECT_EQ(b.others, (std::set<std::string>{"somebody-else"}));
  ASSERT_EQ(b.kept().size(), 1U);
  EXPECT_EQ(b.kept()[0].fence, b.mod(path::fence(h("v1"), boot_of(h("v1")))));
}

TEST(VirtualHost, WhatLibvirtDoesNotEndIsKilledByPidAndNotSaidToBeGone) {
  Holder b;
  b.immortal = true;
  b.accuse(FenceState::shooting);
  b.run_for(20s);
  const auto ends = b.did<EndVirtualHost>();
  ASSERT_GE(ends.size(), 2U);
  EXPECT_FALSE(ends[0].by_pid);
  EXPECT_TRUE(ends[1].by_pid);
  EXPECT_TRUE(b.kept().empty());
}

TEST(VirtualHost, WhileLibvirtDoesNotAnswerNothingIsSaid) {
  Holder b;
  b.libvirt = false;
  b.accuse(FenceState::shooting);
  b.run_for(20s);
  EXPECT_TRUE(b.kept().empty());
}

TEST(VirtualHost, AStartThatWasAllowedJustBeforeIsWaitedFor) {
  Holder b;
  b.others.erase(kUuid);
  b.run_for(10s);
  EXPECT_TRUE(b.lets_in(kUuid));
  b.run_for(1s);
  b.accuse(FenceState::shooting);
  b.run_for(5s);
  EXPECT_TRUE(b.kept().empty()) << "it may be on its way";
  b.run_for(kAllowedStartAppears);
  EXPECT_EQ(b.kept().size(), 1U);
}

TEST(VirtualHost, AWithdrawnIntentLetsItInAgain) {
  Holder b;
  b.accuse(FenceState::intent);
  EXPECT_FALSE(b.lets_in(kUuid));
  b.erase(path::fence(h("v1"), boot_of(h("v1"))));
  b.settle();
  EXPECT_TRUE(b.lets_in(kUuid));
  EXPECT_TRUE(b.did<PublishProtected>().back().uuids.empty());
}

}  // namespace
}  // namespace haven

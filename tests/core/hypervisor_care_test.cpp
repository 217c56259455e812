// Stories about a libvirtd that does not answer: no VM is dead for it, and its service is restarted without haste.
#include "core/recovery/hypervisor_care.hpp"

#include "core/court.hpp"
#include "core/servant.hpp"

namespace haven::story {
namespace {

TEST(HypervisorCare, ItsServiceIsRestartedOnlyAfterAWhile) {
  Servant b;
  b.started();
  b.libvirt = false;
  b.tell(HypervisorLost{"gone"});
  b.run_for(kHypervisorPatience - 1s);
  EXPECT_TRUE(b.did<RestartHypervisor>().empty());
  b.run_for(10s);
  EXPECT_EQ(b.did<RestartHypervisor>().size(), 1U);
}

TEST(HypervisorCare, ARestartThatDoesNotHelpIsRepeatedEverMoreSeldom) {
  Servant b;
  b.started();
  b.libvirt = false;
  b.run_for(kInspectInterval + kHypervisorPatience + 1s);
  EXPECT_EQ(b.did<RestartHypervisor>().size(), 1U);
  b.run_for(2 * kHypervisorPatience - 10s);
  EXPECT_EQ(b.did<RestartHypervisor>().size(), 1U);
  b.run_for(20s);
  EXPECT_EQ(b.did<RestartHypervisor>().size(), 2U);
  b.run_for(4 * kHypervisorPatience - 20s);
  EXPECT_EQ(b.did<RestartHypervisor>().size(), 2U);
  b.run_for(30s);
  EXPECT_EQ(b.did<RestartHypervisor>().size(), 3U);
}

TEST(HypervisorCare, TheVmsAreNeitherReleasedNorStartedNorStopped) {
  Servant b;
  b.started();
  b.processes = {r("vm1")};
  b.libvirt = false;
  b.run_for(1h);
  EXPECT_FALSE(b.releases());
  EXPECT_TRUE(b.did<StartDomain>().empty());
  EXPECT_TRUE(b.did<DestroyDomain>().empty());
  EXPECT_TRUE(b.did<KillDomain>().empty());
  EXPECT_EQ(b.run("vm1")->state, RunState::running);
}

TEST(HypervisorCare, AVmWhoseProcessIsGoneIsSaidAndNothingIsConcluded) {
  Servant b;
  b.started();
  b.processes = {r("vm1")};
  b.libvirt = false;
  b.run_for(20s);
  const auto tells = [&] {
    for (const auto& problem : b.get<StatusRecord>(path::status(kSelf))->problems)
      if (problem.find("vm1 has no process any more") == 0) return true;
    return false;
  };
  EXPECT_FALSE(tells());
  b.processes.clear();
  b.run_for(20s);
  EXPECT_TRUE(tells());
  EXPECT_FALSE(b.releases());
  b.domains.clear();
  b.libvirt = true;
  b.run_for(20s);
  EXPECT_FALSE(tells());
  EXPECT_EQ(b.did<StartDomain>().size(), 1U);
}

TEST(HypervisorCare, AnAnswerEndsTheWaitAndALongOneForgetsTheRestarts) {
  HypervisorCare care;
  observe_answer(care, false, Instant{0s});
  observe_restart_issued(care, Instant{60s});
  observe_answer(care, true, Instant{70s});
  EXPECT_FALSE(care.silent_since);
  EXPECT_EQ(care.restarts, 1);
  observe_answer(care, true, Instant{70s} + kHypervisorWell);
  EXPECT_EQ(care.restarts, 0);
}

TEST(HypervisorCare, AFrozenClusterAndAFrozenHostAreLeftAlone) {
  for (const FreezeRecord& freeze : {FreezeRecord{"somebody"}, FreezeRecord{"", false, {{kSelf.str(), "somebody"}}}}) {
    Servant b;
    b.started();
    b.put(path::kFreeze, freeze);
    b.libvirt = false;
    b.run_for(10min);
    EXPECT_TRUE(b.did<RestartHypervisor>().empty());
  }
}

TEST(HypervisorCare, WhatElseIsFrozenDoesNotConcernIt) {
  Servant b;
  b.started();
  b.put(path::kFreeze, FreezeRecord{"", false, {{"h2", "somebody"}}});
  b.libvirt = false;
  b.run_for(10min);
  EXPECT_FALSE(b.did<RestartHypervisor>().empty());
}

}  // namespace
}  // namespace haven::story

// An engine that was made anew has a higher epoch; whoever knows of it does not act on what an older one says (E3).
#include "core/reigning.hpp"

namespace haven {
namespace {
using namespace story;

TEST(Epoch, ClaimsAndRegistrationsCarryIt) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.put(path::kEpoch, EpochRecord{{3}});
  b.boot();
  b.run_for(5s);
  EXPECT_EQ(b.get<MemberRecord>(path::member(kSelf))->epoch, Epoch{3});
  EXPECT_EQ(b.claim("vm1")->epoch, Epoch{3});
  EXPECT_TRUE(compares(b.commits("register").front(), path::kEpoch));
}

TEST(Epoch, AnEngineOfThePastIsAsGoodAsOutOfReach) {
  Bench b(three_hosts({vm("vm1", 1)}));
  b.config.epoch = {2};
  b.put(path::kEpoch, EpochRecord{{1}});
  b.boot();
  b.run_for(1min);
  EXPECT_EQ(b.get<MemberRecord>(path::member(kSelf)), nullptr);
  EXPECT_FALSE(b.node->leads());
  EXPECT_EQ(b.claim("vm1"), nullptr);
  b.put(path::kEpoch, EpochRecord{{2}});
  b.run_for(5s);
  EXPECT_TRUE(b.node->leads());
}

TEST(Epoch, NothingIsStartedAgainOnTheWordOfAnEngineOfThePast) {
  Resource vm1 = vm("vm1", 1);
  vm1.hosts.only = {kSelf};
  Reigning b(three_hosts({vm1}));
  b.run_for(10s);
  ASSERT_EQ(b.run("vm1")->state, RunState::running);
  b.config.epoch = {1};
  b.restart_havend();
  b.domains.erase(r("vm1"));
  b.tell(DomainHint{r("vm1"), HintKind::crashed});
  b.forget();
  b.run_for(1min);
  EXPECT_TRUE(b.did<StartDomain>().empty());
}

TEST(Epoch, APeersHeartbeatTellsOfAnEngineMadeAnew) {
  Resource vm1 = vm("vm1", 1);
  vm1.hosts.only = {kSelf};
  Reigning b(three_hosts({vm1}));
  b.run_for(10s);
  PeerHeard peer;
  peer.host = h("h2");
  peer.links = 1;
  peer.of = 1;
  peer.brain.epoch = 1;
  b.tell(PeersHeard{{peer}});
  b.domains.erase(r("vm1"));
  b.tell(DomainHint{r("vm1"), HintKind::crashed});
  b.forget();
  b.run_for(1min);
  EXPECT_TRUE(b.did<StartDomain>().empty());
  EXPECT_TRUE(b.commits("claims").empty());
}

}  // namespace
}  // namespace haven

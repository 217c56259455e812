#include "core/placement/placement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/placement/small_cluster.hpp"

namespace haven {
namespace {

using namespace story;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<HostView> all_joined(const Spec& spec) {
  std::vector<HostView> views;
  for (const auto& h : spec.hosts) views.push_back({h.name, ""});
  return views;
}

// A placement over a spec of its own, spoken to in plain strings.
class Ask {
 public:
  explicit Ask(Spec spec) : spec_(std::move(spec)), placement_(spec_, all_joined(spec_)) {}
  Ask(Spec spec, const std::vector<HostView>& views) : spec_(std::move(spec)), placement_(spec_, views) {}

  Ask& booked(const std::string& resource, const std::string& host) {
    placement_.book(ResourceName(resource), HostName(host));
    return *this;
  }
  Ask& released(const std::string& resource, const std::string& host) {
    placement_.release(ResourceName(resource), HostName(host));
    return *this;
  }
  std::string host_for(const std::string& resource, const std::vector<Refusal>& avoid = {},
                       Occasion occasion = Occasion::start) const {
    const auto choice = placement_.choose(ResourceName(resource), avoid, occasion);
    return choice.host ? choice.host->str() : "none";
  }
  std::vector<std::string> refusals(const std::string& resource, const std::vector<Refusal>& avoid = {}) const {
    std::vector<std::string> words;
    for (const auto& r : placement_.choose(ResourceName(resource), avoid).refusals)
      words.push_back(r.host.str() + ": " + r.reason);
    return words;
  }
  std::vector<std::string> broken(const std::string& resource, const std::string& host) const {
    return placement_.broken_rules(ResourceName(resource), HostName(host));
  }
  std::optional<int> preference(const std::string& resource, const std::string& host) const {
    return placement_.preference(ResourceName(resource), HostName(host));
  }

 private:
  Spec spec_;
  Placement placement_;
};

TEST(Placement, TakesTheHostWithTheMostFreeMemoryThenTheFirstByName) {
  Ask ask(cluster({host("h10", 8192), host("h2", 8192), host("h3", 4096)}, {vm("a", 1024), vm("b", 1024)}));
  EXPECT_EQ(ask.host_for("a"), "h2");
  ask.booked("a", "h2");
  EXPECT_EQ(ask.host_for("b"), "h10");
}

TEST(Placement, SaysInNumbersWhatIsMissing) {
  Ask ask(cluster({host("h1", 4096, 1), host("h2", 1024, 1)}, {vm("a", 3072, 1), vm("b", 2048, 4)}));
  ask.booked("a", "h1");
  EXPECT_THAT(ask.refusals("b"),
              ElementsAre("h1: memory: needs 2048 MiB, 1024 MiB free; cpu: needs 4 vCPU, 3 vCPU free",
                          "h2: memory: needs 2048 MiB, 1024 MiB free"));
}

TEST(Placement, LeavesToTheHostWhatIsKeptForIt) {
  auto spec = cluster({host("h1", 4096)}, {vm("a", 4096)});
  EXPECT_EQ(Ask(spec).host_for("a"), "h1");
  spec.hosts[0].keep_memory = {1};
  EXPECT_THAT(Ask(spec).refusals("a"), ElementsAre("h1: memory: needs 4096 MiB, 4095 MiB free"));
}

TEST(Placement, PromisesVcpusByTheOvercommitRatio) {
  auto spec = cluster({host("h1", 4096, 3)}, {vm("a", 1, 4), vm("b", 1, 3)});
  spec.cluster.cpu_overcommit = 1.1;
  EXPECT_EQ(Ask(spec).host_for("b"), "h1");
  EXPECT_THAT(Ask(spec).refusals("a"), ElementsAre("h1: cpu: needs 4 vCPU, 3 vCPU free"));
}

TEST(Placement, OverbooksMemoryOnlyForARestartAfterALoss) {
  auto spec = cluster({host("h1", 4096)}, {vm("a", 4096), vm("b", 2048)});
  spec.cluster.overbook = 1.5;
  Ask ask(spec);
  ask.booked("a", "h1");
  EXPECT_EQ(ask.host_for("b"), "none");
  EXPECT_EQ(ask.host_for("b", {}, Occasion::recovery), "h1");
}

TEST(Placement, PassesOverHostsThatMayNotTakeAnything) {
  const auto spec = cluster({host("h1", 4096), host("h2", 4096), host("h3", 4096)}, {vm("a", 1024)});
  Ask ask(spec, {{HostName("h1"), "fenced"}, {HostName("h3"), ""}});
  EXPECT_EQ(ask.host_for("a"), "h3");
  EXPECT_THAT(ask.refusals("a"), ElementsAre("h1: fenced", "h2: not joined"));
}

TEST(Placement, NamesTheFirstReasonInItsOrder) {
  auto a = vm("a", 8192);
  a.hosts.never = hosts({"h1", "h2"});
  Ask ask(cluster({host("h1", 1), host("h2", 1), host("h3", 1), host("h4", 1), host("h5", 1)}, {a, vm("b", 1)},
                  {apart({"a", "b"})}),
          {{HostName("h1"), "hung"},
           {HostName("h2"), ""},
           {HostName("h3"), ""},
           {HostName("h4"), ""},
           {HostName("h5"), ""}});
  for (const auto* h : {"h1", "h2", "h3", "h4"}) ask.booked("b", h);
  EXPECT_THAT(
      ask.refusals(
          "a", {{HostName("h1"), "start failed"}, {HostName("h2"), "start failed"}, {HostName("h3"), "start failed"}}),
      ElementsAre("h1: hung", "h2: never: a may not run here", "h3: start failed", "h4: apart: a and b are both on h4",
                  "h5: memory: needs 8192 MiB, 1 MiB free"));
}

TEST(Placement, HoldsOnlyAndNever) {
  auto a = vm("a", 1024);
  a.hosts.only = hosts({"h1", "h2"});
  a.hosts.never = hosts({"h1"});
  Ask ask(cluster({host("h1", 4096), host("h2", 4096), host("h3", 8192)}, {a}));
  EXPECT_EQ(ask.host_for("a"), "h2");
  EXPECT_THAT(ask.refusals("a"), ElementsAre("h1: never: a may not run here", "h3: only: not among its hosts"));
}

TEST(Placement, PrefersTheBestTierThenWithinATieTheFreest) {
  auto a = vm("a", 1024);
  a.hosts.prefer = {hosts({"h1"}), hosts({"h2", "h3"})};
  Ask ask(cluster({host("h1", 2048), host("h2", 4096), host("h3", 8192), host("h4", 65536)}, {a, vm("b", 1536)}));
  EXPECT_EQ(ask.host_for("a"), "h1");
  EXPECT_EQ(ask.preference("a", "h1"), 0);
  EXPECT_EQ(ask.preference("a", "h2"), 1);
  EXPECT_EQ(ask.preference("a", "h4"), 2);
  ask.booked("b", "h1");
  EXPECT_EQ(ask.host_for("a"), "h3");
}

TEST(Placement, HasNoPreferenceWhereItMayNotRun) {
  auto a = vm("a", 1024);
  a.hosts.prefer = {hosts({"h1"})};
  a.hosts.never = hosts({"h1"});
  Ask ask(cluster({host("h1", 2048), host("h2", 2048)}, {a}));
  EXPECT_EQ(ask.preference("a", "h1"), std::nullopt);
  EXPECT_EQ(ask.preference("a", "h2"), 1);
}

TEST(Placement, KeepsApartWhatMustStandApart) {
  Ask ask(
      cluster({host("h1", 65536), host("h2", 4096)}, {vm("web1", 1024), vm("web2", 1024)}, {apart({"web1", "web2"})}));
  ask.booked("web1", "h1");
  EXPECT_EQ(ask.host_for("web2"), "h2");
  EXPECT_THAT(ask.refusals("web2"), ElementsAre("h1: apart: web2 and web1 are both on h1"));
}

TEST(Placement, KeepsApartByRackWhereARackIsTheDomain) {
  Ask ask(cluster({host("h1", 4096, 16, "r1"), host("h2", 65536, 16, "r1"), host("h3", 4096)},
                  {vm("web1", 1024), vm("web2", 1024)}, {apart({"web1", "web2"}, FailureDomain::rack)}));
  ask.booked("web1", "h1");
  EXPECT_EQ(ask.host_for("web2"), "h3");
  EXPECT_THAT(ask.broken("web2", "h2"), ElementsAre("apart: web2 and web1 are both in rack r1"));
}

TEST(Placement, KeepsApartByRoomAndBySite) {
  auto spec = cluster({host("h1", 4096), host("h2", 65536), host("h3", 32768), host("h4", 4096)},
                      {vm("web1", 1024), vm("web2", 1024)}, {apart({"web1", "web2"}, FailureDomain::room)});
  for (const std::size_t i : {0, 1}) spec.hosts[i].room = "u1";
  for (const std::size_t i : {0, 1, 2}) spec.hosts[i].site = "hq";
  EXPECT_EQ(Ask(spec).booked("web1", "h1").host_for("web2"), "h3");
  spec.rules[0].domain = FailureDomain::site;
  EXPECT_EQ(Ask(spec).booked("web1", "h1").host_for("web2"), "h4");
}

TEST(Placement, AVirtualHostIsNoOtherThanItsPhysicalMachine) {
  auto spec = cluster({host("h1", 4096, 16, "r1"), host("v1", 65536, 16), host("v2", 32768), host("v3", 16384)},
                      {vm("web1", 1024), vm("web2", 1024)}, {apart({"web1", "web2"})});
  spec.hosts[1].runs_on = "h1";
  for (const std::size_t i : {2, 3}) spec.hosts[i].runs_on = "blade7";  // in no rack, as far as the file tells
  EXPECT_EQ(Ask(spec).booked("web1", "h1").host_for("web2"), "v2") << "v1 dies with h1";
  EXPECT_EQ(Ask(spec).booked("web1", "v2").host_for("web2"), "v1") << "v3 is on the same blade";
  spec.rules[0].domain = FailureDomain::rack;
  EXPECT_EQ(Ask(spec).booked("web1", "v2").host_for("web2"), "v1") << "and in the same rack, whichever it is";
}

TEST(Placement, TellsOfAChosenOneTheReasonsOfTheFirstHostsOnly) {
  std::vector<Host> many;
  for (int i = 1; i <= 100; ++i) many.push_back(host("h" + std::to_string(i), i == 100 ? 4096 : 512));
  Ask ask(cluster(many, {vm("a", 1024), vm("b", 8192)}));
  EXPECT_EQ(ask.host_for("a"), "h100");
  EXPECT_EQ(ask.refusals("a").size(), kRefusalsOfTheChosen);
  EXPECT_EQ(ask.refusals("b").size(), 100u) << "nobody took it: all are asked why";
}

TEST(Placement, SaysWhatWouldLetItRun) {
  auto spec = cluster({host("h1", 4096), host("h2", 2048, 2), host("h3", 1024)}, {vm("a", 4096, 4), vm("b", 512)});
  spec.cluster.cpu_overcommit = 1.0;
  Placement placement(spec, {{HostName("h1"), "is down, proved"}, {HostName("h2"), ""}, {HostName("h3"), ""}});
  EXPECT_EQ(placement.remedy(ResourceName("a"), {}, Occasion::start),
            "2048 MiB and 2 vCPU more on h2, or h1 in service again would do");
  spec.resources[0].hosts.only = hosts({"h1"});
  EXPECT_EQ(placement.remedy(ResourceName("a"), {}, Occasion::start), "h1 in service again would do");
  EXPECT_EQ(placement.remedy(ResourceName("a"), {{HostName("h1"), "it failed there"}}, Occasion::start), "");
}

TEST(Placement, BreaksAPreferenceRatherThanStayingDownButRanksPreferHigher) {
  auto spec = cluster({host("h1", 65536), host("h2", 2048)}, {vm("web1", 1024), vm("web2", 1024)},
                      {preferably(apart({"web1", "web2"}))});
  EXPECT_EQ(Ask(spec).booked("web1", "h1").host_for("web2"), "h2");
  EXPECT_THAT(Ask(spec).booked("web1", "h1").broken("web2", "h1"), IsEmpty());
  spec.resources[1].hosts.prefer = {hosts({"h1"})};
  EXPECT_EQ(Ask(spec).booked("web1", "h1").host_for("web2"), "h1");
  spec.resources[1].hosts = {hosts({"h1"}), {}, {}};
  EXPECT_EQ(Ask(spec).booked("web1", "h1").host_for("web2"), "h1");
}

TEST(Placement, SpreadsTheInstancesOfATemplate) {
  Ask ask(cluster({host("h1", 65536), host("h2", 4096)}, {vm("web#1", 1024), vm("web#2", 1024), vm("webb", 1024)}));
  ask.booked("web#1", "h1");
  EXPECT_EQ(ask.host_for("web#2"), "h2");
  EXPECT_EQ(ask.host_for("webb"), "h1");
}

TEST(Placement, JoinsTheSetThatAlreadyRuns) {
  Ask ask(cluster({host("h1", 2048), host("h2", 65536)}, {vm("app", 1024), vm("db", 1024)}, {together({"app", "db"})}));
  ask.booked("db", "h1");
  EXPECT_EQ(ask.host_for("app"), "h1");
  EXPECT_THAT(ask.refusals("app"), ElementsAre("h2: together: app is on h2, db is on h1"));
}

TEST(Placement, OpensATogetherSetOnlyWhereAllOfItFits) {
  auto spec = cluster({host("h1", 4096), host("h2", 3072)}, {vm("app", 1024), vm("db", 2048), vm("x", 1536)},
                      {together({"app", "db"})});
  Ask ask(spec);
  ask.booked("x", "h1");
  EXPECT_EQ(ask.host_for("app"), "h2");
  EXPECT_THAT(
      ask.refusals("app"),
      ElementsAre("h1: together: app and db do not all fit with app here: they need 3072 MiB and 2 vCPU in all, "
                  "2560 MiB and 63 vCPU are free on h1"));
  spec.resources[1].state = DesiredState::stopped;
  spec.hosts[1].memory = {1024};
  EXPECT_EQ(Ask(spec).booked("x", "h1").host_for("app"), "h1") << "what is not started needs no room";
}

TEST(Placement, OpensATogetherSetInARackWhereItsMembersCanStandAsTheirRulesSay) {
  // Each pair must share a rack and not a host: rack r1 has the memory, but on one host only.
  Ask ask(cluster(
      {host("h1", 65536, 16, "r1"), host("h2", 512, 16, "r1"), host("h3", 2048, 16, "r2"), host("h4", 2048, 16, "r2")},
      {vm("db1", 1024), vm("db2", 1024)}, {together({"db1", "db2"}, FailureDomain::rack), apart({"db1", "db2"})}));
  EXPECT_EQ(ask.host_for("db1"), "h3");
  ask.booked("db1", "h3");
  EXPECT_EQ(ask.host_for("db2"), "h4");
}

TEST(Placement, LeavesRoomForTheRestOfASetThatRuns) {
  // big must still find a host in r1: small goes to the fuller one.
  Ask ask(cluster({host("h1", 4096, 16, "r1"), host("h2", 2048, 16, "r1"), host("h3", 512, 16, "r1")},
                  {vm("first", 512), vm("small", 1024), vm("big", 4096)},
                  {together({"first", "small", "big"}, FailureDomain::rack)}));
  ask.booked("first", "h3");
  EXPECT_EQ(ask.host_for("small"), "h2");
}

TEST(Placement, LetsTheRestOfASetFollowWhoMoves) {
  Ask ask(cluster({host("h1", 1024), host("h2", 4096)}, {vm("app", 1024), vm("db", 1024)}, {together({"app", "db"})}));
  ask.booked("app", "h1");
  EXPECT_EQ(ask.host_for("app"), "h2") << "db has no room on h1";
}

TEST(Placement, RefusesEverywhereWhileASetStandsInTwoPlaces) {
  Ask ask(
      cluster({host("h1", 4096), host("h2", 4096)}, {vm("a", 1), vm("b", 1), vm("c", 1)}, {together({"a", "b", "c"})}));
  ask.booked("a", "h1").booked("b", "h2");
  EXPECT_THAT(ask.refusals("c"),
              ElementsAre("h1: together: c is on h1, b is on h2", "h2: together: c is on h2, a is on h1"));
  EXPECT_THAT(ask.broken("a", "h1"), ElementsAre("together: a is on h1, b is on h2"));
  EXPECT_THAT(ask.broken("a", "h2"), IsEmpty()) << "itself not counted";
}

TEST(Placement, DoesNotCountAgainstAResourceWhatItUsesItself) {
  Ask ask(cluster({host("h1", 4096), host("h2", 4096)}, {vm("a", 3072), vm("b", 3072)}));
  ask.booked("a", "h1");
  EXPECT_EQ(ask.host_for("a"), "h1");
  EXPECT_EQ(ask.host_for("b"), "h2");
}

TEST(Placement, CountsEveryBookingUntilItIsReleased) {
  Ask ask(cluster({host("h1", 4096), host("h2", 4096)}, {vm("a", 3072), vm("b", 3072)}));
  ask.booked("a", "h1").booked("a", "h2");
  EXPECT_EQ(ask.host_for("b"), "none");
  ask.released("a", "h1").released("a", "h1");
  EXPECT_EQ(ask.host_for("b"), "h1");
}

TEST(Placement, GivesWhatNeedsNothingAPlaceOnAnOverfullHost) {
  Ask ask(cluster({host("h1", 1024)}, {vm("a", 1024), vm("b", 1024), vm("address", 0, 0)}));
  ask.booked("a", "h1").booked("b", "h1");
  EXPECT_EQ(ask.host_for("address"), "h1");
}

TEST(Placement, KnowsNothingOfNamesThatAreNotInTheFile) {
  Ask ask(cluster({host("h1", 1024)}, {vm("a", 1024)}));
  ask.booked("ghost", "h1").booked("a", "h9");
  EXPECT_EQ(ask.host_for("a"), "h1");
  EXPECT_THAT(ask.refusals("ghost"), ElementsAre("h1: ghost is not in the cluster file"));
}

}  // namespace
}  // namespace haven

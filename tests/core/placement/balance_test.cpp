#include "core/placement/balance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "core/placement/small_cluster.hpp"

namespace haven {
namespace {

using story::apart;
using story::cluster;
using story::vm;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kGiB = 1024;

// Hosts of 16 CPUs and 64 GiB that use 1 CPU and 4 GiB themselves; what guests use comes on top.
class Story {
 public:
  explicit Story(const Spec& spec) : spec_(std::make_shared<Spec>(spec)) {
    spec_->cluster.reserve = 0;
    for (const auto& host : spec_->hosts) loads_[host.name] = {host.name, {1000}, {4 * kGiB}, {}, {}, 2min};
  }

  Story& runs(const std::string& guest, const std::string& host, double cpus, std::int64_t memory_mib = 2 * kGiB) {
    const MilliCpu busy{static_cast<std::int64_t>(cpus * 1000)};
    question.standing.push_back({ResourceName(guest), HostName(host)});
    question.guest_loads.push_back({ResourceName(guest), busy, {}, {memory_mib}, 2min});
    loads_[HostName(host)].cpu.count += busy.count;
    loads_[HostName(host)].memory.count += memory_mib;
    return *this;
  }
  HostLoad& load(const std::string& host) { return loads_[HostName(host)]; }
  GuestLoad& guest(const std::string& name) {
    for (auto& load : question.guest_loads)
      if (load.guest.str() == name) return load;
    return question.guest_loads.front();
  }
  Spec& spec() { return *spec_; }

  BalanceAdvice advice() {
    question.roster = std::make_shared<const Roster>(spec_);
    question.hosts.clear();
    question.host_loads.clear();
    for (const auto& host : spec_->hosts) question.hosts.push_back({host.name, out[host.name.str()]});
    for (const auto& [name, load] : loads_) question.host_loads.push_back(load);
    return balance(question);
  }
  std::vector<std::string> moves() {
    std::vector<std::string> words;
    for (const auto& move : advice().moves)
      words.push_back(move.guest.str() + ": " + move.from.str() + " to " + move.to.str());
    return words;
  }

  BalanceQuestion question;
  std::map<std::string, std::string> out;

 private:
  std::shared_ptr<Spec> spec_;
  std::map<HostName, HostLoad> loads_;
};

Host node(const std::string& name) { return story::host(name, 64 * kGiB, 16); }

Spec three_hosts(int guests) {
  std::vector<Resource> vms;
  for (int i = 1; i <= guests; ++i) vms.push_back(vm("web" + std::to_string(i), 4 * kGiB, 4));
  return cluster({node("h1"), node("h2"), node("h3")}, std::move(vms));
}

// h1 has 13 of 16 CPUs busy, the others 5 and 3.
Story uneven() {
  Story s(three_hosts(6));
  s.runs("web1", "h1", 4).runs("web2", "h1", 4).runs("web3", "h1", 3).runs("web4", "h1", 1);
  s.runs("web5", "h2", 4).runs("web6", "h3", 2);
  return s;
}

TEST(Balance, MovesFromABusyHostToTheIdlestOne) {
  auto s = uneven();
  const auto advice = s.advice();
  EXPECT_THAT(s.moves(), ElementsAre("web1: h1 to h3"));
  EXPECT_LT(advice.score_after, advice.score_before);
  EXPECT_THAT(advice.remarks, IsEmpty());
}

TEST(Balance, SaysWhatAMoveIsWorthAndWhatItCosts) {
  auto s = uneven();
  const auto move = s.advice().moves.at(0);
  EXPECT_EQ(move.why,
            "h1 uses 81 % of its CPUs; without web1 (4.0 CPUs, 2048 MiB) 56 % of CPUs and 16 % of memory are used "
            "there, on h3 44 % and 13 %; copying takes some 18.6 s; worth 57.4, costs 2.5 (seconds of a full host)");
  EXPECT_NEAR(move.worth, move.gain * 300, 0.001);
  EXPECT_GT(move.worth, move.cost);
  EXPECT_EQ(move.copying / 1s, 18);
}

TEST(Balance, LeavesAloneWhatIsNotUnevenEnough) {
  Story s(three_hosts(4));
  s.runs("web1", "h1", 4).runs("web2", "h1", 3).runs("web3", "h2", 4).runs("web4", "h3", 4);
  EXPECT_THAT(s.moves(), IsEmpty());  // 50 % beside 31 %
}

TEST(Balance, EvensOutWhatIsFarFromTheMeanThoughNobodyIsBusy) {
  Story s(three_hosts(3));
  s.runs("web1", "h1", 4).runs("web2", "h1", 4).runs("web3", "h1", 2);
  EXPECT_THAT(s.moves(), ElementsAre("web1: h1 to h2"));  // 69 % beside twice 6 %
}

TEST(Balance, FindsTheOneBurningHostAmongManyAsItWouldAmongThree) {
  std::vector<Host> hosts;
  std::vector<Resource> vms;
  for (int i = 1; i <= 40; ++i) hosts.push_back(node("h" + std::to_string(i)));
  for (int i = 1; i <= 4; ++i) vms.push_back(vm("web" + std::to_string(i), 4 * kGiB, 4));
  Story s(cluster(std::move(hosts), std::move(vms)));
  for (int i = 1; i <= 4; ++i) s.runs("web" + std::to_string(i), "h7", 3.7);
  EXPECT_THAT(s.moves(), ElementsAre("web1: h7 to h1", "web2: h7 to h2"));
}

TEST(Balance, WaitsUntilALoadHasStood) {
  auto s = uneven();
  s.load("h1").stood = 29s;
  EXPECT_THAT(s.moves(), IsEmpty());
  s.load("h1").stood = 30s;
  EXPECT_THAT(s.moves(), ElementsAre("web1: h1 to h3"));
  s.guest("web1").stood = 29s;
  EXPECT_THAT(s.moves(), ElementsAre("web2: h1 to h3"));
  s.load("h3").stood = 29s;
  EXPECT_THAT(s.moves(), ElementsAre("web2: h1 to h2"));
}

TEST(Balance, CountsWhatGuestsWaitFor) {
  Story s(three_hosts(6));
  s.runs("web1", "h1", 3).runs("web2", "h1", 3).runs("web3", "h1", 3);
  s.runs("web4", "h2", 3).runs("web5", "h2", 3).runs("web6", "h3", 5);
  EXPECT_THAT(s.moves(), IsEmpty());
  s.guest("web1").waiting = {4000};
  EXPECT_FALSE(s.moves().empty());
}

TEST(Balance, TakesAHostUnderPressureForFullWhateverItUses) {
  Story s(three_hosts(4));
  s.runs("web1", "h1", 3).runs("web2", "h1", 3).runs("web3", "h2", 4).runs("web4", "h3", 4);
  EXPECT_THAT(s.moves(), IsEmpty());
  s.load("h1").cpu_pressure.some = 50;
  EXPECT_THAT(s.moves(), ElementsAre("web1: h1 to h2"));
  EXPECT_THAT(s.advice().moves.at(0).why, HasSubstr("44 % of its CPUs, and somebody waits for it all the time"));
}

TEST(Balance, GivesNothingToAHostUnderPressure) {
  auto s = uneven();
  s.load("h3").memory_pressure.some = 20;
  EXPECT_THAT(s.moves(), ElementsAre("web1: h1 to h2"));
}

TEST(Balance, MovesMemoryTooWhereOnlyThatIsUneven) {
  Story s(cluster({node("h1"), node("h2"), node("h3")}, {vm("db1", 16 * kGiB), vm("db2", 16 * kGiB)}));
  s.runs("db1", "h1", 1, 16 * kGiB).runs("db2", "h1", 1, 16 * kGiB);
  EXPECT_THAT(s.moves(), ElementsAre("db1: h1 to h2"));
}

TEST(Balance, DoesNotCopyALargeGuestForLittleRelief) {
  Story s(cluster({node("h1"), node("h2")}, {vm("db1", 48 * kGiB, 4), vm("web1", kGiB, 16)}));
  s.runs("web1", "h1", 13, kGiB).runs("db1", "h1", 1, 2 * kGiB);
  EXPECT_THAT(s.moves(), ElementsAre("db1: h1 to h2"));
  s.guest("db1").memory = {30 * kGiB};
  s.load("h1").memory = {31 * kGiB};
  s.load("h2").memory = {31 * kGiB};
  EXPECT_THAT(s.moves(), IsEmpty());
  EXPECT_THAT(s.advice().remarks, ElementsAre(HasSubstr("no move of one guest would be worth its cost")));
}

TEST(Balance, DoesNotMakeAnotherHostBusyInstead) {
  Story s(cluster({node("h1"), node("h2")}, {vm("web1", kGiB, 16), vm("web2", kGiB, 4)}));
  s.runs("web1", "h1", 13.5);
  EXPECT_THAT(s.moves(), IsEmpty());
}

TEST(Balance, DoesNotMakeAnotherHostStandOutInstead) {
  auto s = uneven();
  s.load("h3").memory = {20 * kGiB};
  s.guest("web1").memory = s.guest("web2").memory = {4 * kGiB};
  EXPECT_THAT(s.moves(), ElementsAre("web1: h1 to h3"));
  s.load("h3").memory = {24 * kGiB};  // 28 of 64 GiB beside 22 % on average
  EXPECT_THAT(s.moves(), ElementsAre("web3: h1 to h3"));
}

TEST(Balance, BreaksNoRule) {
  auto s = uneven();
  s.spec().rules = {apart({"web1", "web6"}), apart({"web1", "web5"})};
  EXPECT_THAT(s.moves(), ElementsAre("web2: h1 to h3"));
  s.spec().resources[1].hosts.only = story::hosts({"h1", "h2"});
  s.spec().resources[2].hosts.never = story::hosts({"h2", "h3"});
  s.spec().resources[3].live_migration = false;
  EXPECT_THAT(s.moves(), ElementsAre("web2: h1 to h2"));
  s.out["h2"] = "in maintenance";
  EXPECT_THAT(s.moves(), IsEmpty());
  EXPECT_THAT(
      s.advice().remarks,
      ElementsAre(
          "h1 uses 81 % of its CPUs; 3 that would help cannot move (web1 to h3: apart: web1 and web6 are both on h3)"));
}

TEST(Balance, FillsNoHostBeyondWhatItsGuestsWerePromised) {
  auto s = uneven();
  s.spec().resources[5].memory = {62 * kGiB};
  s.spec().resources[1].memory = {2 * kGiB};
  EXPECT_THAT(s.moves(), ElementsAre("web2: h1 to h3"));
}

TEST(Balance, LeavesAGuestWhereItsFileWouldRatherHaveIt) {
  auto s = uneven();
  s.spec().resources[0].hosts.prefer = {story::hosts({"h1"})};
  EXPECT_THAT(s.moves(), ElementsAre("web2: h1 to h3"));
  s.spec().resources[0].hosts.prefer = {story::hosts({"h1", "h3"})};
  EXPECT_THAT(s.moves(), ElementsAre("web1: h1 to h3"));
  s.spec().rules = {story::preferably(apart({"web1", "web6"}))};
  EXPECT_THAT(s.moves(), ElementsAre("web2: h1 to h3"));
}

TEST(Balance, MovesNobodyWhoCannotBeMovedLive) {
  auto s = uneven();
  s.spec().resources[0].live_migration = false;
  s.spec().resources[1].container = true;
  EXPECT_THAT(s.moves(), ElementsAre("web3: h1 to h3"));
}

TEST(Balance, LeavesAloneWhatIsOnItsWayAlready) {
  auto s = uneven();
  s.question.standing.push_back({ResourceName("web1"), HostName("h2")});
  EXPECT_THAT(s.moves(), ElementsAre("web2: h1 to h3"));
}

// Whatever is lost, all fit as they stand. With b on h3 nobody would have 24 GiB free for c.
TEST(Balance, DoesNotMakeALaterLossWorse) {
  const auto small = [](const std::string& name) { return story::host(name, 32 * kGiB, 16); };
  Story s(cluster({small("h1"), small("h2"), small("h3")},
                  {vm("a", 16 * kGiB), vm("b", 8 * kGiB), vm("c", 24 * kGiB), vm("d", 8 * kGiB)}));
  s.spec().resources[0].live_migration = false;
  s.runs("a", "h1", 8).runs("b", "h1", 4).runs("c", "h2", 2).runs("d", "h3", 1);
  EXPECT_THAT(s.moves(), ElementsAre("b: h1 to h3"));
  s.spec().cluster.reserve = 1;
  EXPECT_THAT(s.moves(), ElementsAre("b: h1 to h2"));
  s.out["h2"] = "in maintenance";
  EXPECT_THAT(s.moves(), IsEmpty());
  EXPECT_THAT(s.advice().remarks, ElementsAre(HasSubstr("b to h3: a later loss would leave more down")));
}

// Before and after it nobody would stay down; with b's room kept on both, nobody would have 24 GiB free for c.
TEST(Balance, CrowdsOutNobodyWhileItIsOnItsWay) {
  const auto small = [](const std::string& name) { return story::host(name, 32 * kGiB, 16); };
  Story s(
      cluster({small("h1"), small("h2"), small("h3")}, {vm("a", 8 * kGiB), vm("b", 16 * kGiB), vm("c", 24 * kGiB)}));
  s.spec().resources[0].live_migration = false;
  s.runs("a", "h1", 8).runs("b", "h1", 4).runs("c", "h3", 1);
  EXPECT_THAT(s.moves(), ElementsAre("b: h1 to h2"));
  s.spec().cluster.reserve = 1;
  EXPECT_THAT(s.moves(), IsEmpty());
}

// Its storage is out of reach there, say: another host is as good.
TEST(Balance, KeepsAGuestOffAHostThatIsOutForItAlone) {
  auto s = uneven();
  s.question.refusals[ResourceName("web1")] = {{HostName("h3"), "its disk cannot be read there"}};
  EXPECT_THAT(s.moves(), ElementsAre("web2: h1 to h3"));
}

TEST(Balance, MovesAllTheSameWhereALossLeavesAsMuchDownAnyway) {
  Story s(cluster({story::host("h1", 32 * kGiB), story::host("h2", 32 * kGiB)},
                  {vm("a", 24 * kGiB), vm("b", 4 * kGiB), vm("c", 16 * kGiB)}));
  s.spec().cluster.reserve = 1;
  s.spec().resources[0].live_migration = false;
  s.runs("a", "h1", 8).runs("b", "h1", 5).runs("c", "h2", 1);
  EXPECT_THAT(s.moves(), ElementsAre("b: h1 to h2"));
}

TEST(Balance, LetsAGuestRestAfterItsMove) {
  auto s = uneven();
  s.question.past = {{ResourceName("web1"), HostName("h4"), HostName("h1"), 14min}};
  EXPECT_THAT(s.moves(), ElementsAre("web2: h1 to h3"));
  s.question.past.front().ago = 15min;
  EXPECT_THAT(s.moves(), ElementsAre("web1: h1 to h3"));
}

TEST(Balance, SendsNobodyWhereSomethingCameFromLately) {
  auto s = uneven();
  s.question.past = {{ResourceName("web6"), HostName("h3"), HostName("h1"), 10min}};
  EXPECT_THAT(s.moves(), ElementsAre("web1: h1 to h2"));
}

TEST(Balance, MeasuresAnewAfterAMove) {
  auto s = uneven();
  s.question.past = {{ResourceName("web6"), HostName("h2"), HostName("h3"), 29s}};
  EXPECT_THAT(s.moves(), IsEmpty());
  s.question.past.front().ago = 30s;
  EXPECT_THAT(s.moves(), ElementsAre("web1: h1 to h3"));
}

TEST(Balance, MovesNoMoreThanAFewInAMinute) {
  auto s = uneven();
  s.question.past = {{ResourceName("web8"), HostName("h8"), HostName("h9"), 59s},
                     {ResourceName("web9"), HostName("h8"), HostName("h9"), 59s}};
  EXPECT_THAT(s.moves(), IsEmpty());
  EXPECT_THAT(s.advice().remarks, ElementsAre(HasSubstr("enough was moved within a minute")));
  s.question.past.front().ago = 60s;
  EXPECT_THAT(s.moves(), ElementsAre("web1: h1 to h3"));
}

TEST(Balance, SaysNothingWhereNothingIsMeasured) {
  Story s(three_hosts(1));
  s.question.standing = {{ResourceName("web1"), HostName("h1")}, {ResourceName("web7"), HostName("h9")}};
  s.load("h1").stood = s.load("h2").stood = s.load("h3").stood = 0s;
  const auto advice = s.advice();
  EXPECT_THAT(advice.moves, IsEmpty());
  EXPECT_THAT(advice.remarks, IsEmpty());
  EXPECT_EQ(advice.score_before, 0);
}

}  // namespace
}  // namespace haven

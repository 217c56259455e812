// Who votes in the engine, one step at a time (DESIGN 4, PROTOCOL E2, E4).
#include "core/membership.hpp"

#include <algorithm>

#include "core/bench_node.hpp"

namespace haven {
namespace {
using namespace story;

// A cluster file's hosts h1…, all joined and up, and an engine that obeys.
struct Room {
  Membership m;
  Duration replace_after = kReplaceAfter;

  explicit Room(std::size_t hosts, std::vector<std::string> voters, const std::string& witness = "") {
    Spec spec = three_hosts({});
    spec.hosts.resize(hosts, spec.hosts.front());
    for (std::size_t i = 0; i < hosts; ++i) spec.hosts[i].name = h("h" + std::to_string(i + 1));
    spec.cluster.witness = witness;
    m = wanted_voters(spec);
    for (const auto& name : m.wanted) m.seats.push_back({name, true, false, true, false, {}});
    for (std::size_t i = 0; i < voters.size(); ++i)
      m.members.push_back({i + 1, voters[i], false, true, i == 0, 1000, {}});
  }
  Seat& seat(const std::string& name) {
    return *std::find_if(m.seats.begin(), m.seats.end(), [&](const Seat& s) { return s.name == name; });
  }
  EngineMember& member(const std::string& name) {
    return *std::find_if(m.members.begin(), m.members.end(), [&](const auto& e) { return e.name == name; });
  }
  std::vector<std::string> voters() const {
    std::vector<std::string> names;
    for (const auto& e : m.members)
      if (!e.learner) names.push_back(e.name);
    std::sort(names.begin(), names.end());
    return names;
  }
  void die(const std::string& name) {
    seat(name).up = false;
    member(name).healthy = false;
    if (!std::exchange(member(name).leader, false)) return;
    for (auto& e : m.members)
      if (e.healthy && !e.learner) {
        e.leader = true;
        return;
      }
  }
  MembershipStep next() const { return next_step(m, replace_after); }
  template <class Kind>
  bool next_is() const {
    return std::holds_alternative<Kind>(next());
  }
  // Does what comes next, until nothing is to be done; tells the steps.
  std::string go() {
    std::string told;
    for (int i = 0; i < 50; ++i) {
      const MembershipStep step = next();
      if (const auto* add = std::get_if<AddLearner>(&step)) {
        m.members.push_back({m.members.size() + 100, add->name, true, true, false, 1000, {}});
        told += "+" + add->name + " ";
      } else if (const auto* promote = std::get_if<Promote>(&step)) {
        member(promote->name).learner = false;
        told += promote->name + "! ";
      } else if (const auto* remove = std::get_if<RemoveMember>(&step)) {
        std::erase_if(m.members, [&](const auto& e) { return e.id == remove->id; });
        told += "-" + remove->name + " ";
      } else if (const auto* move = std::get_if<MoveLeader>(&step)) {
        for (auto& e : m.members) e.leader = e.id == move->to;
        told += ">" + move->name + " ";
      } else {
        return told;
      }
    }
    ADD_FAILURE() << "it does not settle: " << told;
    return told;
  }
};

using Names = std::vector<std::string>;

TEST(Membership, GrowsToTheFirstThreeHostsOneAtATime) {
  Room room(4, {"h1"});
  EXPECT_EQ(room.go(), "+h2 h2! +h3 h3! ");
  EXPECT_TRUE(room.next_is<Settled>());
}

TEST(Membership, SevenHostsGiveFiveVoters) {
  Room room(7, {"h1"});
  room.go();
  EXPECT_EQ(room.voters(), (Names{"h1", "h2", "h3", "h4", "h5"}));
}

TEST(Membership, TwoHostsGrowOnceTheirWitnessHasJoined) {
  Room room(2, {"h1"}, "w");
  room.seat("w").joined = false;
  EXPECT_EQ(room.go(), "");
  EXPECT_EQ(std::get<WaitFor>(room.next()).why, "to vote, w must join first");
  room.seat("w").joined = true;
  room.go();
  EXPECT_EQ(room.voters(), (Names{"h1", "h2", "w"}));
}

TEST(Membership, TwoHostsWithoutAWitnessKeepOneVoterAndSaySo) {
  Room room(2, {"h1"});
  EXPECT_EQ(room.go(), "");
  EXPECT_NE(std::get<WaitFor>(room.next()).why.find("a witness"), std::string::npos);
}

TEST(Membership, NamedVotersAreAllThereAre) {
  Spec spec = three_hosts({});
  spec.cluster.voters = {h("h3")};
  spec.cluster.voters_named = true;
  EXPECT_EQ(wanted_voters(spec).wanted, Names{"h3"});
  EXPECT_EQ(wanted_voters(spec).count, 1U);
}

TEST(Membership, ALearnerVotesOnlyOnceItHasCaughtUp) {
  Room room(3, {"h1"});
  room.m.members.push_back({9, "h2", true, true, false, 1000, {}});
  room.member("h1").applied = 1000 + kLearnerLag + 1;
  EXPECT_TRUE(room.next_is<WaitFor>());
  room.member("h2").applied += 1;
  EXPECT_TRUE(room.next_is<Promote>());
}

TEST(Membership, ALearnerThatDoesNotComeUpIsTakenOut) {
  Room room(3, {"h1"});
  room.m.members.push_back({9, "h2", true, false, false, 0, {}});
  EXPECT_TRUE(room.next_is<WaitFor>());
  room.member("h2").learner_for = kLearnerPatience;
  EXPECT_TRUE(room.next_is<RemoveMember>());
  room.member("h2").learner_for = {};
  room.seat("h2").up = false;
  EXPECT_TRUE(room.next_is<RemoveMember>());
}

TEST(Membership, AProvedDeathIsReplacedAfterAWhileBySomebodyWhoIsThere) {
  Room room(4, {"h1", "h2", "h3"});
  room.die("h2");
  room.seat("h2").dead = true;
  EXPECT_EQ(room.go(), "");
  room.seat("h2").dead_for = kReplaceAfter;
  EXPECT_EQ(room.go(), "-h2 +h4 h4! ");
}

TEST(Membership, ADeathWithoutReplacementKeepsItsSeat) {
  Room room(3, {"h1", "h2", "h3"});
  room.die("h1");
  room.seat("h1").dead = true;
  room.seat("h1").dead_for = 24h;
  EXPECT_EQ(room.go(), "");
}

TEST(Membership, ASilentVoterThatIsNotProvedDeadIsNotReplaced) {
  Room room(4, {"h1", "h2", "h3"});
  room.die("h2");
  EXPECT_EQ(room.go(), "");
}

TEST(Membership, NobodyIsTakenInWhileAVoterIsSilent) {
  Room room(7, {"h1", "h2", "h3"});
  room.die("h2");
  EXPECT_EQ(std::get<WaitFor>(room.next()).why, "while h2's member is silent nobody is taken in");
}

TEST(Membership, WhoReturnsVotesAgainAndItsReplacementGoesLast) {
  Room room(4, {"h1", "h3", "h4"});
  EXPECT_EQ(room.go(), "+h2 h2! -h4 ");
}

TEST(Membership, TheLeaderHandsOverBeforeItGoes) {
  Room room(4, {"h4", "h1", "h2"});
  EXPECT_EQ(room.go(), "+h3 h3! >h1 -h4 ");
}

TEST(Membership, ShrinksBackAsHostsLeave) {
  Room room(7, {"h1", "h2", "h3", "h4", "h5"});
  for (const char* name : {"h7", "h6", "h5"}) room.seat(name).left = true;
  EXPECT_EQ(room.go(), "-h4 -h5 ");
  room.seat("h3").left = room.seat("h4").left = true;
  EXPECT_EQ(room.go(), "-h3 ");
  room.seat("h1").left = true;
  EXPECT_EQ(room.go(), ">h2 -h1 ");
  EXPECT_EQ(room.voters(), Names{"h2"});
}

TEST(Membership, NothingIsTakenFromAnEngineWithoutAMajority) {
  Room room(4, {"h1", "h2", "h3"});
  room.die("h1");
  room.die("h2");
  for (auto& seat : room.m.seats) seat.dead = !seat.up, seat.dead_for = 24h;
  EXPECT_TRUE(room.next_is<WaitFor>());
}

TEST(Membership, ALivingVoterGoesOnlyIfAMajorityOfTheOthersAnswers) {
  Room room(3, {"h1", "h2", "h3"});
  room.die("h3");
  room.seat("h2").left = true;
  EXPECT_TRUE(room.next_is<WaitFor>());
  EXPECT_FALSE(survives_without(room.m, room.member("h2").id));
  EXPECT_TRUE(survives_without(room.m, room.member("h3").id));
}

TEST(Membership, DefragmentsOneAfterTheOtherTheLeaderLast) {
  Room room(3, {"h1", "h2", "h3"});
  EXPECT_EQ(next_to_defragment(room.m, {1, 3}), 3U);
  EXPECT_EQ(next_to_defragment(room.m, {1}), 1U);
  EXPECT_EQ(next_to_defragment(room.m, {}), std::nullopt);
  room.die("h2");
  EXPECT_EQ(next_to_defragment(room.m, {1, 3}), std::nullopt);
}

}  // namespace
}  // namespace haven

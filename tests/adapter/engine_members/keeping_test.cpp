// Members that die, return and are replaced.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "adapter/engine_members/machines.hpp"
#include "daemon/codec.hpp"
#include "daemon/etcd_member/seats.hpp"

namespace haven::test {
namespace {

using Names = std::vector<std::string>;
using daemon::MemberKeeper;

struct Three : testing::Test {
  Three() {
    for (const char* name : {"h2", "h3"}) machines.join(name);
    EXPECT_TRUE(machines.becomes({"h1", "h2", "h3"}));
  }
  Machines machines{4, "", 1s};
};

TEST_F(Three, AProvedDeathIsReplacedAndItsReturnUndoesThat) {
  machines.join("h4");
  machines.kill("h2");
  machines.proved_dead("h2");
  EXPECT_TRUE(machines.becomes({"h1", "h3", "h4"}));
  machines.boot("h2");
  EXPECT_TRUE(machines.becomes({"h1", "h2", "h3"}));
  // Its old data was of a member that is gone for good.
  EXPECT_TRUE(machines.keeper("h2").process().running);
  // Taken out, h4 stops its member within one look.
  const auto deadline = std::chrono::steady_clock::now() + 4 * MemberKeeper::kIdleTick;
  while (machines.keeper("h4").file().member != 0 || machines.keeper("h4").process().running) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::sleep_for(50ms);
  }
}

// ---- what the journal tells ----

Names whats(const Names& lines) {
  Names firsts;
  for (const auto& line : lines) firsts.push_back(line.substr(0, line.find(':')));
  return firsts;
}

TEST_F(Three, EveryChangeOfTheMembersStandsInTheJournalOnceAndSaysWhy) {
  const Names grown{"init h1", "learner h2", "voter h2", "learner h3", "voter h3"};
  EXPECT_EQ(whats(machines.journal_to("voter h3")), grown);
  machines.join("h4");
  machines.kill("h2");
  machines.proved_dead("h2");
  const Names lines = machines.journal_to("voter h4");
  ASSERT_EQ(lines.size(), grown.size() + 3);
  EXPECT_EQ(lines[5], "removed h2: h2 is taken out of the engine: it is silent and replaced");
  EXPECT_EQ(whats(lines)[6], "learner h4");
  // Nobody tells it a second time.
  machines.controller("h3");
  machines.leave("h4");
  const Names after = machines.journal_to("removed h4");
  ASSERT_GT(after.size(), lines.size());
  EXPECT_EQ(Names(after.begin(), after.begin() + static_cast<std::ptrdiff_t>(lines.size())), lines);
  EXPECT_EQ(after[lines.size()], "leaves h4: h4 leaves: haven cluster leave, by root");
}

TEST_F(Three, WhatADeadControllerOrAnybodyElseChangedIsTold) {
  (void)machines.journal_to("voter h3");
  machines.controller("");
  const auto survey = machines.survey();
  const auto h3 = std::find_if(survey.members.begin(), survey.members.end(), [](auto& m) { return m.name == "h3"; });
  ASSERT_NE(h3, survey.members.end());
  const auto admin = machines.admin();
  const std::string mark = "h3 is taken out of the engine: it was shot";
  ASSERT_EQ(
      admin->commit(survey.endpoint, {{}, {port::Put{daemon::engine_key::change(Machines::kCluster), mark, {}}}}, 5s)
          .outcome,
      port::Outcome::committed);
  machines.kill("h3");
  ASSERT_TRUE(admin->remove(survey.endpoint, h3->member.id, 5s));
  machines.controller("h2");
  EXPECT_EQ(machines.journal_to("removed h3").back(), "removed h3: " + mark);
  // What nobody of Haven's did is told as such, and undone.
  const auto added = admin->add_learner(machines.survey().endpoint, daemon::peer_url(loopback_address(9), false), 5s);
  ASSERT_TRUE(added) << added.error().why;
  const auto learner =
      std::find_if(added->members.begin(), added->members.end(), [](const auto& m) { return m.learner; });
  ASSERT_NE(learner, added->members.end());
  const std::string id = adapter::etcd_voter_id(learner->id);
  const Names lines = machines.journal_to("removed " + id);
  ASSERT_GE(lines.size(), 2U);
  EXPECT_EQ(lines[lines.size() - 2],
            "learner " + id + ": " + id + " is taken into the engine, and not by Haven's doing");
  EXPECT_EQ(lines.back(), "removed " + id + ": " + id + " is taken out of the engine: it is not to vote any more");
}

// ---- what hurts ----

TEST_F(Three, AMemberThatDoesNotAnswerIsAnAlarmOfTheControllerAlone) {
  const pid_t pid = machines.keeper("h2").process().pid;
  ::kill(pid, SIGSTOP);
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  const auto said = [&] {
    return machines.alarms("h1").find("the engine member of h2 does not answer") != std::string::npos;
  };
  while (!said()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << machines.alarms("h1");
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_EQ(machines.alarms("h3"), "");
  ::kill(pid, SIGCONT);
  while (said()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << machines.alarms("h1");
    std::this_thread::sleep_for(50ms);
  }
}

// A host of which nothing runs here but the promise that stands in the engine.
class Promising {
 public:
  explicit Promising(Machines& machines) : machines_(machines) {}
  void name(const VoterList& voters) {
    if (std::find(promise_.voters.begin(), promise_.voters.end(), voters) != promise_.voters.end()) return;
    promise_.voters.push_back(voters);
    promise();
  }
  void promise() {
    const auto done =
        admin_->commit(machines_.survey().endpoint,
                       {{}, {port::Put{key(path::promise(HostName("h9"))), codec::encode(promise_), {}}}}, 5s);
    EXPECT_EQ(done.outcome, port::Outcome::committed) << done.message;
  }
  [[nodiscard]] VoterList declared() const {
    const auto read = admin_->read(machines_.survey().endpoint, key(path::kVoters), 5s);
    if (!read || read->entries.empty()) return {};
    return std::get<VotersRecord>(*codec::decode(path::kVoters, read->entries.front().value)).next;
  }

 private:
  static std::string key(const std::string& path) { return daemon::engine_key::of(Machines::kCluster, path); }
  Machines& machines_;
  std::unique_ptr<adapter::EtcdAdmin> admin_ = machines_.admin();
  PromiseRecord promise_{Incarnation(std::string(32, 'a')), 30s, 5s, {}};
};

TEST(Promised, NobodyVotesBeforeEveryPromiseNamesTheNewVoters) {
  Machines machines(3);
  Promising host(machines);
  host.name({adapter::etcd_voter_id(machines.survey().members.front().member.id)});
  for (const char* name : {"h2", "h3"}) machines.join(name);
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (machines.keeper("h1").doing().find("the promise of h9") == std::string::npos) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << machines.keeper("h1").doing();
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_EQ(host.declared().size(), 2U);
  EXPECT_EQ(machines.voters(), Names{"h1"});
  while (machines.voters() != Names{"h1", "h2", "h3"}) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << machines.keeper("h1").doing();
    host.name(host.declared());
    std::this_thread::sleep_for(200ms);
  }
}

TEST(Promised, APromiseThatNamesNoVotersWaivesNothingAndHoldsNobodyUp) {
  Machines machines(3);
  Promising host(machines);
  host.promise();
  for (const char* name : {"h2", "h3"}) machines.join(name);
  EXPECT_TRUE(machines.becomes({"h1", "h2", "h3"}));
}

TEST_F(Three, AMemberThatIsKilledIsStartedAgain) {
  const auto before = machines.keeper("h2").process();
  ::kill(before.pid, SIGKILL);
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (machines.survey().members.size() != 3 || machines.keeper("h2").process().pid == before.pid ||
         !machines.keeper("h2").process().running) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_EQ(machines.keeper("h2").process().ends, 1);
}

TEST_F(Three, ADeposedControllerChangesNothing) {
  machines.leader_mod({12345});
  machines.join("h4");
  machines.kill("h2");
  machines.proved_dead("h2");
  std::this_thread::sleep_for(4s);
  EXPECT_EQ(machines.voters(), (Names{"h1", "h2", "h3"}));
}

TEST_F(Three, WhoeverWouldTakeTheMajorityAwayStays) {
  machines.kill("h3");
  const auto left = machines.keeper("h2").leave("root");
  ASSERT_FALSE(left);
  EXPECT_NE(left.error().find("no majority"), std::string::npos) << left.error();
  EXPECT_EQ(machines.voters(), (Names{"h1", "h2", "h3"}));
}

// With `tls` clients and members talk to each other over TLS only, and only with a certificate of that authority.
TEST(Secure, MembersGrowOverTlsAndServeNobodyWithoutACertificate) {
  Machines machines(3, "", 1s, true);
  for (const char* name : {"h2", "h3"}) machines.join(name);
  EXPECT_TRUE(machines.becomes({"h1", "h2", "h3"}));
  machines.kill("h2");
  machines.boot("h2");
  for (const auto& member : machines.survey().members) {
    for (const auto& urls : {member.member.peers, member.member.clients})
      for (const auto& url : urls) EXPECT_TRUE(url.starts_with("https://")) << url;
  }
  const Certificates other(machines.folder(), {loopback_address(1)}, "other");
  const adapter::EtcdTls stranger = other.issue("stranger");
  for (const int port : {daemon::kClientPort, daemon::kPeerPort}) {
    const std::string at = daemon::host_and_port(loopback_address(1), port);
    EXPECT_TRUE(shakes_hands(at, *machines.tls())) << port;
    EXPECT_FALSE(shakes_hands(at, {machines.tls()->ca_file, "", ""})) << port;
    EXPECT_FALSE(shakes_hands(at, {machines.tls()->ca_file, stranger.certificate_file, stranger.key_file})) << port;
  }
}

TEST_F(Three, AllComeBackFromTheDark) {
  for (const char* name : {"h1", "h2", "h3"}) machines.kill(name);
  for (const char* name : {"h1", "h2", "h3"}) machines.boot(name);
  EXPECT_TRUE(machines.becomes({"h1", "h2", "h3"}));
}

}  // namespace
}  // namespace haven::test

// Who is suspected because nobody hears it, and what is the network's doing (S3, S5, S6).
#include "core/liveness/silence.hpp"

#include "core/bench_node.hpp"

namespace haven {
namespace {
using namespace story;

constexpr Instant kStart{1000s};
using Hosts = std::set<HostName>;

// What h1 hears, in a few words.
struct Heard {
  std::map<HostName, PeerHeard> peers;
  Heard& hears(const std::string& host, LinkSet links = 1) {
    peers[h(host)] = {h(host), boot_digest(boot_of(h(host))), links, 1, false, kStart, {}, {}};
    return *this;
  }
  Heard& silent(const std::string& host) { return hears(host, 0); }
  Heard& shut(const std::string& host) {
    hears(host, 0);
    peers[h(host)].shut = true;
    return *this;
  }
  Heard& says(const std::string& voter, const std::string& about, bool heard) {
    peers[h(voter)].opinions.push_back({h(about), boot_digest(boot_of(h(about))), heard});
    return *this;
  }
  View on(const Records& records) const {
    View view = records.view();
    view.heard.emplace();
    for (const auto& [host, peer] : peers) view.heard->peers.push_back(peer);
    return view;
  }
};

Spec hosts_of(int count, const std::string& witness = "") {
  Spec spec = three_hosts({});
  while (static_cast<int>(spec.hosts.size()) > count) spec.hosts.pop_back();
  for (int i = static_cast<int>(spec.hosts.size()) + 1; i <= count; ++i)
    spec.hosts.push_back(host("h" + std::to_string(i), 65536));
  spec.cluster.witness = witness;
  return spec;
}

Records all_up(const Spec& spec) {
  Records records(spec);
  for (const auto& host : spec.hosts) records.member(host.name.str());
  return records;
}

Hosts silent(const View& view) { return silent_hosts(view, kSelf); }

TEST(Silence, AHostIsSuspectedWhenAMajorityOfTheOthersMissesIt) {
  const View view = Heard().hears("h2").silent("h3").says("h2", "h3", false).on(all_up(hosts_of(3)));
  EXPECT_EQ(silent(view), Hosts{h("h3")});
}

TEST(Silence, OneBadCableSuspectsNobody) {
  const View view = Heard().hears("h2").silent("h3").says("h2", "h3", true).on(all_up(hosts_of(3)));
  EXPECT_TRUE(silent(view).empty());
}

TEST(Silence, AHostThatHearsNobodySuspectsNobody) {
  const View view = Heard().silent("h2").silent("h3").on(all_up(hosts_of(3)));
  EXPECT_TRUE(silent(view).empty()) << "whoever it does not hear counts, and has no voice";
}

TEST(Silence, OfTwoTheOtherDecides) {
  const View view = Heard().silent("h2").on(all_up(hosts_of(2)));
  EXPECT_EQ(silent(view), Hosts{h("h2")});
}

TEST(Silence, TheWitnessHasAVoice) {
  const Records records = all_up(hosts_of(2, "w"));
  EXPECT_TRUE(silent(Heard().hears("w").silent("h2").says("w", "h2", true).on(records)).empty());
  EXPECT_EQ(silent(Heard().hears("w").silent("h2").says("w", "h2", false).on(records)), Hosts{h("h2")});
  EXPECT_EQ(silent(Heard().silent("w").silent("h2").on(records)), Hosts{h("h2")}) << "of two, by the other";
}

TEST(Silence, WhoWasNeverHeardIsNotSilent) {
  const View view = Heard().hears("h2").on(all_up(hosts_of(3)));
  EXPECT_TRUE(silent(view).empty());
}

TEST(Silence, AnotherBootsSilenceIsNotThisOnes) {
  Heard heard = Heard().hears("h2").silent("h3").says("h2", "h3", false);
  for (auto& [host, peer] : heard.peers) {
    if (host == h("h3")) peer.boot = boot_digest(Incarnation("an-older-boot"));
    for (auto& opinion : peer.opinions) opinion.boot = boot_digest(Incarnation("an-older-boot"));
  }
  EXPECT_TRUE(silent(heard.on(all_up(hosts_of(3)))).empty());
}

TEST(Silence, AHostWhoseHavendIsGoneButWhoseMachineAnswersIsNotSilent) {
  const View view = Heard().hears("h2").shut("h3").on(all_up(hosts_of(3)));
  EXPECT_TRUE(silent(view).empty());
}

TEST(Silence, APlannedAbsenceIsNoSilence) {
  const Heard heard = Heard().hears("h2").silent("h3").says("h2", "h3", false);
  for (const AwayKind kind : {AwayKind::restarting, AwayKind::down}) {
    const AwayRecord away{boot_of(h("h3")), kind};
    EXPECT_TRUE(silent(heard.on(all_up(hosts_of(3)).put(path::away(h("h3")), away))).empty());
  }
  const AwayRecord leaving{boot_of(h("h3")), AwayKind::leaving};
  EXPECT_EQ(silent(heard.on(all_up(hosts_of(3)).put(path::away(h("h3")), leaving))), Hosts{h("h3")});
}

TEST(Silence, WhoIsSuspectedHasNoVoiceAboutTheOthers) {
  Heard heard = Heard().hears("h2").hears("h3").silent("h4").silent("h5");
  for (const auto* voter : {"h2", "h3"}) heard.says(voter, "h4", false);
  heard.says("h2", "h5", false).says("h3", "h5", true);
  const View view = heard.on(all_up(hosts_of(5)));
  EXPECT_EQ(silent(view), (Hosts{h("h4"), h("h5")})) << "h5 by two of three, once h4 does not count";
}

TEST(Silence, HalfOfTheOthersIsNoMajority) {
  Heard heard = Heard().hears("h2").hears("h3").hears("h4").silent("h5");
  heard.says("h2", "h5", false).says("h3", "h5", true).says("h4", "h5", true);
  EXPECT_TRUE(silent(heard.on(all_up(hosts_of(5)))).empty());
}

TEST(Silence, AMajoritySuspectsWhomThisHostHears) {
  Heard heard = Heard().hears("h2").hears("h3").hears("h4").hears("h5");
  for (const auto* voter : {"h2", "h3", "h4"}) heard.says(voter, "h5", false);
  EXPECT_EQ(silent(heard.on(all_up(hosts_of(5)))), Hosts{h("h5")});
}

TEST(Silence, TheProvedHaveNoVoiceAndAreNotSuspectedAgain) {
  FenceRecord proof;
  proof.state = FenceState::proved;
  Records records = all_up(hosts_of(3)).put(path::fence(h("h2"), boot_of(h("h2"))), proof);
  EXPECT_EQ(silent(Heard().silent("h2").silent("h3").on(records)), Hosts{h("h3")});
}

TEST(Silence, ALostLeaseWithHeartbeatsHeardIsNoDeath) {
  Records records(hosts_of(3));
  records.member("h1").member("h2").lost("h3");
  EXPECT_TRUE(is_heard(Heard().hears("h2").hears("h3").on(records), kSelf, h("h3"), boot_of(h("h3"))));
  EXPECT_FALSE(is_heard(Heard().hears("h2").silent("h3").on(records), kSelf, h("h3"), boot_of(h("h3"))));
  EXPECT_FALSE(is_heard(records.view(), kSelf, h("h3"), boot_of(h("h3")))) << "without heartbeats leases alone count";
  EXPECT_FALSE(is_heard(Heard().hears("h2").hears("h3").on(records), kSelf, h("h3"), Incarnation("another")));
}

TEST(Silence, WhomTheMajorityMissesIsNotHeardThoughThisHostHearsIt) {
  Heard heard = Heard().hears("h2").hears("h3").hears("h4").hears("h5");
  for (const auto* voter : {"h2", "h3", "h4"}) heard.says(voter, "h5", false);
  EXPECT_FALSE(is_heard(heard.on(all_up(hosts_of(5))), kSelf, h("h5"), boot_of(h("h5"))));
}

TEST(Silence, WhatHalfOfTheOthersHearAndThisHostDoesNotIsNotHeard) {
  Records records(hosts_of(3));
  records.member("h1").member("h2").lost("h3");
  const View view = Heard().hears("h2").silent("h3").says("h2", "h3", true).on(records);
  EXPECT_FALSE(is_heard(view, kSelf, h("h3"), boot_of(h("h3"))));
}

// ---- over time ----

struct Observer {
  Silences silences;
  void look(const View& view, Instant at) { fold_silences(silences, view, kSelf, at); }
  bool suspects(const std::string& host) const { return suspected_silent(silences, h(host), boot_of(h(host))); }
};

Heard both_silent() {
  return Heard()
      .hears("h2")
      .silent("h4")
      .silent("h5")
      .hears("h3")
      .says("h2", "h4", false)
      .says("h3", "h4", false)
      .says("h2", "h5", false)
      .says("h3", "h5", false);
}

TEST(Silence, AnAnswerExcusesUntilTheHostIsHeardAgain) {
  Observer observer;
  const Records records = all_up(hosts_of(2));
  observer.look(Heard().silent("h2").on(records), kStart);
  EXPECT_TRUE(observer.suspects("h2"));
  observer.silences.at(h("h2")).answered = true;
  observer.look(Heard().silent("h2").on(records), kStart + 10s);
  EXPECT_FALSE(observer.suspects("h2"));
  observer.look(Heard().hears("h2").on(records), kStart + 20s);
  observer.look(Heard().silent("h2").on(records), kStart + 30s);
  EXPECT_TRUE(observer.suspects("h2"));
}

TEST(Silence, AVoiceThatIsMissedForAMomentDoesNotTakeTheAnswerBack) {
  Observer observer;
  const Records records = all_up(hosts_of(3));
  observer.look(Heard().hears("h2").silent("h3").says("h2", "h3", false).on(records), kStart);
  observer.silences.at(h("h3")).answered = true;
  observer.look(Heard().silent("h2").silent("h3").on(records), kStart + 1s);
  observer.look(Heard().hears("h2").silent("h3").says("h2", "h3", false).on(records), kStart + 2s);
  EXPECT_FALSE(observer.suspects("h3"));
}

TEST(Silence, MoreThanTheReserveAtOnceIsTheNetworksDoing) {
  Observer observer;
  const View view = both_silent().on(all_up(hosts_of(5)));
  observer.look(view, kStart);
  EXPECT_EQ(network_event_until(observer.silences, view, h("h4")), kNever);
  EXPECT_EQ(network_event_until(observer.silences, view, h("h5")), kNever);
}

TEST(Silence, WhenOneOfThemIsHeardAgainTheOthersGetOneMoreTimeToSuspect) {
  Observer observer;
  const Records records = all_up(hosts_of(5));
  observer.look(both_silent().on(records), kStart);
  Heard half = Heard().hears("h2").hears("h3").hears("h4").silent("h5");
  half.says("h2", "h5", false).says("h3", "h5", false).says("h4", "h5", false);
  const View view = half.on(records);
  observer.look(view, kStart + 1s);
  EXPECT_TRUE(observer.suspects("h5"));
  EXPECT_EQ(network_event_until(observer.silences, view, h("h5")), kStart + 1500ms);
  EXPECT_FALSE(observer.suspects("h4"));
}

TEST(Silence, OneAfterTheOtherAreHostsThatDie) {
  Observer observer;
  const Records records = all_up(hosts_of(5));
  Heard first =
      Heard().hears("h2").hears("h3").silent("h4").hears("h5").says("h2", "h4", false).says("h3", "h4", false);
  observer.look(first.on(records), kStart);
  const View view = both_silent().on(records);
  observer.look(view, kStart + 501ms);
  EXPECT_EQ(network_event_until(observer.silences, view, h("h4")), Instant{});
  EXPECT_EQ(network_event_until(observer.silences, view, h("h5")), Instant{});
}

TEST(Silence, ARackThatFallsSilentIsOneLossWhereTheReserveCountsRacks) {
  Spec spec = hosts_of(5);
  spec.cluster.reserve_domain = FailureDomain::rack;
  spec.hosts[3].rack = spec.hosts[4].rack = "r2";
  Observer observer;
  const View view = both_silent().on(all_up(spec));
  observer.look(view, kStart);
  EXPECT_EQ(network_event_until(observer.silences, view, h("h4")), Instant{});
}

TEST(Silence, ALargerReserveExpectsMoreSilences) {
  Spec spec = hosts_of(5);
  spec.cluster.reserve = 2;
  Observer observer;
  const View view = both_silent().on(all_up(spec));
  observer.look(view, kStart);
  EXPECT_EQ(network_event_until(observer.silences, view, h("h4")), Instant{});
}

}  // namespace
}  // namespace haven

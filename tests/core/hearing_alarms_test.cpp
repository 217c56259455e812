// What a controller's ears find wrong while nobody is to be accused for it: the witness that is not heard (S3).
#include "core/liveness/hearing_alarms.hpp"

#include "core/reigning.hpp"
#include "core/servant.hpp"

namespace haven {
namespace {
using namespace story;

Spec with_witness() {
  Spec spec = three_hosts({});
  spec.cluster.witness = "w";
  return spec;
}

PeersHeard heard(LinkSet witness_links) {
  PeersHeard all;
  for (const char* name : {"h2", "h3"})
    all.peers.push_back({h(name), boot_digest(boot_of(h(name))), 1, 1, false, Instant{}, {}, {}});
  all.peers.push_back({h("w"), boot_digest(boot_of(h("w"))), witness_links, 1, false, Instant{}, {}, {}});
  return all;
}

int said(const Bench& bench, JournalKind kind) {
  int count = 0;
  for (const auto& [path, record] : bench.node->view().journal)
    count += record.kind == kind && record.level == "witness/w" ? 1 : 0;
  return count;
}

TEST(WitnessAlarm, StandsAfterALeaseOfSilenceAndEndsWhenItIsHeardAgain) {
  Reigning b(with_witness());
  b.tell(heard(1));
  b.run_for(1min);
  EXPECT_EQ(said(b, JournalKind::alarm), 0);
  b.tell(heard(0));
  b.run_for(2900ms);
  EXPECT_EQ(said(b, JournalKind::alarm), 0);
  b.run_for(200ms);
  EXPECT_EQ(said(b, JournalKind::alarm), 1);
  b.run_for(5min);
  EXPECT_EQ(said(b, JournalKind::alarm), 1) << "said once";
  EXPECT_EQ(said(b, JournalKind::cleared), 0);
  b.tell(heard(1));
  b.run_for(11s);
  EXPECT_EQ(said(b, JournalKind::cleared), 1);
  EXPECT_TRUE(b.node->report().alarms.empty());
}

TEST(WitnessAlarm, ASilenceShorterThanALeaseIsNone) {
  Reigning b(with_witness());
  for (int i = 0; i < 5; ++i) {
    b.tell(heard(0));
    b.run_for(2s);
    b.tell(heard(1));
    b.run_for(2s);
  }
  EXPECT_EQ(said(b, JournalKind::alarm), 0);
}

TEST(WitnessAlarm, EndsWhenTheFileNamesNoneAnyMore) {
  Reigning b(with_witness());
  b.tell(heard(0));
  b.run_for(10s);
  EXPECT_EQ(said(b, JournalKind::alarm), 1);
  b.apply(three_hosts({}));
  b.run_for(1min);
  EXPECT_EQ(said(b, JournalKind::cleared), 1);
}

TEST(WitnessAlarm, IsWrittenDownByTheControllerAlone) {
  Servant b(with_witness());
  b.tell(heard(0));
  b.run_for(1min);
  EXPECT_EQ(said(b, JournalKind::alarm), 0);
}

// h2 and h3 are heard on these links.
PeersHeard hosts_heard(LinkSet h2, LinkSet h3) {
  PeersHeard all;
  all.peers.push_back({h("h2"), boot_digest(boot_of(h("h2"))), h2, 2, false, Instant{}, {}, {}});
  all.peers.push_back({h("h3"), boot_digest(boot_of(h("h3"))), h3, 2, false, Instant{}, {}, {}});
  return all;
}

std::string heartbeat_alarms(const Bench& bench) {
  std::string keys;
  for (const auto& [path, record] : bench.node->view().journal)
    if (record.kind == JournalKind::alarm && record.level.starts_with("heartbeat/")) keys += record.level + " ";
  return keys;
}

TEST(HearingAlarms, WhoeverIsOutOfServiceAndRunsNothingMayBeSilent) {
  for (const bool out : {false, true}) {
    Spec spec = three_hosts({});
    spec.hosts[1].links = {"10.0.0.2", "10.1.0.2"};
    Reigning b(spec);
    if (out) b.say(OperatorVerb::maintain, "", "h3");
    b.tell(hosts_heard(3, 3));
    b.run_for(5s);
    b.tell(hosts_heard(3, 1));  // a cable is pulled first
    b.run_for(10s);
    EXPECT_EQ(heartbeat_alarms(b), out ? "" : "heartbeat/link/h3/2 ");
    b.tell(hosts_heard(3, 0));
    b.run_for(30s);
    EXPECT_EQ(heartbeat_alarms(b).find("heartbeat/silent/h3") != std::string::npos, !out) << heartbeat_alarms(b);
  }
}

}  // namespace
}  // namespace haven

#include "adapter/etcd/etcd_engine.hpp"

#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include "adapter/engine/etcd_members.hpp"
#include "adapter/engine/outage_contract.hpp"
#include "rpc.grpc.pb.h"

namespace haven::test {
namespace {

std::unique_ptr<port::Engine> open_at(const adapter::EtcdConfig& config, port::EngineSink sink) {
  auto engine = adapter::open_etcd_engine(config, std::move(sink));
  EXPECT_TRUE(engine) << engine.error();
  return engine ? std::move(*engine) : nullptr;
}

void compact_at(const std::string& endpoint, Revision revision) {
  const auto kv = etcdserverpb::KV::NewStub(grpc::CreateChannel(endpoint, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 10s);
  context.set_wait_for_ready(true);
  etcdserverpb::CompactionRequest request;
  request.set_revision(revision.count);
  request.set_physical(true);
  etcdserverpb::CompactionResponse response;
  const auto status = kv->Compact(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

class EtcdWorld final : public OutageWorld {
 public:
  std::unique_ptr<port::Engine> open(port::EngineSink sink) override {
    return open_at({members_.endpoints(), {}}, std::move(sink));
  }
  void stop() override { members_.kill(0); }
  void start() override {
    members_.kill(0);
    members_.start(0);
  }
  std::unique_ptr<port::Engine> open_aside(port::EngineSink sink) override {
    if (!members_.runs(0)) members_.start_aside(0);
    return open_at({{members_.aside()}, {}}, std::move(sink));
  }
  void compact(Revision revision) override { compact_at(members_.aside(), revision); }

 private:
  EtcdMembers members_;
};

INSTANTIATE_TEST_SUITE_P(Etcd, EngineContract,
                         testing::Values(MakeWorld{"one_member", [] { return std::make_unique<EtcdWorld>(); }}),
                         MakeWorld::name_of);
INSTANTIATE_TEST_SUITE_P(Etcd, OutageContract,
                         testing::Values(MakeOutageWorld{"one_member", [] { return std::make_unique<EtcdWorld>(); }}),
                         MakeOutageWorld::name_of);

Session::Open at(const std::vector<std::string>& endpoints) {
  return [endpoints](port::EngineSink sink) { return open_at({endpoints, {}}, std::move(sink)); };
}

TEST(EtcdEngine, AWatchFarBehindCatchesUpInWholeCommits) {
  EtcdMembers etcd;
  Session session(at(etcd.endpoints()));
  session.watch("");
  etcd.kill(0);
  etcd.start_aside(0);
  Revision last;
  {
    Session aside(at({etcd.aside()}));
    aside.put("warm", "up");
    // More revisions than etcd tells in one batch.
    constexpr int kCommits = 2500;
    std::vector<CallId> calls;
    for (int i = 0; i < kCommits; ++i) {
      calls.push_back(aside.send({{}, {Put{"a", std::to_string(i), {}}, Put{"b", std::to_string(i), {}}}}, 60s));
      if (calls.size() < 500) continue;
      for (const auto call : calls) aside.answer<port::TransactionDone>(call);
      calls.clear();
    }
    last = aside.commit({}).revision;
  }
  etcd.kill(0);
  etcd.start(0);
  ASSERT_TRUE(session.recorder().wait([last](const auto& events) {
    const auto* changed = events.empty() ? nullptr : std::get_if<port::Changed>(&events.back());
    return changed != nullptr && changed->revision == last;
  }));
  const auto view = session.view();
  EXPECT_EQ(view.lists, 1);
  EXPECT_GT(view.changes.size(), 1u) << "told in one batch: this shows nothing";
  std::map<Revision, int> keys;
  for (const auto& changed : view.changes) {
    EXPECT_EQ(changed.changes.back().mod, changed.revision) << "it claims more than it tells";
    for (const auto& change : changed.changes) ++keys[change.mod];
  }
  EXPECT_EQ(keys.size(), 2501u);
  for (const auto& [revision, n] : keys) EXPECT_EQ(n, revision == keys.begin()->first ? 1 : 2);
}

TEST(EtcdEngine, ADeadEndpointAmongSeveralCostsNothing) {
  EtcdMembers etcd;
  Session session(at({etcd.dead_endpoint(), etcd.endpoints()[0]}));
  session.watch("");
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(session.wait_revision(session.put("a", "1")));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1s);
}

TEST(EtcdEngine, BeforeAnybodyAnswersTheLossIsTold) {
  EtcdMembers etcd;
  Session session(at({etcd.dead_endpoint()}));
  session.engine().watch("");
  ASSERT_TRUE(session.wait_view([](const View& view) { return view.lost; }));
  const auto done = session.commit({}, 300ms);
  EXPECT_EQ(done.outcome, Outcome::unknown);
  EXPECT_NE(done.message.find(etcd.dead_endpoint()), std::string::npos) << done.message;
}

// A store that was restored knows less than was told: its revisions begin again.
TEST(EtcdEngine, ARestoredStoreIsListedAgain) {
  EtcdMembers etcd;
  Session session(at(etcd.endpoints()));
  for (int i = 0; i < 10; ++i) session.put("old", std::to_string(i));
  const auto before = session.watch("").revision;
  etcd.kill(0);
  etcd.wipe(0);
  etcd.start(0);
  ASSERT_TRUE(session.wait_view([](const View& view) { return view.lists == 2; }));
  EXPECT_TRUE(session.view().entries.empty());
  EXPECT_LT(session.view().revision, before);
  ASSERT_TRUE(session.wait_revision(session.put("new", "1")));
  EXPECT_EQ(session.view().entries.size(), 1u);
}

// etcd says "no space" also of a transaction that it has applied.
TEST(EtcdEngine, ATransactionIntoAFullStoreIsUnknown) {
  EtcdMembers etcd(1, {"--quota-backend-bytes=3000000"});
  Session session(at(etcd.endpoints()));
  port::TransactionDone done{{}, Outcome::committed, {}, {}};
  // etcd looks at its size only as often as it writes its backend out, every 100 ms: on a quick machine that takes a
  // while.
  for (int i = 0; i < 1000 && done.outcome == Outcome::committed; ++i) {
    done = session.commit({{}, {Put{"key" + std::to_string(i % 20), std::string(500'000, 'x'), {}}}});
  }
  EXPECT_EQ(done.outcome, Outcome::unknown);
  EXPECT_NE(done.message.find("database space exceeded"), std::string::npos) << done.message;
  EXPECT_EQ(session.commit({}).outcome, Outcome::committed) << "it can still be read";
}

TEST(EtcdEngine, MoreCallsThanItHoldsAreRefused) {
  EtcdMembers etcd;
  Session session(at({etcd.dead_endpoint()}));
  for (std::size_t i = 0; i < adapter::kMaxEtcdCalls; ++i) session.send({}, 30s);
  EXPECT_EQ(session.commit({}, 30s).outcome, Outcome::refused);
}

TEST(EtcdEngine, AWrongConfigurationIsNamed) {
  const auto error = [](const adapter::EtcdConfig& config) {
    const auto engine = adapter::open_etcd_engine(config, [](const port::EngineEvent&) {});
    return engine ? std::string("opened") : engine.error();
  };
  EXPECT_EQ(error({{}, {}}), "no etcd endpoint is configured");
  EXPECT_EQ(error({{"h1"}, {}}), "endpoint h1: this is not host:port");
  EXPECT_EQ(error({{"http://h1:x"}, {}}), "endpoint http://h1:x: this is not host:port");
  EXPECT_EQ(error({{"https://h1:2379"}, {}}), "endpoint https://h1:2379: no TLS is configured");
  EXPECT_EQ(error({{"http://h1:2379"}, adapter::EtcdTls{"/none/ca.pem", "", ""}}),
            "endpoint http://h1:2379: TLS is configured");
  EXPECT_EQ(error({{"h1:2379"}, adapter::EtcdTls{"/none/ca.pem", "", ""}}), "/none/ca.pem: cannot read it");
  EXPECT_EQ(error({{"h1:2379"}, adapter::EtcdTls{"", "cert.pem", ""}}),
            "a client certificate needs both its file and its key's");
}

struct ThreeEtcdMembers : testing::Test {
  EtcdMembers etcd{3};
  // Begins with the first endpoint; ready when all three serve.
  Session session{at(etcd.endpoints())};
  void SetUp() override {
    for (const auto& endpoint : etcd.endpoints()) {
      Session alone(at({endpoint}));
      ASSERT_EQ(alone.commit({}, 20s).outcome, Outcome::committed);
    }
  }
};

TEST_F(ThreeEtcdMembers, TheDeathOfAMemberIsSurvived) {
  session.watch("");
  auto last = session.put("a", "1");
  for (const std::size_t victim : {0, 1}) {
    etcd.kill(victim);
    auto done = session.commit({{Compare{"a", last}}, {Put{"a", "next", {}}}}, 5s);
    while (done.outcome == Outcome::unknown) {
      done = session.commit({{Compare{"a", last}}, {Put{"a", "next", {}}}}, 5s);
    }
    last = done.revision;
    ASSERT_TRUE(session.wait_revision(last));
    etcd.start(victim);
    Session alone(at({etcd.endpoints()[victim]}));
    ASSERT_EQ(alone.commit({}, 20s).outcome, Outcome::committed);
  }
  EXPECT_EQ(session.view().lists, 1);
  EXPECT_EQ(session.view().changes.size(), 3u);
}

TEST_F(ThreeEtcdMembers, AFrozenMemberCostsOneDeadlineAtMost) {
  session.watch("");
  const auto lease = session.grant(60s);
  const auto first = session.put("a", "1");
  etcd.freeze(0);
  const auto begun = std::chrono::steady_clock::now();
  const auto write = session.send({{Compare{"a", first}}, {Put{"a", "2", {}}}}, 600ms);
  const auto keep = session.send_keep_alive(lease, 12s);
  const auto read = session.send({}, 12s);
  const auto lost = session.answer<port::TransactionDone>(write);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1600ms) << "a deadline is a deadline";
  EXPECT_EQ(lost.outcome, Outcome::unknown) << "sent and not answered: nobody knows";
  EXPECT_TRUE(session.recorder().wait([](const auto& events) { return view_of(events).lost; }, 5s))
      << "silence is noticed before TCP or gRPC would";
  EXPECT_TRUE(session.answer<port::LeaseAnswer>(keep).alive) << "repeated elsewhere within its deadline";
  EXPECT_EQ(session.answer<port::TransactionDone>(read).outcome, Outcome::committed);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 6s) << "moved when the endpoint was given up, not at half time";

  const auto again = session.commit({{Compare{"a", first}}, {Put{"a", "2", {}}}}, 8s);
  EXPECT_EQ(again.outcome, Outcome::committed) << "the frozen one is not asked again: " << again.message;
  EXPECT_TRUE(session.wait_revision(again.revision)) << "the watch moved too";
  etcd.thaw(0);
  // What waited in the frozen member's socket may run now, and its compare fails.
  Session alone(at({etcd.endpoints()[0]}));
  EXPECT_EQ(alone.watch("a").entries.at("a").mod, again.revision);
  EXPECT_EQ(session.view().lists, 1);
  EXPECT_EQ(session.view().changes.size(), 2u) << "the lost write happened too";
}

TEST_F(ThreeEtcdMembers, AMinorityAnswersNoReadAndEndsItsWatches) {
  Session alone(at({etcd.endpoints()[0]}));
  const auto first = session.put("a", "1");
  alone.watch("");
  EXPECT_EQ(alone.commit({{Compare{"a", first}}, {}}).outcome, Outcome::committed);
  etcd.freeze(1);
  etcd.freeze(2);
  EXPECT_EQ(alone.commit({{Compare{"a", first}}, {}}, 800ms).outcome, Outcome::unknown)
      << "a member's own memory is no linearizable read";
  EXPECT_EQ(alone.commit({}, 800ms).outcome, Outcome::unknown);
  const auto write = alone.commit({{Compare{"a", first}}, {Put{"a", "2", {}}}}, 800ms);
  EXPECT_EQ(write.outcome, Outcome::unknown);
  EXPECT_TRUE(alone.wait_view([](const View& view) { return view.lost; }, 8s))
      << "the watch of a member that sees no leader must not just be silent";
  etcd.thaw(1);
  etcd.thaw(2);
  EXPECT_TRUE(alone.wait_view([](const View& view) { return !view.lost; }));
  auto again = alone.commit({{Compare{"a", first}}, {Put{"a", "2", {}}}});
  while (again.outcome == Outcome::unknown) again = alone.commit({{Compare{"a", first}}, {Put{"a", "2", {}}}});
  ASSERT_TRUE(alone.wait_view([](const View& view) { return view.entries.at("a").value == "2"; }));
  EXPECT_EQ(alone.view().changes.size(), 1u) << "it happened once";
}

TEST_F(ThreeEtcdMembers, EachVoterSpeaksForItselfWhetherOrNotItIsLed) {
  session.put("a", "1");
  auto voters = session.voters();
  ASSERT_EQ(voters.size(), 3u);
  for (const auto& voter : voters) {
    EXPECT_TRUE(voter.led);
    EXPECT_EQ(voter.voters.size(), 3u);
    EXPECT_EQ(voter.term, voters.front().term);
  }
  etcd.freeze(1);
  etcd.freeze(2);
  const auto alone = [&] {
    voters = session.voters(200ms);
    return voters.size() == 1 && !voters.front().led;
  };
  const auto begun = std::chrono::steady_clock::now();
  while (!alone() && std::chrono::steady_clock::now() - begun < 20s) continue;
  ASSERT_TRUE(alone()) << "it has no majority to be led by, and says so";
  EXPECT_EQ(voters.front().voters.size(), 3u);
  EXPECT_FALSE(session.answer<port::ReadDone>(session.send_read("a", 300ms)).reached);
  etcd.thaw(1);
  etcd.thaw(2);
  EXPECT_TRUE(session.read("a").reached);
}

TEST_F(ThreeEtcdMembers, AnotherLeaderHasAnotherTerm) {
  session.put("a", "1");
  const auto before = session.read("a").term;
  // Whoever leads, two of three deaths one after the other meet it.
  for (std::size_t victim = 0; victim < 3; ++victim) {
    etcd.kill(victim);
    EXPECT_TRUE(session.read("a").reached);
    etcd.start(victim);
    Session there(at({etcd.endpoints()[victim]}));
    ASSERT_EQ(there.commit({}, 20s).outcome, Outcome::committed);
  }
  EXPECT_GT(session.read("a").term, before);
}

}  // namespace
}  // namespace haven::test

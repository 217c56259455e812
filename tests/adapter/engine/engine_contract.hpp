// What every engine promises (port/engine.hpp). A test program includes this, says how to make its engine and
// instantiates EngineContract; OutageContract too, if its engine can go away while its handles live.
#pragma once

#include <ostream>
#include <set>

#include "adapter/engine/session.hpp"
#include "port/transaction_rules.hpp"

namespace haven::test {

// One store, empty at first; it ends with its world. Handles end before their world.
class EngineWorld {
 public:
  virtual ~EngineWorld() = default;
  virtual std::unique_ptr<port::Engine> open(port::EngineSink sink) = 0;
};
// How a world of this kind is made, with the name that tests show.
template <class World>
struct Maker {
  std::string name;
  std::function<std::unique_ptr<World>()> make;
  friend void PrintTo(const Maker& maker, std::ostream* out) { *out << maker.name; }
  static std::string name_of(const testing::TestParamInfo<Maker>& info) { return info.param.name; }
};
using MakeWorld = Maker<EngineWorld>;

class EngineContract : public testing::TestWithParam<MakeWorld> {
 protected:
  std::unique_ptr<EngineWorld> world = GetParam().make();
  Session::Open open = [this](port::EngineSink sink) { return world->open(std::move(sink)); };
  Session session{open};
};

using port::Compare;
using port::Delete;
using port::Outcome;
using port::Put;
using port::Transaction;

inline Transaction create(const std::string& key, const std::string& value) {
  return {{Compare{key, Revision{0}}}, {Put{key, value, {}}}};
}

// The values of all changes in the order in which they were told.
inline std::vector<std::string> values_told(const View& view) {
  std::vector<std::string> values;
  for (const auto& changed : view.changes) {
    for (const auto& change : changed.changes) values.push_back(change.value);
  }
  return values;
}
inline std::vector<std::string> numbers_below(int end) {
  std::vector<std::string> numbers(static_cast<std::size_t>(end));
  for (int i = 0; i < end; ++i) numbers[static_cast<std::size_t>(i)] = std::to_string(i);
  return numbers;
}

TEST_P(EngineContract, CreatesOnlyWhatIsAbsent) {
  const auto first = session.commit(create("a", "1"));
  ASSERT_EQ(first.outcome, Outcome::committed) << first.message;
  EXPECT_GT(first.revision, Revision{0});
  const auto other = session.put("b", "1");
  const auto again = session.commit(create("a", "2"));
  EXPECT_EQ(again.outcome, Outcome::conflict);
  EXPECT_EQ(again.revision, other) << "a conflict tells where the store is";
  EXPECT_EQ(session.watch("a").entries.at("a").value, "1");
}

TEST_P(EngineContract, AnOverwriteKeepsTheCreateRevisionAndMovesTheModRevision) {
  const auto created = session.put("a", "1");
  const auto written = session.commit({{Compare{"a", created}}, {Put{"a", "2", {}}}});
  ASSERT_EQ(written.outcome, Outcome::committed);
  EXPECT_GT(written.revision, created);
  EXPECT_EQ(session.commit({{Compare{"a", created}}, {Put{"a", "3", {}}}}).outcome, Outcome::conflict);
  const port::KeyValue expected{"a", "2", written.revision, created, {}};
  EXPECT_EQ(session.watch("a").entries.at("a"), expected);
}

TEST_P(EngineContract, AKeyMadeAgainAfterItsDeletionIsANewKey) {
  const auto created = session.put("a", "1");
  ASSERT_EQ(session.commit({{Compare{"a", created}}, {Delete{"a"}}}).outcome, Outcome::committed);
  EXPECT_EQ(session.commit({{Compare{"a", created}}, {}}).outcome, Outcome::conflict);
  const auto again = session.commit(create("a", "2"));
  ASSERT_EQ(again.outcome, Outcome::committed);
  const port::KeyValue expected{"a", "2", again.revision, again.revision, {}};
  EXPECT_EQ(session.watch("a").entries.at("a"), expected);
}

TEST_P(EngineContract, OneFailedCompareStopsAllOperations) {
  const auto a = session.put("a", "1");
  const auto b = session.put("b", "1");
  const auto done =
      session.commit({{Compare{"a", a}, Compare{"b", a}}, {Put{"a", "2", {}}, Delete{"b"}, Put{"c", "2", {}}}});
  EXPECT_EQ(done.outcome, Outcome::conflict);
  EXPECT_EQ(done.revision, b);
  const auto view = session.watch("");
  EXPECT_EQ(view.revision, b);
  ASSERT_EQ(view.entries.size(), 2u);
  EXPECT_EQ(view.entries.at("a").mod, a);
  EXPECT_EQ(view.entries.at("b").mod, b);
}

TEST_P(EngineContract, AnEmptyTransactionReadsItsComparesAndTheRevision) {
  const auto a = session.put("a", "1");
  const auto b = session.put("b", "1");
  const auto holds = session.commit({{Compare{"a", a}, Compare{"none", Revision{0}}}, {}});
  EXPECT_EQ(holds.outcome, Outcome::committed);
  EXPECT_EQ(holds.revision, b);
  const auto fails = session.commit({{Compare{"a", b}}, {}});
  EXPECT_EQ(fails.outcome, Outcome::conflict);
  EXPECT_EQ(fails.revision, b);
  EXPECT_EQ(session.commit({}).outcome, Outcome::committed) << "the revision alone may be asked for";
}

TEST_P(EngineContract, WritesAllKeysOfATransactionAtOneRevision) {
  session.put("b", "old");
  session.watch("");
  const auto done = session.commit({{}, {Put{"a", "1", {}}, Delete{"b"}, Put{"c", "3", {}}}});
  ASSERT_EQ(done.outcome, Outcome::committed);
  ASSERT_TRUE(session.wait_revision(done.revision));
  const auto view = session.view();
  ASSERT_EQ(view.changes.size(), 1u);
  std::set<std::string> keys;
  for (const auto& change : view.changes[0].changes) {
    keys.insert(change.key);
    EXPECT_EQ(change.mod, done.revision);
    EXPECT_EQ(change.deleted, change.key == "b");
    EXPECT_EQ(change.value.empty(), change.deleted);
  }
  EXPECT_EQ(keys, (std::set<std::string>{"a", "b", "c"}));
}

TEST_P(EngineContract, DeletingWhatIsNotThereIsNoErrorAndNoChange) {
  session.put("a", "1");
  const auto before = session.watch("").revision;
  const auto nothing = session.commit({{}, {Delete{"none"}}});
  EXPECT_EQ(nothing.outcome, Outcome::committed);
  EXPECT_EQ(nothing.revision, before);
  const auto done = session.commit({{}, {Delete{"none"}, Put{"b", "1", {}}}});
  ASSERT_EQ(done.outcome, Outcome::committed);
  ASSERT_TRUE(session.wait_revision(done.revision));
  const auto view = session.view();
  ASSERT_EQ(view.changes.size(), 1u);
  ASSERT_EQ(view.changes[0].changes.size(), 1u);
  EXPECT_EQ(view.changes[0].changes[0].key, "b");
}

TEST_P(EngineContract, TakesTransactionsUpToTheLimitsAndRefusesBeyond) {
  Transaction full;
  for (std::size_t i = 0; i < port::kMaxCompares; ++i) full.compares.push_back({"c" + std::to_string(i), Revision{0}});
  for (std::size_t i = 0; i < port::kMaxOperations; ++i)
    full.operations.push_back(Put{"k" + std::to_string(i), "", {}});
  const auto done = session.commit(full);
  ASSERT_EQ(done.outcome, Outcome::committed) << done.message;

  auto compares = full;
  compares.compares.push_back({"one more", Revision{0}});
  EXPECT_EQ(session.commit(compares).outcome, Outcome::refused);
  auto operations = full;
  operations.operations.push_back(Put{"one more", "", {}});
  EXPECT_EQ(session.commit(operations).outcome, Outcome::refused);
  EXPECT_EQ(session.commit({{}, {Put{"x", "1", {}}, Put{"x", "2", {}}}}).outcome, Outcome::refused);
  EXPECT_EQ(session.commit({{}, {Put{"x", "1", {}}, Delete{"x"}}}).outcome, Outcome::refused);
  EXPECT_EQ(session.commit({{}, {Put{"", "1", {}}}}).outcome, Outcome::refused);
  const auto refused = session.commit({{}, {Put{"x", std::string(port::kMaxTransactionBytes, 'x'), {}}}});
  EXPECT_EQ(refused.outcome, Outcome::refused);
  EXPECT_FALSE(refused.message.empty());
  EXPECT_EQ(session.commit({}).revision, done.revision) << "a refused transaction did something";
}

TEST_P(EngineContract, TakesTheLargestTransaction) {
  const std::size_t room = port::kMaxTransactionBytes - port::kItemBytes - 1;
  const auto one = session.commit({{}, {Put{"x", std::string(room, 'x'), {}}}});
  EXPECT_EQ(one.outcome, Outcome::committed) << one.message;
  Transaction many;
  for (int i = 100; i < 228; ++i) {
    many.compares.push_back({"key" + std::to_string(i), Revision{0}});
    many.operations.push_back(Put{"key" + std::to_string(i), std::string(12'000, 'x'), {}});
  }
  const auto done = session.commit(many);
  EXPECT_EQ(done.outcome, Outcome::committed) << done.message;
  EXPECT_EQ(session.watch("").entries.size(), 129u);
}

TEST_P(EngineContract, KeysAndValuesAreBytes) {
  const std::string key("k\0\xff\x01", 4);
  const std::string value("\0\xff\n\0", 4);
  session.watch("k");
  ASSERT_TRUE(session.wait_revision(session.put(key, value)));
  EXPECT_EQ(session.view().entries.at(key).value, value);
  Session other(open);
  EXPECT_EQ(other.watch(std::string("k\0\xff", 3)).entries.at(key).value, value);
}

TEST_P(EngineContract, LeavesKeysOutsideThePrefixOut) {
  session.put("p", "before");
  session.put("p/a", "in");
  session.put("p0", "after");
  const auto listed = session.watch("p/");
  EXPECT_EQ(listed.entries.size(), 1u);
  EXPECT_EQ(listed.entries.count("p/a"), 1u);
  const auto done =
      session.commit({{}, {Put{"p", "2", {}}, Put{"p/b", "2", {}}, Put{"p0", "2", {}}, Put{"q", "2", {}}}});
  ASSERT_TRUE(session.wait_revision(done.revision));
  const auto view = session.view();
  ASSERT_EQ(view.changes.size(), 1u);
  ASSERT_EQ(view.changes[0].changes.size(), 1u);
  EXPECT_EQ(view.changes[0].changes[0].key, "p/b");
}

TEST_P(EngineContract, APrefixThatEndsWithTheHighestByteIsStillAPrefix) {
  session.put("p\xff", "in");
  session.put("p\xff\xff", "in");
  session.put("q", "out");
  EXPECT_EQ(session.watch("p\xff").entries.size(), 2u);
}

TEST_P(EngineContract, AnotherHandleSeesTheCommitsInOrderAndWhole) {
  constexpr int kCommits = 200;
  session.watch("");
  Session writer(open);
  std::vector<CallId> calls;
  for (int i = 0; i < kCommits; ++i) {
    Transaction five;
    for (int k = 0; k < 5; ++k) five.operations.push_back(Put{"key" + std::to_string(k), std::to_string(i), {}});
    calls.push_back(writer.send(five));
  }
  std::set<Revision> revisions;
  for (const auto call : calls) {
    const auto done = writer.answer<port::TransactionDone>(call);
    EXPECT_EQ(done.outcome, Outcome::committed) << done.message;
    revisions.insert(done.revision);
  }
  ASSERT_EQ(revisions.size(), static_cast<std::size_t>(kCommits)) << "each commit has a revision of its own";
  ASSERT_TRUE(session.wait_revision(*revisions.rbegin()));

  std::vector<Revision> seen;
  for (const auto& changed : session.view().changes) {
    std::map<Revision, std::set<std::string>> values;
    std::map<Revision, int> keys;
    for (const auto& change : changed.changes) {
      if (seen.empty() || seen.back() != change.mod) seen.push_back(change.mod);
      values[change.mod].insert(change.value);
      ++keys[change.mod];
    }
    for (const auto& [revision, n] : keys) EXPECT_EQ(n, 5) << "part of a commit at " << revision.count;
    for (const auto& [revision, v] : values) EXPECT_EQ(v.size(), 1u);
  }
  EXPECT_EQ(seen, std::vector<Revision>(revisions.begin(), revisions.end())) << "a gap, a repeat or a disorder";
  EXPECT_EQ(session.view().lists, 1);
}

TEST_P(EngineContract, OfTwoThatCreateTheSameKeyOneWins) {
  Session other(open);
  for (int i = 0; i < 20; ++i) {
    const auto key = "race" + std::to_string(i);
    const auto a = session.send(create(key, "a"));
    const auto b = other.send(create(key, "b"));
    const std::multiset<Outcome> outcomes{session.answer<port::TransactionDone>(a).outcome,
                                          other.answer<port::TransactionDone>(b).outcome};
    EXPECT_EQ(outcomes, (std::multiset<Outcome>{Outcome::committed, Outcome::conflict}));
  }
}

TEST_P(EngineContract, EveryCallIsAnsweredOnceByItsDeadlineHoweverShort) {
  const auto lease = session.grant(60s);
  for (const Duration timeout : {Duration(0), Duration(1000), Duration(200'000), Duration(2ms), Duration(2s)}) {
    for (int i = 0; i < 20; ++i) {
      const auto begun = std::chrono::steady_clock::now();
      const auto put = session.send({{}, {Put{"a", "1", {}}}}, timeout);
      const auto read = session.send({}, timeout);
      const auto keep = session.send_keep_alive(lease, timeout);
      const auto grant = session.send_grant(5s, timeout);
      const auto revoke = session.send_revoke(port::LeaseId{12345}, timeout);
      session.answer<port::TransactionDone>(put);
      session.answer<port::TransactionDone>(read);
      session.answer<port::LeaseAnswer>(keep);
      session.answer<port::LeaseGranted>(grant);
      session.answer<port::LeaseAnswer>(revoke);
      EXPECT_LT(std::chrono::steady_clock::now() - begun, timeout + 1s);
    }
  }
}

// A transaction whose answer was lost is sent again with the same compares: whichever of them happened, it happened
// once. From a microsecond, in which no engine answers, to half a second.
TEST_P(EngineContract, ATransactionAnsweredUnknownIsSafeToRepeat) {
  session.watch("counter");
  int unknown = 0;
  Revision mod{0};
  for (int i = 0; i < 60; ++i) {
    const Transaction step{{Compare{"counter", mod}}, {Put{"counter", std::to_string(i), {}}}};
    auto done = session.commit(step, i % 3 == 0 ? Duration(10s) : Duration(1'000) * (1 << (i % 20)));
    while (done.outcome == Outcome::unknown) {
      ++unknown;
      done = session.commit(step);
    }
    if (done.outcome == Outcome::conflict) {
      ASSERT_TRUE(session.wait_revision(done.revision));
      mod = session.view().entries.at("counter").mod;
    } else {
      ASSERT_EQ(done.outcome, Outcome::committed) << done.message;
      mod = done.revision;
    }
  }
  ASSERT_TRUE(session.wait_view(
      [](const View& view) { return view.entries.contains("counter") && view.entries.at("counter").value == "59"; }));
  EXPECT_EQ(values_told(session.view()), numbers_below(60)) << "a step was lost or happened twice";
  EXPECT_GT(unknown, 0) << "nothing was tried";
}

TEST_P(EngineContract, AnExpiredLeaseTakesItsKeysAtOneRevision) {
  session.put("stays", "1");
  const auto lease = session.grant(1s);
  session.commit({{}, {Put{"a", "1", lease}, Put{"b", "1", lease}}});
  session.put("c", "1", lease);
  session.watch("");
  EXPECT_EQ(session.view().entries.at("a").lease, lease);
  ASSERT_TRUE(session.wait_view([](const View& view) { return view.entries.size() == 1; }));
  const auto view = session.view();
  EXPECT_EQ(view.entries.count("stays"), 1u);
  ASSERT_EQ(view.changes.size(), 1u);
  EXPECT_EQ(view.changes[0].changes.size(), 3u);
  for (const auto& change : view.changes[0].changes) {
    EXPECT_TRUE(change.deleted);
    EXPECT_EQ(change.mod, view.changes[0].revision);
  }
  const auto gone = session.keep_alive(lease);
  EXPECT_TRUE(gone.reached);
  EXPECT_FALSE(gone.alive);
}

TEST_P(EngineContract, ATimeToLiveIsRoundedUpToASecond) {
  const auto lease = session.grant(1ms);
  session.put("a", "1", lease);
  session.watch("");
  EXPECT_FALSE(session.wait_view([](const View& view) { return view.entries.empty(); }, 500ms));
  EXPECT_TRUE(session.wait_view([](const View& view) { return view.entries.empty(); }));
}

TEST_P(EngineContract, ALeaseThatIsKeptAliveKeepsItsKeys) {
  const auto lease = session.grant(2s);
  session.put("a", "1", lease);
  session.watch("");
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(session.wait_view([](const View& view) { return view.entries.empty(); }, 700ms)) << "after " << i;
    const auto answer = session.keep_alive(lease);
    EXPECT_TRUE(answer.reached);
    EXPECT_TRUE(answer.alive);
    EXPECT_EQ(answer.lease, lease);
  }
}

TEST_P(EngineContract, ARevokedLeaseTakesItsKeysAtOnce) {
  const auto lease = session.grant(60s);
  session.commit({{}, {Put{"a", "1", lease}, Put{"b", "1", lease}}});
  session.watch("");
  const auto answer = session.revoke(lease);
  EXPECT_TRUE(answer.reached);
  EXPECT_FALSE(answer.alive);
  ASSERT_TRUE(session.wait_view([](const View& view) { return view.entries.empty(); }, 5s));
  EXPECT_EQ(session.view().changes.size(), 1u);
  EXPECT_TRUE(session.revoke(lease).reached) << "revoking what is gone says so";
  EXPECT_FALSE(session.keep_alive(lease).alive);
}

TEST_P(EngineContract, AKeyWrittenWithoutItsLeaseOutlivesIt) {
  const auto lease = session.grant(60s);
  const auto other = session.grant(60s);
  session.commit({{}, {Put{"goes", "1", lease}, Put{"stays", "1", lease}, Put{"moves", "1", lease}}});
  session.commit({{}, {Put{"stays", "2", {}}, Put{"moves", "2", other}}});
  session.watch("");
  session.revoke(lease);
  ASSERT_TRUE(session.wait_view([](const View& view) { return !view.entries.contains("goes"); }));
  EXPECT_EQ(session.view().entries.size(), 2u);
  session.revoke(other);
  ASSERT_TRUE(session.wait_view([](const View& view) { return !view.entries.contains("moves"); }));
  EXPECT_EQ(session.view().entries.count("stays"), 1u);
}

TEST_P(EngineContract, APutUnderAnUnknownLeaseRefusesTheWholeTransaction) {
  const auto before = session.put("a", "1");
  const port::LeaseId unknown{987654321};
  const auto done = session.commit({{}, {Put{"a", "2", {}}, Put{"b", "1", unknown}}});
  EXPECT_EQ(done.outcome, Outcome::refused);
  EXPECT_FALSE(done.message.empty());
  EXPECT_EQ(session.commit({{Compare{"a", Revision{0}}}, {Put{"b", "1", unknown}}}).outcome, Outcome::conflict)
      << "compares come first";
  const auto view = session.watch("");
  EXPECT_EQ(view.revision, before);
  EXPECT_EQ(view.entries.size(), 1u);
  const auto lease = session.grant(60s);
  session.revoke(lease);
  EXPECT_EQ(session.commit({{}, {Put{"b", "1", lease}}}).outcome, Outcome::refused) << "a revoked lease is unknown";
}

TEST_P(EngineContract, ALeaseOfOneHandleServesAnother) {
  Session other(open);
  const auto lease = session.grant(60s);
  other.put("a", "1", lease);
  EXPECT_TRUE(other.keep_alive(lease).alive);
  session.close();
  EXPECT_TRUE(other.keep_alive(lease).alive) << "a lease ends by time or revocation, not with a handle";
  EXPECT_EQ(other.watch("").entries.size(), 1u);
}

TEST_P(EngineContract, AReadFindsTheKeyItselfOrNothing) {
  session.put("key/longer", "other");
  const auto none = session.read("key");
  EXPECT_TRUE(none.reached);
  EXPECT_FALSE(none.found);
  EXPECT_GT(none.term, 0u);
  const auto lease = session.grant(60s);
  const auto mod = session.put("key", "1", lease);
  const auto found = session.read("key");
  EXPECT_EQ(found.found, (port::KeyValue{"key", "1", mod, mod, lease}));
  EXPECT_EQ(found.term, none.term);
  session.revoke(lease);
  EXPECT_FALSE(session.read("key").found);
}

TEST_P(EngineContract, AReadSeesWhatAnotherHandleWasToldIsCommitted) {
  Session other(open);
  for (int i = 0; i < 20; ++i) {
    const auto mod = other.put("a", std::to_string(i));
    EXPECT_EQ(session.read("a").found->mod, mod);
  }
}

TEST_P(EngineContract, TheVotersSayWhomTheyFollowAndWhoVotes) {
  session.put("a", "1");
  const auto voters = session.voters();
  ASSERT_EQ(voters.size(), 1u);
  EXPECT_TRUE(voters.front().led);
  EXPECT_EQ(voters.front().voters, std::vector<std::string>{voters.front().id});
  EXPECT_EQ(voters.front().term, session.read("a").term);
}

TEST_P(EngineContract, AHandleAnswersWhatItOwesBeforeItEnds) {
  for (int i = 0; i < 20; ++i) session.send({{}, {Put{"a", std::to_string(i), {}}}});
  session.send_grant(60s, 10s);
  session.send_read("a", 10s);
  session.close();
}

}  // namespace haven::test

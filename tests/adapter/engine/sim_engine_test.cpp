#include <gtest/gtest.h>

#include "adapter/engine/outage_contract.hpp"
#include "sim/engine_adapter.hpp"

namespace haven::test {
namespace {

class SimWorld final : public OutageWorld {
 public:
  std::unique_ptr<port::Engine> open(port::EngineSink sink) override { return store_.open(std::move(sink)); }
  std::unique_ptr<port::Engine> open_aside(port::EngineSink sink) override {
    return store_.open_aside(std::move(sink));
  }
  void stop() override { store_.stop(); }
  void start() override { store_.start(); }
  void compact(Revision) override { store_.compact(); }

 private:
  sim::RunningStore store_;
};

INSTANTIATE_TEST_SUITE_P(Sim, EngineContract,
                         testing::Values(MakeWorld{"store", [] { return std::make_unique<SimWorld>(); }}),
                         MakeWorld::name_of);
INSTANTIATE_TEST_SUITE_P(Sim, OutageContract,
                         testing::Values(MakeOutageWorld{"store", [] { return std::make_unique<SimWorld>(); }}),
                         MakeOutageWorld::name_of);

using Store = sim::Store<int>;
constexpr Instant kStart{1000s};

Store::Transaction put(const std::string& key, int value, port::LeaseId lease = {}) {
  return {{}, {Store::Put{key, value, lease}}};
}
std::vector<int> told(const Store& store, Revision after, bool& whole) {
  std::vector<int> values;
  whole = store.changes_since(after, "", [&](const Store::Change& c) { values.push_back(c.value.value_or(-1)); });
  return values;
}

TEST(SimStore, ADeposedLeaderStillAnswersKeepAlivesThatRenewNothing) {
  Store store;
  const auto lease = store.grant(5s, kStart);
  store.commit(put("a", 1, lease));
  const auto stale = store.depose(kStart + 2s);
  EXPECT_TRUE(stale.keep_alive(lease));
  store.expire(kStart + 6s);
  EXPECT_NE(store.find("a"), nullptr) << "the successor gives every lease its whole time again";
  store.expire(kStart + 7s);
  EXPECT_EQ(store.find("a"), nullptr);
  EXPECT_TRUE(stale.keep_alive(lease)) << "it does not know better";
  EXPECT_FALSE(store.keep_alive(lease, kStart + 7s));
}

TEST(SimStore, AnOverdueLeaseIsNotKeptAlive) {
  Store store;
  const auto lease = store.grant(1500ms, kStart);
  EXPECT_EQ(store.next_expiry(), kStart + 2s) << "rounded up";
  EXPECT_TRUE(store.keep_alive(lease, kStart + 1s));
  EXPECT_EQ(store.next_expiry(), kStart + 3s);
  EXPECT_FALSE(store.keep_alive(lease, kStart + 3s));
  store.expire(kStart + 3s);
  EXPECT_EQ(store.next_expiry(), kNever);
}

TEST(SimStore, LeasesEndInOrderOfExpiryEachAtItsOwnRevision) {
  Store store;
  const auto late = store.grant(9s, kStart);
  const auto soon = store.grant(3s, kStart);
  store.commit(put("late", 1, late));
  store.commit({{}, {Store::Put{"soon", 1, soon}, Store::Put{"soon too", 1, soon}}});
  const auto before = store.revision();
  store.expire(kStart + 10s);
  std::vector<std::pair<std::string, std::int64_t>> ended;
  ASSERT_TRUE(store.changes_since(
      before, "", [&](const Store::Change& c) { ended.emplace_back(c.key, c.mod.count - before.count); }));
  const std::vector<std::pair<std::string, std::int64_t>> expected{{"soon", 1}, {"soon too", 1}, {"late", 2}};
  EXPECT_EQ(ended, expected);
}

TEST(SimStore, HistoryIsBoundedAndCompactedByWholeCommits) {
  Store store(10);
  for (int i = 0; i < 100; ++i) store.commit({{}, {Store::Put{"a", i, {}}, Store::Put{"b", i, {}}}});
  bool whole = false;
  told(store, Revision{2}, whole);
  EXPECT_FALSE(whole);
  EXPECT_EQ(told(store, {store.revision().count - 2}, whole), (std::vector<int>{98, 98, 99, 99}));
  EXPECT_TRUE(whole);
  int kept = 0;
  while (told(store, {store.revision().count - kept - 1}, whole), whole) ++kept;
  EXPECT_GE(kept, 5);
  EXPECT_LE(kept, 20);
  EXPECT_EQ(told(store, {store.revision().count - kept}, whole).size(), 2u * static_cast<std::size_t>(kept));
}

TEST(SimStore, ARevisionThatIsYetToComeIsToBeListedAgain) {
  Store store;
  bool whole = true;
  told(store, {store.revision().count + 1}, whole);
  EXPECT_FALSE(whole);
  told(store, store.revision(), whole);
  EXPECT_TRUE(whole);
}

}  // namespace
}  // namespace haven::test

// What an engine promises that can go away while its handles live.
#pragma once

#include <thread>

#include "adapter/engine/engine_contract.hpp"

namespace haven::test {

class OutageWorld : public EngineWorld {
 public:
  // Nobody reaches the engine until start(); what it holds stays.
  virtual void stop() = 0;
  virtual void start() = 0;
  // A handle that reaches the engine while it is stopped for all others. It must end before start().
  virtual std::unique_ptr<port::Engine> open_aside(port::EngineSink sink) = 0;
  // Forgets what was before `revision`. While stopped only with a handle aside open.
  virtual void compact(Revision revision) = 0;
};
using MakeOutageWorld = Maker<OutageWorld>;

class OutageContract : public testing::TestWithParam<MakeOutageWorld> {
 protected:
  std::unique_ptr<OutageWorld> world = GetParam().make();
  Session::Open open = [this](port::EngineSink sink) { return world->open(std::move(sink)); };
  Session::Open open_aside = [this](port::EngineSink sink) { return world->open_aside(std::move(sink)); };
  Session session{open};

  void stop_and_see_it() {
    world->stop();
    EXPECT_TRUE(session.wait_view([](const View& view) { return view.lost; })) << "the loss was not told";
  }
};

TEST_P(OutageContract, WhileDownEveryCallIsAnsweredUnknownByItsDeadline) {
  const auto lease = session.grant(60s);
  session.put("a", "1");
  session.watch("");
  stop_and_see_it();
  const auto begun = std::chrono::steady_clock::now();
  const auto write = session.send({{}, {Put{"a", "2", {}}}}, 400ms);
  const auto read = session.send({}, 400ms);
  const auto keep = session.send_keep_alive(lease, 400ms);
  const auto revoke = session.send_revoke(lease, 400ms);
  const auto grant = session.send_grant(60s, 400ms);
  const auto key = session.send_read("a", 400ms);
  EXPECT_EQ(session.answer<port::TransactionDone>(write).outcome, Outcome::unknown);
  EXPECT_EQ(session.answer<port::TransactionDone>(read).outcome, Outcome::unknown);
  EXPECT_FALSE(session.answer<port::ReadDone>(key).reached);
  EXPECT_TRUE(session.voters(400ms).empty());
  EXPECT_FALSE(session.answer<port::LeaseAnswer>(keep).reached);
  EXPECT_FALSE(session.answer<port::LeaseAnswer>(revoke).reached);
  const auto refused = session.answer<port::LeaseGranted>(grant);
  EXPECT_EQ(refused.lease, port::LeaseId{});
  EXPECT_FALSE(refused.message.empty());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1400ms);
}

TEST_P(OutageContract, AfterAQuietOutageTheWatchSaysThatItGoesOn) {
  session.put("a", "1");
  session.watch("");
  stop_and_see_it();
  world->start();
  ASSERT_TRUE(session.wait_view([](const View& view) { return !view.lost; }));
  EXPECT_EQ(session.view().lists, 1) << "nothing was lost, nothing is to be listed";
  EXPECT_EQ(session.recorder().count<port::Resumed>(), 1u);
  EXPECT_EQ(session.recorder().count<port::WatchLost>(), 1u) << "one loss is told once";
  ASSERT_TRUE(session.wait_revision(session.put("a", "2")));
}

TEST_P(OutageContract, WhatHappenedMeanwhileIsToldWithoutLossOrRepeat) {
  session.put("old", "1");
  session.watch("");
  stop_and_see_it();
  Revision last;
  {
    Session aside(open_aside);
    for (int i = 0; i < 50; ++i) {
      aside.commit({{}, {Put{"a", std::to_string(i), {}}, Put{"b", std::to_string(i), {}}}});
    }
    last = aside.commit({{}, {Delete{"old"}}}).revision;
  }
  world->start();
  ASSERT_TRUE(session.wait_revision(last));
  const auto view = session.view();
  EXPECT_EQ(view.lists, 1);
  EXPECT_EQ(view.entries.size(), 2u);
  std::vector<Revision> seen;
  for (const auto& changed : view.changes) {
    std::map<Revision, int> keys;
    for (const auto& change : changed.changes) {
      if (seen.empty() || seen.back() != change.mod) seen.push_back(change.mod);
      ++keys[change.mod];
    }
    for (const auto& [revision, n] : keys) EXPECT_EQ(n, revision == last ? 1 : 2) << "part of a commit";
  }
  EXPECT_EQ(seen.size(), 51u);
}

TEST_P(OutageContract, AfterACompactionTheWatchListsAgain) {
  session.put("goes", "1");
  session.put("stays", "1");
  session.watch("");
  stop_and_see_it();
  Revision last;
  {
    Session aside(open_aside);
    for (int i = 0; i < 10; ++i) aside.put("stays", std::to_string(i));
    last = aside.commit({{}, {Delete{"goes"}}}).revision;
    last = aside.put("new", "1");
    world->compact(last);
  }
  world->start();
  ASSERT_TRUE(session.wait_view([](const View& view) { return view.lists == 2; }));
  const auto view = session.view();
  EXPECT_FALSE(view.lost);
  EXPECT_EQ(view.revision, last);
  ASSERT_EQ(view.entries.size(), 2u);
  EXPECT_EQ(view.entries.at("stays").value, "9");
  EXPECT_EQ(view.entries.at("new").value, "1");
  EXPECT_EQ(session.recorder().count<port::Resumed>(), 0u) << "a list ends the loss by itself";
  ASSERT_TRUE(session.wait_revision(session.put("newer", "1"))) << "and the watch goes on";
}

TEST_P(OutageContract, AHandleOpenedMeanwhileListsWhenTheEngineIsBack) {
  session.put("a", "1");
  world->stop();
  Session late(open);
  late.engine().watch("");
  EXPECT_FALSE(late.wait_view([](const View& view) { return view.lists > 0; }, 300ms));
  const auto waiting = late.send({{}, {Put{"b", "1", {}}}}, 15s);
  world->start();
  EXPECT_TRUE(late.wait_view([](const View& view) { return view.lists == 1 && !view.lost; }));
  EXPECT_EQ(late.answer<port::TransactionDone>(waiting).outcome, Outcome::committed)
      << "a deadline is there to be used";
}

TEST_P(OutageContract, ALeaseOutlivesAnOutage) {
  const auto lease = session.grant(60s);
  session.put("a", "1", lease);
  session.watch("");
  stop_and_see_it();
  world->start();
  EXPECT_TRUE(session.keep_alive(lease).alive);
  EXPECT_EQ(session.view().entries.count("a"), 1u);
}

TEST_P(OutageContract, AHandleThatEndsMeanwhileStillAnswers) {
  session.watch("");
  world->stop();
  session.send({{}, {Put{"a", "1", {}}}}, 30s);
  session.send_grant(60s, 30s);
  session.send_keep_alive({1}, 30s);
  const auto begun = std::chrono::steady_clock::now();
  session.close();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s) << "it waits for no deadline";
}

// Every step is sent until its answer is known, while the engine goes away and comes back under it.
TEST_P(OutageContract, StepsRepeatedThroughOutagesHappenOnce) {
  constexpr int kSteps = 300;
  session.watch("counter");
  std::thread steps([this] {
    Session writer(open);
    Revision mod{0};
    for (int next = 0; next < kSteps;) {
      const auto value = std::to_string(next);
      const auto answer = writer.commit({{Compare{"counter", mod}}, {Put{"counter", value, {}}}}, 100ms);
      if (answer.outcome == Outcome::unknown) continue;
      mod = answer.revision;
      if (answer.outcome == Outcome::conflict) {
        // An attempt that was answered unknown has happened. It is the last commit, as nobody else writes.
        const auto last = writer.commit({{Compare{"counter", mod}}, {}});
        ASSERT_EQ(last.outcome, Outcome::committed) << last.message;
      } else {
        ASSERT_EQ(answer.outcome, Outcome::committed) << answer.message;
      }
      ++next;
    }
  });
  const auto at = [this](int step) {
    return session.wait_view([step](const View& view) {
      return view.entries.contains("counter") && std::stoi(view.entries.at("counter").value) >= step;
    });
  };
  for (const int step : {50, 150}) {
    EXPECT_TRUE(at(step));
    stop_and_see_it();
    world->start();
  }
  EXPECT_TRUE(at(kSteps - 1));
  steps.join();
  EXPECT_EQ(values_told(session.view()), numbers_below(kSteps)) << "a step was lost or happened twice";
  EXPECT_EQ(session.view().lists, 1);
}

}  // namespace haven::test

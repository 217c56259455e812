// What src/port/hypervisor.hpp promises about migration, tried on two hypervisors: a guest's source and its
// destination.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "adapter/libvirt/heard.hpp"
#include "port/hypervisor.hpp"

namespace haven::testing {

struct MigrationEnd {
  port::Hypervisor& hypervisor;
  Heard& heard;
};

class MigrationBench {
 public:
  virtual ~MigrationBench() = default;
  virtual MigrationEnd source() = 0;
  virtual MigrationEnd destination() = 0;
  virtual std::string domain(const std::string& uuid, const std::string& name) = 0;
  virtual std::string linked_domain(const std::string& uuid, const std::string& name) = 0;  // with network links, up
  virtual std::string address() = 0;                                                        // of the destination
  virtual std::string nobodys_address() = 0;                                                // where no libvirt listens
  virtual void end_destination() = 0;  // its libvirt and what it holds
};

struct NamedMigrationBench {
  std::string name;
  // slowly: sending takes so long that something can be done meanwhile.
  std::function<std::unique_ptr<MigrationBench>(bool slowly)> make;
};
inline void PrintTo(const NamedMigrationBench& bench, std::ostream* out) { *out << bench.name; }

class MigrationContract : public ::testing::TestWithParam<NamedMigrationBench> {
 protected:
  static constexpr Duration kPatience = 60s;
  const std::string uuid = "aaaaaaaa-0000-4000-8000-000000000011";

  void begin(bool slowly) {
    bench = GetParam().make(slowly);
    const CallId call = next();
    bench->source().hypervisor.start(call, bench->domain(uuid, "web1"), kPatience);
    ASSERT_EQ(answer(bench->source(), call).result, port::CallResult::done);
  }
  CallId next() { return CallId{++last_call}; }
  static port::CallDone answer(const MigrationEnd& end, CallId call) {
    const auto done = end.heard.first<port::CallDone>([&](const auto& event) { return event.call == call; }, kPatience);
    EXPECT_TRUE(done) << "call " << call.count << " was not answered";
    return done.value_or(port::CallDone{call, port::CallResult::unknown, "not answered"});
  }
  CallId send(const std::string& to) {
    const CallId call = next();
    bench->source().hypervisor.migrate(call, uuid, to, kPatience);
    return call;
  }
  port::Domain look(const MigrationEnd& end) {
    const CallId call = next();
    end.hypervisor.inspect(call, kPatience, {uuid});
    const auto seen =
        end.heard.first<port::Inspected>([&](const auto& event) { return event.call == call; }, kPatience);
    EXPECT_TRUE(seen && seen->reached);
    port::Domain none;
    none.state = port::DomainState::absent;
    if (!seen) return none;
    const auto found = std::ranges::find(seen->domains, uuid, &port::Domain::uuid);
    return found == seen->domains.end() ? none : *found;
  }
  bool becomes(const MigrationEnd& end, const std::function<bool(const port::Domain&)>& wanted) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    do {
      if (wanted(look(end))) return true;
    } while (std::chrono::steady_clock::now() < deadline);
    return false;
  }
  bool becomes(const MigrationEnd& end, port::DomainState state) {
    return becomes(end, [state](const port::Domain& domain) { return domain.state == state; });
  }

  std::unique_ptr<MigrationBench> bench;
  std::uint64_t last_call = 0;
};

TEST_P(MigrationContract, StandsPausedAtTheDestinationAndIsGoneAtTheSource) {
  begin(false);
  const auto done = answer(bench->source(), send(bench->address()));
  ASSERT_EQ(done.result, port::CallResult::done) << done.message;
  EXPECT_EQ(look(bench->source()).state, port::DomainState::absent);
  EXPECT_TRUE(bench->source().heard.first<port::Lifecycle>(
      [&](const auto& event) { return event.uuid == uuid && event.kind == port::LifecycleKind::migrated; }, kPatience));
  EXPECT_EQ(look(bench->destination()).state, port::DomainState::paused) << "nobody but the caller resumes it";
  const CallId resume = next();
  bench->destination().hypervisor.resume(resume, uuid, kPatience);
  EXPECT_EQ(answer(bench->destination(), resume).result, port::CallResult::done);
  EXPECT_TRUE(becomes(bench->destination(), port::DomainState::running));
}

TEST_P(MigrationContract, TakesItsNetworkLinksAlongAsTheyAre) {
  bench = GetParam().make(false);
  const CallId start = next(), down = next();
  bench->source().hypervisor.start(start, bench->linked_domain(uuid, "web1"), kPatience);
  ASSERT_EQ(answer(bench->source(), start).result, port::CallResult::done);
  bench->source().hypervisor.set_links(down, uuid, false, kPatience);
  ASSERT_EQ(answer(bench->source(), down).result, port::CallResult::done);
  const auto done = answer(bench->source(), send(bench->address()));
  ASSERT_EQ(done.result, port::CallResult::done) << done.message;
  EXPECT_EQ(look(bench->destination()).linked, false);
  const CallId resume = next();
  bench->destination().hypervisor.resume(resume, uuid, kPatience);
  EXPECT_EQ(answer(bench->destination(), resume).result, port::CallResult::done);
  EXPECT_TRUE(becomes(bench->destination(), port::DomainState::running));
  EXPECT_EQ(look(bench->destination()).linked, false);
  const CallId up = next();
  bench->destination().hypervisor.set_links(up, uuid, true, kPatience);
  EXPECT_EQ(answer(bench->destination(), up).result, port::CallResult::done);
  EXPECT_EQ(look(bench->destination()).linked, true);
}

TEST_P(MigrationContract, WhereNobodyListensItFailsWithAReasonAndRunsOn) {
  begin(false);
  const auto done = answer(bench->source(), send(bench->nobodys_address()));
  EXPECT_NE(done.result, port::CallResult::done);
  EXPECT_NE(done.message, "");
  EXPECT_TRUE(becomes(bench->source(), port::DomainState::running));
}

TEST_P(MigrationContract, OfWhatIsAbsentItFails) {
  bench = GetParam().make(false);
  EXPECT_EQ(answer(bench->source(), send(bench->address())).result, port::CallResult::failed);
  const CallId abort = next();
  bench->source().hypervisor.abort_migration(abort, uuid, kPatience);
  EXPECT_EQ(answer(bench->source(), abort).result, port::CallResult::failed);
}

TEST_P(MigrationContract, AnAbortedOneRunsOnAndLeavesNothingBehind) {
  begin(true);
  const CallId call = send(bench->address());
  ASSERT_TRUE(becomes(bench->source(), [](const port::Domain& domain) { return domain.migrating; }));
  ASSERT_TRUE(becomes(bench->destination(), port::DomainState::in_migration));
  const CallId abort = next();
  bench->source().hypervisor.abort_migration(abort, uuid, kPatience);
  EXPECT_EQ(answer(bench->source(), abort).result, port::CallResult::done);
  EXPECT_EQ(answer(bench->source(), call).result, port::CallResult::failed);
  EXPECT_TRUE(becomes(bench->source(), [](const port::Domain& domain) {
    return domain.state == port::DomainState::running && !domain.migrating;
  }));
  EXPECT_TRUE(becomes(bench->destination(), port::DomainState::absent));
}

TEST_P(MigrationContract, TellsHowFarItIsUntilItIsOver) {
  begin(true);
  const CallId call = send(bench->address());
  const auto told = [&](const std::function<bool(const port::Sending&)>& fits) {
    return bench->source().heard.first<port::Sending>([&](const auto& one) { return one.uuid == uuid && fits(one); },
                                                      kPatience);
  };
  EXPECT_TRUE(told([](const auto& one) { return one.total == 0; })) << "that it begins";
  const auto first = told([](const auto& one) { return one.left < one.total; });
  ASSERT_TRUE(first) << "nothing was told";
  EXPECT_GT(first->total, 0U);
  EXPECT_GT(first->elapsed, Duration::zero());
  EXPECT_GE(first->round, 1);
  const auto later = told([&](const auto& one) { return one.sent > first->sent && one.elapsed > first->elapsed; });
  ASSERT_TRUE(later) << "it goes on, and nothing more is told";
  EXPECT_EQ(later->total, first->total);
  EXPECT_LT(later->left, first->left);
  const CallId abort = next();
  bench->source().hypervisor.abort_migration(abort, uuid, kPatience);
  EXPECT_EQ(answer(bench->source(), abort).result, port::CallResult::done);
  EXPECT_EQ(answer(bench->source(), call).result, port::CallResult::failed);
  const auto all = [](const port::Sending&) { return true; };
  const std::size_t at_the_end = bench->source().heard.count<port::Sending>(all);
  EXPECT_TRUE(becomes(bench->source(), [](const port::Domain& domain) { return !domain.migrating; }));
  EXPECT_EQ(bench->source().heard.count<port::Sending>(all), at_the_end) << "none of it after its end";
}

TEST_P(MigrationContract, WithoutItsDestinationItRunsOn) {
  begin(true);
  const CallId call = send(bench->address());
  ASSERT_TRUE(becomes(bench->destination(), port::DomainState::in_migration));
  bench->end_destination();
  EXPECT_NE(answer(bench->source(), call).result, port::CallResult::done);
  EXPECT_TRUE(becomes(bench->source(), [](const port::Domain& domain) {
    return domain.state == port::DomainState::running && !domain.migrating;
  }));
}

}  // namespace haven::testing

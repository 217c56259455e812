#include "month.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace haven::month {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// Ten hosts for which two days are as hard as years: everything happens at once.
Options small_and_hard(std::uint64_t seed = 1) {
  Options options;
  options.hosts = 10;
  options.vms = 100;
  options.days = 2;
  options.seed = seed;
  options.host_years = 5.0 / 365;
  options.rack_years = 10.0 / 365;
  options.climb_days = 1;
  options.full = 0.6;
  options.audit_often = true;
  return options;
}

TEST(MonthOfAPool, LosesNobodyAndBreaksNoRuleWhateverFails) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Month month = run_month(small_and_hard(seed));
    EXPECT_THAT(month.refused, IsEmpty()) << "seed " << seed;
    EXPECT_THAT(month.wrong, IsEmpty()) << "seed " << seed;
    EXPECT_EQ(month.running + month.not_running, 100U) << "seed " << seed;
    EXPECT_GT(month.host_failures, 0) << "seed " << seed;
    EXPECT_GT(month.failovers, 0) << "seed " << seed;
  }
}

TEST(MonthOfAPool, TellsWhoWaitedWhereThereIsNoRoom) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Options full = small_and_hard(seed);
    full.full = 0.8;
    full.host_years = 1.0 / 365;
    const Month month = run_month(full);
    EXPECT_THAT(month.refused, IsEmpty()) << "seed " << seed;
    EXPECT_THAT(month.wrong, IsEmpty()) << "seed " << seed;
    EXPECT_EQ(month.running + month.not_running, 100U) << "seed " << seed;
    EXPECT_FALSE(month.waits.empty()) << "seed " << seed;
    EXPECT_GT(month.downtime.room, 0s) << "seed " << seed;
  }
}

TEST(MonthOfAPool, HappensAgainFromTheSameSeed) {
  const Options options = small_and_hard();
  const auto once = to_json(options, run_month(options), false);
  EXPECT_EQ(once, to_json(options, run_month(options), false));
  Options other = options;
  other.seed = 2;
  EXPECT_NE(once, to_json(options, run_month(other), false));
}

TEST(MonthOfAPool, MovesWhoIsInTheWayOfWorkAndBringsHimBack) {
  Options calm = small_and_hard();
  calm.host_years = calm.rack_years = 1e6;
  calm.climb_days = 1e6;
  calm.balance = false;
  const Month month = run_month(calm);
  EXPECT_EQ(month.windows.done, 10);
  EXPECT_EQ(month.windows.later, 0);
  EXPECT_EQ(month.failovers, 0);
  EXPECT_GE(month.moves[static_cast<std::size_t>(Reason::maintenance)], 100);
  EXPECT_GT(month.moves[static_cast<std::size_t>(Reason::comes_back)], 0);
  EXPECT_EQ(month.downtime.proof + month.downtime.start + month.downtime.room, 0ms);
  EXPECT_EQ(month.running, 100U);
}

TEST(MonthOfAPool, CountsWhatAFailureCostsFromTheFiguresMeasured) {
  Options once = small_and_hard();
  once.rack_years = 1e6;
  const Month month = run_month(once);
  // Nobody waited for less than the proof; who died while starting waited for it as well.
  EXPECT_EQ(month.downtime.proof, month.failovers * kProved);
  EXPECT_LE(month.downtime.start, month.failovers * (once.boot + kStarted + kClaimsCommitted));
  EXPECT_GT(month.downtime.start, 0s);
}

TEST(MonthOfAPool, HasFewerBusyHostsWithTheBalancer) {
  Options options = small_and_hard();
  options.host_years = options.rack_years = 1e6;
  const Month with = run_month(options);
  options.balance = false;
  const Month without = run_month(options);
  EXPECT_EQ(with.climbs, without.climbs);
  EXPECT_GT(with.moves[static_cast<std::size_t>(Reason::balance)], 0);
  EXPECT_EQ(without.moves[static_cast<std::size_t>(Reason::balance)], 0);
  EXPECT_GT(without.busy.host_minutes_over, 0);
  EXPECT_LT(with.busy.host_minutes_over, without.busy.host_minutes_over);
}

class Audit : public testing::Test {
 protected:
  Audit() : pool_(std::make_shared<const Roster>(file())) {
    for (std::size_t g = 0; g < 4; ++g) pool_.settle(g, g, Duration{});
  }
  // Two that are apart, and two more, on four hosts.
  static std::shared_ptr<const Spec> file() {
    auto spec = std::make_shared<Spec>();
    for (int i = 1; i <= 4; ++i) {
      Host host;
      host.name = HostName("h" + std::to_string(i));
      host.cpu = {4};
      host.memory = {4096};
      spec->hosts.push_back(host);
      Resource vm;
      vm.name = ResourceName("vm" + std::to_string(i));
      vm.cpu = {1};
      vm.memory = {2048};
      spec->resources.push_back(vm);
    }
    spec->resources[3].hosts.never = {HostName("h1")};
    spec->rules.push_back({RuleKind::apart, {ResourceName("vm1"), ResourceName("vm2")}, FailureDomain::host, true});
    return spec;
  }
  Pool pool_;
};

TEST_F(Audit, FindsNothingWhereNothingIsWrong) { EXPECT_EQ(audit(pool_), ""); }

TEST_F(Audit, FindsARuleThatIsBrokenWhileAGuestMoves) {
  (void)pool_.begin_move({0}, 1, Reason::balance, 1min);
  EXPECT_THAT(audit(pool_), HasSubstr("not apart"));
}

TEST_F(Audit, FindsWhoStandsWhereTheFileExcludesHim) {
  pool_.end_move(pool_.begin_move({3}, 0, Reason::balance, 1min), 2min);
  EXPECT_THAT(audit(pool_), HasSubstr("excludes"));
}

TEST_F(Audit, FindsWhoStandsOnAHostThatIsDownOrOut) {
  pool_.serve(2, Service::out);
  EXPECT_THAT(audit(pool_), HasSubstr("out for work"));
  pool_.serve(2, Service::down);
  EXPECT_THAT(audit(pool_), HasSubstr("down"));
}

TEST_F(Audit, FindsAHostThatIsOverbooked) {
  (void)pool_.begin_move({0}, 2, Reason::balance, 1min);
  (void)pool_.begin_move({3}, 2, Reason::balance, 1min);
  EXPECT_THAT(audit(pool_), HasSubstr("overbooked"));
}

TEST_F(Audit, TakesALostGuestForLostUntilItIsProved) {
  pool_.lose(1, 1min);
  EXPECT_EQ(audit(pool_), "");
  EXPECT_EQ(pool_.prove(1, 1min + kProved), std::vector<std::size_t>{1});
  EXPECT_EQ(audit(pool_), "");
  EXPECT_EQ(pool_.guests()[1].stand, Stand::waiting);
}

}  // namespace
}  // namespace haven::month

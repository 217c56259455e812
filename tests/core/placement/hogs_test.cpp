#include "core/placement/hogs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/placement/small_cluster.hpp"

namespace haven {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// One host of 8 CPUs, with three guests of 8 vCPUs: each has a share of 2.7 CPUs.
struct Story {
  Story() {
    spec->hosts = {story::host("h1", 65536, 8), story::host("h2", 65536, 8)};
    hosts = {{HostName("h1"), {8000}, {20000}, {80, 0}, {}, 2min}};
    guest("web1", 5.0, 0.5);
    guest("db1", 1.2, 2.0);
    guest("db2", 1.5, 0.9);
  }
  void guest(const std::string& name, double uses, double waits, const std::string& host = "h1") {
    spec->resources.push_back(story::vm(name, 1024, 8));
    standing.push_back({ResourceName(name), HostName(host)});
    const auto thousandths = [](double amount) { return MilliCpu{static_cast<std::int64_t>(amount * 1000)}; };
    guests.push_back({ResourceName(name), thousandths(uses), thousandths(waits), {1024}, 2min});
  }
  std::vector<Hog> found() { return hogs(Roster(spec), standing, hosts, guests); }
  std::vector<std::string> named() {
    std::vector<std::string> keys;
    for (const auto& hog : found()) keys.push_back(hog.key);
    return keys;
  }

  std::shared_ptr<Spec> spec = std::make_shared<Spec>();
  std::vector<StandsOn> standing;
  std::vector<HostLoad> hosts;
  std::vector<GuestLoad> guests;
};

TEST(Hogs, NamesTheGuestThatHasMoreThanItsShareWhileOthersWait) {
  Story s;
  ASSERT_THAT(s.named(), ElementsAre("hog/web1"));
  const auto hog = s.found().front();
  EXPECT_EQ(hog.host.str(), "h1");
  EXPECT_EQ(hog.share.count, 2666);
  EXPECT_THAT(hog.starved, ElementsAre(ResourceName("db1"), ResourceName("db2")));
  EXPECT_EQ(
      hog.text,
      "web1 uses 5.0 CPUs of h1, its share is 2.7; waiting for a CPU there: db1 (25 % of its time) and db2 (11 % of "
      "its time); virsh schedinfo web1 --live vcpu_quota=33325 on h1 keeps it to its share, haven migrate web1 "
      "HOST takes it away");
}

TEST(Hogs, NamesNobodyWhileTheHostIsUnderNoPressure) {
  Story s;
  s.hosts[0].cpu_pressure = {49, 9};
  EXPECT_THAT(s.named(), IsEmpty());
  s.hosts[0].cpu_pressure = {0, 10};
  EXPECT_THAT(s.named(), ElementsAre("hog/web1"));
}

TEST(Hogs, NamesNobodyBeforeTheFiguresHaveStood) {
  Story s;
  s.hosts[0].stood = 59s;
  EXPECT_THAT(s.named(), IsEmpty());
  s.hosts[0].stood = 60s;
  s.guests[0].stood = 59s;
  EXPECT_THAT(s.named(), IsEmpty());
}

TEST(Hogs, NamesNobodyWhereNobodyStarves) {
  Story s;
  s.guests[1].waiting = s.guests[2].waiting = {790};  // under a tenth of 8 vCPUs' time
  EXPECT_THAT(s.named(), IsEmpty());
}

TEST(Hogs, NamesNobodyWhereAllHaveTheirShareAndTheHostIsTooSmall) {
  Story s;
  s.guests[0].cpu = s.guests[1].cpu = s.guests[2].cpu = {2600};
  s.guests[0].waiting = s.guests[1].waiting = s.guests[2].waiting = {4000};
  EXPECT_THAT(s.named(), IsEmpty());
}

TEST(Hogs, DoesNotCallAGuestStarvedThatHasItsShare) {
  Story s;
  s.guests[1].cpu = s.guests[2].cpu = {2666};
  EXPECT_THAT(s.named(), IsEmpty());
}

TEST(Hogs, LeavesALittleMoreThanAShareAlone) {
  Story s;
  s.guests[0].cpu = {3332};
  EXPECT_THAT(s.named(), IsEmpty());
  s.guests[0].cpu = {3333};
  EXPECT_THAT(s.named(), ElementsAre("hog/web1"));
}

TEST(Hogs, CountsWhatIsNotMeasuredInTheShares) {
  Story s;
  s.guest("web2", 0, 0);
  s.guests.pop_back();
  EXPECT_EQ(s.found().at(0).share.count, 2000);
}

TEST(Hogs, OwesOneCpuForEachVcpuAtMost) {
  Story s;
  for (auto& resource : s.spec->resources) resource.cpu = {1};
  s.guests[0].cpu = {1100};
  EXPECT_THAT(s.named(), IsEmpty());  // a little for its I/O threads
  s.guests[0].cpu = {1250};
  s.guests[1].cpu = {600};
  EXPECT_EQ(s.found().at(0).share.count, 1000);
}

TEST(Hogs, AccusesNobodyOnAnotherHostOrOnItsWay) {
  Story s;
  s.guest("web2", 7, 0, "h2");
  EXPECT_THAT(s.named(), ElementsAre("hog/web1"));
  s.standing.push_back({ResourceName("web1"), HostName("h2")});
  EXPECT_THAT(s.named(), IsEmpty());
}

TEST(Hogs, TellsTheWorstFirst) {
  Story s;
  s.guest("web2", 6, 0);
  EXPECT_THAT(s.named(), ElementsAre("hog/web2", "hog/web1"));
  std::reverse(s.standing.begin(), s.standing.end());
  std::reverse(s.guests.begin(), s.guests.end());
  std::reverse(s.spec->resources.begin(), s.spec->resources.end());
  EXPECT_THAT(s.named(), ElementsAre("hog/web2", "hog/web1"));
}

}  // namespace
}  // namespace haven
